"""BERT's layers for inference: queries, keys and values by one product, activations within one.

Also those of its kin in `transformers` that are built of the same parts.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.models.packed import PackedLinear

_ATTENTION = frozenset({"BertSelfAttention", "RobertaSelfAttention", "XLMRobertaSelfAttention"})


class FusedAttention(nn.Module):
    """Takes the place of `BertSelfAttention` of `transformers`.

    Args:
        attention: The module it replaces, in evaluation mode.
        layer: Of what kind the projection is to be.
    """

    def __init__(self, attention: nn.Module, layer: type[PackedLinear]) -> None:
        super().__init__()
        parts: Any = (attention.query, attention.key, attention.value)
        self._heads = int(attention.num_attention_heads)  # type: ignore[arg-type]
        self._project = layer(
            torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
        )

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **_: object
    ) -> tuple[Tensor, None]:
        """Return (B, T, H) for states (B, T, H) and a mask for scores (B, 1, T, T), or none."""
        n_rows, length, _width = hidden_states.shape
        projected = self._project(hidden_states).view(n_rows, length, 3, self._heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        context = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask
        )
        return context.transpose(1, 2).flatten(2), None


def fuse(transformer: nn.Module, layer: type[PackedLinear]) -> None:
    """Exchange attention and activations of an encoder, in evaluation mode, in place."""
    for module in list(transformer.modules()):
        attention: Any = getattr(module, "self", None)
        if type(attention).__name__ in _ATTENTION and _is_plain(attention):
            module.self = FusedAttention(attention, layer)
        activation = getattr(module, "intermediate_act_fn", None)
        if type(activation).__name__ == "GELUActivation" and type(module.dense) is nn.Linear:
            module.dense = layer(module.dense.weight, module.dense.bias, "gelu")
            module.intermediate_act_fn = nn.Identity()


def _is_plain(attention: Any) -> bool:  # noqa: ANN401
    """Whether nothing but the content of tokens decides, as older versions can have it."""
    kind = getattr(attention, "position_embedding_type", "absolute")
    return kind == "absolute" and not attention.is_decoder
