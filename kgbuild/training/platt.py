"""What a model's scores are worth: Platt scaling, all types together and each near the others.

A map from scores to probabilities is a slope and an offset of their log odds. One is fitted to all
types; each type has its own, drawn to the common one by a Gaussian prior, so that a type with few
examples stays close to it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kgbuild.scores import Calibration, log_odds

_IDENTITY, _WIDE, _NARROW = (1.0, 0.0), (0.5, 2.0), (0.2, 0.7)
"""Where the common map is drawn to; how far it, and a type's own, may go (standard deviations)."""
_LEAST_SLOPE = 0.1
_BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """Something that was found: its type, its score, and whether it is right."""

    type: str
    score: float
    right: bool


def platt(
    scores: Sequence[float],
    right: Sequence[bool],
    center: Calibration = _IDENTITY,
    spread: tuple[float, float] = _WIDE,
) -> Calibration:
    """Fit slope and offset to raw scores, by Newton's method on the log posterior."""
    mean, precision = np.array(center), 1.0 / np.square(spread)
    odds = [log_odds(min(max(score, 1e-4), 1 - 1e-4)) for score in scores]
    inputs = np.column_stack([odds, np.ones(len(odds))])
    wanted = np.array(right, float)
    weights = mean.copy()
    for _ in range(50):
        found = 1.0 / (1.0 + np.exp(-inputs @ weights))
        slope = inputs.T @ (found - wanted) + precision * (weights - mean)
        curve = (inputs.T * (found * (1 - found))) @ inputs + np.diag(precision)
        step = np.clip(np.linalg.solve(curve, slope), -1.0, 1.0)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return round(max(float(weights[0]), _LEAST_SLOPE), 4), round(float(weights[1]), 4)


def calibration_error(judged: Sequence[Judged]) -> float:
    """Mean distance, over ten bins of equal width, of the mean score from the share of right."""
    bins: dict[int, list[Judged]] = defaultdict(list)
    for one in judged:
        bins[min(int(one.score * _BINS), _BINS - 1)].append(one)
    gaps = [abs(sum(one.score - one.right for one in members)) for members in bins.values()]
    return sum(gaps) / max(1, len(judged))


def platt_of_types(judged: Sequence[Judged], names: Iterable[str]) -> dict[str, Calibration]:
    """Each type's calibration, near the common one."""
    common = platt([one.score for one in judged], [one.right for one in judged])
    maps = dict.fromkeys(names, common)
    for name in {one.type for one in judged}:
        examples = [one for one in judged if one.type == name]
        scores, right = [one.score for one in examples], [one.right for one in examples]
        maps[name] = platt(scores, right, common, _NARROW)
    return maps
