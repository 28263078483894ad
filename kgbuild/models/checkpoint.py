"""The public GLiNER checkpoint folder: `gliner_config.json`, weights, tokenizer.

Weights are read from `model.safetensors`, from `model.int8.safetensors` (our own compact form:
8-bit rows with a scale each, as the bundled model is stored), or, unpickled without running code,
from `pytorch_model.bin`. The tokenizer is read from `tokenizer.json` or, in older checkpoints, made
by `transformers` from what is there instead. What cannot be loaded whole is refused: a checkpoint
of another kind, a missing or surplus weight, a wrong shape, special tokens that are not where the
configuration says.
"""

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as as_bytes
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.bert import Bert, is_plain
from kgbuild.models.pooling import POOLINGS
from kgbuild.models.prompt import Prompter
from kgbuild.models.relex import Relex, RelexConfig
from kgbuild.models.relex_layers import ADJACENCY, N_HEADS, OF_WIDTH_768, TRIPLES
from kgbuild.models.span_layers import GRIDS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONFIG = "gliner_config.json"
_DEFAULT_ENCODER = "deberta-v2"
_SCALE = ".scale"
# Public name of a weight ↔ ours, by prefix.
_PREFIXES = (
    ("token_rep_layer.bert_layer.model.", "encoder.transformer."),
    ("token_rep_layer.bert_layer.layers_fuser.", "encoder.fuser."),
    ("token_rep_layer.projection.", "encoder.projection."),
    ("rnn.lstm.", "lstm."),
    ("span_rep_layer.span_rep_layer.", "spans."),
    ("prompt_rep_layer.", "entity_labels."),
    ("pair_rep_layer.", "pairs."),
    ("triples_score_layer.interaction.", "triples."),
    ("relations_rep_layer.relation_rep_layer.", "adjacency."),
)
# Saved by the public package, used by nobody.
_IGNORED = re.compile(
    r"encoder\.transformer\.(pooler\.|embeddings\.position_ids)|cross_fuser\.|spans\.project_first\."
)
_SUPPORTED: dict[str, tuple[object, ...]] = {
    "relations_layer": ("none", *ADJACENCY),
    "triples_layer": (None, *TRIPLES),
    "span_mode": ("markerV0", "token_level", *GRIDS),
    "subtoken_pooling": POOLINGS,
    "words_splitter_type": ("whitespace",),
    "span_encoder_config": (None,),
    "precomputed_prompts_mode": (None, False),
}
"""Values of the keys that decide the architecture; the first is what a missing key means."""
_NOT_ENCODERS = frozenset({"t5", "mt5", "llama", "mistral", "gemma", "qwen2"})
"""Those that the public package runs otherwise than `transformers` does."""
_POSITIONS_FROM_2 = frozenset({"roberta", "xlm-roberta", "camembert"})


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
    problem = _unsupported(values)
    if problem is not None:
        raise ModelError(f"{path}: {problem}")
    return values


def _unsupported(values: Mapping[str, Any]) -> str | None:
    """What in a configuration keeps us from loading the model, if anything does."""
    if values.get("relations_layer") is None:
        return "relations_layer is None: a model that finds no relations"
    for key, supported in _SUPPORTED.items():
        value = values.get(key, supported[0])
        if (value.lower() if key == "relations_layer" else value) not in supported:
            names = ", ".join(map(repr, supported))
            return f"{key} is {value!r}; supported: {names}"
    if not isinstance(values.get("encoder_config"), dict):
        return "encoder_config is missing: the encoder cannot be built"
    kind = values["encoder_config"].get("model_type")
    if kind in _NOT_ENCODERS:
        return f"encoder_config: {kind!r} models are not supported as encoders"
    return _wrong_width(RelexConfig.from_mapping(values))


def _wrong_width(config: RelexConfig) -> str | None:
    width, triples = config.hidden_size, config.triples_layer
    if config.relations_layer.lower() in ("attention", "attn", "gat") and width % N_HEADS:
        return f"hidden_size is {width}; {config.relations_layer} needs a multiple of {N_HEADS}"
    if triples in OF_WIDTH_768 and width != 768:
        return f"hidden_size is {width}; {triples} is made for 768"
    parts = {"SimplE": 2, "ComplEx": 2, "QuatE": 4}.get(triples or "", 1)
    if width % parts:
        return f"hidden_size is {width}; {triples} needs a multiple of {parts}"
    return None


def window(folder: Path) -> int:
    """Most tokens that the checkpoint's encoder can read at once, label prompt included.

    Encoders with absolute positions have a hard limit; those with relative ones read any length,
    and twice the training length keeps them in the range that they know.
    """
    return window_of(read_config(folder))


def window_of(values: Mapping[str, Any]) -> int:
    """The same for a configuration that is at hand."""
    encoder: dict[str, Any] = values["encoder_config"]
    kind = encoder.get("model_type", _DEFAULT_ENCODER)
    if kind in ("deberta-v2", "deberta"):
        return 2 * RelexConfig.from_mapping(values).max_len
    positions = int(encoder.get("max_position_embeddings", 512))
    return positions - 2 if kind in _POSITIONS_FROM_2 else positions


def load(folder: Path) -> tuple[Relex, Prompter]:
    """Load a checkpoint, in float32 and on the CPU.

    Raises:
        ModelError: The folder is incomplete, broken, or holds another kind of model.
    """
    values = read_config(folder)
    config = RelexConfig.from_mapping(values)
    tokenizer = read_tokenizer(folder)
    _check_tokens(tokenizer, values, folder)
    with torch.device("meta"):
        model = Relex(config, _build_encoder(values["encoder_config"], config))
    _fill(model, _read_weights(folder), folder)
    _restore_buffers(model, values["encoder_config"])
    return model.eval(), make_prompter(tokenizer, values)


