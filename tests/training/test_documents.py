"""Records as document-level systems are asked about them."""

import json

import numpy as np
import pytest

from kgbuild.errors import DocumentError
from kgbuild.training.data import parse_record, read_set
from kgbuild.training.documents import draw, given, labels_of, tasks

TEXT = "Ada works with Charles in London"
RAW = {
    "id": "1",
    "text": TEXT,
    "entities": [
        {"type": "person", "mentions": [[0, 3]]},
        {"type": "person", "mentions": [[15, 22]]},
        {"type": "city", "mentions": [[26, 32]]},
    ],
    "relations": [
        {"head": 0, "type": "works with", "tail": 1},
        {"head": 0, "type": "friend of", "tail": 1},
        {"head": 1, "type": "lives in", "tail": 2},
    ],
}


def record(**changes):
    return parse_record(RAW | changes, "made")


def test_a_task_asks_for_all_relation_types_of_all_pairs():
    [task] = tasks([record()])
    assert task.document == given(record())
    assert task.labels.names == ("friend of", "lives in", "works with")
    assert task.pairs.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert task.targets.nonzero().tolist() == [[0, 0], [0, 2], [3, 1]]


def test_where_annotation_is_not_exhaustive_only_pairs_that_it_speaks_of_are_asked_about():
    [task] = tasks([record(exhaustive_re=False, negative_pair=[0, 2])])
    assert task.pairs.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    [task] = tasks([record(exhaustive_re=False)])
    assert task.pairs.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1]]


def test_each_source_has_its_own_relation_types_with_their_descriptions():
    other = record(
        source="other", relations=[], relation_types={"met": {"description": "saw each other"}}
    )
    first, second = tasks([record(), other])
    assert len(first.labels.names) == 3
    assert (second.labels.names, second.labels.descriptions) == (("met",), ("saw each other",))
    assert labels_of([record(), other]).names == ("friend of", "lives in", "met", "works with")


def test_unrelated_pairs_are_sampled_for_each_related_one():
    [task] = tasks([record()])
    chance = np.random.default_rng(0)
    sampled = task.sample(1, chance)
    assert sampled.targets.any(dim=1).tolist().count(True) == 2
    assert len(sampled.pairs) == 4
    assert len(task.sample(None, chance).pairs) == 6
    [without] = tasks([record(relations=[])], task.labels)
    assert len(without.sample(1, chance).pairs) == 1


def test_where_every_pair_is_costly_few_are_sampled_of_both_kinds():
    [task] = tasks([record()])
    chance = np.random.default_rng(0)
    sampled = task.sample(1, chance, most=2)
    assert sampled.targets.any(dim=1).tolist().count(True) == 1
    assert len(sampled.pairs) == 2
    [without] = tasks([record(relations=[])], task.labels)
    assert len(without.sample(3, chance, most=2).pairs) == 2


SENTENCES = [[0, 22], [23, 32]]
"""Two, as if `Ada works with Charles` were one."""


def test_a_pair_rests_on_the_evidence_of_all_its_relations():
    told = [[1], [0, 1], []]
    relations = [one | {"evidence": at} for one, at in zip(RAW["relations"], told, strict=True)]
    [task] = tasks([record(relations=relations, sents=SENTENCES)])
    assert task.document.sentences == ((0, 22), (23, 32))
    assert task.pairs[0].tolist() == [0, 1]
    assert task.evidence.tolist() == [[0.5, 0.5], *[[0, 0]] * 5]
    sampled = task.sample(1, np.random.default_rng(0))
    assert sampled.evidence.tolist() == [[0.5, 0.5], *[[0, 0]] * 3]


@pytest.mark.parametrize(("sents", "told"), [(SENTENCES, None), (None, [0]), ([], [0])])
def test_evidence_needs_its_sentences_and_sentences_their_evidence(sents, told):
    first = RAW["relations"][0] | ({} if told is None else {"evidence": told})
    changes = {} if sents is None else {"sents": sents}
    [task] = tasks([record(relations=[first], **changes)])
    assert task.evidence is None
    assert task.document == given(record())


def test_a_relation_of_an_entity_with_itself_needs_no_evidence():
    itself = {"head": 0, "type": "friend of", "tail": 0, "evidence": [0]}
    [task] = tasks([record(relations=[itself], sents=SENTENCES)])
    assert not task.evidence.any()


def test_null_is_no_evidence():
    relations = [RAW["relations"][0] | {"evidence": None}]
    [task] = tasks([record(relations=relations, sents=None)])
    assert task.evidence is None or not task.evidence.any()


@pytest.mark.parametrize(
    ("sents", "told", "complaint"),
    [
        (SENTENCES, [2], "its `evidence` is 2, but its sentences are 0 to 1"),
        (SENTENCES, [-1], "its `evidence` is -1"),
        (SENTENCES, ["0"], "its `evidence` is '0'"),
        (SENTENCES, [1.0], "its `evidence` is 1.0"),
        (SENTENCES, [[0]], "unhashable"),
        (SENTENCES, 0, "not iterable"),
        ([[0, 33]], [0], "no words at 0 to 33 of its 32 characters"),
        ([[5, 5]], [0], "no words at 5 to 5"),
        ([[0, 22], [20, 32]], [0], "its `sents` overlap"),
        ([[23, 32], [0, 22]], [0], "its `sents` overlap, or are not in the order"),
        ([3], [0], "cannot unpack"),
    ],
)
def test_evidence_that_cannot_be_is_told_in_one_line(sents, told, complaint, tmp_path):
    relations = [RAW["relations"][0] | {"evidence": told}]
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(RAW | {"relations": relations, "sents": sents}), "utf-8")
    with pytest.raises(DocumentError, match=complaint) as error:
        read_set(path)
    assert "bad.jsonl:1: not an annotated record" in str(error.value)
    assert "\n" not in str(error.value)


def test_text_without_entities_is_a_task_of_no_pairs():
    [task] = tasks([record(entities=[], relations=[])])
    assert task.pairs.shape == (0, 2)
    assert task.targets.shape == (0, 0)


@pytest.mark.parametrize(
    ("changes", "labels", "complaint"),
    [
        ({"entities": [{"type": "city", "mentions": []}], "relations": []}, None, "no mentions"),
        ({}, labels_of([record(relations=RAW["relations"][:1])]), "'friend of' is not asked for"),
    ],
)
def test_what_cannot_be_asked_is_refused(changes, labels, complaint):
    with pytest.raises(DocumentError, match=complaint):
        tasks([record(**changes)], labels)


def test_a_draw_of_more_contains_the_draw_of_fewer():
    records = [record(id=str(i)) for i in range(20)]
    few, more = draw(records, 3, seed=1), draw(records, 10, seed=1)
    assert more[:3] == few
    assert draw(records, 3, seed=2) != few
