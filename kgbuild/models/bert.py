"""BERT (arXiv 1810.04805), as `transformers` has it and under the same names of weights.

The model in the box is one. Importing the library's classes takes longer than everything else that
happens before the first text is read, so a plain BERT does without them; `checkpoint.py` takes the
library's class for whatever is not plain.

Sizes: B texts, T tokens, H width.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.models.fused import FusedAttention
from kgbuild.models.packed import PackedLinear

_PLAIN: dict[str, tuple[object, ...]] = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
}
"""What is computed here; the first is what a missing key means."""


class BertConfig(SimpleNamespace):
    """The values of an encoder's configuration, as attributes."""

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain data."""
        return dict(vars(self))


def is_plain(values: Mapping[str, Any]) -> bool:
    """Whether an encoder of this configuration is one that `Bert` computes."""
    return "model_type" in values and all(
        values.get(key, known[0]) in known for key, known in _PLAIN.items()
    )


class Bert(nn.Module):
    """An encoder for inputs of one segment.

    Args:
        values: Configuration of `transformers`.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = BertConfig(**values)
        self.embeddings = _Embeddings(self.config)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(
            _Layer(self.config) for _ in range(self.config.num_hidden_layers)
        )

    def forward(self, *, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """Return states (B, T, H), in a tuple, for ids and mask (B, T)."""
        states: Tensor = self.embeddings(input_ids)
        padded = not bool(attention_mask.all())
        allowed = attention_mask[:, None, None, :].bool() if padded else None
        for layer in self.encoder.layer:  # type: ignore[union-attr]
            states = layer(states, allowed)
        return (states,)


def _table(rows: int, width: int) -> nn.Embedding:
    """Without random values: drawing them on the meta device imports PyTorch's compiler."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))


class _Embeddings(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = _table(config.vocab_size, width)
        self.position_embeddings = _table(config.max_position_embeddings, width)
        self.token_type_embeddings = _table(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids: Tensor) -> Tensor:
        positions = self.position_embeddings.weight[: ids.shape[1]]
        fixed = positions + self.token_type_embeddings.weight[0]
        states: Tensor = self.dropout(self.LayerNorm(self.word_embeddings(ids) + fixed))
        return states


class _Layer(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.intermediate = _Intermediate(config.hidden_size, config.intermediate_size)
        self.output = _Output(config.intermediate_size, config)

    def forward(self, states: Tensor, allowed: Tensor | None) -> Tensor:
        attended = self.attention(states, allowed)
        changed: Tensor = self.output(self.intermediate(attended), attended)
        return changed


class _Attention(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self: nn.Module = _SelfAttention(config)
        self.output = _Output(config.hidden_size, config)

    def forward(self, states: Tensor, allowed: Tensor | None) -> Tensor:
        context, _ = self.self(states, allowed)
        attended: Tensor = self.output(context, states)
        return attended

    def pack(self, layer: type[PackedLinear]) -> None:
        """Rearrange for inference."""
        self.self = FusedAttention(self.self, layer)
        self.output.pack(layer)


class _SelfAttention(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.num_attention_heads: int = config.num_attention_heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self._dropout: float = config.attention_probs_dropout_prob

    def forward(self, states: Tensor, allowed: Tensor | None) -> tuple[Tensor, None]:
        query, key, value = (
            of(states).unflatten(-1, (self.num_attention_heads, -1)).transpose(1, 2)
            for of in (self.query, self.key, self.value)
        )
        dropout = self._dropout if self.training else 0.0
        context = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=allowed, dropout_p=dropout
        )
        return context.transpose(1, 2).flatten(2), None


class _Intermediate(nn.Module):
    """The wide half of a layer, with its activation."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.dense: nn.Module = nn.Linear(width, wide)
        self._activation: nn.Module = nn.GELU()

    def forward(self, states: Tensor) -> Tensor:
        activated: Tensor = self._activation(self.dense(states))
        return activated

    def pack(self, layer: type[PackedLinear]) -> None:
        """Rearrange for inference: the activation within the product."""
        dense: nn.Linear = self.dense  # type: ignore[assignment]
        self.dense, self._activation = layer(dense.weight, dense.bias, "gelu"), nn.Identity()


class _Output(nn.Module):
    """A projection whose result is added to what the half layer began with."""

    def __init__(self, wide: int, config: BertConfig) -> None:
        super().__init__()
        self.dense: nn.Module = nn.Linear(wide, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, states: Tensor, before: Tensor) -> Tensor:
        changed: Tensor = self.LayerNorm(self.dropout(self.dense(states)) + before)
        return changed

    def pack(self, layer: type[PackedLinear]) -> None:
        """Rearrange for inference."""
        dense: nn.Linear = self.dense  # type: ignore[assignment]
        self.dense = layer(dense.weight, dense.bias)
