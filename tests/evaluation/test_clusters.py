"""What a document says as a whole, where its entities were found and not given."""

import pytest
from annotated import RECORD, found, mention

from kgbuild.document_relations import MentionedEntity
from kgbuild.evaluation.clusters import (
    compare_entities,
    compare_facts_aligned,
    compare_facts_strictly,
)
from kgbuild.evaluation.scores import Counts

# "Ada Lovelace met Babbage. Lovelace wrote.": Ada is mentioned twice, and she met him.
ADA, AGAIN, HIM = mention(0, 12), mention(26, 34), mention(17, 24)
ALL_RIGHT = (MentionedEntity("person", (ADA, AGAIN)), MentionedEntity("person", (HIM,)))
APART = (
    MentionedEntity("person", (ADA,)),
    MentionedEntity("person", (AGAIN,)),
    MentionedEntity("person", (HIM,)),
)
OF_ANOTHER_TYPE = (MentionedEntity("city", (ADA, AGAIN)), MentionedEntity("person", (HIM,)))


def compared(entities, fact=(AGAIN, "met", HIM)):
    extraction = found([ADA, AGAIN, HIM], [fact])
    return (
        compare_entities(RECORD, entities).counts,
        compare_facts_strictly(RECORD, extraction, entities).counts,
        compare_facts_aligned(RECORD, extraction, entities).counts,
    )


RIGHT, WRONG = Counts(1, 1, 1), Counts(0, 1, 1)


@pytest.mark.parametrize(
    ("entities", "expected"),
    [
        (ALL_RIGHT, (Counts(2, 2, 2), RIGHT, RIGHT)),
        (APART, (Counts(1, 3, 2), WRONG, RIGHT)),
        (OF_ANOTHER_TYPE, (Counts(1, 2, 2), WRONG, RIGHT)),
    ],
    ids=["as annotated", "one of two apart", "another type"],
)
def test_strictly_whole_entities_have_to_be_right(entities, expected):
    assert compared(entities) == expected


def test_the_direction_counts():
    assert compared(ALL_RIGHT, (HIM, "met", ADA))[1:] == (WRONG, WRONG)


def test_a_fact_that_is_found_twice_counts_once():
    extraction = found([ADA, AGAIN, HIM], [(ADA, "met", HIM), (AGAIN, "met", HIM)])
    assert compare_facts_strictly(RECORD, extraction, ALL_RIGHT).counts == RIGHT
    assert compare_facts_aligned(RECORD, extraction, APART).counts == RIGHT


def test_a_mention_that_is_nowhere_annotated_is_another_entity():
    elsewhere = mention(13, 16)
    entities = (MentionedEntity("person", (elsewhere,)), *ALL_RIGHT)
    extraction = found([elsewhere, HIM], [(elsewhere, "met", HIM)])
    assert compare_facts_aligned(RECORD, extraction, entities).counts == WRONG
