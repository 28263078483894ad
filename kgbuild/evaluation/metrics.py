"""Mentions and relations, found and annotated, as sets that can be compared.

A mention is right if span and type are (strict, as in CoNLL 2003, aclanthology.org/W03-0419). A
relation is right if its type is and both spans are mentions of the annotated ends; strictly, the
types of both ends have to be right, too (SpERT, arXiv 1909.07755, section 4). Where an entity is
mentioned several times, any of its mentions will do, and saying the same relation of two mentions
counts once.
"""

from collections.abc import Mapping

from kgbuild.datatypes import Extraction, Mention, Relation, Span
from kgbuild.evaluation.scores import Compared
from kgbuild.training.data import UNTYPED, Record

End = int | Span
"""An annotated entity, or the span of something that is none."""


def compare_mentions(record: Record, extraction: Extraction) -> Compared:
    """Compare spans with their types; entities without a type are left out of both sides."""
    annotated = {
        (type, span)
        for type, spans in zip(record.types, record.mentions, strict=True)
        for span in spans
    }
    gold = frozenset(one for one in annotated if one[0] not in UNTYPED)
    untyped = {span for type, span in annotated if type in UNTYPED}
    predicted = frozenset((m.type, m.span) for m in extraction.mentions if m.span not in untyped)
    return Compared(gold, predicted)


def compare_relations(record: Record, extraction: Extraction) -> Compared:
    """Compare relations; of their ends only the boundaries."""
    owner = owners(record)
    gold = frozenset((name, head, tail) for head, name, tail in record.relations)
    return Compared(
        gold,
        frozenset(
            (r.type, owner.get(r.head.span, r.head.span), owner.get(r.tail.span, r.tail.span))
            for r in looked_for(record, extraction)
        ),
    )


def compare_relations_strictly(record: Record, extraction: Extraction) -> Compared:
    """Compare relations with the types of both ends, where the annotation has types."""
    owner = owners(record)
    types = [None if type in UNTYPED else type for type in record.types]

    def end(mention: Mention) -> tuple[End, str | None]:
        entity = owner.get(mention.span)
        if entity is None:
            return mention.span, mention.type
        return entity, mention.type if types[entity] is not None else None

    gold = frozenset(
        (name, (head, types[head]), (tail, types[tail])) for head, name, tail in record.relations
    )
    found = looked_for(record, extraction)
    return Compared(gold, frozenset((r.type, end(r.head), end(r.tail)) for r in found))


def owners(record: Record) -> Mapping[Span, int]:
    """The entity that each annotated span is a mention of."""
    return {span: entity for entity, spans in enumerate(record.mentions) for span in spans}


def looked_for(record: Record, extraction: Extraction) -> list[Relation]:
    """The relations found, without those that nobody looked for when the text was annotated."""
    known = record.known_relations
    return [r for r in extraction.relations if known is None or r.type in known]
