"""Entities and facts of a document as a whole, where nothing was given: end to end.

What is found is clusters of mentions, with a type, and facts between them. Strictly (JEREX, arXiv
2102.05980, section 4) an entity is right if its type and all of its mentions are, and a fact if its
relation and both of its entities are. Aligned, an entity found stands for the annotated one with
which it shares most mentions: that tells how good relations are where mentions are nearly right.
"""

from collections.abc import Iterable, Mapping, Sequence

from kgbuild.datatypes import Extraction, Mention, Span
from kgbuild.document_relations import MentionedEntity
from kgbuild.evaluation.metrics import looked_for, owners
from kgbuild.evaluation.scores import Compared
from kgbuild.training.data import Record

Cluster = tuple[str, frozenset[Span]]
"""The type of an entity and where it is mentioned."""


def compare_entities(record: Record, entities: Iterable[MentionedEntity]) -> Compared:
    """Compare entities, strictly."""
    return Compared(frozenset(_annotated(record)), frozenset(map(_cluster, entities)))


def compare_facts_strictly(
    record: Record, extraction: Extraction, entities: Sequence[MentionedEntity]
) -> Compared:
    """Compare facts between entities that have to be wholly right."""
    annotated, found = _annotated(record), _found(entities)
    return Compared(
        frozenset(
            (name, annotated[head], annotated[tail]) for head, name, tail in record.relations
        ),
        frozenset(
            (one.type, _of(found, one.head), _of(found, one.tail))
            for one in looked_for(record, extraction)
        ),
    )


def compare_facts_aligned(
    record: Record, extraction: Extraction, entities: Sequence[MentionedEntity]
) -> Compared:
    """Compare facts between entities that share a mention with the annotated ones."""
    owner, found = owners(record), _found(entities)

    def end(mention: Mention) -> int | Cluster:
        cluster = _of(found, mention)
        shared = [owner[span] for span in sorted(cluster[1]) if span in owner]
        return max(shared, key=shared.count) if shared else cluster

    return Compared(
        frozenset((name, head, tail) for head, name, tail in record.relations),
        frozenset(
            (one.type, end(one.head), end(one.tail)) for one in looked_for(record, extraction)
        ),
    )


def _annotated(record: Record) -> list[Cluster]:
    return [(type, frozenset(of)) for type, of in zip(record.types, record.mentions, strict=True)]


def _cluster(entity: MentionedEntity) -> Cluster:
    return entity.type, frozenset(mention.span for mention in entity.mentions)


def _found(entities: Iterable[MentionedEntity]) -> Mapping[Span, Cluster]:
    """The cluster of each mention."""
    return {mention.span: _cluster(entity) for entity in entities for mention in entity.mentions}


def _of(found: Mapping[Span, Cluster], mention: Mention) -> Cluster:
    """Its cluster; a mention that names nothing, such as a "she", is one of its own."""
    return found.get(mention.span, (mention.type, frozenset([mention.span])))
