import json

import pytest
from annotated import reading

from kgbuild.evaluation.text2kgbench import (
    annotated_triples,
    average,
    compare_triples,
    measure,
    normalised,
    quality,
    score_sentence,
)
from kgbuild.training.data import parse_record

TEXT = "Dune is a 1984 film by David Lynch."
RAW = {
    "id": "1",
    "source": "text2kgbench_made",
    "domain": "movie",
    "text": TEXT,
    "entities": [
        {"type": "film", "mentions": [[0, 4]], "kb_label": "Dune"},
        {"type": "human", "mentions": [[23, 34]], "kb_label": "David Lynch"},
        {"type": "date", "mentions": [[10, 14]], "kb_label": "01 January 1984"},
    ],
    "relations": [
        {"head": 0, "type": "director", "tail": 1},
        {"head": 0, "type": "publication date", "tail": 2},
    ],
}
DIRECTED = ("Dune", "director", "David Lynch")
DATED = ("Dune", "publication date", "01 January 1984")
GOLD = {DIRECTED, DATED}


def reading_of(domain="movie", types=None, relations=None):
    return reading(parse_record({**RAW, "domain": domain}, "made"), types or {}, relations)


def sentence(*found, domain="movie", gold=GOLD):
    return score_sentence(reading_of(domain), gold, set(found))


def test_white_space_underscores_and_case_do_not_count():
    assert normalised(("David  Lynch", "place_of birth", "X")) == "davidlynchplaceofbirthx"
    one = sentence(("DUNE", "director", "David_Lynch"))
    assert (one.precision, one.recall) == (1.0, 0.5)
    assert one.f1 == pytest.approx(2 / 3)


def test_relations_that_the_sentence_does_not_have_are_left_out():
    assert sentence(DIRECTED, ("Dune", "producer", "David Lynch")).precision == 1.0
    assert sentence(DIRECTED, ("David Lynch", "director", "Dune")).precision == 0.5


def test_a_sentence_where_nothing_is_found_counts_zero():
    one = sentence()
    assert (one.precision, one.recall, one.f1) == (0.0, 0.0, 0.0)
    assert one.conformance == 1.0


def test_sentences_are_averaged_within_ontologies_and_these_among_each_other():
    score = average([sentence(*GOLD), sentence(), sentence(domain="music")])
    assert score.f1 == pytest.approx((0.5 + 0.0) / 2)
    assert score.gold == 6
    assert score.low <= score.f1 <= score.high


def test_words_that_stand_nowhere_are_hallucinated():
    one = sentence(("Dune", "director", "Frank Herbert"), ("Arrakis", "desert of", "Dune"))
    assert one.subject_hallucination == one.object_hallucination == 0.5
    assert one.conformance == one.relation_hallucination == 0.5
    assert quality([one])["conformance"] == 0.5


def test_the_words_of_an_ontology_are_no_hallucination():
    assert sentence(("human", "director", "Dune")).subject_hallucination == 0.0


def test_triples_have_the_words_of_the_benchmark_or_those_of_the_text():
    record = parse_record(RAW, "made")
    assert annotated_triples(record, {(TEXT, (10, 14)): "01 January 1984"}) == GOLD
    assert annotated_triples(record, {}) == {DIRECTED, ("Dune", "publication date", "1984")}


def test_strictly_every_letter_and_every_relation_counts():
    found = {DIRECTED, ("DUNE", *DATED[1:]), ("Dune", "producer", "David Lynch")}
    counts = compare_triples(GOLD, found).counts
    assert (counts.correct, counts.predicted, counts.gold) == (1, 3, 2)


def test_a_set_is_measured_in_both_ways(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(RAW) + "\n")
    types = {(0, 4): {"film": 0.9}, (23, 34): {"human": 0.9}, (10, 14): {"date": 0.9}}
    edges = {
        ((0, 4), "director", (23, 34)): 0.9,
        ((0, 4), "publication date", (10, 14)): 0.9,
    }
    scores, shares = measure(path, [reading_of(types=types, relations=edges)])
    assert list(scores) == ["Text2KGBench", "triples, strict"]
    assert scores["Text2KGBench"].f1 == scores["triples, strict"].f1 == 0.5
    assert shares["object_hallucination"] == 0.0


def test_other_sets_are_not_measured_so(tmp_path):
    other = reading(parse_record({**RAW, "source": "other"}, "made"), {})
    assert measure(tmp_path / "none", [other]) == ({}, {})
