"""Variance between and within cases, what repeats can do about it, and pass@k."""

import math
import random

import pytest

from plimsoll.stats import (
    cases_with_repeats,
    detectable_with_repeats,
    mean_pass_at_k,
    mean_pass_hat_k,
    pass_at_k,
    pass_hat_k,
    repeats_needed,
    variance_components,
)


def test_the_components_of_unbalanced_repeats_are_unbiased() -> None:
    draw, rounds = random.Random(1), 400
    between = within = 0.0
    for _ in range(rounds):
        levels = [draw.gauss(0.0, 1.0) for _ in range(30)]
        found = variance_components(
            [[draw.gauss(level, 1.0) for _ in range(1 + place % 4)] for place, level in enumerate(levels)]
        )
        assert found is not None
        between, within = between + found.between, within + found.within
    assert between / rounds == pytest.approx(1.0, rel=0.05)
    assert within / rounds == pytest.approx(1.0, rel=0.05)


def test_the_standard_error_of_balanced_repeats_is_that_of_the_cases_means() -> None:
    repeats = [[0.2, 0.4], [0.9, 0.5], [0.6, 0.8], [0.1, 0.1]]
    found = variance_components(repeats)
    assert found is not None
    means = [sum(values) / 2 for values in repeats]
    mean = sum(means) / 4
    error = math.sqrt(sum((value - mean) ** 2 for value in means) / 3 / 4)
    assert found.standard_error(4, 2) == pytest.approx(error)


def test_repeats_that_vary_more_than_cases_leave_nothing_between_them() -> None:
    found = variance_components([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert found is not None
    assert (found.between, found.within, found.intraclass) == (0.0, 0.5, 0.0)


def test_values_without_any_variation_have_no_intraclass_correlation() -> None:
    found = variance_components([[1.0, 1.0], [1.0, 1.0]])
    assert found is not None
    assert found.intraclass is None
    assert repeats_needed(found, 2, 0.01) == 1


@pytest.mark.parametrize("repeats", [[], [[1.0, 2.0]], [[1.0], [2.0], [3.0]], [[1.0, 2.0], []]])
def test_without_two_cases_and_a_repeat_nothing_can_be_told(repeats: list[list[float]]) -> None:
    assert variance_components(repeats) is None


def test_a_value_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        variance_components([[1.0, math.nan], [1.0, 2.0]])


def test_repeats_reach_an_error_down_to_what_lies_between_cases() -> None:
    found = variance_components([[0.0, 2.0], [10.0, 12.0], [5.0, 7.0], [3.0, 1.0]])
    assert found is not None
    floor = found.standard_error(20, math.inf)
    for repeats in (1, 3, 8):
        assert repeats_needed(found, 20, found.standard_error(20, repeats)) == repeats
    assert repeats_needed(found, 20, found.standard_error(20, 2.5)) == 3
    assert repeats_needed(found, 20, 100.0) == 1
    assert repeats_needed(found, 20, floor) is None
    assert repeats_needed(found, 20, floor * 0.9) is None


def test_repeats_save_cases_only_where_repeats_vary() -> None:
    one, many = (cases_with_repeats(0.05, 0.95, between=0.1, within=0.2, repeats=count) for count in (1, 100))
    assert many == pytest.approx(one * 0.102 / 0.3)
    assert cases_with_repeats(0.05, 0.95, between=0.1, repeats=100) == cases_with_repeats(0.05, 0.95, between=0.1)
    assert cases_with_repeats(0.0, 0.95, between=0.1) == math.inf
    found = detectable_with_repeats(round(one), 0.95, between=0.1, within=0.2)
    assert found == pytest.approx(0.05, rel=1e-2)


def test_any_and_all_of_k_attempts_are_counted_over_the_ways_to_draw_them() -> None:
    # Two of four attempts pass: of the six pairs one has two passes, one none.
    assert pass_at_k(4, 2, 2) == pytest.approx(5 / 6)
    assert pass_hat_k(4, 2, 2) == pytest.approx(1 / 6)
    assert pass_at_k(4, 2, 1) == pass_hat_k(4, 2, 1) == 0.5
    assert pass_at_k(4, 2, 3) == 1.0
    assert pass_hat_k(4, 2, 3) == 0.0


def test_cases_count_alike_however_many_attempts_they_have() -> None:
    cases = [[True, False, False, True], [False, False], [True, True, True]]
    assert mean_pass_at_k(cases, 2) == pytest.approx((5 / 6 + 0 + 1) / 3)
    assert mean_pass_hat_k(cases, 2) == pytest.approx((1 / 6 + 0 + 1) / 3)
    assert mean_pass_at_k([], 2) is None


@pytest.mark.parametrize(("attempts", "passed", "k"), [(3, 1, 4), (3, 1, 0), (3, 4, 1), (3, -1, 1)])
def test_more_than_there_are_is_refused(attempts: int, passed: int, k: int) -> None:
    for single in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match=r"attempts"):
            single(attempts, passed, k)
    with pytest.raises(ValueError, match="k = 3 of 2 attempts"):
        mean_pass_at_k([[True, False]], 3)


def test_both_are_unbiased() -> None:
    draw, rounds, share = random.Random(3), 4000, 0.3
    drawn = [[[draw.random() < share for _ in range(5)]] for _ in range(rounds)]
    any_, all_ = (sum(found(case, 3) or 0.0 for case in drawn) / rounds for found in (mean_pass_at_k, mean_pass_hat_k))
    # Three Monte-Carlo standard errors are about 2% and 1%.
    assert any_ == pytest.approx(1 - (1 - share) ** 3, abs=0.02)
    assert all_ == pytest.approx(share**3, abs=0.01)
