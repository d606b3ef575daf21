"""Intervals that hold at every moment: what they promise, by simulation, and where they stop."""

import math
from itertools import pairwise

import numpy as np
import pytest

from plimsoll.stats import (
    always_valid_p,
    confidence_sequence,
    hoeffding_half_width,
    mixture_half_width,
    mixture_ratio,
    mixture_scale,
)


def test_the_sequence_is_the_formula_on_the_values_so_far() -> None:
    values = [0.3, 0.9, 0.4, 0.8, 0.1, 0.7]
    found = confidence_sequence(values, 0.9, narrowest_at=5, first=4)
    assert found[:3] == (None, None, None)
    half = mixture_half_width(float(np.std(values)), 6, 0.9, mixture_scale(0.9, 5))
    assert found[5] == pytest.approx((np.mean(values) - half, np.mean(values) + half))


def test_equal_values_get_no_interval_rather_than_one_of_no_width() -> None:
    assert confidence_sequence([1.0] * 40, 0.95) == (None,) * 40
    assert confidence_sequence([1.0] * 40 + [0.0], 0.95)[-1] is not None


def test_there_is_no_interval_before_the_second_value_or_without_values() -> None:
    assert confidence_sequence([1.0, 2.0], 0.95, first=0)[0] is None
    assert confidence_sequence([], 0.95) == ()


def test_the_sequence_is_narrowest_for_the_planned_number_of_values() -> None:
    # In units of the plain interval's width, which falls with the root of the number anyway.
    rho = mixture_scale(0.95, 100)
    widths = {count: mixture_half_width(1.0, count, 0.95, rho) * math.sqrt(count) for count in range(10, 1000)}
    assert 80 <= min(widths, key=lambda count: widths[count]) <= 120
    assert all(
        mixture_half_width(1.0, n, 0.95, rho) > mixture_half_width(1.0, m, 0.95, rho) for n, m in pairwise(widths)
    )


def test_all_limits_hold_together_about_as_often_as_promised() -> None:
    rounds, cases = 400, 300
    draws = np.random.default_rng(21).normal(0.3, 1.0, size=(rounds, cases))
    missed = looked = 0
    for row in draws.tolist():
        found = [limits for limits in confidence_sequence(row, 0.95) if limits is not None]
        missed += any(not low <= 0.3 <= high for low, high in found)
        plain = 1.96 / np.sqrt(np.arange(30, cases + 1))
        looked += bool((abs(np.cumsum(row)[29:] / np.arange(30, cases + 1) - 0.3) > plain).any())
    assert missed / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)
    assert looked / rounds > 0.2


def test_the_mixture_test_holds_whenever_one_stops() -> None:
    rounds, cases = 400, 400
    draws = np.random.default_rng(22).normal(size=(rounds, cases))
    means = (draws.cumsum(axis=1) / np.arange(1, cases + 1)).tolist()
    errors = 0
    for row in means:
        ratios = [mixture_ratio(mean, count, 1.0, 0.2) for count, mean in enumerate(row, start=1)]
        errors += always_valid_p(ratios) <= 0.05
    assert 0 < errors / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


def test_the_p_value_never_rises_and_is_one_at_first() -> None:
    assert always_valid_p([]) == 1.0
    assert always_valid_p([0.2]) == 1.0
    assert always_valid_p([0.2, 30.0, 4.0]) == pytest.approx(1 / 30)


def test_hoeffdings_limit_grows_with_the_range() -> None:
    assert hoeffding_half_width(100, 0.95, width=2) == 2 * hoeffding_half_width(100, 0.95)
