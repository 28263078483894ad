"""A batch on its way through the joint model's network."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgbuild.models.greedy import Floats, SpanScores, TokenScores, WordSpan
from kgbuild.models.prompt import Labels, Prompter, Words
from kgbuild.models.relex import Relex
from kgbuild.models.span_layers import Sides

Bools = NDArray[np.bool_]


class Run:
    """One batch on its way through the network; spans first, then pairs of the chosen spans."""

    def __init__(
        self,
        network: Relex,
        prompter: Prompter,
        device: torch.device,
        words: Sequence[Words],
        labels: Labels,
    ) -> None:
        self._network = network
        self._device = device
        batch = prompter.batch([labels] * len(words), words).to(device)
        self._states = self._network.encode(batch)
        self.scores = self._score(words)

    @cached_property
    def _sides(self) -> Sides:
        return self._network.sides(self._states)

    def _score(self, words: Sequence[Words]) -> Sequence[SpanScores | TokenScores]:
        """Probabilities of each row's words or spans, without its padding."""
        if self._network.config.is_token_level:
            host = _probabilities(self._network.token_logits(self._states))
            return [TokenScores(host[b, : len(of.spans)]) for b, of in enumerate(words)]
        host = _probabilities(self._network.span_logits(self._states, self._sides))
        return [SpanScores(_clip(host[b], len(of.spans))) for b, of in enumerate(words)]

    def links(self, selected: Sequence[Sequence[WordSpan]], threshold: float) -> list[Bools]:
        """Which ordered pairs of each row's spans are worth scoring, each (E, E)."""
        sizes = [len(of) for of in selected]
        links = [~np.eye(size, dtype=bool) for size in sizes]
        if self._network.adjacency is None or not any(sizes):
            return links
        for link, vectors in zip(links, torch.split(self._vectors(selected), sizes), strict=True):
            if len(vectors):
                link &= self._network.adjacency(vectors).float().cpu().numpy() > threshold
        return links

    def _vectors(self, spans: Sequence[Sequence[WordSpan]]) -> Tensor:
        """Vectors of all rows' spans, (N, H)."""
        flat = [(row, first, last) for row, of in enumerate(spans) for first, last in of]
        if self._network.config.is_token_level:
            return self._network.few_span_vectors(self._states, self._tensor(flat))
        return self._network.span_vectors(self._sides, self._tensor(flat))

    def score_pairs(
        self, spans: Sequence[Sequence[WordSpan]], pairs: Sequence[Sequence[Sequence[int]]]
    ) -> list[Floats]:
        """Probabilities of each row's pairs (indices of that row's spans), each (M, R)."""
        offsets = np.cumsum([0, *(len(of) for of in spans)])
        joined = [(h + o, t + o) for of, o in zip(pairs, offsets, strict=False) for h, t in of]
        counts = [len(of) for of in pairs]
        n_labels = self._states.relation.shape[1]
        if not joined or n_labels == 0:
            return [np.zeros((count, n_labels), np.float32) for count in counts]
        rows = np.repeat(np.arange(len(counts)), counts)
        logits = self._network.pair_logits(
            self._states, self._vectors(spans), self._tensor(rows), self._tensor(joined)
        )
        return np.split(_probabilities(logits), np.cumsum(counts)[:-1])

    def _tensor(self, values: Sequence[object] | NDArray[np.int64]) -> Tensor:
        return torch.as_tensor(np.asarray(values, np.int64), device=self._device)


def _probabilities(logits: Tensor) -> Floats:
    host: Floats = torch.sigmoid(logits.float()).cpu().numpy()
    return host


def _clip(scores: Floats, n_words: int) -> Floats:
    """Cut padding off one row (W, K, C): spans that run over the last word get 0."""
    own = scores[:n_words]
    over = np.arange(n_words)[:, None] + np.arange(own.shape[1])[None, :] >= n_words
    own[over] = 0.0
    return own
