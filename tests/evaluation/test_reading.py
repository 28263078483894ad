from dataclasses import replace

import pytest
from annotated import RAW, RECORD, reading

from kgbuild.evaluation.measures import compare_all
from kgbuild.evaluation.reading import read
from kgbuild.evaluation.scores import Counts
from kgbuild.evaluation.thresholds import Thresholds, lowered
from kgbuild.extraction import Scorer, Settings
from kgbuild.models import load_model
from kgbuild.ontology import Ontology
from kgbuild.training.data import parse_record

ADA, BABBAGE, LOVELACE = (0, 12), (17, 24), (26, 34)
TYPES = {ADA: {"person": 0.9}, BABBAGE: {"person": 0.9}}
MET = {(ADA, "met", BABBAGE): 0.9}


def ends(extraction):
    return [(r.head.text, r.type, r.tail.text) for r in extraction.relations]


def test_what_is_found_is_decoded_at_the_thresholds():
    one = reading(RECORD, {**TYPES, LOVELACE: {"person": 0.4}}, MET)
    assert [mention.text for mention in one.extraction.mentions] == ["Ada Lovelace", "Babbage"]
    assert ends(one.extraction) == [("Ada Lovelace", "met", "Babbage")]


def test_given_mentions_need_not_be_found():
    one = reading(RECORD, {}, between={**MET, (LOVELACE, "met", BABBAGE): 0.4})
    assert one.extraction.relations == ()
    assert ends(one.given_mentions()) == [("Ada Lovelace", "met", "Babbage")]


def test_between_given_mentions_a_thing_has_no_relation_to_itself():
    one = reading(RECORD, {}, between={(ADA, "met", LOVELACE): 0.9})
    assert ends(one.given_mentions()) == []


def test_given_mentions_keep_to_the_ontology():
    raw = {
        **RAW,
        "entity_types": {"person": "", "city": ""},
        "relation_types": {"met": {"head": ["person"], "tail": ["city"]}},
    }
    assert ends(reading(parse_record(raw, "made"), {}, between=MET).given_mentions()) == []
    raw["entities"] = [{**entity, "type": "entity"} for entity in RAW["entities"]]
    assert ends(reading(parse_record(raw, "made"), {}, between=MET).given_mentions()) != []


def test_a_set_is_measured_by_what_it_contains():
    assert list(compare_all([reading(RECORD, TYPES, MET)])) == [
        "mentions", "relations", "relations, strict", "facts",
        "facts, aligned", "facts, strict", "entities, strict",
    ]  # fmt: skip
    untyped = [{"type": "entity", "mentions": [span]} for span in ([0, 12], [17, 24])]
    assert list(compare_all([reading(parse_record({**RAW, "entities": untyped}, "m"), {})])) == [
        "relations"
    ]
    assert list(compare_all([reading(parse_record({**RAW, "relations": []}, "m"), {})])) == [
        "mentions"
    ]


def test_a_symmetric_relation_may_be_annotated_from_either_end():
    ontology = Ontology.parse("{entities: [person], relations: {met: {symmetric: true}}}")
    raw = {**RAW, "relations": [{"head": 1, "type": "met", "tail": 0}]}
    one = replace(reading(parse_record(raw, "made"), TYPES, MET), ontology=ontology)
    for measure in ("relations", "relations, strict", "facts"):
        assert [each.counts for each in compare_all([one])[measure]] == [Counts(1, 1, 1)]


def test_facts_beyond_the_training_texts_are_measured_if_these_are_known():
    seen = frozenset({("Ada Lovelace", "met", "Babbage")})
    compared = compare_all([reading(RECORD, TYPES, MET)], seen)
    assert [one.counts for one in compared["facts"]] == [Counts(1, 1, 1)]
    assert [one.counts for one in compared["facts, unseen"]] == [Counts(1, 1, 1, known=1)]


@pytest.fixture(scope="module")
def model(checkpoint_folder):
    return load_model(checkpoint_folder)


def test_low_thresholds_and_a_filter_find_what_high_thresholds_do(model):
    text = "Ada Lovelace wrote about the analytical engine. Charles Babbage works in London! "
    record = parse_record({"text": text * 3, "entities": []}, "made")
    ontology = Ontology.parse(
        "{name: o, entities: [person, city, engine], relations: [[person, works with, person],"
        " [person, in, city]]}"
    )
    settings = Settings(threshold=0.6, relation_threshold=0.3)
    own = Thresholds.of(ontology, settings)
    high, low = (
        next(read([record], Scorer(model, asked, settings), own)).extraction
        for asked in (ontology, lowered(ontology, own))
    )
    assert len(high.mentions) > 5
    assert high.relations
    assert [(m.span, m.type) for m in high.mentions] == [(m.span, m.type) for m in low.mentions]
    assert ends(high) == ends(low)


def test_relations_between_given_mentions_are_scored_on_demand(model):
    scorer = Scorer(model, reading(RECORD, {}).ontology, Settings(relation_threshold=0.0))
    own = Thresholds.of(scorer.ontology, Settings(relation_threshold=0.0))
    [without] = read([RECORD], scorer, own)
    [given] = read([RECORD], scorer, own, given_mentions=True)
    assert without.between is None
    assert len(given.between) == 3 * 2
