import pytest

from kgbuild.datatypes import Extraction, Mention, Relation
from kgbuild.evaluation.metrics import Counts, count_mentions, count_relations, interval, total
from kgbuild.training.data import parse_record

TEXT = "Ada Lovelace met Babbage. Lovelace wrote."
RECORD = parse_record(
    {
        "text": TEXT,
        "entities": [
            {"type": "person", "mentions": [[0, 12], [26, 34]]},
            {"type": "person", "mentions": [[17, 24]]},
        ],
        "relations": [{"head": 0, "type": "met", "tail": 1}],
    },
    "made",
)


def mention(start, end, type="person"):
    return Mention("d", start, end, TEXT[start:end], type, 0.9)


def found(mentions, relations=()):
    linked = tuple(Relation(head, tail, name, 0.9, "m") for head, name, tail in relations)
    return Extraction("d", tuple(mentions), linked, 1.0)


ADA, BABBAGE, LOVELACE = mention(0, 12), mention(17, 24), mention(26, 34)


def test_a_mention_is_right_if_span_and_type_are():
    extraction = found([ADA, mention(17, 24, "city"), mention(26, 33)])
    assert count_mentions(RECORD, extraction) == Counts(correct=1, predicted=3, gold=3)


def test_a_relation_may_be_found_at_any_mention_of_its_ends():
    extraction = found([ADA, BABBAGE, LOVELACE], [(LOVELACE, "met", BABBAGE)])
    assert count_relations(RECORD, extraction) == Counts(correct=1, predicted=1, gold=1)


def test_the_same_relation_of_two_mentions_counts_once():
    extraction = found([], [(LOVELACE, "met", BABBAGE), (ADA, "met", BABBAGE)])
    assert count_relations(RECORD, extraction) == Counts(correct=1, predicted=1, gold=1)


def test_direction_type_and_boundaries_count_and_types_of_ends_do_not():
    wrong = [(BABBAGE, "met", ADA), (ADA, "wrote", BABBAGE), (mention(0, 3), "met", BABBAGE)]
    assert count_relations(RECORD, found([], wrong)).correct == 0
    right = [(mention(0, 12, "city"), "met", BABBAGE)]
    assert count_relations(RECORD, found([], right)).correct == 1


def test_entities_without_a_type_are_no_mistakes():
    record = parse_record(
        {"text": TEXT, "entities": [{"type": "entity", "mentions": [[0, 12]]}]}, "m"
    )
    assert count_mentions(record, found([ADA])) == Counts()


def test_f1_is_the_harmonic_mean_and_nothing_found_is_zero():
    counts = total([Counts(1, 2, 4), Counts(1, 2, 0)])
    assert (counts.precision, counts.recall) == (0.5, 0.5)
    assert counts.f1 == pytest.approx(0.5)
    assert Counts(0, 0, 3).f1 == Counts().f1 == 0.0


def test_the_interval_holds_the_score_and_shrinks_with_more_documents():
    few = [Counts(1, 1, 1), Counts(0, 1, 1)] * 5
    low, high = interval(few)
    assert low <= total(few).f1 <= high
    more_low, more_high = interval(few * 20)
    assert more_high - more_low < high - low
    assert interval(few) == (low, high)
