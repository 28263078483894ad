"""The training loop: a fixed time, warm-up, linear decay, and going on after a kill.

Whoever has something to measure on can have the loop measure now and then. It then keeps the
weights that measured best, and stops when it has not got better for long.
"""

import itertools
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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

_MEASURED_EVERY = 0.04  # of the schedule, or less often where a measurement takes long


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how hard to train."""

    minutes: float
    encoder_rate: float = 1.5e-4
    """Peak learning rate of the encoder; it was trained before, the heads were not."""
    head_rate: float = 8e-4
    warmup: float = 0.04
    """Share of the time over which the rates rise."""
    weight_decay: float = 0.01
    batch_tokens: int = 2000
    max_tokens: int = 420
    """Longest input, label prompt included."""
    pool: int = 384
    """Examples that are drawn, sorted by length and cut into batches together."""
    positive_weight: float = 0.7
    max_negative_pairs: int = 240
    hard_spans: int = 6
    """Per text, spans that the model itself takes for mentions and that are paired as negatives."""
    checkpoint_minutes: float = 4.0
    examples: int | None = None
    """Most examples to see; the rates have fallen to nothing by then, if the time is not up."""
    patience: int = 8
    """Measurements without a better one, after which training stops."""
    seed: int = 13


class Trainer:
    """Trains one joint model in place.

    Args:
        model: Is changed.
        prompter: Goes with its tokenizer.
        schedule: How long and how hard.
        state: Where a killed run finds what it needs to go on; if it is there, it goes on.
        clock: Seconds.

    Attributes:
        scores: Of the measurements so far.
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
        self.model, self.prompter, self.schedule = model, prompter, schedule
        self._clock = clock
        self._state = state
        self._device = next(model.parameters()).device
        self._optimizer = _optimizer(model, schedule)
        self._random = np.random.default_rng(schedule.seed)
        self.steps, self.seen, self.elapsed = 0, 0, 0.0
        self.drawn, self.too_long = 0, 0
        self.scores: list[float] = []
        self._best: dict[str, Tensor] | None = None
        self._next_measurement = 0.0
        self._resume()

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
        started = last_save = self._clock()
        before = self.elapsed
        self.model.train()
        for group in self._groups(examples):
            now = self._clock()
            self.elapsed = before + now - started
            if self.progress >= 1.0 or self._hopeless:
                break
            losses = self.step(group)
            if self.steps % 50 == 0:
                report(
                    {"step": self.steps, "seen": self.seen, "minutes": self.elapsed / 60, **losses}
                )
            if now - last_save > self.schedule.checkpoint_minutes * 60:
                self.save()
                last_save = now
            if measure is not None and self.progress >= self._next_measurement:
                self._measure(measure)
        self.model.eval()
        if measure is not None and not self._hopeless:
            self._measure(measure)
        if self._best is not None:
            self.model.load_state_dict(self._best)
        self.save()

    @property
    def progress(self) -> float:
        """How much of the schedule is done, from 0 to 1."""
        time_share = self.elapsed / (self.schedule.minutes * 60)
        return max(time_share, self.seen / self.schedule.examples if self.schedule.examples else 0)

    @property
    def _hopeless(self) -> bool:
        if not any(self.scores):  # a bare encoder needs its time
            return False
        return len(self.scores) - 1 - self.scores.index(max(self.scores)) >= self.schedule.patience

    def _measure(self, measure: Callable[[], float]) -> None:
        """Measure, and keep the weights if they are the best; a tenth of the time may go here."""
        started = self._clock()
        was_training = self.model.training
        self.model.eval()
        score = measure()
        self.model.train(was_training)
        if score > max(self.scores, default=-math.inf):
            self._best = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self.model.state_dict().items()
            }
        self.scores.append(score)
        cost = (self._clock() - started) / (self.schedule.minutes * 60)
        self._next_measurement = self.progress + max(_MEASURED_EVERY, 10 * cost)

    def step(self, group: list[Prepared]) -> dict[str, float]:
        """One update on one batch."""
        self._set_rates()
        with torch.autocast(self._device.type, torch.bfloat16):
            entity, relation = self._losses(group)
        loss = entity + relation
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self.steps += 1
        self.seen += len(group)
        return {"entity": entity.item(), "relation": relation.item()}

    def _losses(self, group: list[Prepared]) -> tuple[Tensor, Tensor]:
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
            return entity, entity.new_zeros(())
        vectors = model.span_vectors(sides, pairs.spans.to(self._device))
        scores = model.pair_logits(
            states, vectors, pairs.rows.to(self._device), pairs.pairs.to(self._device)
        )
        relation = weighted_bce(
            scores, pairs.targets.to(self._device), pairs.known.to(self._device), positive
        )
        return entity, relation

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

    def _set_rates(self) -> None:
        progress = self.progress
        warm = min(1.0, progress / self.schedule.warmup) if self.schedule.warmup else 1.0
        factor = warm * max(0.0, 1.0 - progress)
        for group in self._optimizer.param_groups:
            peak = self.schedule.encoder_rate if group["pretrained"] else self.schedule.head_rate
            group["lr"] = peak * max(factor, 1e-3)

    def save(self) -> None:
        """Write everything that a later run needs to go on."""
        temporary = self._state.with_suffix(".tmp")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "progress": [self.steps, self.seen, self.elapsed],
                "measured": [self.scores, self._next_measurement, self._best],
            },
            temporary,
        )
        os.replace(temporary, self._state)

    def _resume(self) -> None:
        if not self._state.exists():
            return
        state = torch.load(self._state, map_location=self._device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps, self.seen, self.elapsed = state["progress"]
        # A run of an earlier version has not measured.
        self.scores, self._next_measurement, self._best = state.get("measured", ([], 0.0, None))
        self._random = np.random.default_rng([self.schedule.seed, self.steps])


def _optimizer(model: Relex, schedule: Schedule) -> torch.optim.AdamW:
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        pretrained = name.startswith("encoder.transformer")
        decays = parameter.ndim > 1
        groups.setdefault((pretrained, decays), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "pretrained": pretrained,
                "weight_decay": schedule.weight_decay if decays else 0.0,
            }
            for (pretrained, decays), parameters in groups.items()
        ],
        lr=schedule.head_rate,
        betas=(0.9, 0.98),
        eps=1e-6,
        fused=True,
    )
