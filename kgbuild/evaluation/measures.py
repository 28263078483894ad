"""Which measures make sense of a set, by what it contains.

Mentions are compared where entities have types, and relations where there are any. Facts, which are
relations of a document as a whole, are compared where entities are mentioned several times, or
where the training texts are known. Entities are compared where facts are.
"""

from collections.abc import Callable, Sequence
from functools import partial

from kgbuild.datatypes import Extraction
from kgbuild.evaluation.clusters import (
    compare_entities,
    compare_facts_aligned,
    compare_facts_strictly,
)
from kgbuild.evaluation.facts import Fact, compare_facts
from kgbuild.evaluation.metrics import (
    compare_mentions,
    compare_relations,
    compare_relations_strictly,
)
from kgbuild.evaluation.reading import Reading
from kgbuild.evaluation.scores import Compared
from kgbuild.training.data import UNTYPED, Record

MENTIONS = "mentions"
RELATIONS = "relations"

Compare = Callable[[Record, Extraction], Compared]


def compare_all(
    readings: Sequence[Reading], seen: frozenset[Fact] | None = None
) -> dict[str, list[Compared]]:
    """Compare all that is annotated: measure → documents, in the order of a table.

    Args:
        readings: Of a set.
        seen: Facts of the training texts, if they are known.
    """
    measured = {
        MENTIONS: compare(of_types(readings), compare_mentions),
        RELATIONS: compare(of_relations(readings), compare_relations),
        "relations, strict": compare(of_types(of_relations(readings)), compare_relations_strictly),
        "relations, given": [
            compare_relations(one.record, one.given_mentions()).either_way(one.symmetric)
            for one in readings
            if one.between is not None
        ],
    }
    if seen is not None or _several_mentions(of_relations(readings)):
        measured["facts"] = compare(of_relations(readings), compare_facts)
    if seen is not None:
        unseen = partial(compare_facts, seen=seen)
        measured["facts, unseen"] = compare(of_relations(readings), unseen)
    if _several_mentions(of_relations(readings)):
        measured |= end_to_end(of_types(of_relations(readings)))
    return {name: documents for name, documents in measured.items() if documents}


def end_to_end(readings: Sequence[Reading]) -> dict[str, list[Compared]]:
    """Compare entities, and facts between them, as wholes."""
    found = [(one.record, one.extraction, one.entities) for one in readings]
    symmetric = [one.symmetric for one in readings]
    return {
        "facts, aligned": [
            compare_facts_aligned(*one).either_way(same)
            for one, same in zip(found, symmetric, strict=True)
        ],
        "facts, strict": [
            compare_facts_strictly(*one).either_way(same)
            for one, same in zip(found, symmetric, strict=True)
        ],
        "entities, strict": [compare_entities(record, of) for record, _, of in found],
    }


def compare(readings: Sequence[Reading], how: Compare) -> list[Compared]:
    """Compare what is found with what is annotated."""
    return [how(one.record, one.extraction).either_way(one.symmetric) for one in readings]


def of_types(readings: Sequence[Reading]) -> list[Reading]:
    """Those with typed entities; others say nothing about mentions."""
    return [one for one in readings if any(type not in UNTYPED for type in one.record.types)]


def of_relations(readings: Sequence[Reading]) -> list[Reading]:
    """Those that were read for relations."""
    return [one for one in readings if one.ontology.relations]


def _several_mentions(readings: Sequence[Reading]) -> bool:
    return any(len(spans) > 1 for one in readings for spans in one.record.mentions)
