"""GLiNER-Relex: entities and relations of any label, found in one pass (arXiv 2605.10108).

An encoder reads the labels and the text together (`prompt.py`). Then mentions are found in one of
two ways. A span-level model (large-v0.5, large-v1.0) scores each span of up to K words against the
entity labels by a dot product. A token-level model (base-v1.0, multi-v1.0) scores each word as the
first, the last, or one of the words of a mention of each label. Spans above a threshold are paired,
all with all or as an adjacency decoder says, and each ordered pair is scored against the relation
labels, by a head over the pair or by a formula over head, relation and tail.

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

from kgbuild.models.encoder import Encoder
from kgbuild.models.packed import PackedLinear, pack
from kgbuild.models.pooling import gather, pool
from kgbuild.models.prompt import Batch
from kgbuild.models.relex_layers import ADJACENCY, TRIPLES
from kgbuild.models.span_layers import GRIDS, Grid, Sides, head

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from kgbuild.models.bert import Bert


@dataclass(frozen=True, slots=True)
class RelexConfig:
    """The keys of `gliner_config.json` that decide the architecture, with its defaults."""

    hidden_size: int = 512
    max_width: int = 12
    """Longest span, in words."""
    span_mode: str = "markerV0"
    """How a span's vector is made; or `token_level`."""
    relations_layer: str = "none"
    """Adjacency decoder; `none` pairs all with all."""
    triples_layer: str | None = None
    """Triple scorer, in the place of the pair head."""
    subtoken_pooling: str = "first"
    fuse_layers: bool = False
    num_rnn_layers: int = 1
    dropout: float = 0.1
    embed_ent_token: bool = True
    """Whether a label is represented by the token before it, or by its own first token."""
    embed_rel_token: bool = True
    ent_token: str = "<<ENT>>"
    sep_token: str = "<<SEP>>"
    rel_token: str = "<<REL>>"
    max_len: int = 384
    """Words per text that the model was trained on."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "RelexConfig":
        """Pick this class's fields out of a checkpoint's configuration."""
        return cls(**{name: values[name] for name in cls.__slots__ if name in values})

    @property
    def is_token_level(self) -> bool:
        """Whether words are scored, rather than spans."""
        return self.span_mode == "token_level"


@dataclass(frozen=True, slots=True)
class States:
    """What the encoder makes of a batch: words (B, W, H), entity (B, C, H), relation (B, R, H).

    `n_words` (B) says how many of the words are no padding.
    """

    words: Tensor
    n_words: Tensor
    entity: Tensor
    relation: Tensor


class PairedHead(nn.Sequential):
    """`head(2H, H)` over concatenated vectors [x; y], computed without concatenating them."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__(*head(2 * width, width, dropout))
        self._halves: tuple[PackedLinear, PackedLinear] | None = None

    def pack(self, layer: type[PackedLinear]) -> None:
        """Pack the first layer for inference, one half for each side."""
        first: nn.Linear = self[0]  # type: ignore[assignment]
        left, right = first.weight.chunk(2, dim=1)
        self._halves = layer(left, None), layer(right, first.bias)
        self[0] = nn.Identity()

    def sides(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the first layer to either side; the sum of the two is the hidden layer's input."""
        if self._halves is not None:
            return self._halves[0](x), self._halves[1](y)
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
    """Span vectors from the first and last word: the public `markerV0`, and token-level models."""

    def __init__(self, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self._max_width = max_width
        self.project_start = head(width, width, dropout)
        self.project_end = head(width, width, dropout)
        self.out_project = PairedHead(width, dropout)

    def sides(self, words: Tensor, n_words: Tensor) -> Sides:
        """Return what each word contributes as first and as last word, both (…, W, 4H)."""
        start = functional.relu(self.project_start(words))
        end = functional.relu(self.project_end(words))
        return self.out_project.sides(start, end)

    def logits(self, sides: Sides, labels: Tensor) -> Tensor:
        """Score all spans against labels (B, C, H): (B, W, K, C)."""
        start, end = sides
        matrix, offset = self.out_project.fold(labels)
        n_rows, n_words = start.shape[:2]
        shape = (n_rows, n_words, self._max_width, matrix.shape[1])
        scores = start.new_full(shape, -torch.inf, dtype=torch.float32)
        for k in range(min(self._max_width, n_words)):
            hidden = self.out_project.hidden(start[:, : n_words - k], end[:, k:])
            scores[:, : n_words - k, k] = (hidden @ matrix.mT + offset[:, None, :]).float()
        return scores

    def vectors(self, sides: Sides, spans: Tensor) -> Tensor:
        """Vectors (N, H) of `spans` (N, 3): row of the batch, first word, last word."""
        row, first, last = spans.unbind(1)
        start, end = sides
        return self.out_project.output(self.out_project.hidden(start[row, first], end[row, last]))

    def vectors_of(self, words: Tensor, spans: Tensor) -> Tensor:
        """The same straight from the words (B, W, H), for a few spans."""
        row, first, last = spans.unbind(1)
        start = functional.relu(self.project_start(words[row, first]))
        end = functional.relu(self.project_end(words[row, last]))
        return self.out_project.output(self.out_project.hidden(*self.out_project.sides(start, end)))


class TokenScorer(nn.Module):
    """Whether a word is the first, the last, or one of the words of a mention of a label.

    A word gives t₀ and t₁, a label l₀ and l₁; the logits are W₂ relu(W₁ [t₀; l₀; t₁∘l₁]).
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.proj_token: nn.Module = nn.Linear(width, 2 * width)
        self.proj_label: nn.Module = nn.Linear(width, 2 * width)
        self.out_mlp = nn.Sequential(
            nn.Linear(3 * width, 4 * width), nn.Dropout(dropout), nn.ReLU(), nn.Linear(4 * width, 3)
        )
        self._packed: tuple[PackedLinear, PackedLinear, PackedLinear] | None = None

    def pack(self, layer: type[PackedLinear]) -> None:
        """Pack the wide layers for inference; the first of `out_mlp` in its three parts."""
        first: nn.Linear = self.out_mlp[0]  # type: ignore[assignment]
        of_word, of_label, of_both = first.weight.chunk(3, dim=1)
        self._packed = (
            layer(of_word, None),
            layer(of_label, first.bias),
            layer(of_both, None),
        )
        self.out_mlp[0] = nn.Identity()
        pack(self, layer, keep=("out_mlp",))

    def forward(self, words: Tensor, labels: Tensor) -> Tensor:
        """Return logits (B, W, C, 3) for words (B, W, H) and labels (B, C, H).

        W₁ is applied to t₀ and l₀ once, and to the products one label at a time, so that the
        hidden layer of all words and labels is never in memory.
        """
        t0, t1 = self.proj_token(words).chunk(2, dim=-1)
        l0, l1 = self.proj_label(labels).chunk(2, dim=-1)
        if self._packed is not None:
            rows = zip(t0, t1, l0, l1, strict=True)
            return torch.stack([self._row(*row, *self._packed) for row in rows])
        first: nn.Linear = self.out_mlp[0]  # type: ignore[assignment]
        of_word, of_label, of_both = first.weight.chunk(3, dim=1)
        word_side = functional.linear(t0, of_word)  # (B, W, 4H)
        label_side = functional.linear(l0, of_label, first.bias)  # (B, C, 4H)
        rest = self.out_mlp[1:]
        logits = [
            rest(
                functional.linear(t1 * l1[:, None, c], of_both) + word_side + label_side[:, None, c]
            )
            for c in range(labels.shape[1])
        ]
        return torch.stack(logits, dim=2) if logits else words.new_zeros(*words.shape[:2], 0, 3)

    def _row(
        self,
        t0: Tensor,
        t1: Tensor,
        l0: Tensor,
        l1: Tensor,
        of_word: PackedLinear,
        of_label: PackedLinear,
        of_both: PackedLinear,
    ) -> Tensor:
        """Logits (W, C, 3) of one text: what is added to a product is added while multiplying."""
        word_side, label_side, last = of_word(t0), of_label(l0), self.out_mlp[3]
        logits = t0.new_empty(len(t0), len(l0), 3)
        for c in range(len(l0)):
            logits[:, c] = last(of_both.plus(t1 * l1[c], word_side, label_side[c]).relu_())
        return logits


class Relex(nn.Module):
    """The joint model. Built empty; `checkpoint.py` fills it."""

    def __init__(self, config: RelexConfig, transformer: "PreTrainedModel | Bert") -> None:
        super().__init__()
        width, dropout = config.hidden_size, config.dropout
        self.config = config
        self.encoder = Encoder(transformer, width, fuse=config.fuse_layers)
        self.lstm = _lstm(width, config.num_rnn_layers)
        self.spans: Spans | Grid = GRIDS.get(config.span_mode, Spans)(
            width, config.max_width, dropout
        )
        self.entity_labels = head(width, width, dropout)
        if config.is_token_level:
            self.scorer = TokenScorer(width, dropout)
        self.adjacency = (
            ADJACENCY[config.relations_layer.lower()](width)
            if config.relations_layer != "none"
            else None
        )
        if config.triples_layer is None:
            self.pairs = PairedHead(width, dropout)
        else:
            self.triples = TRIPLES[config.triples_layer](width)

    def pack(self, layer: type[PackedLinear]) -> None:
        """Rearrange for inference; what only sees the few spans that are paired stays as it is."""
        pack(self, layer, keep=("adjacency", "triples"))

    def encode(self, batch: Batch) -> States:
        """Read labels and text together."""
        tokens = self.encoder(batch.ids, batch.mask)
        words = pool(tokens, batch.words, batch.word_ends, self.config.subtoken_pooling)
        if self.lstm is not None and words.shape[1]:
            words = _run_lstm(self.lstm, words, batch.n_words)
        entity = self.entity_labels(gather(tokens, batch.entity))
        return States(words, batch.n_words, entity, gather(tokens, batch.relation))

    def sides(self, states: States) -> Sides:
        """Prepare the words of a batch for span vectors, as the span mode does it."""
        return self.spans.sides(states.words, states.n_words)

    def span_logits(self, states: States, sides: Sides) -> Tensor:
        """Score every span: (B, W, K, C), where [b, s, k] is the span of words s … s + k.

        Spans that run over the last word of a text are the caller's to mask.
        """
        return self.spans.logits(sides, states.entity)

    def token_logits(self, states: States) -> Tensor:
        """Score every word, in a token-level model: (B, W, C, 3) as first, last, one of many."""
        logits: Tensor = self.scorer(states.words, states.entity)
        return logits

    def span_vectors(self, sides: Sides, spans: Tensor) -> Tensor:
        """Vectors (N, H) of `spans` (N, 3): row of the batch, first word, last word."""
        return self.spans.vectors(sides, spans)

    def few_span_vectors(self, states: States, spans: Tensor) -> Tensor:
        """The same in a token-level model, which looks at no span but these."""
        vectors: Tensor = self.spans.vectors_of(states.words, spans)  # type: ignore[operator]
        return vectors

    def pair_logits(self, states: States, vectors: Tensor, rows: Tensor, pairs: Tensor) -> Tensor:
        """Score ordered pairs against every relation label: (M, R).

        Args:
            states: Of the batch.
            vectors: Span vectors, (N, H).
            rows: Row of the batch that each pair stands in, (M), ascending.
            pairs: Indices of head and tail in `vectors`, (M, 2).
        """
        counts = torch.bincount(rows, minlength=states.relation.shape[0]).tolist()
        parts = torch.split(pairs, counts)
        if self.config.triples_layer is not None:
            return torch.cat(
                [
                    self.triples(vectors[part[:, 0]], labels, vectors[part[:, 1]])
                    for part, labels in zip(parts, states.relation, strict=True)
                ]
            )
        head_side, tail_side = self.pairs.sides(vectors, vectors)
        matrix, offset = self.pairs.fold(states.relation)
        scored = []
        for row, part in enumerate(parts):
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
