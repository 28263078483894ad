"""GLiNER-Relex: entities and relations of any label, found in one pass (arXiv 2605.10108).

An encoder reads the labels and the text together (`prompt.py`). Each word span of up to K words
is scored against the entity labels by a dot product; spans above a threshold are paired, and each
ordered pair is scored against the relation labels. This file holds the span-level model with all
pairs and the pair scorer, the variant of the released large-v1.0 checkpoint.

Results equal the public package's; the arithmetic is arranged so that less is computed. A
two-layer head W2·relu(W1·[x; y] + b1) + b2 of two vectors is split: W1 is applied once to every
x and every y, and W2 is folded into the label vectors that the result is multiplied with.

Sizes: B texts, T tokens, W words, K widths, C entity labels, R relation labels, H width,
N spans, M pairs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.models.encoder import Encoder, gather
from kgbuild.models.prompt import Batch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class RelexConfig:
    """The keys of `gliner_config.json` that decide the architecture."""

    hidden_size: int = 768
    max_width: int = 12
    """Longest span, in words."""
    num_rnn_layers: int = 1
    dropout: float = 0.1
    ent_token: str = "<<ENT>>"  # noqa: S105
    sep_token: str = "<<SEP>>"  # noqa: S105
    rel_token: str = "<<REL>>"  # noqa: S105
    max_len: int = 384
    """Words per text that the model was trained on."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "RelexConfig":
        """Pick this class's fields out of a checkpoint's configuration."""
        return cls(**{name: values[name] for name in cls.__slots__ if name in values})


@dataclass(frozen=True, slots=True)
class States:
    """What the encoder makes of a batch: words (B, W, H), entity (B, C, H), relation (B, R, H)."""

    words: Tensor
    entity: Tensor
    relation: Tensor


def head(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """A two-layer head, four times as wide inside as its output."""
    return nn.Sequential(
        nn.Linear(inputs, 4 * outputs),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(4 * outputs, outputs),
    )


class PairedHead(nn.Sequential):
    """`head(2H, H)` over concatenated vectors [x; y], computed without concatenating them."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__(*head(2 * width, width, dropout))

    def sides(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the first layer to either side; the sum of the two is the hidden layer's input."""
        first: nn.Linear = self[0]  # type: ignore[assignment]
        left, right = first.weight.chunk(2, dim=1)
        return functional.linear(x, left), functional.linear(y, right, first.bias)

    def hidden(self, x: Tensor, y: Tensor) -> Tensor:
        """From two sides to the hidden layer's output, (…, 4H)."""
        activated: Tensor = self[2](functional.relu(x + y))
        return activated

    def output(self, hidden: Tensor) -> Tensor:
        """From the hidden layer to the vectors, (…, H)."""
        vectors: Tensor = self[3](hidden)
        return vectors

    def fold(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Fold the second layer into label vectors (B, C, H).

        Returns a matrix (B, C, 4H) and an offset (B, C) such that `hidden · matrix + offset`
        is `output(hidden) · labels`.
        """
        second: nn.Linear = self[3]  # type: ignore[assignment]
        return labels @ second.weight, labels @ second.bias


class Spans(nn.Module):
    """Span vectors from the first and last word: the public `markerV0`."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.project_start = head(width, width, dropout)
        self.project_end = head(width, width, dropout)
        self.out_project = PairedHead(width, dropout)

    def sides(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each word contributes as first and as last word, both (…, W, 4H)."""
        start = functional.relu(self.project_start(words))
        end = functional.relu(self.project_end(words))
        return self.out_project.sides(start, end)


class Relex(nn.Module):
    """The joint model. Built empty; `checkpoint.py` fills it."""

    def __init__(self, config: RelexConfig, transformer: "PreTrainedModel") -> None:
        super().__init__()
        width, dropout = config.hidden_size, config.dropout
        self.config = config
        self.encoder = Encoder(transformer, width)
        self.lstm = _lstm(width, config.num_rnn_layers)
        self.spans = Spans(width, dropout)
        self.entity_labels = head(width, width, dropout)
        self.pairs = PairedHead(width, dropout)

    def encode(self, batch: Batch) -> States:
        """Read labels and text together."""
        tokens = self.encoder(batch.ids, batch.mask)
        words = gather(tokens, batch.words)
        if self.lstm is not None and words.shape[1]:
            words = _run_lstm(self.lstm, words, batch.n_words)
        entity = self.entity_labels(gather(tokens, batch.entity))
        return States(words, entity, gather(tokens, batch.relation))

    def span_logits(self, states: States, sides: tuple[Tensor, Tensor]) -> Tensor:
        """Score every span: (B, W, K, C), where [b, s, k] is the span of words s … s + k.

        Spans that run over the last word of the batch get -inf; padding is the caller's to mask.
        """
        start, end = sides
        matrix, offset = self.spans.out_project.fold(states.entity)
        n_rows, n_words = start.shape[:2]
        shape = (n_rows, n_words, self.config.max_width, matrix.shape[1])
        scores = start.new_full(shape, -torch.inf, dtype=torch.float32)
        for k in range(min(self.config.max_width, n_words)):
            hidden = self.spans.out_project.hidden(start[:, : n_words - k], end[:, k:])
            scores[:, : n_words - k, k] = (hidden @ matrix.mT + offset[:, None, :]).float()
        return scores

    def span_vectors(self, sides: tuple[Tensor, Tensor], spans: Tensor) -> Tensor:
        """Vectors (N, H) of `spans` (N, 3): row of the batch, first word, last word."""
        row, first, last = spans.unbind(1)
        start, end = sides
        out = self.spans.out_project
        return out.output(out.hidden(start[row, first], end[row, last]))

    def pair_logits(self, states: States, vectors: Tensor, rows: Tensor, pairs: Tensor) -> Tensor:
        """Score ordered pairs against every relation label: (M, R).

        Args:
            states: Of the batch.
            vectors: Span vectors, (N, H).
            rows: Row of the batch that each pair stands in, (M), ascending.
            pairs: Indices of head and tail in `vectors`, (M, 2).
        """
        head_side, tail_side = self.pairs.sides(vectors, vectors)
        matrix, offset = self.pairs.fold(states.relation)
        counts = torch.bincount(rows, minlength=matrix.shape[0]).tolist()
        scored = []
        for row, part in enumerate(torch.split(pairs, counts)):
            hidden = self.pairs.hidden(head_side[part[:, 0]], tail_side[part[:, 1]])
            scored.append(hidden @ matrix[row].T + offset[row])
        return torch.cat(scored)


def _lstm(width: int, layers: int) -> nn.LSTM | None:
    if layers == 0:
        return None
    return nn.LSTM(width, width // 2, num_layers=layers, bidirectional=True, batch_first=True)


def _run_lstm(lstm: nn.LSTM, words: Tensor, counts: Tensor) -> Tensor:
    packed = nn.utils.rnn.pack_padded_sequence(
        words, counts.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
    )
    output, _ = nn.utils.rnn.pad_packed_sequence(
        lstm(packed)[0], batch_first=True, total_length=words.shape[1]
    )
    return output
