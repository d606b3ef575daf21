"""Tests on changed pairs, ranks and signs: published values, what they do without variation, and how often they err."""

import math
import random
from collections.abc import Callable

import pytest

from plimsoll.stats import (
    RankMethod,
    Zeros,
    mcnemar_chi2,
    mcnemar_exact,
    mcnemar_mid_p,
    sign_flip_test,
    sign_test,
    signed_ranks,
)

_DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Darwin's maize, crossed minus self-fertilised, in eighths of an inch (Fisher 1935, section 17)."""


def test_the_exact_value_is_the_binomials() -> None:
    assert mcnemar_exact(0, 6) == 2 * 0.5**6
    assert mcnemar_exact(1, 5) == pytest.approx(2 * 7 / 64)
    assert mcnemar_exact(5, 1) == mcnemar_exact(1, 5)


@pytest.mark.parametrize("test", [mcnemar_exact, mcnemar_mid_p])
def test_balanced_changes_or_none_show_nothing(test: Callable[[int, int], float]) -> None:
    assert test(0, 0) == 1.0
    assert test(4, 4) == 1.0
    assert mcnemar_chi2(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("test", [mcnemar_exact, mcnemar_mid_p, mcnemar_chi2])
def test_a_negative_count_is_refused(test: Callable[[int, int], float]) -> None:
    with pytest.raises(ValueError, match="negative"):
        test(-1, 3)


def error(test: Callable[[int, int], float], pairs: int, discordant: float) -> float:
    """The exact chance of p ≤ 0.05 where gains and losses are equally likely."""
    reached = 0.0
    for changed in range(pairs + 1):
        chance = math.comb(pairs, changed) * discordant**changed * (1 - discordant) ** (pairs - changed)
        extreme = sum(
            math.comb(changed, gained) for gained in range(changed + 1) if test(gained, changed - gained) <= 0.05
        )
        reached += chance * extreme / 2**changed
    return reached


@pytest.mark.parametrize("discordant", [0.05, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("pairs", [10, 30, 70])
def test_the_exact_tests_error_is_never_above_the_nominal_and_mid_ps_hardly(pairs: int, discordant: float) -> None:
    assert error(mcnemar_exact, pairs, discordant) <= 0.05
    assert error(mcnemar_exact, pairs, discordant) <= error(mcnemar_mid_p, pairs, discordant) <= 0.053


def test_fishers_own_example_of_flipped_signs() -> None:
    # Fisher 1935, section 21: 1,726 of 32,768 patterns on both sides are at least as far off.
    assert sign_flip_test(_DARWIN) == pytest.approx(1726 / 32768)


def test_the_signs_of_darwins_maize() -> None:
    # 2 of 15 are negative: 2 · (1 + 15 + 105) ÷ 2^15.
    assert sign_test(_DARWIN) == pytest.approx(2 * 121 / 2**15)


def test_signed_ranks_of_distinct_values_are_the_tables() -> None:
    # Six positive differences: 2 of 64 patterns are as extreme.
    assert tuple(signed_ranks([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == pytest.approx((0.0, 2 / 64))
    exact, table, normal = (signed_ranks([float(value) for value in _DARWIN], method=method) for method in RankMethod)
    assert tuple(exact) == pytest.approx(tuple(table))
    assert exact.p_value == pytest.approx(normal.p_value, abs=0.002)


def test_tied_ranks_are_exact_over_the_patterns_that_there_are() -> None:
    # All ranks are equal, so that the test is the sign test.
    values = [0.5] * 7 + [-0.5]
    assert signed_ranks(values).p_value == pytest.approx(sign_test(values)) == pytest.approx(18 / 256)


def test_zeros_change_the_ranks_of_pratt_only() -> None:
    values = [0.0, 0.0, -1.0, 2.0, 3.0, 4.0]
    wilcox, pratt = (signed_ranks(values, zeros=zeros) for zeros in Zeros)
    assert (wilcox.statistic, pratt.statistic) == (1.0, 3.0)


def test_no_difference_at_all_shows_nothing() -> None:
    assert signed_ranks([0.0] * 5) == (0.0, 1.0)
    assert sign_test([0.0] * 5) == 1.0
    assert sign_flip_test([0.0] * 5) == 1.0
    assert sign_flip_test([]) == 1.0


def test_noise_of_floats_is_no_difference() -> None:
    noise = 0.1 + 0.2 - 0.3
    assert sign_test([noise, 1.0, 1.0]) == sign_test([0.0, 1.0, 1.0])
    assert sign_flip_test([0.1, 0.2, -0.3]) == 1.0


@pytest.mark.parametrize("test", [sign_test, sign_flip_test, signed_ranks])
def test_a_difference_that_is_not_finite_is_refused(test: Callable[[list[float]], object]) -> None:
    with pytest.raises(ValueError, match="not finite"):
        test([1.0, math.nan])


def test_more_differences_than_can_be_looked_at_are_refused() -> None:
    assert sign_flip_test([1.0] * 20 + [0.0] * 50) == pytest.approx(2 / 2**20)
    with pytest.raises(ValueError, match="up to 20"):
        sign_flip_test([1.0] * 21)


def test_flipped_signs_and_ranks_err_no_more_often_than_nominal() -> None:
    draw, rounds, flips, ranks = random.Random(6), 1500, 0, 0
    for _ in range(rounds):
        values = [draw.choice([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]) for _ in range(10)]
        flips += sign_flip_test(values) <= 0.05
        ranks += signed_ranks(values).p_value <= 0.05
    # Two Monte-Carlo standard errors of 5% are 1.1%.
    assert flips / rounds <= 0.061
    assert ranks / rounds <= 0.061
    assert min(flips, ranks) > 0
