"""Two entities and their context → what they are to each other (ATLOP, arXiv 2010.11304).

Sizes: d width of the encoder, P pairs, z width of an entity in a pair, G width of a group, O
outputs.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from kgbuild.errors import ModelError
from kgbuild.models.docre.pooling import pool_entities

if TYPE_CHECKING:
    from kgbuild.models.docre.document_encoder import DocumentStates

GROUP = 64
CHUNK = 2048
"""Pairs at once: their products take 4·GROUP² = 16 KB each."""


class LocalizedPairs(nn.Module):
    """Head and tail of each pair, each of them in the light of what both look at.

    With entity e and context c, tanh(W [e; c] + b), where head and tail have weights of their own
    (ATLOP, section 3.3).

    Args:
        width: d.
        pair_width: z.
        pooling: How mentions become entities.
    """

    def __init__(self, width: int, pair_width: int, pooling: str) -> None:
        super().__init__()
        self.head = nn.Linear(2 * width, pair_width)
        self.tail = nn.Linear(2 * width, pair_width)
        self._pooling = pooling

    def forward(
        self, states: "DocumentStates", pairs: Tensor, context: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Heads and tails, (P, z) each, of the pairs (P, 2) of one document, in context (P, d)."""
        entities = pool_entities(states, self._pooling)
        heads = torch.cat([entities[pairs[:, 0]], context], dim=1)
        tails = torch.cat([entities[pairs[:, 1]], context], dim=1)
        return torch.tanh(self.head(heads)), torch.tanh(self.tail(tails))


class GroupBilinear(nn.Module):
    """A bilinear form of each group of features, summed over the groups (ATLOP, equation 5).

    A group's products are made, multiplied by its weights and forgotten before the next group's, so
    that the (P, G·z) tensor of published code never exists in inference.

    Args:
        width: z; its groups are `GROUP` wide.
        n_outputs: O.

    Raises:
        ModelError: The groups do not fill the width.
    """

    def __init__(self, width: int, n_outputs: int) -> None:
        super().__init__()
        if width % GROUP:
            raise ModelError(f"pair_width is {width}; it must be a multiple of {GROUP}")
        self.weight = nn.Parameter(torch.empty(width // GROUP, GROUP * GROUP, n_outputs))
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        bound = (width * GROUP) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Outputs (P, O) of heads and tails (P, z)."""
        chunks = zip(torch.split(heads, CHUNK), torch.split(tails, CHUNK), strict=True)
        return torch.cat([self._outputs(head, tail) for head, tail in chunks]) + self.bias

    def _outputs(self, heads: Tensor, tails: Tensor) -> Tensor:
        outputs = heads.new_zeros(len(heads), self.weight.shape[2])
        for head, tail, weight in zip(
            torch.split(heads, GROUP, 1), torch.split(tails, GROUP, 1), self.weight, strict=True
        ):
            products = head[:, :, None] * tail[:, None, :]  # (P, G, G)
            outputs = outputs.addmm(products.flatten(1), weight)
        return outputs
