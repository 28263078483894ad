"""A training run of a fixed time: warm-up, linear decay, and going on after a kill.

Whoever has something to measure on can have the run measure now and then. It then keeps the weights
that measured best, and stops when it has not got better for long.
"""

import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from kgbuild.errors import ModelError

_MOST_LOST = 10
_MEASURED_EVERY = 0.04  # of the schedule, or less often where a measurement takes long


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how fast to learn."""

    minutes: float
    encoder_rate: float = 1.5e-4
    """Peak learning rate of the encoder; it was trained before, the heads were not."""
    head_rate: float = 8e-4
    warmup: float = 0.04
    """Share of the time over which the rates rise."""
    weight_decay: float = 0.01
    checkpoint_minutes: float = 4.0
    examples: int | None = None
    """Most examples to see; the rates have fallen to nothing by then, if the time is not up."""
    patience: int = 8
    """Measurements without a better one, after which training stops."""
    report_every: int = 50
    """Steps."""
    epsilon: float = 1e-6
    """Of Adam."""
    seed: int = 13


G = TypeVar("G", bound=Sized)
"""What one update is made on: a group of examples."""


class TimedTrainer(ABC, Generic[G]):
    """Trains a network in place.

    Args:
        model: Is changed.
        pretrained: Those of its parameters that learn at the encoder's rate.
        pace: How long and how fast.
        state: Where a killed run finds what it needs to go on; if it is there, it goes on.
        clock: Seconds.

    Attributes:
        steps: Updates so far, on `seen` examples, in `elapsed` seconds.
        scores: Of the measurements so far.
    """

    def __init__(
        self,
        model: nn.Module,
        pretrained: Iterable[nn.Parameter],
        pace: Pace,
        state: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network, self._pace, self._state, self._clock = model, pace, state, clock
        self._device = next(model.parameters()).device
        self._optimizer = _optimizer(model, pretrained, pace)
        self._random = np.random.default_rng(pace.seed)
        self.steps, self.seen, self.elapsed = 0, 0, 0.0
        self._lost = 0  # updates, one after the other
        self.scores: list[float] = []
        self._best: dict[str, Tensor] | None = None
        self._next_measurement = 0.0
        self._resume()

    @abstractmethod
    def _losses(self, group: G) -> dict[str, Tensor]:
        """What is to be lowered: the sum of these scalars."""

    def run(
        self,
        groups: Iterable[G],
        report: Callable[[dict[str, float]], None],
        measure: Callable[[], float] | None = None,
    ) -> None:
        """Train until the time is up, from where a killed run left off.

        Args:
            groups: Endless.
            report: Is told now and then how it goes.
            measure: How good the model is now; the higher the better.
        """
        if measure is None:  # then nothing says that what a killed run found best still is
            self._best = None
        started = last_save = self._clock()
        before = self.elapsed
        self._network.train()
        for group in groups:
            now = self._clock()
            self.elapsed = before + now - started
            if self.progress >= 1.0 or self._hopeless:
                break
            losses = self.step(group)
            if self.steps % self._pace.report_every == 0:
                report(
                    {"step": self.steps, "seen": self.seen, "minutes": self.elapsed / 60, **losses}
                )
            if now - last_save > self._pace.checkpoint_minutes * 60:
                self.save()
                last_save = now
            if measure is not None and self.progress >= self._next_measurement:
                self._measure(measure)
        self._network.eval()
        if measure is not None and not self._hopeless:
            self._measure(measure)
        if self._best is not None:
            self._network.load_state_dict(self._best)
        self.save()

    @property
    def progress(self) -> float:
        """How much of the schedule is done, from 0 to 1."""
        time_share = self.elapsed / (self._pace.minutes * 60)
        return max(time_share, self.seen / self._pace.examples if self._pace.examples else 0)

    def step(self, group: G) -> dict[str, float]:
        """One update on one group."""
        self._set_rates()
        with torch.autocast(self._device.type, torch.bfloat16):
            losses = self._losses(group)
        self._optimizer.zero_grad(set_to_none=True)
        loss = torch.stack([*losses.values()]).sum()
        if loss.requires_grad:  # there was something to score
            torch.autograd.backward(loss)
            norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._update(finite=bool(torch.isfinite(norm)))
        self.steps += 1
        self.seen += len(group)
        return {name: loss.item() for name, loss in losses.items()}

    def _update(self, *, finite: bool) -> None:
        """Follow the gradients, unless they are no numbers: those would stay in the weights."""
        if finite:
            self._optimizer.step()
        self._lost = 0 if finite else self._lost + 1
        if self._lost == _MOST_LOST:
            raise ModelError(
                f"training has diverged after {self.steps} steps: the loss is no number any more;"
                " start again from other weights or with other texts"
            )

    @property
    def _hopeless(self) -> bool:
        if not any(self.scores):  # a bare encoder needs its time
            return False
        return len(self.scores) - 1 - self.scores.index(max(self.scores)) >= self._pace.patience

    def _measure(self, measure: Callable[[], float]) -> None:
        """Measure, and keep the weights if they are the best; a tenth of the time may go here."""
        started = self._clock()
        was_training = self._network.training
        self._network.eval()
        score = measure()
        self._network.train(was_training)
        if score > max(self.scores, default=-math.inf):
            self._best = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self._network.state_dict().items()
            }
        self.scores.append(score)
        cost = (self._clock() - started) / (self._pace.minutes * 60)
        self._next_measurement = self.progress + max(_MEASURED_EVERY, 10 * cost)

    def _set_rates(self) -> None:
        progress = self.progress
        warm = min(1.0, progress / self._pace.warmup) if self._pace.warmup else 1.0
        factor = warm * max(0.0, 1.0 - progress)
        for group in self._optimizer.param_groups:
            peak = self._pace.encoder_rate if group["pretrained"] else self._pace.head_rate
            group["lr"] = peak * max(factor, 1e-3)

    def save(self) -> None:
        """Write everything that a later run needs to go on."""
        temporary = self._state.with_suffix(".tmp")
        torch.save(
            {
                "model": self._network.state_dict(),
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
        self._network.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps, self.seen, self.elapsed = state["progress"]
        # A run of an earlier version has not measured.
        self.scores, self._next_measurement, self._best = state.get("measured", ([], 0.0, None))
        self._random = np.random.default_rng([self._pace.seed, self.steps])


def _optimizer(
    model: nn.Module, pretrained: Iterable[nn.Parameter], pace: Pace
) -> torch.optim.AdamW:
    """AdamW; vectors, which are biases and norms, do not decay."""
    trained_before = {id(parameter) for parameter in pretrained}
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = id(parameter) in trained_before, parameter.ndim > 1
            groups.setdefault(key, []).append(parameter)
    settings: list[dict[str, Any]] = [
        {
            "params": parameters,
            "pretrained": slow,
            "weight_decay": pace.weight_decay if decays else 0.0,
        }
        for (slow, decays), parameters in groups.items()
    ]
    return torch.optim.AdamW(
        settings, lr=pace.head_rate, betas=(0.9, 0.98), eps=pace.epsilon, fused=True
    )
