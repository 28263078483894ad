"""Labels → vectors, by an encoder that reads each label on its own.

A label's vector is the mean of its tokens' states (GLiDRE, arXiv 2508.00757, section 3). It depends
on no document, so that in evaluation each label is read once.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from kgbuild.models.docre.documents import RelationLabels

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LONGEST = 64
"""Tokens of a label that are read; a description may be cut."""


class LabelEncoder(nn.Module):
    """An encoder of `transformers` that reads labels.

    Args:
        transformer: Encoder with states of width d.
        tokenizer: Its tokenizer.
    """

    def __init__(self, transformer: "PreTrainedModel", tokenizer: Tokenizer) -> None:
        super().__init__()
        self.transformer = transformer
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.enable_padding()
        self._read: dict[str, Tensor] = {}

    def train(self, mode: bool = True) -> "LabelEncoder":  # noqa: FBT001, FBT002  # as in PyTorch
        """Forget what was read: the weights may change."""
        self._read.clear()
        return super().train(mode)

    def forward(self, labels: RelationLabels) -> Tensor:
        """Return vectors (R, d) of labels, read with their descriptions where they have one."""
        texts = [
            f"{name}: {description}" if description else name
            for name, description in zip(labels.names, labels.descriptions, strict=True)
        ]
        if self.training or torch.is_grad_enabled():
            return self._encode(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in self._read]
        if missing:
            self._read.update(zip(missing, self._encode(missing), strict=True))
        return torch.stack([self._read[text] for text in texts]) if texts else self._encode([])

    def _encode(self, texts: Sequence[str]) -> Tensor:
        if not texts:
            return torch.zeros(
                0, self.transformer.config.hidden_size, device=next(self.parameters()).device
            )
        encoded = self._tokenizer.encode_batch(list(texts))
        device = next(self.transformer.parameters()).device
        ids = torch.tensor([one.ids for one in encoded], device=device)
        mask = torch.tensor([one.attention_mask for one in encoded], device=device)
        states: Tensor = self.transformer(input_ids=ids, attention_mask=mask)[0]
        inside = mask[..., None].to(states.dtype)
        return (states * inside).sum(dim=1) / inside.sum(dim=1)
