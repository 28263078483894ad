"""Examples → tensors: a batch for the model, and the answers laid out like its scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgbuild.models.prompt import Batch, Labels, Prompter, Words
from kgbuild.training.examples import UNKNOWN, Example


@dataclass(frozen=True, slots=True)
class Prepared:
    """An example with its tokens.

    Attributes:
        spans: Per mention, its first and last word; mentions that do not fall on word borders, or
            are wider than the model's widest span, are left out (and their row of the targets too).
        kept: Indices of those mentions in the example.
    """

    example: Example
    labels: Labels
    words: Words
    spans: tuple[tuple[int, int], ...]
    kept: tuple[int, ...]

    @property
    def length(self) -> int:
        """Tokens of the input, without the tokenizer's own special tokens."""
        return len(self.labels.ids) + len(self.words.ids)


def prepare(
    prompter: Prompter, examples: Sequence[Example], max_width: int, max_tokens: int
) -> list[Prepared]:
    """Tokenise examples; those longer than the encoder can read are dropped."""
    words = prompter.words([example.text for example in examples])
    prepared = []
    for example, text in zip(examples, words, strict=True):
        labels = prompter.labels(example.entity_labels, example.relation_labels)
        spans, kept = _word_spans(example, text, max_width)
        one = Prepared(example, labels, text, spans, kept)
        if text.spans and one.length <= max_tokens:
            prepared.append(one)
    return prepared


def _word_spans(
    example: Example, words: Words, max_width: int
) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    starts = {start: i for i, (start, _) in enumerate(words.spans)}
    ends = {end: i for i, (_, end) in enumerate(words.spans)}
    found = [
        ((starts[start], ends[end]), i)
        for i, (start, end) in enumerate(example.mentions)
        if start in starts and end in ends and 0 <= ends[end] - starts[start] < max_width
    ]
    return tuple(span for span, _ in found), tuple(i for _, i in found)


def batches(pool: Sequence[Prepared], max_tokens: int) -> list[list[Prepared]]:
    """Group examples of like length so that a padded batch has at most `max_tokens` tokens."""
    grouped: list[list[Prepared]] = []
    current: list[Prepared] = []
    for one in sorted(pool, key=lambda prepared: prepared.length):
        if current and (len(current) + 1) * one.length > max_tokens:
            grouped.append(current)
            current = []
        current.append(one)
    return [*grouped, current] if current else grouped


def collate(prompter: Prompter, group: Sequence[Prepared]) -> Batch:
    """Lay out the inputs of a batch."""
    return prompter.batch([one.labels for one in group], [one.words for one in group])


_SAMPLED = 0.2
"""Share of the spans of a text with unlabelled mentions that count as negative. Most spans are no
mentions, so a sample is nearly right, and without it a model says yes to whatever it is asked for
with the labels of such a text (arXiv 2012.05426)."""


def entity_targets(group: Sequence[Prepared], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Answers for every span and label, and whether each counts; both of `shape` (B, W, K, C)."""
    targets = torch.zeros(tuple(shape), dtype=torch.bool)
    known = torch.zeros(tuple(shape), dtype=torch.bool)
    widths = torch.arange(shape[2])
    for row, one in enumerate(group):
        n_words, n_labels = len(one.words.spans), len(one.labels.entity)
        counts = torch.arange(n_words)[:, None] + widths[None, :] < n_words
        if not one.example.spans_known:
            counts &= torch.rand(counts.shape) < _SAMPLED
        known[row, :n_words, :, :n_labels] = counts[:, :, None]
        for (first, last), mention in zip(one.spans, one.kept, strict=True):
            answers = torch.from_numpy(one.example.types[mention])
            targets[row, first, last - first, :n_labels] |= answers == 1
            known[row, first, last - first, :n_labels] = answers != UNKNOWN
    return targets, known


def word_targets(group: Sequence[Prepared], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The same for token-level models, both of `shape` (B, W, C, 3): first, last, one of many."""
    targets = torch.zeros(tuple(shape), dtype=torch.bool)
    known = torch.zeros(tuple(shape), dtype=torch.bool)
    for row, one in enumerate(group):
        n_words, n_labels = len(one.words.spans), len(one.labels.entity)
        counts = torch.ones(n_words, dtype=torch.bool)
        if not one.example.spans_known:
            counts = torch.rand(n_words) < _SAMPLED
        known[row, :n_words, :n_labels] = counts[:, None, None]
        for (first, last), mention in zip(one.spans, one.kept, strict=True):
            answers = torch.from_numpy(one.example.types[mention])
            known[row, first : last + 1, :n_labels] = (answers != UNKNOWN)[None, :, None]
            targets[row, first, :n_labels, 0] |= answers == 1
            targets[row, last, :n_labels, 1] |= answers == 1
            targets[row, first : last + 1, :n_labels, 2] |= answers == 1
    return targets, known


@dataclass(frozen=True, slots=True)
class PairTargets:
    """Pairs to be scored, and their answers.

    Shapes: spans (N, 3) as row, first and last word; rows (M); pairs (M, 2) into spans; targets
    and known (M, R).
    """

    spans: Tensor
    rows: Tensor
    pairs: Tensor
    targets: Tensor
    known: Tensor


def pair_targets(
    group: Sequence[Prepared],
    extra: Sequence[Sequence[tuple[int, int]]],
    n_labels: int,
    max_pairs: int,
    generator: np.random.Generator,
) -> PairTargets:
    """Pair the mentions of each row, together with spans that are none (`extra`, per row)."""
    spans: list[tuple[int, int, int]] = []
    rows, pairs, answers = [], [], []
    for row, one in enumerate(group):
        own = len(one.labels.relation)
        if own == 0:
            continue
        count, total = len(one.spans), len(one.spans) + len(extra[row])
        matrix = np.full((total, total, n_labels), UNKNOWN, np.int8)
        matrix[:, :, :own] = 0
        matrix[:count, :count, :own] = one.example.relations[np.ix_(one.kept, one.kept)]
        chosen = _choose_pairs(matrix, max_pairs, generator)
        pairs.append(chosen + len(spans))
        rows.append(np.full(len(chosen), row))
        answers.append(matrix[chosen[:, 0], chosen[:, 1]])
        spans += [(row, first, last) for first, last in (*one.spans, *extra[row])]
    if not pairs or not sum(map(len, pairs)):
        nothing = torch.zeros((0, n_labels), dtype=torch.bool)
        empty = torch.zeros((0, 2), dtype=torch.long)
        return PairTargets(
            torch.zeros((0, 3), dtype=torch.long), empty[:, 0], empty, nothing, nothing
        )
    answer = torch.from_numpy(np.concatenate(answers))
    return PairTargets(
        torch.tensor(spans, dtype=torch.long),
        torch.from_numpy(np.concatenate(rows)),
        torch.from_numpy(np.concatenate(pairs)),
        answer == 1,
        answer != UNKNOWN,
    )


def _choose_pairs(matrix: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
    """All ordered pairs that tell anything; of the purely negative ones at most `most`."""
    tells = (matrix != UNKNOWN).any(axis=2)
    np.fill_diagonal(tells, val=False)
    positive = (matrix == 1).any(axis=2) & tells
    negative = np.argwhere(tells & ~positive)
    if len(negative) > most:
        negative = negative[np.sort(generator.choice(len(negative), most, replace=False))]
    return np.concatenate([np.argwhere(positive), negative])
