"""Every variant of the joint model answers as the public package does, on checkpoints it made.

What the package gets wrong is at the end: there its answer depends on what else is in the batch, or
it fails. Ours does neither, and equals the package's answer to each text alone.
"""

import json

import numpy as np
import pytest
import torch

from kgbuild.models import load_model
from kgbuild.models.checkpoint import load
from kgbuild.models.relex_layers import ADJACENCY, TRIPLES

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
TOKENS = {"span_mode": "token_level", "num_rnn_layers": 0}
SETTINGS = [{"flat_ner": False}, {"flat_ner": False, "multi_label": True}]


@pytest.fixture(scope="session")
def make(encoder_folder, tmp_path_factory):
    """Make a checkpoint with the package; the scores of its untrained heads are spread apart."""

    def make(encoder=encoder_folder, **settings):
        torch.manual_seed(5)
        values = {
            "model_name": str(encoder), "hidden_size": 48, "max_width": 6, "max_len": 384,
            "dropout": 0.1, "span_mode": "markerV0", "relations_layer": "none",
            "triples_layer": None, "num_rnn_layers": 1, **settings,
        }  # fmt: skip
        model = gliner.GLiNER.from_config(values, backbone_from_pretrained=True)
        for name, weight in model.model.named_parameters():
            if "token_rep_layer" not in name:
                weight.data *= 1.8 if values["span_mode"] == "token_level" else 2.2
        folder = tmp_path_factory.mktemp("public")
        model.save_pretrained(folder, safe_serialization=True)
        return folder

    return make


class Both:
    """The package and kgbuild, each with the same checkpoint."""

    def __init__(self, folder):
        self._theirs = gliner.GLiNER.from_pretrained(str(folder)).eval()
        self._ours = load_model(folder)

    def theirs(self, texts=TEXTS, **settings):
        entities, relations = self._theirs.inference(
            texts, ENTITIES, relations=RELATIONS, **{"relation_threshold": 0.4, **settings}
        )
        return [
            (
                [(e["start"], e["end"], e["label"], e["score"]) for e in found],
                [
                    (r["head"]["entity_idx"], r["tail"]["entity_idx"], r["relation"], r["score"])
                    for r in linked
                ],
            )
            for found, linked in zip(entities, relations, strict=True)
        ]

    def ours(self, texts=TEXTS, **settings):
        found = self._ours.predict(
            texts, ENTITIES, RELATIONS, **{"relation_threshold": 0.4, **settings}
        )
        return [
            (
                [(m.start, m.end, m.label, m.score) for m in prediction.mentions],
                [(r.head, r.tail, r.label, r.score) for r in prediction.relations],
            )
            for prediction in found
        ]

    def agree(self, *, together=2, **settings):
        """Compare one text at a time and several together; return how much was compared."""
        expected = self.theirs(batch_size=together, **settings)
        for size in (1, 4):
            assert_same(self.ours(batch_size=size, **settings), expected)
        return [sum(len(answer[kind]) for answer in expected) for kind in (0, 1)]

    def agree_everywhere(self, *, low=0.45, **settings):
        self.agree(threshold=0.5, **settings)
        for more in SETTINGS:
            entities, _ = self.agree(threshold=low, **settings, **more)
            assert entities > 0


def assert_same(left, right):
    for (mentions, relations), (other_mentions, other_relations) in zip(left, right, strict=True):
        for rows, others in ((mentions, other_mentions), (relations, other_relations)):
            assert [row[:-1] for row in rows] == [row[:-1] for row in others]
            np.testing.assert_allclose(
                [row[-1] for row in rows], [row[-1] for row in others], rtol=0, atol=1e-4
            )


@pytest.mark.parametrize("config", [{}, {"hidden_size": 32}], ids=["projected", "encoder width"])
def test_token_level_models(make, config):
    Both(make(**{**TOKENS, **config})).agree_everywhere(low=0.48 if config else 0.45)


def test_a_token_level_model_with_an_lstm(make):
    both = Both(make(**{**TOKENS, "num_rnn_layers": 1}))
    both.agree_everywhere(low=0.38, relation_threshold=0.7)


