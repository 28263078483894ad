import random
from itertools import islice

import numpy as np
import pytest

from kgbuild.training.data import parse_record, read_records
from kgbuild.training.examples import (
    NEGATIVE,
    POSITIVE,
    UNKNOWN,
    Examples,
    Label,
    Mix,
    Wording,
    assemble,
    clip,
)

TEXT = "Ada works for Acme. Acme, led by Eve, is in Ghent."


def record(**changes):
    """Ada works for Acme; Acme is named twice."""
    raw = {
        "id": "r",
        "source": "made",
        "text": TEXT,
        "entities": [
            {"type": "person", "mentions": [[0, 3]]},
            {"type": "company", "mentions": [[14, 18], [20, 24]]},
            {"type": "person", "mentions": [[33, 36]]},
        ],
        "relations": [
            {"head": 0, "type": "works for", "tail": 1},
            {"head": 1, "type": "led by", "tail": 2},
        ],
        "exhaustive_ner": True,
        "exhaustive_re": True,
    }
    return parse_record({**raw, **changes}, "made")


class Never(random.Random):
    """Draws nothing: what is not known stays unknown."""

    def random(self):
        return 1.0


NEVER = Never()


def example(
    one,
    entities=("person", "company"),
    relations=("works for", "led by"),
    wordings=None,
    draw=NEVER,
):
    part = clip(one, 0, len(one.text))
    return assemble(
        [part],
        [label if isinstance(label, Label) else Label(label, label) for label in entities],
        [label if isinstance(label, Label) else Label(label, label) for label in relations],
        wordings or {},
        draw,
    )


ADA, ACME, ACME_AGAIN, EVE = range(4)


def test_a_relation_holds_between_the_nearest_mentions_and_may_hold_between_others():
    targets = example(record()).relations
    assert targets[ADA, ACME, 0] == POSITIVE
    assert targets[ADA, ACME_AGAIN, 0] == UNKNOWN
    assert targets[ACME_AGAIN, EVE, 1] == POSITIVE


def test_where_annotation_is_exhaustive_all_other_pairs_are_negative():
    targets = example(record()).relations
    assert targets[ACME, ADA, 0] == NEGATIVE
    assert targets[ADA, EVE].tolist() == [NEGATIVE, NEGATIVE]


def test_where_it_is_not_only_annotated_pairs_tell_anything():
    targets = example(record(exhaustive_re=False)).relations
    assert targets[ADA, ACME].tolist() == [POSITIVE, NEGATIVE]
    assert targets[ACME, ADA].tolist() == [NEGATIVE, NEGATIVE]
    assert targets[ADA, EVE].tolist() == [UNKNOWN, UNKNOWN]


def test_where_it_is_not_some_of_the_other_pairs_are_taken_for_negative():
    drawn = [
        example(record(exhaustive_re=False), draw=random.Random(seed)).relations[ADA, EVE].tolist()
        for seed in range(20)
    ]
    assert [UNKNOWN, UNKNOWN] in drawn
    assert [NEGATIVE, NEGATIVE] in drawn


def test_relations_that_were_looked_for_are_negative_where_they_were_not_found():
    targets = example(record(exhaustive_re=False, annotated_relations=["works for"])).relations
    assert targets[EVE, ACME].tolist() == [NEGATIVE, UNKNOWN]


def test_a_pair_annotated_as_unrelated_is_negative_both_ways():
    one = record(exhaustive_re=False, relations=[], negative_pair=[0, 2])
    targets = example(one).relations
    assert targets[ADA, EVE].tolist() == targets[EVE, ADA].tolist() == [NEGATIVE, NEGATIVE]
    assert targets[ADA, ACME].tolist() == [UNKNOWN, UNKNOWN]


def test_what_is_denied_is_negative_and_asked_for():
    denied = [{"head": 2, "type": "works for", "tail": 1}]
    one = record(exhaustive_re=False, annotated_relations=[], negated=denied)
    targets = example(one).relations
    assert targets[EVE, ACME].tolist() == [NEGATIVE, UNKNOWN]
    [drawn] = islice(
        iter(Examples({"made": [record(relations=[], negated=denied)]}, {}, Mix(), 1)), 1
    )
    assert drawn.relation_labels


