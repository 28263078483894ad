from annotated import RAW, RECORD, reading

from kgbuild.decoding import Candidates
from kgbuild.evaluation.sweep import try_levels
from kgbuild.evaluation.thresholds import LEVELS, Thresholds, lowered
from kgbuild.extraction import Settings
from kgbuild.ontology import Ontology
from kgbuild.training.data import parse_record

ADA, BABBAGE, LOVELACE = (0, 12), (17, 24), (26, 34)
ONTOLOGY = Ontology.parse(
    "name: o\n"
    "entities: {person: {threshold: 0.3}, city: {}}\n"
    "relations: {met: {}, in: {threshold: 0.05}}"
)
OWN = Thresholds.of(ONTOLOGY, Settings(threshold=0.6, relation_threshold=0.7))


def test_a_type_has_its_own_threshold_or_that_of_the_model():
    assert OWN.entities == {"person": 0.3, "city": 0.6}
    assert OWN.relations == {"met": 0.7, "in": 0.05}


def test_what_scores_above_a_threshold_is_let_through():
    candidates = Candidates(
        {ADA: {"person": 0.4, "city": 0.4}, BABBAGE: {"city": 0.5}},
        {(ADA, "met", BABBAGE): 0.7, (ADA, "in", BABBAGE): 0.1},
    )
    passed = OWN.let_through(candidates)
    assert passed.types == {ADA: {"person": 0.4}}
    assert passed.relations == {(ADA, "in", BABBAGE): 0.1}


def test_a_lowered_ontology_lets_all_levels_and_its_own_through():
    low = lowered(ONTOLOGY, OWN)
    assert {type.threshold for type in low.entities.values()} == {LEVELS[0]}
    assert {type.threshold for type in low.relations.values()} == {0.05}


def test_each_level_is_decoded_from_the_same_reading():
    types = {ADA: {"person": 0.95}, BABBAGE: {"person": 0.65}, LOVELACE: {"person": 0.25}}
    met = {(ADA, "met", BABBAGE): 0.45, (BABBAGE, "met", ADA): 0.15}
    levels = {one.threshold: one for one in try_levels([reading(RECORD, types, met)])}
    assert tuple(levels) == LEVELS
    assert [levels[t].mentions.recall for t in (0.1, 0.3, 0.7)] == [1.0, 2 / 3, 1 / 3]
    assert levels[0.5].relations.f1 == 0.0
    assert (levels[0.2].relations.precision, levels[0.2].relations.recall) == (1.0, 1.0)


def test_a_set_without_relations_has_levels_of_mentions_only():
    record = parse_record({**RAW, "relations": []}, "made")
    level = try_levels([reading(record, {})])[0]
    assert level.relations is None
    assert level.to_json()["relations"] is None
    assert level.mentions is not None
