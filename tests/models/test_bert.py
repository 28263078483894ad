"""Our BERT is the library's."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from kgbuild.models.bert import Bert, is_plain
from kgbuild.models.packed import PackedLinear, pack

VALUES = BertConfig(
    vocab_size=90,
    hidden_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=96,
    max_position_embeddings=40,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
).to_dict()


@pytest.fixture
def theirs() -> BertModel:
    torch.manual_seed(0)
    return BertModel(BertConfig(**VALUES), add_pooling_layer=False).eval()


@pytest.fixture
def ours(theirs: BertModel) -> Bert:
    model = Bert(VALUES).eval()
    model.load_state_dict(theirs.state_dict())
    return model


@pytest.fixture
def batch() -> dict[str, Tensor]:
    """Two inputs, the second of which is padded."""
    mask = torch.ones(2, 30, dtype=torch.long)
    mask[1, 17:] = 0
    torch.manual_seed(1)
    return {"input_ids": torch.randint(1, 90, (2, 30)) * mask, "attention_mask": mask}


def present(states: Tensor, batch: dict[str, Tensor]) -> Tensor:
    return states[batch["attention_mask"].bool()]


def test_states_are_equal(ours: Bert, theirs: BertModel, batch: dict[str, Tensor]) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(
            present(ours(**batch)[0], batch), present(theirs(**batch)[0], batch)
        )


def test_gradients_are_equal(ours: Bert, theirs: BertModel, batch: dict[str, Tensor]) -> None:
    for model in (ours.train(), theirs.train()):
        present(model(**batch)[0], batch).square().sum().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, atol=1e-4, rtol=1e-4)


def test_packed_states_are_equal(ours: Bert, theirs: BertModel, batch: dict[str, Tensor]) -> None:
    pack(ours, PackedLinear)
    with torch.inference_mode():
        found, expected = (present(model(**batch)[0], batch) for model in (ours, theirs))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_dropout_is_that_of_the_configuration(batch: dict[str, Tensor]) -> None:
    model = Bert(VALUES | {"hidden_dropout_prob": 0.5}).train()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    assert not torch.equal(model(**batch)[0], model(**batch)[0])
    assert torch.equal(model.eval()(**batch)[0], model(**batch)[0])


@pytest.mark.parametrize(
    "other",
    [
        {"model_type": "roberta"},
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
    ],
)
def test_what_is_not_plain_is_left_to_the_library(other: dict[str, object]) -> None:
    assert is_plain(VALUES)
    assert not is_plain(VALUES | other)


def test_the_bundled_model_is_loaded_without_the_library() -> None:
    code = (
        "import sys; from kgbuild.models import load_model; load_model();"
        "print('transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
