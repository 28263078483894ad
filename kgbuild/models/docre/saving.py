"""A trained system as a folder: `relations.json`, weights, tokenizer.

`relations.json` names the system, its options, the labels of a closed one, and the configuration of
its encoder; nothing in it is code, and weights are safetensors.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from kgbuild.errors import ModelError
from kgbuild.models.checkpoint import (
    CONFIG,
    build_transformer,
    read_tokenizer,
    write_weights,
)
from kgbuild.models.docre import SYSTEMS, build
from kgbuild.models.docre.documents import RelationLabels
from kgbuild.models.docre.relex import from_joint
from kgbuild.models.docre.scoring import RelationSystem

DESCRIPTION = "relations.json"
_KEYS = {"system", "options", "labels", "shift", "temperature", "encoder_config"}


def save_system(folder: Path, system: RelationSystem, tokenizer: Tokenizer) -> None:
    """Write a system so that `load_system` finds it again."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "system": system.system,
        "options": asdict(system.options),
        "labels": asdict(system.known) if system.known else None,
        "shift": system.shift,
        "temperature": system.temperature,
        "encoder_config": system.transformer.config.to_dict(),
    }
    (folder / DESCRIPTION).write_text(json.dumps(values, indent=2) + "\n", "utf-8")
    state = {name: tensor.contiguous() for name, tensor in system.state_dict().items()}
    write_weights(folder / "model.safetensors", state)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def is_system(name: str | Path) -> bool:
    """Whether this is the folder of a trained system."""
    return (Path(name) / DESCRIPTION).is_file()


def load_system(folder: Path) -> RelationSystem:
    """Load a system, in evaluation mode and on the CPU; of a joint model, its relation head.

    Raises:
        ModelError: The folder is incomplete or broken, or names a system that there is not.
    """
    if (folder / CONFIG).is_file():
        return from_joint(folder)
    values = _read(folder)
    labels = values["labels"]
    known = RelationLabels(*map(tuple, labels.values())) if labels else None
    transformer = build_transformer(values["encoder_config"])
    system = build(values["system"], transformer, read_tokenizer(folder), known, values["options"])
    system.shift, system.temperature = float(values["shift"]), float(values["temperature"])
    try:
        system.load_state_dict(load_file(folder / "model.safetensors"))
    except (SafetensorError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelError(f"{folder}: the weights cannot be read: {reason}") from error
    return system.eval()


def _read(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: not a relation system: it has no {DESCRIPTION}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    missing = _KEYS - values.keys()
    if missing:
        raise ModelError(f"{path}: it has no {min(missing)!r}")
    if values["system"] not in SYSTEMS:
        names = ", ".join(SYSTEMS)
        raise ModelError(f"{path}: system {values['system']!r} is not known; known are {names}")
    return values
