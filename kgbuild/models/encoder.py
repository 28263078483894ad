"""A Hugging Face encoder."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.models.disentangled import disentangle
from kgbuild.models.fused import fuse
from kgbuild.models.packed import PackedLinear, pack

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from kgbuild.models.bert import Bert


class LayerFuser(nn.Module):
    """All layers of an encoder, each weighted by a gate of its own (arXiv 1709.01507, section 3).

    The gates are read off the mean of each layer, squeezed to one number per token.
    """

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, 1)
        self.W1 = nn.Linear(layers, layers // 2)
        self.W2 = nn.Linear(layers // 2, layers)
        self.output_projection = nn.Linear(width, width)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, H) for states of L layers (B, L, T, H) and the mask of tokens (B, T)."""
        present = mask[:, None, :].to(states.dtype)
        squeezed = self.squeeze(states).squeeze(-1) * present  # (B, L, T)
        means = squeezed.sum(dim=2) / present.sum(dim=2)
        gates = torch.sigmoid(self.W2(functional.relu(self.W1(means))))
        fused: Tensor = self.output_projection(torch.einsum("bl,blth->bth", gates, states))
        return fused


class Encoder(nn.Module):
    """Token ids → token vectors of width H.

    Args:
        transformer: Encoder of `transformers`, or ours.
        width: H. Where it differs from the transformer's own width, a linear layer maps to it.
        fuse: Whether all layers are used, rather than the last one.
    """

    def __init__(
        self, transformer: "PreTrainedModel | Bert", width: int, *, fuse: bool = False
    ) -> None:
        super().__init__()
        self.transformer = transformer
        own = int(transformer.config.hidden_size)
        layers = int(transformer.config.num_hidden_layers)
        self.fuser = LayerFuser(layers, own) if fuse else None
        self.projection = nn.Linear(own, width) if own != width else None

    def pack(self, layer: type[PackedLinear]) -> None:
        """Rearrange the encoder for inference; see `packed.py`."""
        if self.transformer.config.model_type == "deberta-v2":
            disentangle(self.transformer, layer)
        fuse(self.transformer, layer)
        pack(self, layer)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, H) for ids and mask (B, T)."""
        if self.fuser is None:
            states: Tensor = self.transformer(input_ids=ids, attention_mask=mask.long())[0]
        else:
            output = self.transformer(
                input_ids=ids, attention_mask=mask.long(), output_hidden_states=True
            )
            layers = output.hidden_states[1:]  # the first are the embeddings
            states = self.fuser(torch.stack(layers, dim=1), mask)
        return states if self.projection is None else self.projection(states)
