import numpy as np
import pytest

from kgbuild.training.margins import Margins


def margins(*of, gold=None):
    """Pairs of a margin and whether it is right, highest first."""
    values, right = zip(*of, strict=True)
    return Margins(np.array(values), np.array(right), sum(right) if gold is None else gold)


def test_the_best_shift_lies_between_what_is_right_and_what_is_not():
    found = margins((3.0, True), (2.0, True), (1.0, False), (0.5, False))
    assert found.best_shift() == 1.5
    assert found.tally(1.5).f1 == 1


def test_a_shift_may_be_below_zero():
    assert margins((-1.0, True), (-2.0, True), (-3.0, False)).best_shift() == -2.5


def test_there_is_no_shift_where_none_is_needed():
    assert margins((2.0, True), (-1.0, False)).best_shift() == 0
    assert Margins(np.zeros(0), np.zeros(0, bool), 0).best_shift() == 0


def test_equal_margins_stand_or_fall_together():
    found = margins((1.0, True), (1.0, False), (1.0, False), (0.5, True))
    assert found.tally(found.best_shift()).predicted == 4


def test_what_is_not_among_the_margins_is_missed():
    assert margins((1.0, True), gold=4).tally(0.0).recall == 1 / 4


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_temperature_makes_margins_log_odds(scale):
    odds = np.linspace(4, -4, 4000)
    right = np.random.default_rng(0).random(4000) < 1 / (1 + np.exp(-odds))
    found = Margins(scale * (odds + 1), right, int(right.sum()))
    assert found.temperature(scale) == pytest.approx(scale, rel=0.15)
