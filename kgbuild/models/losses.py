"""Losses that more than one model uses."""

import torch
from torch import Tensor
from torch.nn import functional


def weighted_bce(logits: Tensor, targets: Tensor, counted: Tensor, positive: float) -> Tensor:
    """Binary cross-entropy over the cells that count, per positive cell.

    Positive cells weigh `positive`, negative ones 1 - `positive` (focal loss with γ = 0,
    arXiv 1708.02002, equation 3). Dividing by the number of positives rather than of cells keeps
    the scale when a text has many spans and labels but few entities.

    Args:
        logits: Any shape; where `counted` is false they may be infinite.
        targets: 0 or 1, same shape.
        counted: Whether the cell is known to be positive or negative, same shape.
        positive: Weight of positive cells, in (0, 1).
    """
    kept, wanted = logits[counted].float(), targets[counted].float()
    weights = wanted * (2 * positive - 1) + (1 - positive)
    loss = functional.binary_cross_entropy_with_logits(kept, wanted, weights, reduction="sum")
    return loss / torch.clamp(wanted.sum(), min=1.0)
