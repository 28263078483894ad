"""A loaded joint model and the two questions that can be put to it.

`predict` answers what the public package answers: mentions and relations of some texts, decoded
greedily. `candidates` gives what decoding starts from, scores of spans and pairs, for those who
decode with more knowledge (`kgbuild.decoding`).

Only spans that survive overlap removal are paired. For a pair scorer that looks at one pair at a
time this changes no score, and it is where most of the public package's time goes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.prompt import Labels, Prompter, Words
from kgbuild.models.relex import Relex

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
WordSpan = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PredictedMention:
    """A typed span of one text; offsets are characters, half-open."""

    start: int
    end: int
    text: str
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class PredictedRelation:
    """A labelled pair; `head` and `tail` index the prediction's mentions."""

    head: int
    tail: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was found in one text, in order of position."""

    mentions: tuple[PredictedMention, ...] = ()
    relations: tuple[PredictedRelation, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Scores of one text's spans and pairs, before any label is chosen.

    Shapes: spans (N, 2) as characters, in order of position; scores (N, C); pairs (M, 2) as
    indices of spans; pair_scores (M, R). Scores are probabilities.
    """

    spans: Ints
    scores: Floats
    pairs: Ints
    pair_scores: Floats


@dataclass(frozen=True, slots=True)
class _Scored:
    """One text after the first half of the model: every span's probabilities, (W, K, C)."""

    words: Words
    scores: Floats


class JointModel:
    """A joint model on a device, with its tokenizer.

    Args:
        network: The network, in evaluation mode.
        prompter: Goes with its tokenizer.
        device: Where to run.
        dtype: Of the weights; float32 unless said otherwise.
        window: Most tokens of one input, label prompt included.
    """

    def __init__(
        self,
        network: Relex,
        prompter: Prompter,
        *,
        device: torch.device,
        dtype: torch.dtype | None = None,
        window: int,
    ) -> None:
        self.network = network.to(device=device, dtype=dtype).eval()
        self.prompter = prompter
        self.device = device
        self.window = window

    def predict(
        self,
        texts: Sequence[str],
        entity_labels: Sequence[str],
        relation_labels: Sequence[str],
        *,
        threshold: float = 0.5,
        relation_threshold: float = 0.5,
        flat_ner: bool = True,
        multi_label: bool = False,
        batch_size: int | None = None,
    ) -> list[Prediction]:
        """Find mentions and relations; one prediction for each text, in its order.

        Args:
            texts: Each at most as long as the model's window.
            entity_labels: Words for the entity types; repeated ones count once.
            relation_labels: Words for the relation types.
            threshold: A mention's score is above it.
            relation_threshold: A relation's score is above it.
            flat_ner: Mentions do not overlap; otherwise one may lie inside another.
            multi_label: One span may carry several labels.
            batch_size: Texts that are run together; by default as many as suit the device.

        Raises:
            ModelError: A text does not fit the window together with the labels.
        """
        entities, relations = (
            list(dict.fromkeys(entity_labels)),
            list(dict.fromkeys(relation_labels)),
        )
        labels = self.prompter.labels(entities, relations)
        predictions = [Prediction() for _ in texts]
        for indices, words in self._batches(texts, labels, batch_size):
            with torch.inference_mode():
                run = _Run(self, words, labels)
                chosen = [
                    _decode(one.scores, threshold, flat_ner, multi_label) for one in run.scored
                ]
                spans = [sorted({(first, last) for first, last, _, _ in of}) for of in chosen]
                pairs = [list(permutations(range(len(of)), 2)) for of in spans]
                scores = run.score_pairs(spans, pairs)
            for row, index in enumerate(indices):
                mentions = _mentions(texts[index], words[row], chosen[row], entities)
                position = _first_positions(chosen[row], spans[row])
                found = [
                    PredictedRelation(
                        position[h], position[t], relations[r], float(scores[row][m, r])
                    )
                    for m, r in np.argwhere(scores[row] > relation_threshold).tolist()
                    for h, t in [pairs[row][m]]
                ]
                predictions[index] = Prediction(mentions, tuple(found))
        return predictions

    def candidates(
        self,
        texts: Sequence[str],
        entity_labels: Sequence[str],
        relation_labels: Sequence[str],
        *,
        threshold: float,
        pairable: Bools | None = None,
        batch_size: int | None = None,
    ) -> list[Candidates]:
        """Score the spans and pairs that decoding chooses from.

        Args:
            texts: Each at most as long as the model's window.
            entity_labels: C distinct labels.
            relation_labels: R distinct labels.
            threshold: Spans whose best score is above it are kept, the better of two that overlap;
                none of them runs from one paragraph into the next.
            pairable: (C, C); pairs no label combination of which is true are not scored.
            batch_size: Texts that are run together; by default as many as suit the device.
        """
        labels = self.prompter.labels(entity_labels, relation_labels)
        results: list[Candidates | None] = [None] * len(texts)
        for indices, words in self._batches(texts, labels, batch_size):
            with torch.inference_mode():
                run = _Run(self, words, labels)
                for index, one in zip(indices, run.scored, strict=True):
                    one.scores[_crosses_a_blank_line(texts[index], one.words, one.scores)] = 0.0
                chosen = [_decode(one.scores, threshold, True, False) for one in run.scored]
                spans = [[(first, last) for first, last, _, _ in of] for of in chosen]
                scores = [
                    np.array(
                        [one.scores[first, last - first] for first, last in of], np.float32
                    ).reshape(len(of), len(entity_labels))
                    for one, of in zip(run.scored, spans, strict=True)
                ]
                pairs = [_pairs(of > threshold, pairable) for of in scores]
                pair_scores = run.score_pairs(spans, [of.tolist() for of in pairs])
            for row, index in enumerate(indices):
                at = words[row].spans
                characters = [(at[first][0], at[last][1]) for first, last in spans[row]]
                results[index] = Candidates(
                    np.array(characters, np.int64).reshape(-1, 2),
                    scores[row],
                    pairs[row],
                    pair_scores[row],
                )
        return [one for one in results if one is not None]

    def _batches(
        self, texts: Sequence[str], labels: Labels, batch_size: int | None
    ) -> Iterator[tuple[list[int], list[Words]]]:
        """Group texts of like length; the label prompt is part of the length."""
        words = self.prompter.words(texts)
        fixed = self.prompter.length(labels)
        for index, one in enumerate(words):
            if fixed + len(one.ids) > self.window:
                raise ModelError(
                    f"text {index} needs {fixed + len(one.ids)} tokens with its labels, the model"
                    f" reads {self.window}: split the text or ask for fewer labels at once"
                )
        order = sorted(range(len(texts)), key=lambda i: (len(words[i].ids), i))
        size = batch_size or (32 if self.device.type != "cpu" else 1)
        for start in range(0, len(order), size):
            indices = order[start : start + size]
            yield indices, [words[i] for i in indices]


