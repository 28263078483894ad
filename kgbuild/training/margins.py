"""How well a document-level system does on texts kept aside, and which margins suit it.

A relation is predicted where its margin exceeds a shift. Systems that learn a threshold need none;
for others, and for those that had little time, the best shift is looked for here. What is beyond
it, divided by a temperature, is closest to log odds (arXiv 1706.04599, section 4.2).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kgbuild.models.docre.documents import PairScores
from kgbuild.models.docre.scoring import RelationSystem
from kgbuild.training.documents import Task
from kgbuild.training.judging import Tally

_AS_GOOD = 0.005  # of F1: no shift for less
_TEMPERATURES = np.logspace(-1.5, 1.5, 61)


@dataclass(frozen=True, slots=True)
class Margins:
    """The best margins of all pairs, as many as can be predicted.

    Attributes:
        values: (N,) Highest first.
        right: (N,) Whether the relation holds.
        gold: How many relations hold in all.
    """

    values: NDArray[np.float64]
    right: NDArray[np.bool_]
    gold: int

    def tally(self, shift: float) -> Tally:
        """What is predicted with a shift."""
        predicted = int((self.values > shift).sum())
        return Tally(int(self.right[:predicted].sum()), predicted, self.gold)

    def best_shift(self) -> float:
        """The shift of the highest F1; 0 where that is about as good."""
        if not len(self.values):
            return 0.0
        correct, predicted = np.cumsum(self.right), np.arange(1, len(self.values) + 1)
        f1 = 2 * correct / (predicted + self.gold)
        f1[:-1][self.values[:-1] == self.values[1:]] = 0  # equal margins stand or fall together
        best = int(f1.argmax())
        if f1[best] <= self.tally(0.0).f1 + _AS_GOOD:
            return 0.0
        below = self.values[best + 1] if best + 1 < len(self.values) else self.values[best] - 1
        return float((self.values[best] + below) / 2)

    def temperature(self, shift: float) -> float:
        """The temperature that makes the answers most likely."""
        if not self.right.any() or self.right.all():
            return 1.0
        odds = (self.values - shift)[:, None] / _TEMPERATURES
        surprise = np.logaddexp(0, np.where(self.right[:, None], -odds, odds)).mean(axis=0)
        return float(_TEMPERATURES[surprise.argmin()])


def scored(system: RelationSystem, tasks: Sequence[Task]) -> Iterator[tuple[Task, PairScores]]:
    """Score every pair that the annotation speaks of, one document after the other, on the CPU."""
    device = next(system.parameters()).device
    for task in tasks:
        with torch.no_grad():
            [scores] = system([task.document], [task.pairs.to(device)], task.labels)
        yield task, PairScores(scores.logits.float().cpu(), scores.threshold.float().cpu())


def margins(system: RelationSystem, tasks: Sequence[Task]) -> Margins:
    """Margins of annotated documents, by a system in evaluation mode."""
    values, right, gold = [np.zeros(0)], [np.zeros(0, bool)], 0
    for task, scores in scored(system, tasks):
        best = scores.margins.topk(min(system.most_relations, scores.margins.shape[1]), dim=1)
        values.append(best.values.double().numpy().ravel())
        right.append(torch.gather(task.targets, 1, best.indices).bool().numpy().ravel())
        gold += len(task.facts)
    of_all = np.concatenate(values)
    order = np.argsort(-of_all, kind="stable")
    return Margins(of_all[order], np.concatenate(right)[order], gold)
