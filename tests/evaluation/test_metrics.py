from annotated import RAW, RECORD, TEXT, found, mention

from kgbuild.evaluation.metrics import (
    compare_mentions,
    compare_relations,
    compare_relations_strictly,
)
from kgbuild.evaluation.scores import Counts
from kgbuild.training.data import parse_record

ADA, BABBAGE, LOVELACE = mention(0, 12), mention(17, 24), mention(26, 34)
BABBAGE_CITY = mention(17, 24, "city")


def relations(*triples, record=RECORD):
    return compare_relations(record, found([], triples)).counts


def strict(*triples, record=RECORD):
    return compare_relations_strictly(record, found([], triples)).counts


def test_a_mention_is_right_if_span_and_type_are():
    extraction = found([ADA, BABBAGE_CITY, mention(26, 33)])
    counts = compare_mentions(RECORD, extraction).counts
    assert counts == Counts(correct=1, predicted=3, gold=3)


def test_a_relation_may_be_found_at_any_mention_of_its_ends():
    assert relations((LOVELACE, "met", BABBAGE)) == Counts(correct=1, predicted=1, gold=1)


def test_the_same_relation_of_two_mentions_counts_once():
    twice = [(LOVELACE, "met", BABBAGE), (ADA, "met", BABBAGE)]
    assert relations(*twice) == Counts(correct=1, predicted=1, gold=1)
    assert strict(*twice) == Counts(correct=1, predicted=1, gold=1)


def test_direction_type_and_boundaries_count_and_types_of_ends_do_not():
    wrong = [(BABBAGE, "met", ADA), (ADA, "wrote", BABBAGE), (mention(0, 3), "met", BABBAGE)]
    assert relations(*wrong) == Counts(correct=0, predicted=3, gold=1)
    assert relations((ADA, "met", BABBAGE_CITY)).correct == 1


def test_strictly_the_types_of_both_ends_count():
    assert strict((ADA, "met", BABBAGE_CITY)) == Counts(correct=0, predicted=1, gold=1)
    assert strict((ADA, "met", BABBAGE)).correct == 1


def test_an_end_that_has_no_type_may_have_any():
    entities = [RAW["entities"][0], {"type": "entity", "mentions": [[17, 24]]}]
    record = parse_record({**RAW, "entities": entities}, "made")
    assert strict((ADA, "met", BABBAGE_CITY), record=record).correct == 1


def test_entities_without_a_type_are_no_mistakes():
    record = parse_record(
        {"text": TEXT, "entities": [{"type": "entity", "mentions": [[0, 12]]}]}, "m"
    )
    assert compare_mentions(record, found([ADA])).counts == Counts()


def test_relations_that_nobody_looked_for_are_no_mistakes():
    record = parse_record({**RAW, "annotated_relations": ["met"]}, "made")
    assert relations((ADA, "wrote", BABBAGE), record=record).predicted == 0
    assert relations((ADA, "wrote", BABBAGE)).predicted == 1
