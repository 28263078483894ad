import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from kgbuild.errors import ModelError
from kgbuild.models import load_model
from kgbuild.models.checkpoint import load, make_prompter, read_config, save_compact


@pytest.fixture
def folder(checkpoint_folder, tmp_path):
    """A copy that a test may break."""
    for path in checkpoint_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def edit_config(folder, **changes):
    path = folder / "gliner_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_weights_have_the_public_names(folder):
    names = load_file(folder / "model.safetensors").keys()
    assert "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.query.weight" in names
    assert {"span_rep_layer.span_rep_layer.out_project.3.bias", "prompt_rep_layer.0.weight",
            "pair_rep_layer.3.weight", "rnn.lstm.weight_hh_l0_reverse"} <= names  # fmt: skip


def test_weights_of_a_pytorch_file_are_read_without_running_code(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    before = load(folder)[0].state_dict()
    (folder / "model.safetensors").unlink()
    after = load(folder)[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_pytorch_file_that_carries_code_is_refused(folder):
    class Evil:
        def __reduce__(self):
            return (print, ("owned",))

    (folder / "model.safetensors").unlink()
    torch.save({"weight": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds more than weights"):
        load(folder)


def test_a_compact_checkpoint_is_a_quarter_of_the_size_and_nearly_the_same(folder, tmp_path):
    model, _ = load(folder)
    from tokenizers import Tokenizer

    values = read_config(folder)
    save_compact(
        tmp_path / "small", model, Tokenizer.from_file(str(folder / "tokenizer.json")), values
    )
    small = tmp_path / "small" / "model.int8.safetensors"
    assert small.stat().st_size < 0.35 * (folder / "model.safetensors").stat().st_size
    for name, weight in load(tmp_path / "small")[0].state_dict().items():
        original = model.state_dict()[name]
        assert (weight - original).abs().max() <= original.abs().max() / 127


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("span_mode", "marker0"),
        ("relations_layer", None),
        ("relations_layer", "biaffine"),
        ("triples_layer", "distmult"),
        ("triples_layer", "ConvE"),
        ("triples_layer", "TuckER"),
        ("subtoken_pooling", "middle"),
        ("words_splitter_type", "spacy"),
        ("span_encoder_config", {"model_type": "rnn"}),
        ("precomputed_prompts_mode", True),
        ("encoder_config", None),
        ("encoder_config", {"model_type": "t5"}),
        ("class_token_index", 5),
        ("rel_token_index", 5),
        ("ent_token", "<<ENTITY>>"),
    ],
)
def test_other_kinds_of_model_are_refused_by_name(folder, key, value):
    edit_config(folder, **{key: value})
    with pytest.raises(ModelError, match="<<ENTITY>>" if key == "ent_token" else key):
        load(folder)


@pytest.mark.parametrize(
    ("key", "value", "width"),
    [
        ("relations_layer", "gat", 36),
        ("triples_layer", "QuatE", 34),
        ("triples_layer", "TransH", 32),
    ],
)
def test_a_width_that_a_layer_cannot_work_with_is_refused(folder, key, value, width):
    edit_config(folder, **{key: value}, hidden_size=width)
    with pytest.raises(ModelError, match=f"hidden_size is {width}; {value}"):
        load(folder)


def test_a_missing_weight_is_never_left_random(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["pair_rep_layer.0.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"lacks 1, such as pair_rep_layer\.0\.weight"):
        load(folder)


def test_a_surplus_weight_and_a_wrong_shape_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    save_file(
        {**weights, "relations_rep_layer.proj.weight": torch.zeros(1)}, folder / "model.safetensors"
    )
    with pytest.raises(ModelError, match="relations_rep_layer"):
        load(folder)
    weights["pair_rep_layer.3.bias"] = torch.zeros(7)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"pair_rep_layer\.3\.bias has shape \(7,\), not \(32,\)"):
        load(folder)


@pytest.mark.parametrize("name", ["gliner_config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_or_broken_folder_says_what_is_wrong(folder, name):
    (folder / name).write_bytes(b"\x00 not this")
    with pytest.raises(ModelError, match=name):
        load(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        load(folder)


def test_a_name_that_is_no_folder_says_what_would_be(tmp_path):
    with pytest.raises(ModelError, match="give a folder, a hub name or `bundled`"):
        load_model(tmp_path / "nothing")


def test_the_hub_is_asked_for_other_names_and_its_silence_is_reported(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="nobody/nothing: .*hub"):
        load_model("nobody/nothing")


def test_the_prompter_uses_the_configured_tokens(folder):
    from tokenizers import Tokenizer

    made = make_prompter(Tokenizer.from_file(str(folder / "tokenizer.json")), read_config(folder))
    assert len(made.labels(["person"], ["in"]).ids) == 6
