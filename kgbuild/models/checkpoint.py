"""The public GLiNER checkpoint folder: `gliner_config.json`, weights, tokenizer.

Weights are read from `model.safetensors`, from `model.int8.safetensors` (our own compact form:
8-bit rows with a scale each, as the bundled model is stored), or, unpickled without running code,
from `pytorch_model.bin`. What cannot be loaded whole is refused: a checkpoint of another kind, a
missing or surplus weight, a wrong shape.
"""

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.prompt import Prompter
from kgbuild.models.relex import Relex, RelexConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONFIG = "gliner_config.json"
_SCALE = ".scale"
# Public name of a weight ↔ ours, by prefix.
_PREFIXES = (
    ("token_rep_layer.bert_layer.model.", "encoder.transformer."),
    ("token_rep_layer.projection.", "encoder.projection."),
    ("rnn.lstm.", "lstm."),
    ("span_rep_layer.span_rep_layer.", "spans."),
    ("prompt_rep_layer.", "entity_labels."),
    ("pair_rep_layer.", "pairs."),
)
# Saved by the public package, used by nobody.
_IGNORED = re.compile(r"encoder\.transformer\.(pooler\.|embeddings\.position_ids)")


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check a checkpoint's configuration, without loading any weights.

    Raises:
        ModelError: There is none, or it describes a model that is not ours to load.
    """
    path = folder / CONFIG
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: not a model: it has no {CONFIG}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    for key, wanted in (
        ("relations_layer", "none"),
        ("span_mode", "markerV0"),
        ("triples_layer", None),
    ):
        if values.get(key) != wanted:
            raise ModelError(f"{path}: {key} is {values.get(key)!r}; only {wanted!r} is supported")
    return values


def window(folder: Path) -> int:
    """Most tokens that the checkpoint's encoder can read at once, label prompt included.

    Encoders with absolute positions have a hard limit; those with relative ones read any length,
    and twice the training length keeps them in the range that they know.
    """
    values = read_config(folder)
    encoder: dict[str, Any] = values["encoder_config"]
    if encoder.get("model_type") in ("deberta-v2", "deberta"):
        return 2 * RelexConfig.from_mapping(values).max_len
    return int(encoder.get("max_position_embeddings", 512))


def load(folder: Path) -> tuple[Relex, Prompter]:
    """Load a checkpoint, in float32 and on the CPU.

    Raises:
        ModelError: The folder is incomplete, broken, or holds another kind of model.
    """
    values = read_config(folder)
    config = RelexConfig.from_mapping(values)
    tokenizer = _read_tokenizer(folder)
    with torch.device("meta"):
        model = Relex(config, build_transformer(values["encoder_config"]))
    _fill(model, _read_weights(folder), folder)
    return model.eval(), make_prompter(tokenizer, values)


def save(folder: Path, model: Relex, tokenizer: Tokenizer, values: Mapping[str, Any]) -> None:
    """Write a checkpoint that the public package loads too."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {public_name(name): tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    write_config(folder, tokenizer, values)


def save_compact(
    folder: Path, model: Relex, tokenizer: Tokenizer, values: Mapping[str, Any]
) -> None:
    """Write a checkpoint of a quarter of the size: 8 bits a weight, one scale for each row."""
    folder.mkdir(parents=True, exist_ok=True)
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        key = public_name(name)
        if tensor.ndim == 2:
            scale = tensor.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
            state[key] = torch.round(tensor / scale).to(torch.int8)
            state[key + _SCALE] = scale
        else:
            state[key] = tensor.contiguous()
    save_file(state, folder / "model.int8.safetensors", {"format": "pt"})
    write_config(folder, tokenizer, values)


def write_config(folder: Path, tokenizer: Tokenizer, values: Mapping[str, Any]) -> None:
    """Write what is not weights."""
    (folder / CONFIG).write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def public_name(name: str) -> str:
    """Our name of a weight → the public checkpoint's."""
    for public, ours in _PREFIXES:
        if name.startswith(ours):
            return public + name.removeprefix(ours)
    return name


def our_name(name: str) -> str:
    """The public checkpoint's name of a weight → ours."""
    name = name.replace("_orig_mod.", "")
    for public, ours in _PREFIXES:
        if name.startswith(public):
            return ours + name.removeprefix(public)
    return name


