"""DeBERTa's attention (arXiv 2006.03654, equation 4; v3: arXiv 2111.09543) for inference.

A score is content to content, content to position and position to content:

    A[i, j] = (q_i · k_j  +  q_i · p[δ(i - j)]  +  k_j · s[δ(i - j)]) / √(3 d)

where p and s are the keys and queries of the relative positions δ. They are the same for every
input, so they are computed once. As δ depends on i - j only, each of the two position terms is one
product with the 2T - 1 positions in a row, read along its diagonals; no entry is gathered.

Sizes: B texts, T tokens, h heads of width d, P relative positions.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from kgbuild.models.packed import PackedLinear

if TYPE_CHECKING:
    from transformers.models.deberta_v2.modeling_deberta_v2 import DisentangledSelfAttention


class DisentangledAttention(nn.Module):
    """Takes the place of `DisentangledSelfAttention` of `transformers`.

    Args:
        attention: The module it replaces, in evaluation mode.
        positions: Embeddings of the relative positions as the encoder passes them on, (P, H).
        layer: Of what kind the projections are to be.
    """

    def __init__(
        self, attention: "DisentangledSelfAttention", positions: Tensor, layer: type[PackedLinear]
    ) -> None:
        super().__init__()
        self._heads: int = attention.num_attention_heads
        self._buckets: int = attention.position_buckets
        self._furthest: int = attention.max_relative_positions
        self._kinds = [kind for kind in ("c2p", "p2c") if kind in attention.pos_att_type]
        width = attention.attention_head_size
        scale = 1 / math.sqrt(width * (1 + len(self._kinds)))
        projections = (attention.query_proj, attention.key_proj, attention.value_proj)
        scales = (scale, 1.0, 1.0)
        self._project = layer(
            torch.cat([one.weight * by for one, by in zip(projections, scales, strict=True)]),
            torch.cat([one.bias * by for one, by in zip(projections, scales, strict=True)]),
        )
        names = {"c2p": "key_proj", "p2c": "query_proj"}
        if not attention.share_att_key:
            names = {kind: f"pos_{name}" for kind, name in names.items()}
        positions = positions[: 2 * attention.pos_ebd_size]
        tables: dict[str, Tensor] = {
            kind: getattr(attention, names[kind])(positions) for kind in self._kinds
        }
        if "p2c" in tables:
            tables["p2c"] = tables["p2c"] * scale  # that of `c2p` is in the queries
        self._tables = {
            kind: table.view(-1, self._heads, width).transpose(0, 1)
            for kind, table in tables.items()
        }  # (h, P, d)

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor, *_: object, **__: object
    ) -> tuple[Tensor, None]:
        """Return (B, T, H) for states (B, T, H) and a mask of pairs (B, 1, T, T)."""
        n_rows, length, _width = hidden_states.shape
        projected = self._project(hidden_states).view(n_rows, length, 3, self._heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4).flatten(1, 2).contiguous()
        scores = torch.bmm(query, key.transpose(1, 2))
        if "c2p" in self._kinds:
            scores += self._of_positions("c2p", query)
        if "p2c" in self._kinds:
            scores += self._of_positions("p2c", key).transpose(1, 2)
        scores = scores.view(n_rows, self._heads, length, length)
        if n_rows > 1:  # a single text has no padding
            scores.masked_fill_(~attention_mask.bool(), torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, dim=-1).flatten(0, 1)
        context = torch.bmm(weights, value).view(n_rows, self._heads, length, -1)
        return context.transpose(1, 2).flatten(2), None

    def _of_positions(self, kind: str, vectors: Tensor) -> Tensor:
        """Scores of queries or keys (B·h, T, d) with the positions, (B·h, T, T)."""
        length, table = vectors.shape[1], self._tables[kind]
        places = _places(length, self._buckets, self._furthest, table.shape[1])
        # Along a row i - j falls, where the row belongs to i; it rises where it belongs to j.
        rows = table[:, places.flip(0) if kind == "c2p" else places].transpose(1, 2)
        n_rows = len(vectors) // self._heads
        products = torch.bmm(vectors, rows.repeat(n_rows, 1, 1) if n_rows > 1 else rows)
        wide = 2 * length - 1
        return products.as_strided(
            (len(products), length, length), (length * wide, wide - 1, 1), length - 1
        )


@lru_cache(maxsize=256)
def _places(length: int, buckets: int, furthest: int, size: int) -> Tensor:
    """Rows of a table of `size` positions for i - j from 1 - T to T - 1."""
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    apart = torch.arange(1 - length, length)
    if buckets > 0 and furthest > 0:
        apart = make_log_bucket_position(apart, buckets, furthest)
    places: Tensor = (apart.long() + size // 2).clamp(0, size - 1)
    return places


def disentangle(transformer: nn.Module, layer: type[PackedLinear]) -> None:
    """Exchange the attention of a DeBERTa-v2 or -v3 encoder, in evaluation mode, in place."""
    encoder: Any = transformer.encoder
    positions = encoder.get_rel_embedding()
    for one in encoder.layer:
        one.attention.self = DisentangledAttention(one.attention.self, positions, layer)
    encoder.relative_attention = False  # nothing is left to be computed for every input
