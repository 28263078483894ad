"""ATLOP's parts equal plain computations in float64."""

from dataclasses import replace
from math import log
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.docre import build
from kgbuild.models.docre.bilinear import GroupBilinear
from kgbuild.models.docre.context import (
    context_and_sentences,
    context_of_rows,
    localized_context,
)
from kgbuild.models.docre.document_encoder import DocumentStates, TokenizedDocument
from kgbuild.models.docre.documents import PairScores
from kgbuild.models.docre.objectives import adaptive_threshold_loss, evidence_loss
from kgbuild.models.docre.pooling import POOLINGS, pool_entities
from kgbuild.models.docre.saving import load_system, save_system

PAIRS = torch.tensor([[2, 0], [0, 1], [1, 2], [1, 0]])


def read_document(seed: int = 0) -> DocumentStates:
    """Three entities of 2, 1 and 1 mentions among 12 tokens of width 5; 3 attention heads."""
    random = torch.Generator().manual_seed(seed)
    where = TokenizedDocument(
        torch.arange(12),
        torch.tensor([0, 4, 3, 9]),
        torch.tensor([1, 4, 6, 10]),
        torch.tensor([0, 0, 1, 2]),
    )
    rows = torch.rand(4, 3, 12, generator=random, dtype=torch.float64)
    tokens = torch.randn(12, 5, generator=random, dtype=torch.float64)
    return DocumentStates(tokens, where, rows / rows.sum(dim=-1, keepdim=True))


def test_an_entity_is_made_of_all_its_mentions() -> None:
    states = read_document()
    t = states.tokens
    expected = {
        "mean": t[[0, 1, 4]].mean(dim=0),
        "start": t[[0, 4]].mean(dim=0),
        "logsumexp": (t[0].exp() + t[4].exp()).log(),
        "logmeanexp": ((t[0].exp() + t[4].exp()) / 2).log(),
    }
    for how in POOLINGS:
        entities = pool_entities(states, how)
        assert entities.shape == (3, 5)
        torch.testing.assert_close(entities[0], expected[how])
    torch.testing.assert_close(pool_entities(states, "mean")[1], t[3:7].mean(dim=0))
    with pytest.raises(ModelError, match="pooling is 'max'; known are mean, start"):
        pool_entities(states, "max")


def test_large_states_do_not_overflow() -> None:
    states = read_document()
    large = DocumentStates(states.tokens.float() * 1000, states.document, None)
    assert torch.isfinite(pool_entities(large, "logsumexp")).all()


def plain_context(rows: list[Tensor], tokens: Tensor, head: int, tail: int) -> Tensor:
    """ATLOP, section 3.3, token by token."""
    n_heads, length = rows[0].shape
    weights = [
        sum(float(rows[head][a, i] * rows[tail][a, i]) for a in range(n_heads)) / n_heads
        for i in range(length)
    ]
    return sum(w * tokens[i] for i, w in enumerate(weights)) / sum(weights)


def test_context_is_what_head_and_tail_both_attend_to() -> None:
    states = read_document()
    attention = states.attention
    rows = [(attention[0] + attention[1]) / 2, attention[2], attention[3]]
    context = localized_context(states, PAIRS)
    for found, (head, tail) in zip(context, PAIRS.tolist(), strict=True):
        torch.testing.assert_close(found, plain_context(rows, states.tokens, head, tail))


def test_entities_of_different_windows_have_the_mean_of_their_own_contexts() -> None:
    states = read_document()
    rows = states.attention[[0, 2, 3]].clone()
    rows[0, :, 6:], rows[1:, :, :6] = 0, 0
    rows /= rows.sum(dim=-1, keepdim=True)
    apart, together = context_of_rows(rows, states.tokens, torch.tensor([[0, 1], [1, 2]]))
    own = [rows[i].mean(dim=0) @ states.tokens for i in (0, 1)]
    torch.testing.assert_close(apart, (own[0] + own[1]) / 2)
    torch.testing.assert_close(together, plain_context(list(rows), states.tokens, 1, 2))


SENTENCE = torch.tensor([0, 0, 0, 0, 1, 1, 1, -1, 2, 2, 2, 2])
"""Of the tokens of `read_document`; one is in none."""


def read_sentences() -> DocumentStates:
    states = read_document()
    return replace(states, document=replace(states.document, sentence=SENTENCE))


