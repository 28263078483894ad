from annotated import RAW, RECORD, found, mention

from kgbuild.evaluation.facts import compare_facts, facts_of
from kgbuild.evaluation.scores import Counts, score
from kgbuild.training.data import parse_record

TEXT = "Ada Lovelace met Babbage. Lovelace wrote. Later Babbage met Ada Lovelace and Faraday."
LONG = parse_record({**RAW, "text": TEXT}, "made")
"""Only the first sentence is annotated, with the second as a mention."""

ADA, BABBAGE, LOVELACE, WROTE = (
    mention(0, 12), mention(17, 24), mention(26, 34), mention(35, 40)
)  # fmt: skip
LATER_BABBAGE, LATER_ADA = mention(48, 55, text=TEXT), mention(60, 72, text=TEXT)
FARADAY = mention(77, 84, text=TEXT)


def facts(*triples, record=RECORD, seen=frozenset()):
    return compare_facts(record, found([], triples), seen).counts


def test_a_fact_counts_once_whatever_mentions_it_was_found_at():
    counts = facts((ADA, "met", BABBAGE), (LOVELACE, "met", BABBAGE))
    assert counts == Counts(correct=1, predicted=1, gold=1)


def test_a_place_that_is_not_annotated_is_known_by_its_words():
    assert LATER_ADA.text == "Ada Lovelace"
    assert facts((LATER_ADA, "met", LATER_BABBAGE), record=LONG).correct == 1


def test_things_that_nobody_annotated_are_one_thing_if_they_have_one_name():
    again = mention(77, 84, text=TEXT)
    counts = facts((ADA, "met", FARADAY), (LOVELACE, "met", again), record=LONG)
    assert counts == Counts(correct=0, predicted=1, gold=1)


def test_another_direction_or_relation_is_another_fact():
    assert facts((BABBAGE, "met", ADA), (ADA, "wrote", BABBAGE)).correct == 0


def test_the_facts_of_a_text_have_all_names_of_their_ends():
    assert facts_of([RECORD]) == {
        ("Ada Lovelace", "met", "Babbage"),
        ("Lovelace", "met", "Babbage"),
    }


def test_what_was_seen_in_training_is_no_merit():
    seen = frozenset({("Lovelace", "met", "Babbage")})
    counts = facts((ADA, "met", BABBAGE), (ADA, "met", WROTE), seen=seen)
    assert counts == Counts(correct=1, predicted=2, gold=1, known=1)
    assert (score([counts]).precision, score([counts]).recall) == (0.0, 1.0)


def test_the_same_names_in_another_relation_are_no_seen_fact():
    seen = frozenset({("Babbage", "met", "Lovelace"), ("Lovelace", "knew", "Babbage")})
    assert facts((ADA, "met", BABBAGE), seen=seen).known == 0
