"""A Hugging Face encoder, and how vectors are read off its token states."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Encoder(nn.Module):
    """Token ids → token vectors of width H.

    Args:
        transformer: "PreTrainedModel" encoder of `transformers`.
        width: H. Where it differs from the transformer's own width, a linear layer maps to it.
    """

    def __init__(self, transformer: "PreTrainedModel", width: int) -> None:
        super().__init__()
        self.transformer = transformer
        own = int(transformer.config.hidden_size)
        self.projection = nn.Linear(own, width) if own != width else None

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, H) for ids and mask (B, T)."""
        states: Tensor = self.transformer(input_ids=ids, attention_mask=mask.long())[0]
        return states if self.projection is None else self.projection(states)


def gather(states: Tensor, positions: Tensor) -> Tensor:
    """Read the vectors at `positions` (B, N) off `states` (B, T, H); zeros where it is -1."""
    index = positions.clamp(min=0)[:, :, None].expand(-1, -1, states.shape[-1])
    picked = torch.gather(states, 1, index)
    return picked * (positions >= 0)[:, :, None].to(picked.dtype)
