"""What KD-DocRE adds to ATLOP equals plain computations in float64."""

import pytest
import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.docre import build
from kgbuild.models.docre.axial import AxialMixer, RowAttention
from kgbuild.models.docre.documents import PairScores
from kgbuild.models.docre.objectives import (
    adaptive_focal_loss,
    distillation_loss,
    focal_loss,
)


def scores_and_targets() -> tuple[PairScores, Tensor]:
    random = torch.Generator().manual_seed(2)
    logits = 3 * torch.randn(3, 3, generator=random, dtype=torch.float64)
    threshold = torch.randn(3, generator=random, dtype=torch.float64)
    targets = torch.tensor([[0, 0, 0], [0, 1, 0], [1, 0, 1]]).double()
    return PairScores(logits, threshold), targets


def plain_reading(layer: RowAttention, cells: list[Tensor], own: Tensor) -> Tensor:
    """What one cell reads in `cells`, head by head."""
    width = len(own)
    queries, keys, values = layer.inputs.weight.view(3, width, width)
    size, read = width // 2, []
    for head in range(2):
        part = slice(head * size, head * size + size)
        query = (queries @ own)[part]
        logits = torch.stack([query @ (keys @ cell)[part] for cell in cells]) / size**0.5
        weights = logits.exp() / logits.exp().sum()
        read.append(sum(w * (values @ c)[part] for w, c in zip(weights, cells, strict=True)))
    return layer.output.weight @ torch.cat(read) + layer.output.bias


def test_pairs_attend_to_their_row_and_their_column_and_never_to_the_diagonal() -> None:
    torch.manual_seed(0)
    n, width = 4, 6
    mixer = AxialMixer(width, n_layers=2, n_heads=2).double()
    start = torch.randn(n, n, width, dtype=torch.float64)
    grid = start.clone()
    for layer in mixer.layers:
        after = grid.clone()
        for s, o in [(s, o) for s in range(n) for o in range(n) if s != o]:
            row = [grid[s, p] for p in range(n) if p != s]
            column = [grid[p, o] for p in range(n) if p != o]
            mixed = grid[s, o] + plain_reading(layer.rows, row, grid[s, o])
            mixed = mixed + plain_reading(layer.columns, column, grid[s, o])
            mixed = layer.linear.weight @ mixed + layer.linear.bias
            centred = mixed - mixed.mean()
            normed = centred / (centred.square().mean() + layer.norm.eps).sqrt()
            after[s, o] = layer.norm.weight * normed + layer.norm.bias
        grid = after
    pairs = ~torch.eye(n, dtype=torch.bool)
    torch.testing.assert_close(mixer(start)[pairs], (start + grid)[pairs])


def test_one_layer_sees_both_steps_of_a_path_and_nothing_off_row_and_column() -> None:
    torch.manual_seed(0)
    mixer = AxialMixer(8, n_layers=1, n_heads=2)
    grid = torch.randn(4, 4, 8, requires_grad=True)
    mixer(grid)[0, 1, 0].backward()
    seen = {tuple(cell) for cell in grid.grad.abs().sum(dim=-1).nonzero().tolist()}
    assert seen == {(0, 1), (0, 2), (0, 3), (2, 1), (3, 1)}


@pytest.mark.parametrize("gamma", [1.0, 2.0])
@pytest.mark.parametrize("form", ["code", "paper"])
def test_adaptive_focal_loss(form: str, gamma: float) -> None:
    scores, targets = scores_and_targets()
    total = torch.zeros((), dtype=torch.float64)
    for logits, threshold, row in zip(scores.logits, scores.threshold, targets, strict=True):
        for logit in (logits[i] for i in range(3) if row[i]):
            p = logit.exp() / (logit.exp() + threshold.exp())
            total -= {"code": 1 + (1 - p) ** gamma, "paper": (1 - p) ** gamma}[form] * p.log()
        negative = sum(logits[i].exp() for i in range(3) if not row[i])
        total -= (threshold.exp() / (threshold.exp() + negative)).log()
    found = adaptive_focal_loss(scores, targets, form=form, gamma=gamma)
    torch.testing.assert_close(found, total / 3)


def test_there_are_two_forms_of_it() -> None:
    with pytest.raises(ModelError, match="the focal form is 'both'; known are code, paper"):
        adaptive_focal_loss(*scores_and_targets(), form="both")


@pytest.mark.parametrize("gamma", [0.0, 0.8, 2.0])
def test_focal_loss(gamma: float) -> None:
    scores, targets = scores_and_targets()
    total = torch.zeros((), dtype=torch.float64)
    for i, j in [(i, j) for i in range(3) for j in range(3)]:
        p = 1 / (1 + (scores.threshold[i] - scores.logits[i, j]).exp())
        if targets[i, j]:
            total -= 0.8 * (1 - p) ** gamma * p.log()
        else:
            total -= 0.2 * p**gamma * (1 - p).log()
    torch.testing.assert_close(focal_loss(scores, targets, alpha=0.8, gamma=gamma), total / 3)


def test_a_student_learns_the_teachers_scores() -> None:
    teacher, _ = scores_and_targets()
    student = PairScores(teacher.logits + 1, teacher.threshold - 2)
    # Per pair three logits that are off by 1 and a threshold that is off by 2.
    assert distillation_loss(student, teacher).item() == pytest.approx((3 * 1 + 4) / 4)


def test_a_teacher_adds_to_the_loss_and_is_not_taught(
    transformer, tokenizer, labels, documents, targets
) -> None:
    torch.manual_seed(0)
    options = {"pair_width": 64, "layers": 1, "heads": 4}
    system = build("kd-docre", transformer, tokenizer, labels, options).eval()
    scores = system(documents, [one.pairs for one in documents], labels)
    taught = [PairScores(one.logits * 0 + 1, one.threshold * 0) for one in scores]
    alone = system.loss(scores, targets)
    assert system.loss(scores, targets, taught) > alone
    same = system.loss(scores, targets, scores)
    torch.testing.assert_close(same, alone)


def test_a_pair_depends_on_the_other_pairs_of_its_document(
    transformer, tokenizer, labels, given
) -> None:
    torch.manual_seed(0)
    options = {"pair_width": 64, "layers": 1, "heads": 4}
    system = build("kd-docre", transformer, tokenizer, labels, options).eval()
    pair, states = torch.tensor([[0, 1]]), []
    for entities in ([("Ada",), ("London",)], [("Ada",), ("London",), ("engine",)]):
        document = given("Ada works in London about the engine.", *entities)
        with torch.inference_mode():
            states.append(system([document], [pair], labels)[0].margins)
    assert not torch.allclose(*states, atol=1e-4)
