"""What a type's raw score is worth: calibration in log-odds (Platt 1999)."""

import math

Calibration = tuple[float, float]
"""Slope and offset: calibrated log-odds = slope · raw log-odds + offset; the slope is positive."""


def calibrated(score: float, calibration: Calibration | None) -> float:
    """The probability that something with this raw score is right."""
    if calibration is None or not 0.0 < score < 1.0:
        return score
    slope, offset = calibration
    return 1.0 / (1.0 + math.exp(-max(-500.0, slope * log_odds(score) + offset)))


def raw(probability: float, calibration: Calibration | None) -> float:
    """The raw score that is worth this probability."""
    if calibration is None or not 0.0 < probability < 1.0:
        return probability
    slope, offset = calibration
    return calibrated(probability, (1.0 / slope, -offset / slope))


def log_odds(probability: float) -> float:
    """The logarithm of p / (1 - p), for p between 0 and 1."""
    return math.log(probability) - math.log1p(-probability)