def test_a_token_level_span_with_two_labels_is_paired_twice_as_in_the_package(make):
    settings = {"threshold": 0.42, "relation_threshold": 0.2}
    (_, relations), *_ = Both(make(**TOKENS)).ours(**settings)
    triples = [row[:3] for row in relations]
    assert len(set(triples)) < len(triples)
    assert any(head == tail for head, tail, _ in triples)


def test_candidates_of_a_token_level_model_are_distinct_spans(make):
    model = load_model(make(**TOKENS))
    (scored,) = model.candidates(TEXTS[:1], ENTITIES, RELATIONS, threshold=0.45)
    (mentions,) = (
        one.mentions for one in model.predict(TEXTS[:1], ENTITIES, RELATIONS, threshold=0.45)
    )
    assert scored.spans.tolist() == [[m.start, m.end] for m in mentions]
    assert scored.scores.max(axis=1).tolist() == pytest.approx([m.score for m in mentions])
    assert all(head != tail for head, tail in scored.pairs.tolist())
    assert len(scored.pairs) == len(mentions) * (len(mentions) - 1)


@pytest.mark.parametrize("decoder", ADJACENCY)
def test_adjacency_formulas(decoder):
    from gliner.modeling.multitask.relations_layers import RelationsRepLayer

    torch.manual_seed(3)
    theirs = RelationsRepLayer(16, decoder).relation_rep_layer.eval()
    ours = ADJACENCY[decoder](16).eval()
    ours.load_state_dict(theirs.state_dict())
    spans = torch.randn(7, 16) / 3
    with torch.no_grad():
        expected = theirs(spans[None], torch.ones(1, 7))[0]
        torch.testing.assert_close(ours(spans), expected)
    assert expected.std() > 0


@pytest.mark.parametrize(
    ("decoder", "threshold"),
    [
        ("dot", 0.99), ("mlp", 0.295), ("bilinear", 0.99998), ("attention", 0.0161),
        ("attn", 0.0161), ("gcn", 0.9998), ("gat", 0.5),
    ],
)  # fmt: skip
def test_adjacency_decoders(make, decoder, threshold):
    both = Both(make(relations_layer=decoder))
    settings = {"threshold": 0.42, "relation_threshold": 0.01}
    _, everything = both.agree(adjacency_threshold=0.0, **settings)
    _, kept = both.agree(adjacency_threshold=threshold, **settings)
    assert 0 < kept
    assert kept < everything or decoder in ("dot", "gat")  # theirs all come to 1 here


def test_candidates_are_paired_as_the_adjacency_decoder_says(make):
    model = load_model(make(relations_layer="gcn"))
    settings = {"threshold": 0.42, "adjacency_threshold": 0.9998}
    for text in TEXTS[:3]:
        (scored,) = model.candidates([text], ENTITIES, RELATIONS, **settings)
        (found,) = model.predict([text], ENTITIES, RELATIONS, relation_threshold=0.0, **settings)
        spans = [(m.start, m.end) for m in found.mentions]
        assert scored.spans.tolist() == [list(span) for span in spans]
        assert {tuple(pair) for pair in scored.pairs.tolist()} == {
            (relation.head, relation.tail) for relation in found.relations
        }


@pytest.mark.parametrize(("decoder", "threshold"), [("attention", 0.009), ("gcn", 0.5)])
def test_adjacency_decoders_of_token_level_models(make, decoder, threshold):
    both = Both(make(relations_layer=decoder, **TOKENS))
    settings = {"threshold": 0.42, "relation_threshold": 0.01, "together": 1}
    _, kept = both.agree(adjacency_threshold=threshold, **settings)
    assert kept > 0


@pytest.mark.parametrize(
    "mode",
    [
        "marker", "markerV1", "markerV2", "query", "mlp", "cat",
        "conv_conv", "conv_max", "conv_mean", "conv_sum", "conv_share",
    ],
)  # fmt: skip
def test_span_modes(make, mode):
    together = 1 if mode in ("markerV1", "markerV2") else 2
    both = Both(make(span_mode=mode))
    both.agree_everywhere(low=0.3 if mode == "markerV1" else 0.45, together=together)


