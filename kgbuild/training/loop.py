"""How a joint model learns: batches of examples, and the losses of spans and pairs."""

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.losses import weighted_bce
from kgbuild.models.prompt import Prompter
from kgbuild.models.relex import Relex
from kgbuild.training.examples import Example
from kgbuild.training.targets import (
    Prepared,
    batches,
    collate,
    entity_targets,
    pair_targets,
    prepare,
    word_targets,
)
from kgbuild.training.timed import Pace, TimedTrainer


@dataclass(frozen=True, slots=True)
class Schedule(Pace):
    """How long, how fast and how hard to train."""

    batch_tokens: int = 2000
    max_tokens: int = 420
    """Longest input, label prompt included."""
    pool: int = 384
    """Examples that are drawn, sorted by length and cut into batches together."""
    positive_weight: float = 0.7
    max_negative_pairs: int = 240
    hard_spans: int = 6
    """Per text, spans that the model itself takes for mentions and that are paired as negatives."""


class Trainer(TimedTrainer[list[Prepared]]):
    """Trains one joint model in place.

    Args:
        model: Is changed.
        prompter: Goes with its tokenizer.
        schedule: How long and how hard.
        state: Where a killed run finds what it needs to go on; if it is there, it goes on.
        clock: Seconds.

    Attributes:
        drawn: Examples, of which `too_long` could not be used.
    """

    def __init__(
        self,
        model: Relex,
        prompter: Prompter,
        schedule: Schedule,
        state: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        pretrained = model.encoder.transformer.parameters()
        super().__init__(model, pretrained, schedule, state, clock)
        self.model, self.prompter, self.schedule = model, prompter, schedule
        self.drawn, self.too_long = 0, 0

    def train(
        self,
        examples: Iterator[Example],
        report: Callable[[dict[str, float]], None],
        measure: Callable[[], float] | None = None,
    ) -> None:
        """Train until the time is up, from where a killed run left off.

        Args:
            examples: Endless.
            report: Is told every 50 steps how it goes.
            measure: How good the model is now; the higher the better.

        Raises:
            ModelError: The examples are all longer than the model reads.
        """
        self.run(self._groups(examples), report, measure)

    def _losses(self, group: list[Prepared]) -> dict[str, Tensor]:
        model, positive = self.model, self.schedule.positive_weight
        batch = collate(self.prompter, group).to(self._device)
        states = model.encode(batch)
        sides = model.sides(states)
        of_words = model.config.is_token_level
        logits = model.token_logits(states) if of_words else model.span_logits(states, sides)
        lay_out = word_targets if of_words else entity_targets
        targets, known = (t.to(self._device) for t in lay_out(group, logits.shape))
        entity = weighted_bce(logits, targets, known, positive)
        extra: list[list[tuple[int, int]]] = [[] for _ in group]
        if not of_words:
            extra = self._hard_spans(group, logits.detach(), targets)
        pairs = pair_targets(
            group, extra, states.relation.shape[1], self.schedule.max_negative_pairs, self._random
        )
        if not len(pairs.pairs):
            return {"entity": entity}
        vectors = model.span_vectors(sides, pairs.spans.to(self._device))
        scores = model.pair_logits(
            states, vectors, pairs.rows.to(self._device), pairs.pairs.to(self._device)
        )
        relation = weighted_bce(
            scores, pairs.targets.to(self._device), pairs.known.to(self._device), positive
        )
        return {"entity": entity, "relation": relation}

    def _hard_spans(
        self, group: list[Prepared], logits: Tensor, targets: Tensor
    ) -> list[list[tuple[int, int]]]:
        """Spans that the model wrongly takes for mentions: their pairs are negative."""
        if logits.shape[-1] == 0 or logits.shape[1] == 0:
            return [[] for _ in group]
        best = logits.float().amax(dim=-1).masked_fill(targets.any(dim=-1), -torch.inf)
        n_widths = best.shape[2]
        values, places = best.flatten(1).topk(min(self.schedule.hard_spans, best[0].numel()), dim=1)
        extra: list[list[tuple[int, int]]] = []
        for one, scores, where in zip(group, values.tolist(), places.tolist(), strict=True):
            usable = one.example.spans_known and one.example.pairs_known
            spans = ((at // n_widths, at // n_widths + at % n_widths) for at in where)
            gold, n_words = set(one.spans), len(one.words.spans)
            extra.append(
                [
                    span
                    for span, score in zip(spans, scores, strict=True)
                    if usable and score > -0.7 and span[1] < n_words and span not in gold
                ]
            )
        return extra

    def _groups(self, examples: Iterator[Example]) -> Iterator[list[Prepared]]:
        schedule, config = self.schedule, self.model.config
        widest = sys.maxsize if config.is_token_level else config.max_width
        while True:
            drawn = list(itertools.islice(examples, schedule.pool))
            ready = prepare(self.prompter, drawn, widest, schedule.max_tokens)
            self.drawn += len(drawn)
            self.too_long += len(drawn) - len(ready)
            if not ready:
                raise ModelError(
                    f"no text fits into {schedule.max_tokens} tokens together with its labels;"
                    " use shorter names of types, or shorter sentences"
                )
            groups = batches(ready, schedule.batch_tokens)
            for index in self._random.permutation(len(groups)):
                yield groups[index]