def plain_shares(rows: list[Tensor], head: int, tail: int) -> list[float]:
    """DREEAM: the weights of a pair's context, summed over the tokens of each sentence."""
    weights = [
        sum(float(rows[head][a, i] * rows[tail][a, i]) for a in range(len(rows[head])))
        for i in range(len(SENTENCE))
    ]
    within = [[w for w, s in zip(weights, SENTENCE, strict=True) if s == n] for n in range(3)]
    return [sum(one) / sum(weights) for one in within]


def test_a_sentence_has_the_weight_of_its_tokens_in_the_context() -> None:
    states = read_sentences()
    attention = states.attention
    rows = [(attention[0] + attention[1]) / 2, attention[2], attention[3]]
    context, shares = context_and_sentences(states, PAIRS, 3)
    torch.testing.assert_close(context, localized_context(states, PAIRS))
    expected = [plain_shares(rows, head, tail) for head, tail in PAIRS.tolist()]
    torch.testing.assert_close(shares, torch.tensor(expected, dtype=torch.float64))
    assert (shares.sum(dim=1) < 1).all()  # for the token in no sentence has a weight too


def test_a_pair_of_different_windows_looks_at_the_sentences_that_both_look_at_alone() -> None:
    states = read_sentences()
    attention = states.attention.clone()
    attention[[0, 1], :, 7:], attention[2, :, :7] = 0, 0
    attention /= attention.sum(dim=-1, keepdim=True)
    _, shares = context_and_sentences(replace(states, attention=attention), PAIRS[1:2], 3)
    alone = [attention[:2].mean(dim=(0, 1)), attention[2].mean(dim=0)]
    weights = (alone[0] + alone[1]) / 2
    torch.testing.assert_close(
        shares[0], torch.stack([weights[SENTENCE == n].sum() for n in range(3)])
    )


def test_sentences_must_be_known_to_have_weights() -> None:
    with pytest.raises(ModelError, match="needs? the sentences"):
        context_and_sentences(read_document(), PAIRS, 3)


def test_evidence_loss_is_the_mean_divergence_of_pairs_of_all_documents() -> None:
    shares = [[[0.2, 0.3, 0.5], [0.1, 0.9, 0.0]], [[0.25, 0.7]]]
    evidence = [[[0.0, 0.5, 0.5], [0.0, 1.0, 0.0]], [[0.5, 0.5]]]
    expected = [
        sum(e * log(e / p) for p, e in zip(found, wanted, strict=True) if e)
        for document, gold in zip(shares, evidence, strict=True)
        for found, wanted in zip(document, gold, strict=True)
    ]
    tensors = [[torch.tensor(one).double() for one in each] for each in (shares, evidence)]
    assert evidence_loss(*tensors).item() == pytest.approx(sum(expected) / 3)


def test_a_sentence_that_is_out_of_sight_has_a_cost_but_no_slope() -> None:
    shares = torch.tensor([[0.0, 1.0]], requires_grad=True)
    loss = evidence_loss([shares], [torch.tensor([[1.0, 0.0]])])
    loss.backward()
    assert loss.isfinite()
    assert not shares.grad.any()


def test_context_needs_attention() -> None:
    states = read_document()
    with pytest.raises(ModelError, match="needs the attention"):
        localized_context(DocumentStates(states.tokens, states.document, None), PAIRS)


def test_group_bilinear_is_a_sum_over_products_within_groups() -> None:
    torch.manual_seed(0)
    layer = GroupBilinear(128, 3).double()
    torch.nn.init.normal_(layer.bias)
    head, tail = torch.randn(2, 5, 128).double()
    expected = layer.bias.expand(5, 3).clone()
    for group in range(2):
        form = layer.weight[group].view(64, 64, 3)
        span = slice(64 * group, 64 * group + 64)
        expected += torch.stack(
            [
                torch.stack([head[p, span] @ form[:, :, o] @ tail[p, span] for o in range(3)])
                for p in range(5)
            ]
        )
    torch.testing.assert_close(layer(head, tail), expected)


def test_group_bilinear_says_what_widths_it_takes() -> None:
    with pytest.raises(ModelError, match="pair_width is 100; it must be a multiple of 64"):
        GroupBilinear(100, 3)


def scores_and_targets() -> tuple[PairScores, Tensor]:
    """Pairs of no relation, of one, of two and of all."""
    random = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(4, 3, generator=random, dtype=torch.float64)
    threshold = torch.randn(4, generator=random, dtype=torch.float64)
    targets = torch.tensor([[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]]).double()
    return PairScores(logits, threshold), targets