def test_one_record_that_is_not_exhaustive_makes_a_whole_text_so():
    parts = [clip(one, 0, len(TEXT)) for one in (record(), record(exhaustive_ner=False))]
    joined = assemble(parts, [Label("person", "person")], [], {}, random.Random(1))
    assert (joined.spans_known, joined.pairs_known) == (False, True)


def test_an_inverse_wording_turns_the_answers_round():
    targets = example(record(), relations=[Label("works for", "employs", inverse=True)]).relations
    assert targets[ACME, ADA, 0] == POSITIVE
    assert targets[ADA, ACME, 0] == NEGATIVE


def test_a_symmetric_relation_holds_both_ways():
    wordings = {"works for": Wording(symmetric=True)}
    targets = example(record(), relations=["works for"], wordings=wordings).relations
    assert targets[ADA, ACME, 0] == targets[ACME, ADA, 0] == POSITIVE


def test_mentions_without_a_type_have_unknown_labels():
    one = record(
        entities=[
            {"type": "entity", "mentions": [[0, 3]]},
            {"type": "company", "mentions": [[14, 18]]},
        ],
        relations=[],
    )
    assert example(one).types.tolist() == [[UNKNOWN, UNKNOWN], [NEGATIVE, POSITIVE]]


def test_entities_of_different_records_in_one_text_are_unrelated():
    one = record(exhaustive_re=False)
    parts = [clip(one, 0, len(TEXT)), clip(one, 0, len(TEXT))]
    joined = assemble(
        parts, [Label("person", "person")], [Label("works for", "works for")], {}, NEVER
    )
    assert [joined.text[s:e] for s, e in joined.mentions] == ["Ada", "Acme", "Acme", "Eve"] * 2
    assert joined.relations[ADA, ACME + 4, 0] == NEGATIVE
    assert joined.relations[ADA + 4, ACME + 4, 0] == POSITIVE


def test_a_window_keeps_only_what_lies_in_it():
    part = clip(record(), 20, len(TEXT))
    assert [(part.text[s:e]) for _, (s, e) in part.mentions] == ["Acme", "Eve"]


def draw(n=60, **mix):
    records = {"made": [record(), record(text=TEXT + " " + "Nothing else happened. " * 80)]}
    wordings = {
        "entities": {"person": Wording(names=("human",), description="Somebody.")},
        "relations": {"works for": Wording(names=("employed by",), inverse=("employs",))},
    }
    mix = Mix(wordings=wordings, **mix)
    return list(islice(iter(Examples(records, {}, mix, seed=1)), n))


def test_labels_are_worded_in_several_ways_with_answers_to_match():
    seen = {label for one in draw() for label in (*one.entity_labels, *one.relation_labels)}
    assert {"person", "human", "works for", "employed by", "employs"} <= seen
    assert any(label.startswith(("person: ", "human: ")) for label in seen)
    for one in draw():
        for h, t, r in np.argwhere(one.relations == POSITIVE).tolist():
            ends = (one.text[slice(*one.mentions[h])], one.text[slice(*one.mentions[t])])
            if one.relation_labels[r].casefold() == "employs":
                assert ends == ("Acme", "Ada")


def test_the_same_seed_draws_the_same_examples():
    assert [one.text for one in draw()] == [one.text for one in draw()]
    assert [one.relation_labels for one in draw()] == [one.relation_labels for one in draw()]


def test_long_texts_are_cut_into_windows():
    assert max(len(one.text.split()) for one in draw(words=(25, 40))) < 120


def test_a_line_that_is_no_record_is_named(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "a", "entities": []}\n\n{"text": 3}\n')
    with pytest.raises(ValueError, match=r"data\.jsonl:3: not an annotated record"):
        list(read_records(path))


def test_every_wording_of_the_training_labels_is_distinct_from_its_inverse():
    mix = Mix()
    for name, wording in mix.wordings["relations"].items():
        assert not {*wording.names} & {*wording.inverse}, name
    assert random.Random(0).choice(sorted(mix.wordings["entities"]))
