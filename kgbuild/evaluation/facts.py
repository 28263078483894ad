"""What a document says as a whole: relations between entities that are mentioned several times.

A fact is an entity, a relation and an entity; it counts once, whatever mentions it was found at
(DocRED, arXiv 1906.06127). DocRED gives the entities to a system. Here they are found, so a mention
is first linked to an annotated entity: the one whose mention has its span, or else one that is
mentioned by the same words. Mentions that are of no entity are the same thing if their words are.

Ign-F1 leaves out what could have been learnt by heart: facts some of whose names stand in the same
relation in the training texts. As in the official scorer, what is found of them is taken out of
precision, and recall stays as it is.
"""

from collections.abc import Iterable, Mapping
from functools import partial

from kgbuild.datatypes import Extraction, Mention, Span
from kgbuild.evaluation.metrics import looked_for, owners
from kgbuild.evaluation.scores import Compared
from kgbuild.training.data import Record

Fact = tuple[str, str, str]
"""Name of the head, relation, name of the tail."""


def compare_facts(
    record: Record, extraction: Extraction, seen: frozenset[Fact] = frozenset()
) -> Compared:
    """Compare facts between entities; what has been `seen` is no merit."""
    link = partial(_entity_of, owners(record), _named(record))
    gold = frozenset((name, head, tail) for head, name, tail in record.relations)
    known = frozenset(
        (name, head, tail)
        for head, name, tail in record.relations
        if not seen.isdisjoint(said_in(record, head, name, tail))
    )
    found = looked_for(record, extraction)
    return Compared(gold, frozenset((r.type, link(r.head), link(r.tail)) for r in found), known)


def facts_of(records: Iterable[Record]) -> frozenset[Fact]:
    """Every fact of some texts, by all the names of its ends."""
    return frozenset(
        fact
        for record in records
        for head, name, tail in record.relations
        for fact in said_in(record, head, name, tail)
    )


def said_in(record: Record, head: int, name: str, tail: int) -> set[Fact]:
    """A fact by all the names of its ends."""
    return {(a, name, b) for a in _names(record, head) for b in _names(record, tail)}


def _names(record: Record, entity: int) -> set[str]:
    return {record.text[start:end] for start, end in record.mentions[entity]}


def _named(record: Record) -> dict[str, int]:
    """Which entity is meant by some words, the first one where there are several."""
    named: dict[str, int] = {}
    for entity in range(len(record.mentions)):
        for name in _names(record, entity):
            named.setdefault(_key(name), entity)
    return named


def _entity_of(owner: Mapping[Span, int], named: Mapping[str, int], mention: Mention) -> int | str:
    words = _key(mention.text)
    return owner.get(mention.span, named.get(words, words))


def _key(name: str) -> str:
    return " ".join(name.casefold().split())
