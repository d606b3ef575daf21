"""Power, several claims at once, and percentiles."""

import math
import random
from collections.abc import Callable
from statistics import NormalDist

import pytest

from plimsoll.stats import (
    Range,
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    cases_needed,
    detectable,
    holm,
    mean_interval,
    p_value_above,
    percentile_interval,
    smallest_detectable,
)


def test_the_smallest_detectable_difference_is_the_textbooks() -> None:
    # Two-sided 5%, 80% power, normal: (1.959964 + 0.841621) standard errors.
    assert smallest_detectable(1.0, 1e7, 0.95) == pytest.approx(2.801585, abs=1e-5)


def test_effect_one_half_needs_34_cases() -> None:
    # Cohen 1988, table 2.4.1 for the paired test at 5% and 80%: 33.4, so 34.
    assert cases_needed(1.0, 0.5, 0.95) == pytest.approx(33.367, abs=1e-2)


def test_no_difference_at_all_can_never_be_found() -> None:
    assert cases_needed(1.0, 0.0, 0.95) == math.inf
    assert cases_needed(1.0, 1e-9, 0.95) == math.inf


def test_without_variation_the_detectable_difference_is_not_zero() -> None:
    found = detectable(mean_interval([0.0] * 60, 0.95, span=Range(-1, 1)), 0.95)
    assert found is not None
    assert found > 0.05


def test_holm_keeps_the_order_given_and_never_falls_below_an_earlier_one() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
    assert holm([0.9, 0.8]) == (1.0, 1.0)


def test_corrections_are_ordered_by_what_they_promise() -> None:
    raw = [0.001, 0.2, 0.013, 0.04, 0.9, 0.013]
    hochberg, yekutieli = benjamini_hochberg(raw), benjamini_yekutieli(raw)
    for single, false, anyhow, family, crude in zip(raw, hochberg, yekutieli, holm(raw), bonferroni(raw), strict=True):
        assert single <= false <= anyhow <= 1
        assert false <= family <= crude <= 1
    assert hochberg == pytest.approx((0.006, 0.24, 0.026, 0.06, 0.9, 0.026))


@pytest.mark.parametrize("correction", [bonferroni, benjamini_hochberg, benjamini_yekutieli])
def test_no_claim_needs_no_correction_and_one_none(correction: Callable[[list[float]], tuple[float, ...]]) -> None:
    assert correction([]) == ()
    assert correction([0.03]) == (0.03,)


def correlated(draw: random.Random, shifts: list[float]) -> list[float]:
    """One-sided p-values of claims that share half of their variance."""
    common = draw.gauss(0.0, 1.0)
    statistics = [shift + math.sqrt(0.5) * (common + draw.gauss(0.0, 1.0)) for shift in shifts]
    return [1 - NormalDist().cdf(statistic) for statistic in statistics]


def test_holm_keeps_the_chance_of_any_false_claim_with_and_without_true_ones() -> None:
    draw, rounds = random.Random(11), 3000
    for shifts in ([0.0] * 6, [4.0, 4.0, 0.0, 0.0, 0.0, 0.0]):
        false = 0
        for _ in range(rounds):
            adjusted = holm(correlated(draw, shifts))
            false += any(value <= 0.05 for value, shift in zip(adjusted, shifts, strict=True) if not shift)
        # Two Monte-Carlo standard errors of 5% are 0.8%.
        assert 0 < false / rounds <= 0.058


def test_benjamini_and_hochberg_keep_the_share_of_false_claims_and_make_more_of_them() -> None:
    draw, rounds, shares, any_false = random.Random(12), 3000, 0.0, 0
    shifts = [3.0] * 4 + [0.0] * 4
    for _ in range(rounds):
        adjusted = benjamini_hochberg(correlated(draw, shifts))
        made = sum(value <= 0.05 for value in adjusted)
        false = sum(value <= 0.05 for value in adjusted[4:])
        shares, any_false = shares + (false / made if made else 0.0), any_false + (false > 0)
    assert shares / rounds <= 0.058
    assert any_false / rounds > 0.058


def test_the_p_value_is_the_t_tests() -> None:
    # Mean 0.5, s = 1, n = 16: t = 2 with 15 degrees of freedom, two-sided p = 0.06394.
    values = [0.5 + step / math.sqrt(sum(s * s for s in range(-8, 9) if s) / 15) for step in range(-8, 9) if step]
    found = p_value_above(lambda confidence: mean_interval(values, confidence), 0.0)
    assert found == pytest.approx(0.06394, abs=1e-5)


def test_an_estimate_below_the_threshold_has_no_p_value_but_one() -> None:
    assert p_value_above(lambda confidence: mean_interval([-1.0, -2.0, -3.0], confidence), 0.0) == 1.0


def test_the_medians_limits_are_the_published_order_statistics() -> None:
    # n = 100: the 40th and the 61st (Conover 1999, section 3.2).
    found = percentile_interval([float(value) for value in range(1, 101)], 0.5, 0.95)
    assert (found.low, found.value, found.high) == (40, 50, 61)


def test_the_95th_percentile_has_an_upper_limit_from_72_values_on() -> None:
    assert percentile_interval(range(71), 0.95, 0.95).high is None
    assert percentile_interval(range(72), 0.95, 0.95).high == 71


def test_grouped_values_widen_the_percentiles_interval() -> None:
    draw = random.Random(3)
    level = [draw.random() for _ in range(10)]
    values = [level[place // 10] + draw.random() / 100 for place in range(100)]
    groups = [str(place // 10) for place in range(100)]
    single, grouped = (percentile_interval(values, 0.5, 0.95, groups=given) for given in (None, groups))
    assert single.width is not None
    assert grouped.width is None or grouped.width > single.width


def test_percentiles_are_covered_whatever_the_distribution() -> None:
    draw, rounds = random.Random(5), 400
    true = -math.log(0.05)
    hits = 0
    for _ in range(rounds):
        found = percentile_interval([draw.expovariate(1.0) for _ in range(100)], 0.95, 0.95)
        hits += (found.low or 0) <= true <= (found.high or math.inf)
    assert hits / rounds >= 0.93


@pytest.mark.parametrize("bad", [[], [1.0, float("nan")]])
def test_a_percentile_of_nothing_or_of_nan_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="needs values"):
        percentile_interval(bad, 0.5, 0.95)
