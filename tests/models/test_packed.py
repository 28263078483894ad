"""Loaded on a CPU, a network is rearranged; its answers are not."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, DebertaV2Config, DebertaV2Model

from kgbuild.models import checkpoint, load_model
from kgbuild.models.disentangled import disentangle
from kgbuild.models.fused import FusedAttention, fuse
from kgbuild.models.joint import JointModel
from kgbuild.models.packed import HalfLinear, PackedLinear, layer_for, pack

TEXTS = ["Ada Lovelace wrote about the analytical engine.", "Charles Babbage works in London!"] * 3
LABELS = ["person", "city", "engine"], ["works with", "wrote about"]

needs_packed = pytest.mark.skipif(layer_for(None) is None, reason="this PyTorch has no oneDNN")
needs_half = pytest.mark.skipif(
    layer_for(torch.bfloat16) is None, reason="this processor has no bfloat16"
)


@needs_packed
def test_a_packed_layer_computes_what_the_layer_did():
    linear = nn.Linear(24, 10)
    x, addend, bias = torch.randn(2, 7, 24), torch.randn(7, 10), torch.randn(10)
    with torch.inference_mode():
        assert torch.allclose(PackedLinear(linear.weight, linear.bias)(x), linear(x), atol=1e-5)
        bare = PackedLinear(linear.weight, None)
        assert torch.allclose(
            bare.plus(x[0], addend, bias), x[0] @ linear.weight.T + addend + bias, atol=1e-5
        )


@needs_half
def test_half_the_bits_come_near():
    linear = nn.Linear(24, 10)
    x, addend, bias = torch.randn(7, 24), torch.randn(7, 10), torch.randn(10)
    with torch.inference_mode():
        half = HalfLinear(linear.weight, None)
        assert half(x).dtype == torch.float32
        assert torch.allclose(half(x), x @ linear.weight.T, atol=0.05)
        wanted = x @ linear.weight.T + addend + bias
        assert torch.allclose(half.plus(x, addend, bias), wanted, atol=0.05)


def scores(model):
    found = model.candidates(TEXTS, *LABELS, threshold=0.01)
    return [(one.spans.tolist(), one.scores, one.pair_scores) for one in found]


def unpacked(folder):
    network, prompter = checkpoint.load(folder)
    return JointModel(
        network, prompter, device=torch.device("cpu"), window=checkpoint.window(folder)
    )


@needs_packed
def test_a_packed_network_answers_as_before(checkpoint_folder):
    before, after = scores(unpacked(checkpoint_folder)), scores(load_model(checkpoint_folder))
    for (spans, entity, pair), (own_spans, own_entity, own_pair) in zip(before, after, strict=True):
        assert own_spans == spans
        assert own_entity == pytest.approx(entity, abs=1e-5)
        assert own_pair == pytest.approx(pair, abs=1e-5)


@needs_half
def test_bfloat16_answers_nearly_as_before(checkpoint_folder):
    spans = [[(0, 3), (4, 12)] for _ in TEXTS]
    exact = unpacked(checkpoint_folder).relation_scores(TEXTS, spans, *LABELS)
    half = load_model(checkpoint_folder, dtype=torch.bfloat16)
    for one, other in zip(half.relation_scores(TEXTS, spans, *LABELS), exact, strict=True):
        assert one == pytest.approx(other, abs=0.1)
        assert (one != other).any()


def test_the_number_of_threads_changes_nothing(checkpoint_folder):
    model, threads = load_model(checkpoint_folder), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = scores(model)
        torch.set_num_threads(3)
        together = scores(model)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    for (spans, entity, pair), (own_spans, own_entity, own_pair) in zip(
        alone, together, strict=True
    ):
        assert own_spans == spans
        assert (own_entity == entity).all()
        assert (own_pair == pair).all()


@pytest.mark.parametrize("kinds", [["p2c", "c2p"], ["c2p"], ["p2c"], []])
@pytest.mark.parametrize(("shared", "buckets"), [(True, 8), (False, 8), (False, -1)])
@needs_packed
def test_disentangled_attention_equals_that_of_transformers(kinds, shared, buckets):
    torch.manual_seed(1)
    config = DebertaV2Config(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=24,
        relative_attention=True,
        position_buckets=buckets,
        norm_rel_ebd="layer_norm",
        share_att_key=shared,
        pos_att_type=kinds,
        position_biased_input=False,
        type_vocab_size=0,
    )
    model = DebertaV2Model(config).eval()
    for parameter in model.parameters():
        parameter.data *= 5
    ids = torch.randint(1, 50, (3, 40))  # longer than the furthest distance
    mask = torch.ones_like(ids)
    mask[1, 20:] = 0
    alone = ids[:1, :9]
    with torch.inference_mode():
        wanted, wanted_alone = model(ids, mask)[0], model(alone, torch.ones_like(alone))[0]
        disentangle(model, PackedLinear)
        pack(model, PackedLinear)
        assert torch.allclose(model(ids, mask)[0][mask > 0], wanted[mask > 0], atol=1e-4)
        assert torch.allclose(model(alone, torch.ones_like(alone))[0], wanted_alone, atol=1e-4)


@pytest.mark.parametrize("how", ["sdpa", "eager"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@needs_packed
def test_fused_layers_equal_those_of_transformers(how, activation):
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        hidden_act=activation,
        attn_implementation=how,
    )
    model = BertModel(config).eval()
    for parameter in model.parameters():
        parameter.data *= 5
    ids = torch.randint(1, 50, (3, 20))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    with torch.inference_mode():
        wanted, alone = model(ids, mask)[0], model(ids[:1], mask[:1])[0]
        fuse(model, PackedLinear)
        pack(model, PackedLinear)
        assert any(isinstance(module, FusedAttention) for module in model.modules())
        assert torch.allclose(model(ids, mask)[0][mask > 0], wanted[mask > 0], atol=1e-4)
        assert torch.allclose(model(ids[:1], mask[:1])[0], alone, atol=1e-4)
