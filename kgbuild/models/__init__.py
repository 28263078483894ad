"""The models. `load_model` opens one; what it returns answers `predict`.

Nothing here knows documents or ontologies: texts and labels go in, spans and scores come out.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from kgbuild.models.joint import JointModel

BUNDLED = "bundled"


def load_model(
    name: str | Path = BUNDLED, device: str = "cpu", dtype: "torch.dtype | None" = None
) -> "JointModel":
    """Load a joint model.

    Args:
        name: `bundled` for the model in the box, a checkpoint folder, or a name on the Hugging
            Face hub (`owner/model`, or `owner/model@revision`).
        device: `cpu`, `cuda` or `mps`.
        dtype: Of the weights; float32 by default. With `torch.bfloat16` a processor that knows it
            is faster, and a score may differ by about 0.01.

    Raises:
        ModelError: It cannot be found, is incomplete, or is of a kind that is not supported.
    """
    import torch

    from kgbuild.models import checkpoint
    from kgbuild.models.joint import JointModel
    from kgbuild.models.packed import layer_for

    folder = model_folder(name)
    network, prompter = checkpoint.load(folder)
    layer = layer_for(dtype) if device == "cpu" else None
    if layer is not None:
        network.pack(layer)
        dtype = None
    return JointModel(
        network,
        prompter,
        device=torch.device(device),
        dtype=dtype,
        window=checkpoint.window(folder),
    )


def model_folder(name: str | Path) -> Path:
    """Find a model's folder, downloading it from the hub if it is a hub name.

    Raises:
        ModelError: There is no such folder, and it is not on the hub or the hub is out of reach.
    """
    from kgbuild.errors import ModelError

    if str(name) == BUNDLED:
        return Path(__file__).parent / "bundled"
    if Path(name).is_dir():
        return Path(name)
    repository, _, revision = str(name).partition("@")
    if repository.count("/") != 1 or repository.startswith((".", "/", "~")):
        raise ModelError(f"{name}: no such model folder; give a folder, a hub name or `bundled`")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, revision=revision or None))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{name}: not a folder, and not to be had from the hub: {reason}"
        ) from error
