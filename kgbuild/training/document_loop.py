"""How a document-level system learns: whole documents, and all or some of their pairs."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.docre.atlop import Atlop
from kgbuild.models.docre.documents import PairScores, RelationLabels
from kgbuild.models.docre.kd_docre import KdDocre
from kgbuild.models.docre.scoring import RelationSystem
from kgbuild.training.documents import Task, pooled
from kgbuild.training.timed import Pace, TimedTrainer

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class DocumentPace(Pace):
    """How long, how fast and how much at once."""

    warmup: float = 0.06
    checkpoint_minutes: float = 2.0
    patience: int = 13
    epsilon: float = 1e-8
    """Gradients of single pairs are small, and their systems see few documents."""
    report_every: int = 5
    documents: int = 2
    """Of a step."""


class DocumentTrainer(TimedTrainer[list[Task]]):
    """Trains one document-level system in place.

    Args:
        system: Is changed.
        pace: How long and how fast.
        state: Where a killed run finds what it needs to go on; if it is there, it goes on.
        teacher: Whose scores are learned together with the annotation (arXiv 2203.10900, 3.4).
        clock: Seconds.

    Raises:
        ModelError: The system cannot learn from a teacher.
    """

    def __init__(
        self,
        system: RelationSystem,
        pace: DocumentPace,
        state: Path,
        *,
        teacher: RelationSystem | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if teacher is not None and not isinstance(system, KdDocre):
            raise ModelError(f"{system.system} does not learn from a teacher; kd-docre does")
        if teacher is not None and not isinstance(teacher, KdDocre | Atlop):
            raise ModelError(
                f"{teacher.system} is no teacher for kd-docre, whose threshold is learned as a"
                " class; atlop and kd-docre are"
            )
        super().__init__(system, system.pretrained(), pace, state, clock)
        self.system, self.pace, self._teacher = system, pace, teacher

    def train(
        self,
        tasks: Sequence[Task],
        report: Callable[[dict[str, float]], None],
        measure: Callable[[], float] | None = None,
    ) -> None:
        """Train until the time is up, from where a killed run left off.

        Args:
            tasks: To learn from, again and again; those without pairs or labels teach nothing.
            report: Is told every few steps how it goes.
            measure: How good the system is now; the higher the better.
        """
        self.run(self._groups([task for task in tasks if task.teaches]), report, measure)

    def _groups(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """What is learned from at once, all tasks as often."""
        pool = self.system.label_pool > 1 and len({task.labels for task in tasks}) > 1
        apart = [task for task in tasks if not (pool and task.is_complete)]
        together = [task for task in tasks if pool and task.is_complete]
        while True:
            yield from self._shuffled([*self._alike(apart), *self._pooled(together)])

    def _alike(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """Documents that share their labels."""
        for sharing in _by_labels(tasks):
            yield from _parts(self._shuffled(sharing), self.pace.documents)

    def _pooled(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """Documents of a few label sets, each asked for the labels of all these sets.

        Those with the same labels come a few at a time: to read labels takes as long as documents.
        """
        sets, pool = _by_labels(tasks), self.system.label_pool
        few = max(1, self.pace.documents // pool)
        parts = [part for sharing in sets for part in _parts(self._shuffled(sharing), few)]
        drawn = [task for part in self._shuffled(parts) for task in part]
        for group in _parts(drawn, self.pace.documents):
            own = {task.labels: None for task in group}
            others = self._random.choice(len(sets), max(0, pool - len(own)))
            labels = pooled([*own, *(sets[i][0].labels for i in others)])
            yield [task.asked(labels) for task in group]

    def _shuffled(self, items: Sequence[S]) -> list[S]:
        return [items[i] for i in self._random.permutation(len(items))]

    def _losses(self, group: list[Task]) -> dict[str, Tensor]:
        labels, documents = group[0].labels, [task.document for task in group]
        sampled = [
            task.sample(self.system.negatives, self._random, self.system.most_pairs)
            for task in group
        ]
        pairs = [task.pairs.to(self._device) for task in sampled]
        targets = [task.targets.to(self._device) for task in sampled]
        told = [task.evidence for task in sampled]
        evidence = [None if one is None else one.to(self._device) for one in told]
        scores = self.system.forward_to_learn(documents, pairs, labels, targets, evidence)
        taught = None
        if self._teacher is not None:
            with torch.no_grad():
                taught = [_exact(one) for one in self._teacher(documents, pairs, labels)]
        with torch.autocast(self._device.type, enabled=False):
            return {"loss": self._loss([_exact(one) for one in scores], targets, taught)}

    def _loss(
        self,
        scores: Sequence[PairScores],
        targets: Sequence[Tensor],
        taught: Sequence[PairScores] | None,
    ) -> Tensor:
        if taught is not None and isinstance(self.system, KdDocre):
            return self.system.loss(scores, targets, taught)
        return self.system.loss(scores, targets)


def _by_labels(tasks: Sequence[Task]) -> list[list[Task]]:
    sharing: dict[RelationLabels, list[Task]] = defaultdict(list)
    for task in tasks:
        sharing[task.labels].append(task)
    return list(sharing.values())


def _parts(items: list[S], size: int) -> list[list[S]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _exact(scores: PairScores) -> PairScores:
    """In full precision: losses add up thousands of small numbers."""
    return replace(scores, logits=scores.logits.float(), threshold=scores.threshold.float())
