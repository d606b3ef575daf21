"""Corrections for a judge that errs: what they say, when they say nothing, and how often they err themselves."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.stats import (
    Estimate,
    Method,
    Range,
    corrected_difference,
    corrected_rate,
    detection,
    mean_interval,
    power_tuning,
    ppi_mean,
    rate_interval,
    rogan_gladen,
)

ROUNDS = 3000
TOLERATED = 0.025 + 3 * math.sqrt(0.025 / ROUNDS)


@cache
def share(hits: int, of: int) -> Estimate:
    return rate_interval([1.0] * hits + [0.0] * (of - hits), 0.95, exact=True)


@cache
def informedness(hits: int, good: int, refusals: int, bad: int) -> Estimate:
    judged = [True] * hits + [False] * (good - hits) + [False] * refusals + [True] * (bad - refusals)
    found = detection(judged, [True] * good + [False] * bad, 0.95).informedness
    assert found is not None
    return found


@cache
def change(better: int, worse: int, of: int) -> Estimate:
    changes = [1.0] * better + [-1.0] * worse + [0.0] * (of - better - worse)
    return mean_interval(changes, 0.95, span=Range(-1, 1), truth=True)


EXACT = Estimate(1.0, 1.0, 1.0, 100, 100, 100.0, Method.EXACT)
"""A share that is known to be one."""


def test_a_perfect_judge_leaves_rate_and_difference_as_they_are() -> None:
    rate, difference = share(78, 100), change(4, 9, 100)
    for found, judged in (
        (corrected_rate(rate, EXACT, EXACT), rate),
        (corrected_difference(difference, EXACT), difference),
    ):
        assert (found.value, found.low, found.high) == pytest.approx((judged.value, judged.low, judged.high), abs=1e-12)
        assert found.method is Method.CORRECTED
        assert (found.cases, found.units) == (judged.cases, judged.units)


def test_the_value_is_rogan_and_gladens_and_the_limits_lie_near_theirs_for_many_labels() -> None:
    found = corrected_rate(share(7800, 10000), share(9000, 10000), share(8500, 10000))
    theirs = rogan_gladen((0.78, 10000), (0.9, 10000), (0.85, 10000), 0.95)
    assert (found.value, found.low, found.high) == pytest.approx((theirs.value, theirs.low, theirs.high), abs=4e-4)


def test_a_known_judge_only_stretches_the_interval() -> None:
    known = replace(EXACT, value=0.5, low=0.5, high=0.5)
    found = corrected_difference(change(4, 9, 100), known)
    judged = change(4, 9, 100)
    assert judged.low is not None
    assert judged.high is not None
    assert (found.low, found.high) == pytest.approx((judged.low / 0.5, judged.high / 0.5), abs=1e-12)


def test_labels_that_are_few_widen_the_interval() -> None:
    few = corrected_rate(share(780, 1000), share(45, 50), share(43, 50)).width
    many = corrected_rate(share(780, 1000), share(450, 500), share(430, 500)).width
    assert few is not None
    assert many is not None
    assert few > 1.5 * many


def test_a_judge_that_may_be_none_gives_no_limits() -> None:
    found = corrected_rate(share(70, 100), share(6, 10), share(6, 10))
    assert (found.low, found.high, found.method) == (None, None, Method.NONE)
    assert found.value == 1.0
    unsure = informedness(6, 10, 6, 10)
    assert corrected_difference(change(9, 4, 100), unsure).low is None
    assert corrected_difference(change(9, 4, 100), unsure).high is None


def test_a_judge_at_odds_with_people_leaves_its_own_value_without_limits() -> None:
    rate = share(70, 100)
    assert corrected_rate(rate, share(40, 100), share(40, 100)) == replace(
        rate, low=None, high=None, method=Method.NONE
    )
    difference = change(9, 4, 100)
    expected = replace(difference, low=None, high=None, method=Method.NONE)
    assert corrected_difference(difference, informedness(40, 100, 40, 100)) == expected


@pytest.mark.parametrize(("passed", "sensitive"), [(1000, 700), (0, 900)])
def test_a_rate_that_no_truth_explains_gets_no_limits(passed: int, sensitive: int) -> None:
    # The judge passes 70% of good answers, and here it passed all; or it passes 15% of bad ones, and here none.
    found = corrected_rate(share(passed, 1000), share(sensitive, 1000), share(850, 1000))
    assert (found.low, found.high, found.method) == (None, None, Method.NONE)


def test_a_missing_limit_takes_away_the_side_that_rests_on_it() -> None:
    rate, se, sp = share(78, 100), share(90, 100), share(85, 100)
    for found in (
        corrected_rate(replace(rate, low=None), se, sp),
        corrected_rate(rate, replace(se, high=None), sp),
    ):
        assert found.low is None
        assert found.high is not None
    for found in (corrected_rate(replace(rate, high=None), se, sp), corrected_rate(rate, se, replace(sp, high=None))):
        assert found.low is not None
        assert found.high is None
    assert corrected_rate(rate, replace(se, low=None), sp).low is None
    difference, told = change(4, 9, 100), informedness(90, 100, 85, 100)
    assert corrected_difference(replace(difference, low=None), told).low is None
    assert corrected_difference(replace(difference, low=None), told).high is not None
    assert corrected_difference(difference, replace(told, low=None)).high is None


@given(
    passed=st.integers(0, 60),
    hits=st.integers(0, 30),
    refusals=st.integers(0, 30),
    worse=st.integers(0, 30),
    better=st.integers(0, 30),
)
def test_limits_surround_the_value_within_the_range(
    passed: int, hits: int, refusals: int, worse: int, better: int
) -> None:
    for found, bottom in (
        (corrected_rate(share(passed, 60), share(hits, 30), share(refusals, 30)), 0.0),
        (corrected_difference(change(better, worse, 60), informedness(hits, 30, refusals, 30)), -1.0),
    ):
        assert bottom <= found.value <= 1
        if found.low is not None and found.high is not None:
            assert bottom <= found.low <= found.value + 1e-9
            assert found.value - 1e-9 <= found.high <= 1


@pytest.mark.parametrize(
    ("true", "sensitive", "specific", "labels", "cases"),
    [
        (0.8, 0.95, 0.6, 50, 500),
        (0.8, 0.98, 0.95, 400, 500),
        (0.5, 0.8, 0.7, 100, 50),
        (0.95, 0.9, 0.85, 200, 200),
    ],
)
def test_a_true_rate_on_the_bound_itself_passes_no_more_often_than_nominal(
    true: float, sensitive: float, specific: float, labels: int, cases: int
) -> None:
    rng = np.random.default_rng(31)
    passed = rng.binomial(cases, true * sensitive + (1 - true) * (1 - specific), ROUNDS)
    hits, refusals = rng.binomial(labels // 2, sensitive, ROUNDS), rng.binomial(labels // 2, specific, ROUNDS)
    errors = [0, 0]
    for counts in zip(passed.tolist(), hits.tolist(), refusals.tolist(), strict=True):
        found = corrected_rate(share(counts[0], cases), share(counts[1], labels // 2), share(counts[2], labels // 2))
        errors[0] += found.low is not None and found.low > true
        errors[1] += found.high is not None and found.high < true
    assert errors[0] / ROUNDS <= TOLERATED
    assert errors[1] / ROUNDS <= TOLERATED


def test_without_correction_a_lenient_judge_passes_a_rate_on_the_bound_in_more_than_half_of_the_runs() -> None:
    judged = np.random.default_rng(32).binomial(500, 0.8 * 0.95 + 0.2 * 0.4, ROUNDS).tolist()
    lows = [share(passed, 500).low for passed in judged]
    assert sum(low is not None and low > 0.8 for low in lows) / ROUNDS > 0.5


@pytest.mark.parametrize(
    ("margin", "sensitive", "specific", "labels", "cases"),
    [(0.1, 0.9, 0.85, 200, 50), (0.2, 0.8, 0.7, 50, 50), (0.1, 0.95, 0.95, 400, 100), (0.2, 0.95, 0.9, 100, 100)],
)
def test_a_true_loss_of_the_margin_itself_passes_no_more_often_than_nominal_and_uncorrected_does(
    margin: float, sensitive: float, specific: float, labels: int, cases: int
) -> None:
    # 80% are good on the baseline's side; the challenger loses the margin and wins nothing. The judge errs on each.
    rng = np.random.default_rng(33)
    pass_good, pass_bad = sensitive, 1 - specific
    pairs = [(0.8 - margin, pass_good, pass_good), (margin, pass_good, pass_bad), (0.2, pass_bad, pass_bad)]
    better = sum(often * (1 - before) * after for often, before, after in pairs)
    worse = sum(often * before * (1 - after) for often, before, after in pairs)
    changed = rng.multinomial(cases, [better, worse, 1 - better - worse], ROUNDS)[:, :2].tolist()
    hits, refusals = rng.binomial(labels // 2, sensitive, ROUNDS), rng.binomial(labels // 2, specific, ROUNDS)
    wrong = uncorrected = 0
    for (more, less), hit, refused in zip(changed, hits.tolist(), refusals.tolist(), strict=True):
        judged = change(more, less, cases)
        found = corrected_difference(judged, informedness(hit, labels // 2, refused, labels // 2))
        wrong += found.low is not None and found.low > -margin
        uncorrected += judged.low is not None and judged.low > -margin
    assert wrong / ROUNDS <= TOLERATED
    assert uncorrected / ROUNDS > 1.5 * 0.025


def test_rogan_and_gladen_refuse_a_judge_that_says_nothing() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        rogan_gladen((0.7, 100), (0.6, 50), (0.4, 50), 0.95)


LABELS = [1.0] * 7 + [0.0] * 3
PREDICTIONS = [0.9, 0.4, 0.8, 0.7, 0.3, 0.9, 0.6, 0.5, 0.2, 0.4]
UNLABELLED = [0.8, 0.6, 0.3, 0.9, 0.7, 0.2, 0.5, 0.9, 0.4, 0.8, 0.6, 0.7, 0.1, 0.9, 0.5, 0.3, 0.8, 0.7, 0.6, 0.4]


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [
        (0.0, (0.7, 0.41597423, 0.98402577)),
        (0.5, (0.7075, 0.45200129, 0.96299871)),
        (1.0, (0.715, 0.45814936, 0.97185064)),
        (None, (0.71060552, 0.45838474, 0.96282629)),
    ],
)
def test_prediction_powered_means_are_those_of_the_authors_own_package(
    tuning: float | None, expected: tuple[float, float, float]
) -> None:
    # Computed with ppi-python 0.2.3.
    found = ppi_mean(LABELS, PREDICTIONS, UNLABELLED, 0.95, tuning=tuning)
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-8)


def test_predictions_without_variation_or_at_odds_with_the_labels_get_no_weight() -> None:
    assert power_tuning(LABELS, [0.5] * 10, [0.5] * 20) == 0.0
    assert power_tuning(LABELS, [1 - label for label in LABELS], UNLABELLED) == 0.0


@pytest.mark.parametrize(
    ("labels", "predictions", "unlabelled"), [([], [], [1.0]), ([1.0], [1.0], []), ([1.0], [], [1.0])]
)
def test_data_that_is_missing_is_refused(
    labels: list[float], predictions: list[float], unlabelled: list[float]
) -> None:
    with pytest.raises(ValueError, match="label"):
        ppi_mean(labels, predictions, unlabelled, 0.95)
