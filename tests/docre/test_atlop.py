"""ATLOP's parts equal plain computations in float64."""

import pytest
import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.docre import build
from kgbuild.models.docre.bilinear import GroupBilinear
from kgbuild.models.docre.context import context_of_rows, localized_context
from kgbuild.models.docre.document_encoder import DocumentStates, TokenizedDocument
from kgbuild.models.docre.documents import PairScores
from kgbuild.models.docre.objectives import adaptive_threshold_loss
from kgbuild.models.docre.pooling import POOLINGS, pool_entities

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
