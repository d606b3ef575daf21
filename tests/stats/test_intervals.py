"""Intervals of shares, means and paired differences, against published and closed-form values."""

import math
import random
from collections import Counter
from functools import cache
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.stats import Method, Range, clopper_pearson, mean_interval, newcombe, rate_interval, wilson
from plimsoll.stats.estimate import t_quantile

TRUTHS = Range(0.0, 1.0)
CHANGES = Range(-1.0, 1.0)


def tango(better: int, worse: int, n: int) -> float:
    """The lower limit of Tango's interval by his own closed form (1998), written apart from the package's."""
    z = t_quantile(n / 2, 0.95)
    low, high = -1 + 1e-12, (better - worse) / n
    for _ in range(80):
        delta = (low + high) / 2
        b = -better - worse + (2 * n - better + worse) * delta
        c = -worse * delta * (1 - delta)
        q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        if (better - worse - n * delta) > z * math.sqrt(variance):
            low = delta
        else:
            high = delta
    return low


def test_wilson_and_clopper_pearson_give_the_textbook_values_for_81_of_263() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I.
    assert wilson(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert clopper_pearson(81, 263, 0.95) == pytest.approx((0.2527, 0.3676), abs=5e-5)


def test_a_share_of_all_or_none_has_the_rule_of_three_as_its_exact_limit() -> None:
    low, high = clopper_pearson(0, 20, 0.95)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert clopper_pearson(20, 20, 0.95) == pytest.approx((1 - high, 1.0))


def test_newcombe_gives_his_own_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table III: a = 36, b = 12, c = 2, d = 0.
    assert newcombe(36, 12, 2, 0, 0.95) == pytest.approx((0.0569, 0.3404), abs=5e-4)


@pytest.mark.parametrize(("better", "worse", "n"), [(2, 9, 100), (0, 1, 44), (0, 7, 60), (5, 0, 30), (12, 12, 50)])
def test_single_paired_truth_values_get_tangos_interval(better: int, worse: int, n: int) -> None:
    changes = [1.0] * better + [-1.0] * worse + [0.0] * (n - better - worse)
    found = mean_interval(changes, 0.95, span=CHANGES, truth=True)
    assert (found.low, found.high) == pytest.approx((tango(better, worse, n), -tango(worse, better, n)), abs=1e-9)


def test_single_truth_values_get_wilsons_interval() -> None:
    found = mean_interval([1.0] * 45 + [0.0] * 5, 0.95, span=TRUTHS, truth=True)
    # Wilson's takes the normal quantile: at the confidence that has this one.
    confidence = 2 * NormalDist().cdf(t_quantile(25, 0.95)) - 1
    assert (found.low, found.high) == pytest.approx(wilson(45, 50, confidence), abs=1e-9)


def test_a_mean_of_varied_values_gets_students_interval() -> None:
    # t(0.975, 4) = 2.7764; s = sqrt(2.5).
    found = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.95)
    half = 2.776445105 * math.sqrt(2.5 / 5)
    assert found.method is Method.T
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-8)


def test_values_without_any_variation_get_an_exact_bound_and_never_a_zero_width() -> None:
    found = mean_interval([0.0] * 60, 0.95, span=CHANGES)
    assert found.method is Method.EXACT
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 60))
    assert found.low == pytest.approx(-(1 - 0.025 ** (1 / 60)))


def test_without_variation_and_without_a_range_no_limit_is_stated() -> None:
    found = mean_interval([0.0] * 60, 0.95)
    assert (found.low, found.high) == (None, None)


def test_a_metric_bounded_on_one_side_gets_a_limit_on_that_side_only() -> None:
    found = mean_interval([0.0] * 20, 0.95, span=Range(low=0.0))
    assert found.low == 0.0
    assert found.high is None


def test_a_single_changed_case_widens_the_interval_to_the_range_not_to_the_data() -> None:
    nearly = mean_interval([0.0] * 59 + [-0.01], 0.95, span=CHANGES)
    assert nearly.method is Method.SCORE
    assert nearly.low is not None
    assert nearly.low < -0.05


def test_cases_of_one_group_count_as_one_unit() -> None:
    values = [0.1, 0.2, 0.5, 0.6, 0.8, 0.9]
    groups = ["a", "a", "b", "b", "c", "c"]
    found = mean_interval(values, 0.95, groups=groups)
    means = mean_interval([0.15, 0.55, 0.85], 0.95)
    assert (found.units, found.cases) == (3, 6)
    assert (found.low, found.high) == pytest.approx((means.low, means.high))


