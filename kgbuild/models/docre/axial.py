"""Pairs that look at other pairs: axial attention over the grid of all pairs of a document.

What holds between s and p and between p and o says something of s and o: pair (s, o) attends to
all pairs (s, *) and, apart from that, to all pairs (*, o), so that one layer sees both steps
(KD-DocRE, arXiv 2203.10900, section 3.1). The grid has the size of its document, and cells (s, s),
which are no pairs, are attended to by none.

Sizes: E entities, d width, A heads.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.errors import ModelError

_AT_FIRST = 0.1
"""Weight of the last norm: untrained layers must not drown the pairs that are added to them."""


class AxialMixer(nn.Module):
    """Layers x ← LayerNorm(Linear(x + rows(x) + columns(x))), and the input added to the last.

    Raises:
        ModelError: The heads do not divide the width.
    """

    def __init__(self, width: int, *, n_layers: int, n_heads: int) -> None:
        super().__init__()
        if width % n_heads:
            raise ModelError(f"the width is {width}; {n_heads} heads do not divide it")
        layers = [AxialLayer(width, n_heads) for _ in range(n_layers)]
        for last in layers[-1:]:
            nn.init.constant_(last.norm.weight, _AT_FIRST)
        self.layers = nn.ModuleList(layers)

    def forward(self, grid: Tensor) -> Tensor:
        """Mixed pairs, (E, E, d), from pairs of the same shape, for E of at least two."""
        mixed = grid
        for layer in self.layers:
            mixed = layer(mixed)
        return grid + mixed


class AxialLayer(nn.Module):
    """One layer; rows and columns have weights of their own."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.rows = RowAttention(width, n_heads)
        self.columns = RowAttention(width, n_heads)
        self.linear = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, grid: Tensor) -> Tensor:
        """The grid's new state, (E, E, d)."""
        columns = self.columns(grid.transpose(0, 1)).transpose(0, 1)
        mixed: Tensor = self.norm(self.linear(grid + self.rows(grid) + columns))
        return mixed


class RowAttention(nn.Module):
    """Attention of each cell of a square grid to those of its row that are off the diagonal."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width)
        self._n_heads = n_heads

    def forward(self, grid: Tensor) -> Tensor:
        """What each cell reads, (E, E, d)."""
        split = self.inputs(grid).unflatten(-1, (3, self._n_heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # (E, A, E, d / A) each
        off = ~torch.eye(len(grid), dtype=torch.bool, device=grid.device)
        read = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=off[:, None, None, :]
        )
        mixed: Tensor = self.output(read.transpose(1, 2).flatten(2))
        return mixed
