import pytest

from kgbuild.evaluation.scores import Compared, Counts, by_type, score


def test_counts_are_summed_before_they_are_divided():
    result = score([Counts(1, 1, 4), Counts(1, 3, 0)])
    assert (result.precision, result.recall, result.gold) == (0.5, 0.5, 4)
    assert result.f1 == pytest.approx(0.5)


def test_f1_is_the_harmonic_mean():
    assert score([Counts(correct=1, predicted=1, gold=3)]).f1 == pytest.approx(0.5)


def test_nothing_found_and_nothing_there_is_zero():
    assert score([Counts(0, 0, 3)]).f1 == score([Counts()]).f1 == 0.0


def test_what_is_known_is_taken_out_of_precision_alone():
    result = score([Counts(correct=3, predicted=5, gold=4, known=1)])
    assert (result.precision, result.recall) == (0.5, 0.75)
    assert result.f1 == pytest.approx(0.6)


def test_the_interval_holds_the_score_and_shrinks_with_more_documents():
    few = [Counts(1, 1, 1), Counts(0, 1, 1)] * 5
    one, same, more = score(few), score(few), score(few * 20)
    assert one.low <= one.f1 <= one.high
    assert more.high - more.low < one.high - one.low
    assert one == same


def test_documents_that_are_alike_leave_nothing_to_chance():
    result = score([Counts(1, 2, 2)] * 7)
    assert (result.low, result.high) == pytest.approx((0.5, 0.5))


def test_a_type_is_scored_where_it_occurs():
    first = Compared(frozenset({("city", 1), ("person", 2)}), frozenset({("city", 1)}))
    second = Compared(frozenset(), frozenset({("city", 3)}))
    scores = by_type([first, second])
    assert list(scores) == ["city", "person"]
    assert (scores["city"].precision, scores["city"].recall) == (0.5, 1.0)
    assert (scores["person"].f1, scores["person"].gold) == (0.0, 1)


def test_a_symmetric_relation_is_right_in_either_direction():
    gold, found = frozenset({("met", 1, 2)}), frozenset({("met", 2, 1), ("saw", 2, 1)})
    assert Compared(gold, found).counts == Counts(correct=0, predicted=2, gold=1)
    assert Compared(gold, found).either_way({"met"}).counts == Counts(1, 2, 1)
