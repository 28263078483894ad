"""Precision, recall and F1 of things that are right or not, with intervals.

Micro-averaged: counts are summed over documents before anything is divided. The interval is that
of documents drawn with replacement (Efron 1979), so it says how much the choice of documents
matters, not how good the annotation is.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Item = tuple[object, ...]
"""What is compared, as a whole; its type comes first."""
Floats = NDArray[np.float64]

_SAMPLES = 1000
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was found, how much was there, and how much of it agrees.

    Attributes:
        known: How much of what agrees is to be left out of precision; see `facts.py`.
    """

    correct: int = 0
    predicted: int = 0
    gold: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What one document says and what was found in it.

    Attributes:
        known: Items that are no merit if found.
    """

    gold: frozenset[Item]
    predicted: frozenset[Item]
    known: frozenset[Item] = frozenset()

    @property
    def counts(self) -> Counts:
        correct = self.gold & self.predicted
        n_known = len(correct & self.known)
        return Counts(len(correct), len(self.predicted), len(self.gold), n_known)

    @property
    def types(self) -> set[str]:
        """Every type that occurs on either side."""
        return {str(item[0]) for item in self.gold | self.predicted}

    def either_way(self, symmetric: Container[str]) -> "Compared":
        """The same where relations of some types say the same from both ends."""
        return Compared(
            *(
                frozenset(_sorted(item) if item[0] in symmetric else item for item in items)
                for items in (self.gold, self.predicted, self.known)
            )
        )

    def of_type(self, type: str) -> "Compared":
        """The part of both sides that has a type."""
        gold, predicted = (
            frozenset(item for item in side if item[0] == type)
            for side in (self.gold, self.predicted)
        )
        return Compared(gold, predicted, self.known)


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of one set, from 0 to 1.

    Attributes:
        low: Where the 95 % interval of F1 begins.
        high: Where it ends.
        gold: How many annotated items it is a measure of.
    """

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    gold: int

    def to_json(self) -> dict[str, float | int]:
        """Plain numbers for scripts."""
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
            "f1_low": round(self.low, 4),
            "f1_high": round(self.high, 4),
            "gold": self.gold,
        }


def score(counts: Sequence[Counts]) -> Score:
    """The micro-averaged score of documents, of which there is at least one."""
    table = np.array([(c.correct, c.predicted, c.gold, c.known) for c in counts], np.float64)
    precision, recall, f1 = rates(table.sum(axis=0))
    _, _, drawn = rates(draws(len(counts)) @ table)
    low, high = interval(drawn)
    gold = sum(one.gold for one in counts)
    return Score(float(precision), float(recall), float(f1), low, high, gold)


def by_type(compared: Sequence[Compared]) -> dict[str, Score]:
    """The score of each type, over the documents that it occurs in."""
    types = sorted(set().union(*(one.types for one in compared)))
    return {
        type: score([one.of_type(type).counts for one in compared if type in one.types])
        for type in types
    }


def draws(n: int) -> Floats:
    """How often each of `n` documents is drawn in each sample, (samples, n); always the same."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _SAMPLES).astype(np.float64)


def interval(values: Floats) -> tuple[float, float]:
    """The middle 95 % of what the samples give."""
    low, high = np.quantile(values, _INTERVAL)
    return float(low), float(high)


def mean(values: Iterable[float]) -> float:
    """The mean, and 0 of nothing."""
    all = list(values)
    return sum(all) / len(all) if all else 0.0


def _sorted(item: Item) -> Item:
    return (item[0], *sorted(item[1:], key=repr))


def rates(table: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of counts (…, 4); 0 of nothing."""
    correct, predicted, gold, known = np.moveaxis(table, -1, 0)
    precision = _ratio(correct - known, predicted - known)
    recall = _ratio(correct, gold)
    return precision, recall, _ratio(2 * precision * recall, precision + recall)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