class _Run:
    """One batch on its way through the network; spans first, then pairs of the chosen spans."""

    def __init__(self, model: JointModel, words: Sequence[Words], labels: Labels) -> None:
        self._network = model.network
        self._device = model.device
        batch = model.prompter.batch([labels] * len(words), words).to(model.device)
        self._states = self._network.encode(batch)
        self._sides = self._network.spans.sides(self._states.words)
        scores = torch.sigmoid(self._network.span_logits(self._states, self._sides).float())
        host = scores.cpu().numpy()
        self.scored = [_Scored(w, _clip(host[b], len(w.spans))) for b, w in enumerate(words)]

    def score_pairs(
        self, spans: Sequence[Sequence[tuple[int, int]]], pairs: Sequence[Sequence[Sequence[int]]]
    ) -> list[Floats]:
        """Probabilities of each row's pairs (indices of that row's spans), each (M, R)."""
        flat = [(row, first, last) for row, of in enumerate(spans) for first, last in of]
        offsets = np.cumsum([0, *(len(of) for of in spans)])
        joined = [(h + o, t + o) for of, o in zip(pairs, offsets, strict=False) for h, t in of]
        counts = [len(of) for of in pairs]
        n_labels = self._states.relation.shape[1]
        if not joined or n_labels == 0:
            return [np.zeros((count, n_labels), np.float32) for count in counts]
        rows = np.repeat(np.arange(len(counts)), counts)
        vectors = self._network.span_vectors(self._sides, self._tensor(flat))
        logits = self._network.pair_logits(
            self._states, vectors, self._tensor(rows), self._tensor(joined)
        )
        host = torch.sigmoid(logits.float()).cpu().numpy()
        return np.split(host, np.cumsum(counts)[:-1])

    def _tensor(self, values: Sequence[object] | NDArray[np.int64]) -> Tensor:
        return torch.as_tensor(np.asarray(values, np.int64), device=self._device)


def _clip(scores: Floats, n_words: int) -> Floats:
    """Cut padding off one row (W, K, C): spans that run over the last word get 0."""
    own = scores[:n_words]
    over = np.arange(n_words)[:, None] + np.arange(own.shape[1])[None, :] >= n_words
    own[over] = 0.0
    return own


def _crosses_a_blank_line(text: str, words: Words, scores: Floats) -> Bools:
    """(W, K): whether a span begins in one paragraph and ends in another."""
    n_words, n_widths = scores.shape[:2]
    gaps = [text[a[1] : b[0]].count("\n") > 1 for a, b in pairwise(words.spans)]
    paragraph = np.cumsum([0, *gaps])[:n_words]
    last = np.arange(n_words)[:, None] + np.arange(n_widths)[None, :]
    crosses: Bools = paragraph[np.minimum(last, n_words - 1)] != paragraph[:, None]
    return crosses


def _decode(
    scores: Floats, threshold: float, flat: bool, multi_label: bool
) -> list[tuple[int, int, int, float]]:
    """Choose (first word, last word, label, score) greedily, best first; in order of position."""
    found = np.argwhere(scores > threshold)
    values = scores[tuple(found.T)]
    kept: list[tuple[int, int, int, float]] = []
    for at in np.argsort(-values, kind="stable").tolist():
        first, width, label = found[at].tolist()
        last = first + width
        if not any(_conflict((first, last), one[:2], flat, multi_label) for one in kept):
            kept.append((first, last, label, float(values[at])))
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


def _pairs(types: Bools, pairable: Bools | None) -> Ints:
    """Ordered pairs of different spans whose possible labels (N, C) may stand together."""
    n = len(types)
    allowed = np.ones((n, n), bool)
    if pairable is not None:
        possible = types.astype(np.int64)
        allowed = (possible @ pairable.astype(np.int64) @ possible.T) > 0
    np.fill_diagonal(allowed, val=False)
    return np.argwhere(allowed)


def _mentions(
    text: str, words: Words, chosen: Sequence[tuple[int, int, int, float]], labels: Sequence[str]
) -> tuple[PredictedMention, ...]:
    found = []
    for first, last, label, score in chosen:
        start, end = words.spans[first][0], words.spans[last][1]
        found.append(PredictedMention(start, end, text[start:end], labels[label], score))
    return tuple(found)


def _first_positions(
    chosen: Sequence[tuple[int, int, int, float]], spans: Sequence[tuple[int, int]]
) -> list[int]:
    """For each distinct span, the first mention that has it."""
    first: dict[tuple[int, int], int] = {}
    for index, (start, end, _, _) in enumerate(chosen):
        first.setdefault((start, end), index)
    return [first[span] for span in spans]
