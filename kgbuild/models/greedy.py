"""Scores → mentions: what stands above a threshold, and the better of two that overlap.

Sizes: W words, K widths, C entity labels, N spans. Scores are probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
WordSpan = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """Labelled spans of one text, in the order in which a model gives them.

    Shapes: spans (N, 3) as first word, last word, label; scores (N).
    """

    spans: Ints
    scores: Floats


@dataclass(frozen=True, slots=True)
class SpanScores:
    """What a span-level model says of one text: a score (W, K, C) for each span and label."""

    scores: Floats

    def above(self, threshold: float) -> Found:
        """All spans and labels above a threshold, in order of first word, width and label."""
        spans = np.argwhere(self.scores > threshold)
        scores = self.scores[tuple(spans.T)]
        spans[:, 1] += spans[:, 0]
        return Found(spans, scores)

    def selected(self, threshold: float) -> list[WordSpan]:
        """The spans that the model pairs."""
        return [(s, s + k) for s, k in np.argwhere((self.scores > threshold).any(axis=2)).tolist()]

    def of(self, spans: Sequence[WordSpan]) -> Floats:
        """All labels' scores of some spans, (N, C)."""
        rows = [self.scores[first, last - first] for first, last in spans]
        return np.array(rows, np.float32).reshape(len(spans), self.scores.shape[2])


@dataclass(frozen=True, slots=True)
class TokenScores:
    """What a token-level model says of one text: (W, C, 3), for each word and label.

    The three are: the word is the first one, the last one, one of a mention. A span's score is the
    lowest of its parts; it may be of any width.
    """

    scores: Floats

    def above(self, threshold: float) -> Found:
        """All spans above a threshold, in order of first word, label and last word.

        First and last word are above it, the words of the span may also equal it.
        """
        start, end, inside = np.moveaxis(self.scores, 2, 0)
        spans: list[tuple[int, int, int]] = []
        scores: list[Floats] = []
        for first, label in np.argwhere(start > threshold).tolist():
            lowest = np.minimum.accumulate(inside[first:, label])
            ends = end[first:, label]
            widths = np.flatnonzero((ends > threshold) & (lowest >= threshold))
            spans += [(first, first + width, label) for width in widths.tolist()]
            whole = np.minimum(lowest[widths], ends[widths])
            scores.append(np.minimum(whole, start[first, label]))
        return Found(
            np.array(spans, np.int64).reshape(-1, 3),
            np.concatenate([*scores, np.zeros(0, np.float32)]),
        )

    def selected(self, threshold: float) -> list[WordSpan]:
        """The spans that the model pairs; one that has several labels comes several times."""
        found = self.above(threshold)
        kept = found.spans[found.scores > threshold, :2]
        return [(first, last) for first, last in kept.tolist()]

    def of(self, spans: Sequence[WordSpan]) -> Floats:
        """All labels' scores of some spans, (N, C)."""
        rows = [
            np.minimum(
                self.scores[first : last + 1, :, 2].min(axis=0),
                np.minimum(self.scores[first, :, 0], self.scores[last, :, 1]),
            )
            for first, last in spans
        ]
        return np.array(rows, np.float32).reshape(len(spans), self.scores.shape[1])


def choose(found: Found, flat: bool, multi_label: bool) -> list[tuple[int, int, int, float]]:
    """Choose (first word, last word, label, score) greedily, best first; in order of position."""
    kept: list[tuple[int, int, int, float]] = []
    for at in np.argsort(-found.scores, kind="stable").tolist():
        first, last, label = found.spans[at].tolist()
        if not any(_conflict((first, last), one[:2], flat, multi_label) for one in kept):
            kept.append((first, last, label, float(found.scores[at])))
    return sorted(kept, key=lambda one: one[0])


def _conflict(span: WordSpan, other: WordSpan, flat: bool, multi_label: bool) -> bool:
    """Whether two spans, given by first and last word, cannot both be mentions."""
    if span == other:
        return not multi_label
    if span[0] > other[1] or other[0] > span[1]:
        return False
    inside = span[0] >= other[0] and span[1] <= other[1]
    around = span[0] <= other[0] and span[1] >= other[1]
    return flat or not (inside or around)
