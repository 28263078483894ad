"""How vectors are read off an encoder's token states.

Sizes: B texts, T tokens, W words, H width.
"""

import torch
from torch import Tensor

POOLINGS = ("first", "last", "mean", "max")


def gather(states: Tensor, positions: Tensor) -> Tensor:
    """Read the vectors at `positions` (B, N) off `states` (B, T, H); zeros where it is -1."""
    index = positions.clamp(min=0)[:, :, None].expand(-1, -1, states.shape[-1])
    picked = torch.gather(states, 1, index)
    return picked * (positions >= 0)[:, :, None].to(picked.dtype)


def pool(states: Tensor, first: Tensor, last: Tensor, how: str) -> Tensor:
    """Word vectors (B, W, H) from token states (B, T, H); zeros for a word without tokens.

    Args:
        states: Of all tokens.
        first: Position of each word's first token, (B, W); -1 for a word without tokens.
        last: Position of its last token.
        how: One of `POOLINGS`: one of these two tokens, or all of them together.
    """
    if how == "first":
        return gather(states, first)
    if how == "last":
        return gather(states, last)
    at = torch.arange(states.shape[1], device=states.device)
    belongs = (first[:, :, None] <= at) & (at <= last[:, :, None])  # (B, W, T)
    n_words = first.shape[1]
    nowhere = belongs.new_ones(len(states), 1, states.shape[1])  # a word for all other tokens
    word = torch.cat([belongs, nowhere], dim=1).int().argmax(dim=1)  # (B, T)
    pooled = states.new_zeros(len(states), n_words + 1, states.shape[2]).scatter_reduce(
        1,
        word[:, :, None].expand_as(states),
        states,
        reduce="mean" if how == "mean" else "amax",
        include_self=False,
    )
    return pooled[:, :n_words]
