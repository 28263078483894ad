"""Losses of the document-level systems.

Sizes: P pairs, R relation types.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from kgbuild.errors import ModelError
from kgbuild.models.docre.documents import PairScores

FOCAL_FORMS = ("code", "paper")
LEAST_SHARE = 1e-9
"""Of a sentence. Windows may keep a pair from looking at one at all: that has a cost, no slope."""


def expect_none(bias: Tensor) -> None:
    """Let the threshold, first among the outputs, begin above relations, which are rare.

    Else the first steps go into learning a constant, by way of whatever all pairs share, and what
    tells pairs apart may be lost for good: on a few hundred documents of Re-DocRED, one run in
    three never recovers. There a relation holds for one pair and relation type in a thousand, and
    constant scores are best with the threshold at log(11 R).
    """
    with torch.no_grad():
        bias.zero_()
        bias[0] = math.log(11 * (len(bias) - 1))


def joined(scores: Sequence[PairScores]) -> PairScores:
    """The scores of several documents as those of one."""
    return PairScores(
        torch.cat([one.logits for one in scores]).float(),
        torch.cat([one.threshold for one in scores]).float(),
    )


def adaptive_threshold_loss(scores: PairScores, targets: Tensor) -> Tensor:
    """Each positive relation above the threshold, the threshold above all negative ones.

    ATLOP (arXiv 2010.11304, equations 7 to 9): a softmax over each positive relation, the other
    positive ones and the threshold; another one over the negative relations and the threshold.
    Mean over pairs. Logits of -inf take no part.

    Args:
        scores: Of all pairs.
        targets: (P, R) of 0 and 1.
    """
    positive = targets.to(scores.logits).bool()
    among = _with_threshold(scores, positive).logsumexp(dim=1, keepdim=True)
    above = torch.where(positive, among - scores.logits, 0.0).sum(dim=1)
    return _mean(above + _threshold_above(scores, ~positive))


def adaptive_focal_loss(
    scores: PairScores, targets: Tensor, *, form: str = "code", gamma: float = 1.0
) -> Tensor:
    """The same where each positive relation competes with the threshold alone, and hard ones count.

    KD-DocRE (arXiv 2203.10900, section 3.2). With p = σ(logit - threshold), a positive relation
    costs -w log p. The paper has w = (1 - p)^γ; the code that its results come from has
    w = 1 + (1 - p)^γ.

    Args:
        scores: Of all pairs.
        targets: (P, R) of 0 and 1.
        form: One of `FOCAL_FORMS`.
        gamma: How much more the hard ones count.

    Raises:
        ModelError: There is no such form.
    """
    if form not in FOCAL_FORMS:
        raise ModelError(f"the focal form is {form!r}; known are {', '.join(FOCAL_FORMS)}")
    positive = targets.to(scores.logits).bool()
    margins = scores.margins.masked_fill(~positive, 0.0)
    weights = _focus(margins, gamma) + (form == "code")
    above = torch.where(positive, -weights * functional.logsigmoid(margins), 0.0).sum(dim=1)
    return _mean(above + _threshold_above(scores, ~positive))


def focal_loss(scores: PairScores, targets: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Focal binary cross-entropy of the margins, divided by the number of positive cells.

    A cell costs -α' (1 - p')^γ log p', where p' is the probability of what it should be and α' is
    `alpha` for a positive cell and 1 - `alpha` for a negative one (arXiv 1708.02002, equation 5).
    """
    wanted = targets.to(scores.logits)
    signed = scores.margins * (2 * wanted - 1)  # log odds of what it should be
    weights = alpha * wanted + (1 - alpha) * (1 - wanted)
    costs = -weights * _focus(signed, gamma) * functional.logsigmoid(signed)
    return costs.sum() / wanted.sum().clamp(min=1.0)


def single_label_loss(scores: PairScores, targets: Tensor) -> Tensor:
    """Cross-entropy of a pair's relation, or of having none, among all relations and the threshold.

    Mean over pairs. Of a pair with several relations the first one counts. Logits of -inf take no
    part.
    """
    targets = targets.to(scores.logits)
    none = torch.full_like(targets[:, :1], 0.5)  # less than a relation, more than no relation
    wanted = torch.cat([targets, none], dim=1).argmax(dim=1)
    return _mean(functional.cross_entropy(_with_threshold(scores), wanted, reduction="none"))


def distillation_loss(student: PairScores, teacher: PairScores) -> Tensor:
    """Mean squared difference of all logits, threshold included (KD-DocRE, section 3.3)."""
    return _mean((_with_threshold(student) - _with_threshold(teacher).detach()).square().flatten())


def evidence_loss(shares: Sequence[Tensor], evidence: Sequence[Tensor]) -> Tensor:
    """How far from the annotated evidence it is where pairs look: KL divergence, mean over pairs.

    DREEAM (Ma et al., arXiv 2302.08675): Σ_s e_s log(e_s / p_s) of a pair, over its sentences.

    Args:
        shares: (P, S) p of each document.
        evidence: (P, S) e of each document; rows sum to 1.
    """
    costs = [
        functional.kl_div(found.clamp(min=LEAST_SHARE).log(), wanted, reduction="none").sum(dim=1)
        for found, wanted in zip(shares, evidence, strict=True)
    ]
    return _mean(torch.cat(costs))


def _focus(odds: Tensor, gamma: float) -> Tensor:
    """(1 - p)^γ of log odds; by way of logarithms, for the power has no slope at p = 1."""
    return (gamma * functional.logsigmoid(-odds)).exp()


def _threshold_above(scores: PairScores, negative: Tensor) -> Tensor:
    """-log softmax of the threshold among itself and the negative relations, (P,)."""
    return _with_threshold(scores, negative).logsumexp(dim=1) - scores.threshold


def _mean(costs: Tensor) -> Tensor:
    """Zero for documents that have no pairs."""
    return costs.sum() / max(len(costs), 1)


def _with_threshold(scores: PairScores, which: Tensor | None = None) -> Tensor:
    """The logits, but -inf where not `which`, and the threshold, (P, R + 1)."""
    logits = scores.logits if which is None else scores.logits.masked_fill(~which, -torch.inf)
    return torch.cat([logits, scores.threshold[:, None]], dim=1)
