"""What a model makes of annotated texts, before and after decoding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kgbuild.datatypes import Document, Extraction, Mention, Relation
from kgbuild.decoding import Candidates, Edge, apply_axioms, decode, without_rivals
from kgbuild.document_relations import DocumentRelations, MentionedEntity, entities_of
from kgbuild.evaluation.metrics import owners
from kgbuild.evaluation.thresholds import Thresholds
from kgbuild.extraction import Scorer
from kgbuild.ontology import Ontology
from kgbuild.training.data import Record

_TOGETHER = 32  # records that are read together, so that the model can sort them by length


@dataclass(frozen=True)
class Reading:
    """A record with the scores that a model gives, under the ontology it was asked with.

    Attributes:
        thresholds: What decides; the candidates may be below.
        between: Scores of relations between the annotated mentions; None: not asked for.
        documents: Finds the relations in the model's place.
    """

    record: Record
    ontology: Ontology
    thresholds: Thresholds
    candidates: Candidates
    between: Mapping[Edge, float] | None = None
    documents: DocumentRelations | None = None

    @cached_property
    def extraction(self) -> Extraction:
        """What is found, decoded as any document is."""
        chosen = self.thresholds.let_through(self.candidates)
        mentions, relations = decode("", self.record.text, chosen, self.ontology, "")
        if self.documents is not None:
            relations = self.documents.between("", self.record.text, mentions)
        return Extraction("", mentions, relations, 1.0)

    @cached_property
    def entities(self) -> list[MentionedEntity]:
        """What the mentions name, told apart as in a document of its own."""
        return entities_of("", self.extraction.mentions, self.ontology)

    @property
    def symmetric(self) -> frozenset[str]:
        """The relations that say the same from both ends; one direction of them is kept."""
        return frozenset(name for name, type in self.ontology.relations.items() if type.symmetric)

    def given_mentions(self) -> Extraction:
        """Decode relations between the annotated mentions, with the types that they have."""
        text, owner = self.record.text, owners(self.record)
        edges = self.thresholds.let_through(Candidates({}, self.between or {})).relations
        possible = {
            (head, name, tail): score
            for (head, name, tail), score in edges.items()
            if owner[head] != owner[tail] and self._allows(owner[head], name, owner[tail])
        }
        kept = apply_axioms(
            without_rivals(possible, self.ontology),
            lambda span: text[span[0] : span[1]].casefold(),
            self.ontology,
        )
        mentions = {
            (start, end): Mention("", start, end, text[start:end], self.record.types[entity], 1.0)
            for (start, end), entity in sorted(owner.items())
        }
        relations = tuple(
            Relation(mentions[head], mentions[tail], name, score, "")
            for (head, name, tail), score in sorted(kept.items())
        )
        return Extraction("", tuple(mentions.values()), relations, 1.0)

    def _allows(self, head: int, name: str, tail: int) -> bool:
        """Whether the ontology does; ends whose type it does not know may be anything."""
        types = self.record.types[head], self.record.types[tail]
        known = all(type in self.ontology.entities for type in types)
        return not known or self.ontology.allows(name, *types)


def read(
    records: Sequence[Record],
    scorer: Scorer,
    thresholds: Thresholds,
    *,
    given_mentions: bool = False,
    documents: DocumentRelations | None = None,
) -> Iterator[Reading]:
    """Score the texts of records, in their order.

    Args:
        records: Have the types of the scorer's ontology.
        scorer: Lets through what is above the thresholds, or more.
        thresholds: Decide.
        given_mentions: Also score relations between the annotated mentions.
        documents: Finds the relations in the model's place.
    """
    for start in range(0, len(records), _TOGETHER):
        part = records[start : start + _TOGETHER]
        texts = [Document(record.id, record.text) for record in part]
        scored = scorer.candidates(texts)
        for record, document, candidates in zip(part, texts, scored, strict=True):
            between = (
                scorer.relations_between(document, sorted(owners(record)))
                if given_mentions
                else None
            )
            yield Reading(record, scorer.ontology, thresholds, candidates, between, documents)
