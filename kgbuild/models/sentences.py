"""Texts → vectors by a small BERT: the mean of its states, of length 1 (arXiv 1908.10084).

What sentence-transformers does for all-MiniLM-L6-v2, for those who embed with the model in the box
and need not wait until that library is imported.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from kgbuild.models.bert import Bert
from kgbuild.models.packed import layer_for, pack

LONGEST = 256
"""Tokens of a text that are read, as the model was trained."""
_BATCH = 64


class SentenceEncoder:
    """A sentence model on a device.

    Args:
        folder: Of a plain BERT with its tokenizer, as `transformers` saves them.
        device: Where to run.
    """

    def __init__(self, folder: Path, device: str) -> None:
        values = json.loads((folder / "config.json").read_text("utf-8"))
        with torch.device("meta"):
            self._bert = Bert(values)
        weights = load_file(folder / "model.safetensors")
        wanted = self._bert.state_dict().keys()
        self._bert.load_state_dict({name: weights[name] for name in wanted}, assign=True)
        self._bert.to(device).eval()
        layer = layer_for(None) if device == "cpu" else None
        if layer is not None:
            pack(self._bert, layer)
        self._device = device
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.enable_padding(pad_id=values["pad_token_id"])

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text, (n_texts, H)."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(texts)
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            for index, vector in zip(part, self._vectors([texts[i] for i in part]), strict=True):
                rows[index] = vector.cpu().numpy()
        return np.stack(rows)

    def _vectors(self, texts: Sequence[str]) -> Tensor:
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([one.ids for one in encoded], device=self._device)
        mask = torch.tensor([one.attention_mask for one in encoded], device=self._device)
        (states,) = self._bert(input_ids=ids, attention_mask=mask)
        summed = (states * mask[..., None]).sum(dim=1)
        return functional.normalize(summed, dim=1)  # of the mean, too