@pytest.mark.parametrize("rnn", [0, 1])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_subtoken_pooling(make, pooling, rnn):
    Both(make(subtoken_pooling=pooling, num_rnn_layers=rnn)).agree_everywhere()


def test_labels_represented_by_their_own_first_token(make):
    Both(make(embed_ent_token=False, embed_rel_token=False)).agree_everywhere()


def test_fused_layers_and_two_lstm_layers(make):
    Both(make(fuse_layers=True, num_rnn_layers=2)).agree_everywhere(together=1)


@pytest.mark.parametrize(
    "scorer",
    ["UM", "SE", "TransE", "DistMult", "SimplE", "DistMA", "ComplEx", "QuatE", "HolE"],
)
def test_triple_scorers(make, scorer):
    both = Both(make(triples_layer=scorer))
    both.agree(threshold=0.5, relation_threshold=0.2)
    assert both.agree(threshold=0.5, relation_threshold=1e-6)[1] > 0


def test_a_triple_scorer_with_weights(make):
    both = Both(make(triples_layer="TransH", hidden_size=768, num_rnn_layers=0))
    settings = {"threshold": 0.05, "flat_ner": False}
    assert both.agree(relation_threshold=1e-6, **settings)[1] > 0


@pytest.mark.parametrize("scorer", TRIPLES)
def test_triple_formulas(scorer):
    from gliner.modeling.multitask.triples_layers import TriplesScoreLayer

    torch.manual_seed(3)
    theirs = TriplesScoreLayer(scorer, dim=8).interaction.eval()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight)
    ours = TRIPLES[scorer](8).eval()
    ours.load_state_dict(theirs.state_dict())
    h, r, t = torch.randn(5, 8), torch.randn(3, 8), torch.randn(5, 8)
    wide = [x.expand(5, 3, 8).reshape(15, 8) for x in (h[:, None], r[None], t[:, None])]
    with torch.no_grad():
        torch.testing.assert_close(ours(h, r, t), theirs(*wide).view(5, 3), rtol=1e-4, atol=1e-4)


SIZES = {
    "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "initializer_range": 0.4,
}  # fmt: skip


def words_tokenizer():
    from conftest import make_tokenizer
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=make_tokenizer(), pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_max_length=512,
    )  # fmt: skip


def pieces_tokenizer(kind, special):
    """A SentencePiece-like vocabulary: words, letters, and the signs of the model's own."""
    from conftest import WORDS

    words = [f"▁{w}" for word in WORDS.split() for w in (word, word.capitalize())]
    letters = [chr(c) for c in range(33, 127)]
    return kind(
        vocab=[(piece, 0.0) for piece in special]
        + [("▁", -4.0)]
        + [(word, -6.0) for word in dict.fromkeys(words)]
        + [(letter, -9.0) for letter in letters]
    )


def deberta():
    from transformers import DebertaV2Config, DebertaV2Model, DebertaV2Tokenizer

    tokenizer = pieces_tokenizer(DebertaV2Tokenizer, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer, DebertaV2Model(
        DebertaV2Config(
            vocab_size=len(tokenizer), num_hidden_layers=2, relative_attention=True,
            position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True,
            pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0, **SIZES,
        )
    )  # fmt: skip


def xlm_roberta():
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    tokenizer = pieces_tokenizer(XLMRobertaTokenizer, ["<s>", "<pad>", "</s>", "<unk>"])
    return tokenizer, XLMRobertaModel(
        XLMRobertaConfig(
            vocab_size=len(tokenizer), num_hidden_layers=2, max_position_embeddings=514,
            pad_token_id=1, **SIZES,
        )
    )  # fmt: skip


def modernbert():
    from transformers import ModernBertConfig, ModernBertModel

    tokenizer = words_tokenizer()
    return tokenizer, ModernBertModel(
        ModernBertConfig(
            vocab_size=len(tokenizer), num_hidden_layers=4, global_attn_every_n_layers=2,
            local_attention=8, pad_token_id=0, bos_token_id=2, eos_token_id=3, cls_token_id=2,
            sep_token_id=3, **SIZES,
        )
    )  # fmt: skip


@pytest.mark.parametrize("encoder", [deberta, xlm_roberta, modernbert])
@pytest.mark.parametrize("config", [{}, TOKENS], ids=["spans", "tokens"])
def test_encoders(make, encoder, config, tmp_path):
    torch.manual_seed(0)
    for part in encoder():
        part.save_pretrained(tmp_path)
    Both(make(tmp_path, **config)).agree_everywhere()


def test_an_older_checkpoint_with_a_vocabulary_instead_of_a_tokenizer_file(make):
    folder = make()
    values = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = values["model"]["vocab"]
    special = {"lstrip": False, "rstrip": False, "normalized": False, "special": True}
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "BertTokenizer",
                "do_lower_case": True,
                "added_tokens_decoder": {
                    str(token["id"]): {"content": token["content"], **special}
                    for token in values["added_tokens"]
                },
            }
        )
    )
    Both(folder).agree_everywhere()