def plain_threshold_loss(scores: PairScores, targets: Tensor) -> Tensor:
    """ATLOP, equations 7 to 9, pair by pair."""
    total = torch.zeros((), dtype=torch.float64)
    for logits, threshold, row in zip(scores.logits, scores.threshold, targets, strict=True):
        positive = [i for i in range(3) if row[i]]
        negative = [i for i in range(3) if not row[i]]
        among = sum(logits[i].exp() for i in positive) + threshold.exp()
        for i in positive:
            total -= (logits[i].exp() / among).log()
        below = sum(logits[i].exp() for i in negative) + threshold.exp()
        total -= (threshold.exp() / below).log()
    return total / len(targets)


def test_adaptive_threshold_loss() -> None:
    scores, targets = scores_and_targets()
    before = targets.clone()
    torch.testing.assert_close(
        adaptive_threshold_loss(scores, targets), plain_threshold_loss(scores, targets)
    )
    assert torch.equal(targets, before)  # published code overwrites them


def test_cells_that_cannot_be_take_no_part_in_the_loss() -> None:
    scores, targets = scores_and_targets()
    open_cells = [0, 2]
    logits = scores.logits.clone()
    logits[1, 0] = -torch.inf
    logits.requires_grad_()
    loss = adaptive_threshold_loss(PairScores(logits[1:2], scores.threshold[1:2]), targets[1:2])
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1, 0] == 0
    assert (logits.grad[1, 1:] != 0).all()
    assert (logits.grad[open_cells] == 0).all()


def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Of a text whose sentences end with a full stop."""
    ends = [i + 1 for i, sign in enumerate(text) if sign == "."]
    starts = [0, *(end + 1 for end in ends[:-1])]
    return tuple(zip(starts, ends, strict=True))


def test_the_loss_with_evidence(transformer, tokenizer, labels, documents, targets) -> None:
    system = build("atlop", transformer, tokenizer, labels, {"pair_width": 64, "evidence": 0.5})
    told = [replace(one, sentences=sentences(one.text)) for one in documents]
    pairs = [one.pairs for one in documents]
    evidence = torch.zeros(12, 3)
    evidence[0, 0], evidence[2, 1:] = 1, 0.5  # (0, 1) and (0, 3)
    given_evidence = [evidence, None, torch.zeros(0, 1)]

    scores = system.forward_to_learn(told, pairs, labels, targets, given_evidence)
    plain = system(told, pairs, labels)
    for found, expected in zip(scores, plain, strict=True):
        torch.testing.assert_close(found.logits, expected.logits)
    states = system.encoder(told[:1], attention=True)[0]
    shares = context_and_sentences(states, pairs[0], 3)[1].double()
    one = -shares[0, 0].log()
    other = -0.5 * (2 * shares[2, 1:]).log().sum()
    expected = system.loss(plain, targets) + 0.5 * (one + other) / 2
    torch.testing.assert_close(system.loss(scores, targets).double(), expected, check_dtype=False)


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_without_evidence_the_loss_is_that_of_the_scores_alone(
    weight, transformer, tokenizer, labels, documents, targets
) -> None:
    options = {"pair_width": 64, "evidence": weight}
    system = build("atlop", transformer, tokenizer, labels, options).eval()
    pairs = [one.pairs for one in documents]
    evidence = [None] * 3 if weight else [torch.ones(len(of), 2) / 2 for of in pairs]
    scores = system.forward_to_learn(documents, pairs, labels, targets, evidence)
    assert system.loss(scores, targets) == system.loss(system(documents, pairs, labels), targets)


def test_the_weight_of_evidence_is_saved(transformer, tokenizer, labels, tmp_path: Path) -> None:
    options = {"pair_width": 64, "evidence": 0.3}
    save_system(tmp_path, build("atlop", transformer, tokenizer, labels, options), tokenizer)
    assert load_system(tmp_path).options.evidence == 0.3


def test_a_text_longer_than_the_encoder_reads_has_a_score_for_every_pair(
    transformer, tokenizer, labels, given
) -> None:
    options = {"pair_width": 64, "window": 64, "overlap": 16}
    system = build("atlop", transformer, tokenizer, labels, options).eval()
    text = f"Ada Lovelace works. {'The engine in the city works. ' * 200} Charles Babbage wrote."
    document = given(text, ("Ada Lovelace",), ("Charles Babbage",), ("city",))
    with torch.inference_mode():
        states = system.encoder([document], attention=True)[0]
        (scores,) = system([document], [document.pairs], labels)
        context = localized_context(states, document.pairs)
    assert torch.isfinite(scores.margins).all()
    assert (context.norm(dim=1) > 0.1).all()  # also of Ada and Charles, who share no window
