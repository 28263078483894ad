"""Ours and the public package, on checkpoints of either, give the same answers.

The one difference on purpose: a word that the tokenizer drops shifts all later words in the
package (relex of gliner 0.2.29), and does not here (`test_prompt.py`).
"""

import json

import pytest
import torch

from kgbuild.models import load_model

gliner = pytest.importorskip("gliner", reason="pip install 'kgbuild[gliner]' to compare with it")
pytestmark = pytest.mark.slow

TEXTS = [
    "Ada Lovelace wrote about the analytical engine. Charles Babbage works in London!",
    "London",
    "Charles, Charles and Ada wrote; Ada wrote about Ada.",
    "Zoë — naïve “quotes” 東京 😀 person-in-city e_mail 3.5%",
    "",
]
ENTITIES = ["person", "city", "engine", "the analytical engine"]
RELATIONS = ["works with", "wrote about", "in"]


@pytest.fixture(scope="module", params=[0, 1], ids=["no LSTM", "LSTM"])
def folder(request, encoder_folder, tmp_path_factory):
    """A checkpoint that the package made and saved; its encoder is narrower than its heads."""
    torch.manual_seed(5)
    model = gliner.GLiNER.from_config(
        {
            "model_name": str(encoder_folder), "hidden_size": 48, "max_width": 6, "max_len": 384,
            "dropout": 0.1, "span_mode": "markerV0", "relations_layer": "none",
            "triples_layer": None, "num_rnn_layers": request.param,
        },
        backbone_from_pretrained=True,
    )  # fmt: skip
    for name, weight in model.model.named_parameters():
        if "token_rep_layer" not in name:
            weight.data *= 2.2
    folder = tmp_path_factory.mktemp("public")
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def theirs(folder, texts, **settings):
    model = gliner.GLiNER.from_pretrained(str(folder)).eval()
    entities, relations = model.inference(texts, ENTITIES, relations=RELATIONS, **settings)
    return [
        (
            [(e["start"], e["end"], e["label"], e["score"]) for e in found],
            [
                (r["head"]["entity_idx"], r["tail"]["entity_idx"], r["relation"], r["score"])
                for r in linked
            ],
        )
        for found, linked in zip(entities, relations, strict=True)
    ]  # fmt: skip


def ours(folder, texts, **settings):
    return [
        (
            [(m.start, m.end, m.label, m.score) for m in prediction.mentions],
            [(r.head, r.tail, r.label, r.score) for r in prediction.relations],
        )
        for prediction in load_model(folder).predict(texts, ENTITIES, RELATIONS, **settings)
    ]


def assert_same(left, right):
    for (mentions, relations), (other_mentions, other_relations) in zip(left, right, strict=True):
        for rows, others in ((mentions, other_mentions), (relations, other_relations)):
            assert [row[:-1] for row in rows] == [row[:-1] for row in others]
            assert [row[-1] for row in rows] == pytest.approx([row[-1] for row in others], abs=1e-4)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("settings", [{}, {"flat_ner": False}, {"multi_label": True}], ids=str)
def test_the_same_mentions_relations_and_scores(folder, threshold, settings):
    settings = {"threshold": threshold, "relation_threshold": 0.5, **settings}
    expected = theirs(folder, TEXTS, batch_size=2, **settings)
    assert_same(ours(folder, TEXTS, **settings), expected)


def test_the_comparison_compares_something(folder):
    found = theirs(folder, TEXTS, threshold=0.3, relation_threshold=0.5)
    assert sum(len(mentions) for mentions, _ in found) > 10
    assert sum(len(relations) for _, relations in found) > 10


def test_what_we_save_the_package_loads(folder, tmp_path):
    from tokenizers import Tokenizer

    from kgbuild.models.checkpoint import load, read_config, save

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    save(tmp_path, load(folder)[0], tokenizer, read_config(folder))
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).exists():
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert json.loads((tmp_path / "gliner_config.json").read_text())["relations_layer"] == "none"
    settings = {"threshold": 0.4, "relation_threshold": 0.5}
    assert_same(theirs(tmp_path, TEXTS, **settings), theirs(folder, TEXTS, **settings))