def test_a_shared_weight_that_is_stored_once_is_found_under_both_names(make):
    from safetensors.torch import load_file, save_file

    folder = make()
    path, weights = folder / "model.safetensors", load_file(folder / "model.safetensors")
    omitted, kept = "prompt_rep_layer.3.bias", "pair_rep_layer.3.bias"
    del weights[omitted]
    save_file(weights, path, {omitted: kept})
    Both(folder).agree_everywhere()
    model = load(folder)[0]
    assert torch.equal(model.entity_labels[3].bias, model.pairs[3].bias)


# Mistakes of the package.


def scores(answers):
    return [row[-1] for mentions, _ in answers for row in mentions]


@pytest.mark.parametrize(
    "config",
    [{"span_mode": "markerV1"}, {"span_mode": "markerV2"}, {"fuse_layers": True}],
    ids=str,
)
def test_padding_changes_scores_in_the_package(make, config):
    """It takes means over padding, and the last word of the padding for that of the text."""
    both, settings = Both(make(**config)), {"threshold": 0.2}
    alone, together = (both.theirs(batch_size=size, **settings) for size in (1, 4))
    assert scores(alone) != pytest.approx(scores(together), abs=1e-3)
    for size in (1, 4):
        assert_same(both.ours(batch_size=size, **settings), alone)


def test_padding_is_paired_in_token_level_models_of_the_package(make):
    """Words of the padding form spans, which change what the other spans' neighbours are."""
    both = Both(make(relations_layer="attention", **TOKENS))
    settings = {"threshold": 0.3, "adjacency_threshold": 0.02, "relation_threshold": 0.01}
    alone, together = (both.theirs(batch_size=size, **settings) for size in (1, 4))
    assert [len(linked) for _, linked in alone] != [len(linked) for _, linked in together]
    for size in (1, 4):
        assert_same(both.ours(batch_size=size, **settings), alone)


@pytest.mark.parametrize("decoder", ["attention", "gat"])
def test_a_batch_without_mentions_stops_the_package(make, decoder):
    both = Both(make(relations_layer=decoder))
    with pytest.raises(AttributeError):
        both.theirs(threshold=0.9999)
    assert both.ours(threshold=0.9999) == [([], [])] * len(TEXTS)


def test_graph_convolution_in_half_precision_stops_the_package(make):
    folder = make(relations_layer="gcn")
    model = gliner.GLiNER.from_pretrained(str(folder)).to(torch.bfloat16).eval()
    with pytest.raises(RuntimeError):
        model.inference(TEXTS, ENTITIES, relations=RELATIONS, threshold=0.3)
    found = load_model(folder, dtype=torch.bfloat16).predict(TEXTS, ENTITIES, RELATIONS)
    assert any(prediction.mentions for prediction in found)


def test_a_score_of_tucker_depends_on_the_other_triples_in_the_package():
    """Its product runs over the batch, so there is nothing to be equal to; we refuse it."""
    from gliner.modeling.multitask.triples_layers import TriplesScoreLayer

    torch.manual_seed(3)
    layer = TriplesScoreLayer("TuckER", dim=8).eval()
    h, r, t = torch.randn(3, 4, 8)
    with torch.no_grad():
        assert not torch.allclose(layer(h, r, t)[:1], layer(h[:1], r[:1], t[:1]), atol=1e-2)
    assert "TuckER" not in TRIPLES