def test_weights_move_the_mean_and_cost_effective_cases() -> None:
    found = mean_interval([0.0, 1.0], 0.95, weights=[1.0, 3.0])
    assert found.value == pytest.approx(0.75)
    assert found.effective == pytest.approx(16 / 10)


def test_one_unit_has_no_interval() -> None:
    found = mean_interval([0.1, 0.9], 0.95, groups=["a", "a"])
    assert (found.method, found.low, found.high) == (Method.NONE, None, None)


@pytest.mark.parametrize("bad", [[], [float("nan")], [1.0, float("inf")]])
def test_values_that_are_missing_or_not_finite_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no values|not finite"):
        mean_interval(bad, 0.95)


def test_a_weight_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="weight"):
        mean_interval([1.0, 2.0], 0.95, weights=[1.0, 0.0])


def test_grouped_truth_values_widen_the_share() -> None:
    values = [1.0] * 40 + [0.0] * 10
    groups = [f"g{place // 5}" for place in range(50)]
    single = rate_interval(values, 0.95, exact=True)
    grouped = rate_interval(values, 0.95, exact=True, groups=groups)
    assert (single.low, single.high) == pytest.approx(clopper_pearson(40, 50, 0.95))
    assert grouped.low is not None
    assert single.low is not None
    assert grouped.low < single.low - 0.1


def test_repeats_do_not_count_as_cases() -> None:
    found = rate_interval([0.5] * 10, 0.95, exact=True)
    assert found.low is not None
    assert found.low < 0.2


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.0, 0.0, 0.3, 1.0]), min_size=2, max_size=25),
    groups=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=25, max_size=25),
    truth=st.booleans(),
)
def test_the_estimate_lies_inside_an_interval_that_widens_with_confidence(
    values: list[float], groups: list[str | None], truth: bool
) -> None:
    narrow, wide = (
        mean_interval(values, confidence, span=CHANGES, truth=truth, groups=groups[: len(values)])
        for confidence in (0.8, 0.95)
    )
    if narrow.method is Method.NONE:
        return
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.low is not None
    assert wide.high is not None
    assert wide.low <= narrow.low + 1e-9
    assert narrow.low < narrow.high
    assert narrow.low <= narrow.value + 1e-9
    assert narrow.value <= narrow.high + 1e-9
    assert narrow.high <= wide.high + 1e-9


def false_passes(cases: int, margin: float, sample: list[float], shares: list[float], *, truth: bool) -> float:
    """How often the lower limit clears −margin although the true mean lies on it."""
    draw, rounds = random.Random(cases), 1500

    @cache
    def clears(counts: tuple[int, ...]) -> bool:
        values = [value for value, count in zip(sample, counts, strict=True) for _ in range(count)]
        low = mean_interval(values, 0.95, span=CHANGES, truth=truth).low
        return low is not None and low > -margin

    passed = 0
    for _ in range(rounds):
        drawn = Counter(draw.choices(sample, shares, k=cases))
        passed += clears(tuple(drawn[value] for value in sample))
    return passed / rounds


@pytest.mark.parametrize(
    ("cases", "margin", "better"),
    [(20, 0.1, 0.0), (60, 0.02, 0.0), (60, 0.05, 0.02), (100, 0.1, 0.0), (200, 0.05, 0.0)],
)
def test_a_regression_on_the_margin_passes_no_more_often_than_nominal_for_truth_values(
    cases: int, margin: float, better: float
) -> None:
    # Nominal is 2.5%; two Monte-Carlo standard errors of it are 0.8%.
    worse = better + margin
    shares = [better, worse, 1 - better - worse]
    assert false_passes(cases, margin, [1.0, -1.0, 0.0], shares, truth=True) <= 0.033


@pytest.mark.parametrize(("cases", "margin"), [(60, 0.02), (100, 0.05), (200, 0.05)])
def test_a_rare_loss_on_the_margin_passes_no_more_often_than_nominal_for_numbers(cases: int, margin: float) -> None:
    rate = margin / 0.75
    shares = [rate / 2, rate / 2, 1 - rate]
    assert false_passes(cases, margin, [-1.0, -0.5, 0.0], shares, truth=False) <= 0.033


def test_grouped_means_are_covered_as_often_as_promised() -> None:
    draw, rounds, covered = random.Random(7), 400, 0
    for _ in range(rounds):
        values, groups = [], []
        for group in range(20):
            level = draw.gauss(0.5, 0.1)
            size = draw.choice([1, 3, 6])
            values += [draw.gauss(level, 0.05) for _ in range(size)]
            groups += [str(group)] * size
        found = mean_interval(values, 0.95, groups=groups)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.5 <= found.high
    assert 0.925 <= covered / rounds <= 0.985