def build_transformer(encoder_config: Mapping[str, Any]) -> "PreTrainedModel":
    """Build an encoder of `transformers` from its configuration, with no weights of its own."""
    from transformers import AutoConfig, AutoModel

    values = dict(encoder_config)
    config = AutoConfig.for_model(values.pop("model_type", "deberta-v2"), **values)
    transformer = AutoModel.from_config(config)
    if hasattr(transformer, "pooler"):
        transformer.pooler = None
    return transformer


def make_prompter(tokenizer: Tokenizer, values: Mapping[str, Any]) -> Prompter:
    """Build the prompter that goes with a configuration."""
    config = RelexConfig.from_mapping(values)
    pad = values["encoder_config"].get("pad_token_id") or 0
    return Prompter(tokenizer, pad, config.ent_token, config.sep_token, config.rel_token)


def _read_tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.exists():
        raise ModelError(f"{folder}: incomplete: it has no tokenizer.json")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{path}: cannot be read: {error}") from error


def _read_weights(folder: Path) -> dict[str, Tensor]:
    try:
        if (path := folder / "model.safetensors").exists():
            return load_file(path)
        if (path := folder / "model.int8.safetensors").exists():
            return _expand(load_file(path))
        if (path := folder / "pytorch_model.bin").exists():
            state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            return state
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: holds more than weights, which is not read") from error
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    raise ModelError(
        f"{folder}: incomplete: it has neither model.safetensors nor pytorch_model.bin"
    )


def _expand(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """8-bit rows and their scales → float32."""
    return {
        name: tensor.float() * state[name + _SCALE] if name + _SCALE in state else tensor
        for name, tensor in state.items()
        if not name.endswith(_SCALE)
    }


def _fill(model: Relex, weights: Mapping[str, Tensor], folder: Path) -> None:
    found = {our_name(name): tensor.float() for name, tensor in weights.items()}
    found = {name: tensor for name, tensor in found.items() if not _IGNORED.match(name)}
    wanted = model.state_dict()
    for kind, names in (
        ("lacks", wanted.keys() - found.keys()),
        ("also has", found.keys() - wanted.keys()),
    ):
        if names:
            example = public_name(min(names))
            raise ModelError(
                f"{folder}: the weights do not fit: it {kind} {len(names)}, such as {example}"
            )
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
            raise ModelError(f"{folder}: {public_name(name)} has shape {shapes}")
    model.load_state_dict(found, assign=True)
    _restore_buffers(model)


def _restore_buffers(model: Relex) -> None:
    """Buffers that are not saved were made on the meta device: make them again."""
    for module in model.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta and name in ("position_ids", "token_type_ids"):
                fresh = (
                    torch.arange(buffer.shape[-1])[None, :]
                    if name == "position_ids"
                    else torch.zeros(buffer.shape, dtype=torch.long)
                )
                module.register_buffer(name, fresh, persistent=False)


def from_encoder(
    encoder: str | Path, *, layers: int = 0, dropout: float = 0.0
) -> tuple[Relex, Tokenizer, dict[str, Any]]:
    """Start a new model: a pretrained encoder, untrained heads, the prompt's own tokens.

    Args:
        encoder: A folder or hub name that `transformers` can load.
        layers: Of a bidirectional LSTM between the encoder and the heads; 0 for none.
        dropout: Of the heads.

    Returns:
        The model, its tokenizer, and the configuration to save with it.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    own = AutoConfig.from_pretrained(str(encoder))
    for rate in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        if hasattr(own, rate):
            setattr(own, rate, 0.0)  # its random numbers are a third of a step on a CPU
    transformer = AutoModel.from_pretrained(str(encoder), config=own)
    tokenizer = AutoTokenizer.from_pretrained(str(encoder))
    config = RelexConfig(int(own.hidden_size), num_rnn_layers=layers, dropout=dropout)
    tokens = [config.ent_token, config.sep_token, config.rel_token]
    tokenizer.add_tokens(tokens, special_tokens=True)
    transformer.resize_token_embeddings(len(tokenizer))
    if hasattr(transformer, "pooler"):
        transformer.pooler = None
    encoder_config = transformer.config.to_dict()
    values = {
        **asdict(config),
        "model_name": Path(str(encoder)).name,
        "encoder_config": encoder_config,
        "vocab_size": len(tokenizer),
        "class_token_index": len(tokenizer) - 3,
        "rel_token_index": len(tokenizer) - 1,
        "span_mode": "markerV0",
        "relations_layer": "none",
        "triples_layer": None,
        "subtoken_pooling": "first",
        "words_splitter_type": "whitespace",
    }
    return Relex(config, transformer), tokenizer.backend_tokenizer, values