def save(folder: Path, model: Relex, tokenizer: Tokenizer, values: Mapping[str, Any]) -> None:
    """Write a checkpoint that the public package loads too."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {public_name(name): tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_weights(folder / "model.safetensors", state)
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
    write_weights(folder / "model.int8.safetensors", state)
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


def write_weights(path: Path, state: dict[str, torch.Tensor]) -> None:
    """Write a file of safetensors that whoever may read the folder may read, too."""
    path.write_bytes(as_bytes(state, {"format": "pt"}))


def build_transformer(encoder_config: Mapping[str, Any]) -> "PreTrainedModel":
    """Build an encoder of `transformers` from its configuration, with no weights of its own."""
    from transformers import AutoConfig, AutoModel

    values = dict(encoder_config) | {"dtype": "float32"}  # the heads' own
    config = AutoConfig.for_model(values.pop("model_type", _DEFAULT_ENCODER), **values)
    transformer = AutoModel.from_config(config)
    if hasattr(transformer, "pooler"):
        transformer.pooler = None
    return transformer


def _build_encoder(
    encoder_config: Mapping[str, Any], config: RelexConfig
) -> "PreTrainedModel | Bert":
    """Our own encoder where it computes the same; it gives the last layer only."""
    plain = is_plain(encoder_config) and not config.fuse_layers
    return Bert(encoder_config) if plain else build_transformer(encoder_config)


def make_prompter(tokenizer: Tokenizer, values: Mapping[str, Any]) -> Prompter:
    """Build the prompter that goes with a configuration."""
    config = RelexConfig.from_mapping(values)
    pad = values["encoder_config"].get("pad_token_id") or 0
    return Prompter(
        tokenizer,
        pad,
        config.ent_token,
        config.sep_token,
        config.rel_token,
        entity_offset=0 if config.embed_ent_token else 1,
        relation_offset=0 if config.embed_rel_token else 1,
    )


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read a checkpoint's tokenizer.

    Raises:
        ModelError: There is none, or it cannot be read.
    """
    path = folder / "tokenizer.json"
    try:
        if path.exists():
            return _with_ends(Tokenizer.from_file(str(path)), folder)
        if (path := folder / "tokenizer_config.json").exists():
            return _with_ends(_convert_tokenizer(folder), folder)
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{path}: cannot be read: {error}") from error
    raise ModelError(f"{folder}: incomplete: it has no tokenizer.json")


def _convert_tokenizer(folder: Path) -> Tokenizer:
    """Build a tokenizer from a vocabulary or SentencePiece file, as `transformers` does."""
    from transformers import AutoTokenizer

    tokenizer: Tokenizer = AutoTokenizer.from_pretrained(
        str(folder), local_files_only=True, use_fast=True
    ).backend_tokenizer
    return tokenizer


def _with_ends(tokenizer: Tokenizer, folder: Path) -> Tokenizer:
    """Put the begin and end tokens that a tokenizer's configuration names around every input.

    The public package does; `transformers` 5 alone leaves them out for some tokenizers.
    """
    path = folder / "tokenizer_config.json"
    values = json.loads(path.read_text("utf-8")) if path.exists() else {}
    named = [values.get("bos_token"), values.get("eos_token")]
    begin, end = (one["content"] if isinstance(one, dict) else one for one in named)
    tokens = [token for token in (begin, end) if token is not None]
    ids = [tokenizer.token_to_id(token) for token in tokens]
    if tokens and None not in ids:
        pieces = [token for token in (begin, "$A", end) if token is not None]
        tokenizer.post_processor = TemplateProcessing(
            single=pieces, special_tokens=list(zip(tokens, ids, strict=True))
        )
    return tokenizer


def _check_tokens(tokenizer: Tokenizer, values: Mapping[str, Any], folder: Path) -> None:
    """Refuse a tokenizer whose special tokens are not those that the weights were trained with."""
    config = RelexConfig.from_mapping(values)
    for key, token in (
        ("class_token_index", config.ent_token),
        ("rel_token_index", config.rel_token),
    ):
        wanted, found = values.get(key, -1), tokenizer.token_to_id(token)
        if found is None:
            raise ModelError(f"{folder}: its tokenizer does not know {token}")
        if wanted not in (-1, found):
            raise ModelError(f"{folder}: {key} is {wanted}, in its tokenizer {token} is {found}")


def _read_weights(folder: Path) -> dict[str, Tensor]:
    try:
        if (path := folder / "model.safetensors").exists():
            return _read_safetensors(path)
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


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors; one that is shared is stored once, its other names in the metadata."""
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}
        aliases = file.metadata() or {}
    return state | {
        name: state[kept] for name, kept in aliases.items() if kept in state and name not in state
    }


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


def _restore_buffers(model: Relex, encoder_config: Mapping[str, Any]) -> None:
    """Buffers that are not saved were made on the meta device: make them again."""
    missing = [name for name, buffer in model.encoder.transformer.named_buffers() if buffer.is_meta]
    if not missing:
        return
    fresh = dict(build_transformer(encoder_config).named_buffers())
    for name in missing:
        owner, _, leaf = name.rpartition(".")
        module = model.encoder.transformer.get_submodule(owner)
        module.register_buffer(leaf, fresh[name], persistent=False)


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
    transformer = AutoModel.from_pretrained(str(encoder), config=own, dtype=torch.float32)
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
