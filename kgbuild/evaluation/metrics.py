"""Precision, recall and F1 of mentions and relations, with intervals.

Micro-averaged over all documents. A mention is right if span and type are (strict, as in CoNLL
2003). A relation is right if its type is and both spans are mentions of the annotated ends;
the types of the ends do not count (the boundaries setting of SpERT, arXiv 1909.07755, section 4).
Where an entity is mentioned several times, any of its mentions will do, and saying the same
relation of two mentions counts once.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgbuild.datatypes import Extraction, Span
from kgbuild.training.data import UNTYPED, Record


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was found, how much was there, and how much of it agrees."""

    correct: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.correct + other.correct,
            self.predicted + other.predicted,
            self.gold + other.gold,
        )

    @property
    def precision(self) -> float:
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        total = self.predicted + self.gold
        return 2 * self.correct / total if total else 0.0


def total(counts: Iterable[Counts]) -> Counts:
    """The sum over documents: what micro-averages are made of."""
    return sum(counts, Counts())


def count_mentions(record: Record, extraction: Extraction) -> Counts:
    """Compare spans with their types; entities without a type are left out of both sides."""
    gold = {
        (span, type)
        for type, spans in zip(record.types, record.mentions, strict=True)
        for span in spans
        if type not in UNTYPED
    }
    untyped = {
        span
        for type, spans in zip(record.types, record.mentions, strict=True)
        for span in spans
        if type in UNTYPED
    }
    predicted = {(m.span, m.type) for m in extraction.mentions if m.span not in untyped}
    return Counts(len(gold & predicted), len(predicted), len(gold))


def count_relations(record: Record, extraction: Extraction) -> Counts:
    """Compare relations between entities, whatever mentions they were found at."""
    owner = {span: entity for entity, spans in enumerate(record.mentions) for span in spans}
    gold = {(head, name, tail) for head, name, tail in record.relations}

    def end(span: Span) -> int | Span:
        return owner.get(span, span)

    predicted = {(end(r.head.span), r.type, end(r.tail.span)) for r in extraction.relations}
    return Counts(len(gold & predicted), len(predicted), len(gold))


def interval(
    counts: Sequence[Counts], *, samples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of F1, from documents drawn with replacement (Efron 1979)."""
    draw = random.Random(seed)
    scores = sorted(total(draw.choices(counts, k=len(counts))).f1 for _ in range(samples))
    return scores[int(0.025 * samples)], scores[int(0.975 * samples) - 1]
