"""Looks at an unfinished run: bounds against published and independently computed values, errors by simulation."""

import math
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from plimsoll.stats import (
    Range,
    Spending,
    classic_bounds,
    crossing_probability,
    look_confidence,
    mean_interval,
    p_value_above,
    spending_bounds,
    spent,
)

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)
UNEVEN = (0.07, 0.3, 0.35, 0.9)
CHANGES = Range(-1.0, 1.0)


@pytest.mark.parametrize(
    ("spending", "published"),
    [
        (Spending.OBRIEN_FLEMING, (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        (Spending.POCOCK, (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)),
    ],
)
def test_five_looks_have_the_published_bounds(spending: Spending, published: tuple[float, ...]) -> None:
    # As the program of Reboussin, DeMets, Kim and Lan (2000) prints them, with its own four digits.
    assert spending_bounds(0.95, FIVE, spending, both_sides=True) == pytest.approx(published, abs=2e-4)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999, 1 - 1e-7])
@pytest.mark.parametrize("fractions", [(0.5, 1.0), (0.3, 0.8), (0.6, 0.65)])
def test_two_looks_spend_what_the_bivariate_normal_says(confidence: float, fractions: tuple[float, float]) -> None:
    error = (1 - confidence) / 2
    first, second = spending_bounds(confidence, fractions, Spending.POCOCK)
    correlation = math.sqrt(fractions[0] / fractions[1])
    # The chance to be above the second bound and not the first, by the reflected pair.
    joint = multivariate_normal([0, 0], [[1, -correlation], [-correlation, 1]]).cdf([first, -second])
    expected = spent(error, fractions[1], Spending.POCOCK) - spent(error, fractions[0], Spending.POCOCK)
    assert joint == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("spending", list(Spending))
@pytest.mark.parametrize("both_sides", [False, True])
@pytest.mark.parametrize("fractions", [FIVE, UNEVEN, (0.5, 0.501, 0.9, 0.999, 1.0)])
def test_all_looks_together_spend_what_is_allowed(
    fractions: tuple[float, ...], both_sides: bool, spending: Spending
) -> None:
    bounds = spending_bounds(0.95, fractions, spending, both_sides=both_sides)
    expected = spent(0.025, fractions[-1], spending) * (2 if both_sides else 1)
    assert crossing_probability(bounds, fractions, both_sides=both_sides) == pytest.approx(expected, abs=1e-10)


def test_one_look_at_the_whole_is_the_plain_interval() -> None:
    for confidence in (0.001, 0.8, 0.95, 1 - 1e-9):
        assert look_confidence(confidence, (1.0,)) == confidence
        assert look_confidence(confidence, (1.0,), Spending.POCOCK) == confidence


def test_later_looks_need_less_and_the_last_more_than_a_single_one() -> None:
    found = [look_confidence(0.95, FIVE[: looks + 1]) for looks in range(5)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.99999
    assert 0.95 < found[-1] < 0.96
    assert look_confidence(0.95, FIVE, Spending.POCOCK) > 0.98


def test_a_look_too_early_to_spend_anything_decides_nothing() -> None:
    assert look_confidence(0.95, (0.02,)) == 1.0
    assert spending_bounds(0.95, (0.02, 1.0))[0] == math.inf
    # What could not be spent is there for the next look.
    assert look_confidence(0.95, (0.02, 1.0)) == pytest.approx(0.95, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    rest=st.integers(0, 20),
    confidences=st.tuples(st.floats(0.001, 1 - 1e-9), st.floats(0.001, 1 - 1e-9)),
    spending=st.sampled_from(Spending),
)
def test_more_confidence_asks_for_more_at_every_look(
    steps: list[int], rest: int, confidences: tuple[float, float], spending: Spending
) -> None:
    whole = sum(steps) + rest
    fractions = tuple(done / whole for done in accumulate(steps))
    less, more = sorted(confidences)
    assert less - 1e-12 <= look_confidence(less, fractions, spending)
    assert look_confidence(less, fractions, spending) <= look_confidence(more, fractions, spending) + 1e-11


@pytest.mark.parametrize("fractions", [(), (0.0, 1.0), (0.5, 0.5), (0.6, 0.4), (0.5, 1.1), (0.5, 0.50001), (math.nan,)])
def test_fractions_that_do_not_rise_to_the_whole_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="fractions"):
        look_confidence(0.95, fractions)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        look_confidence(confidence, (1.0,))


def test_classic_bounds_of_one_look_are_the_plain_quantile() -> None:
    for spending in Spending:
        assert classic_bounds(0.95, 1, spending) == pytest.approx((1.959964,), abs=1e-6)


def test_a_p_value_at_the_fifth_look_is_larger_than_without_looks() -> None:
    values = [0.1 + step / 40 for step in range(-40, 41)]
    plain = p_value_above(lambda confidence: mean_interval(values, confidence), 0.0)
    looked = p_value_above(lambda level: mean_interval(values, look_confidence(level, FIVE)), 0.0)
    assert 0.1 < plain < looked < 1.3 * plain


@pytest.mark.parametrize("spending", list(Spending))
@pytest.mark.parametrize("fractions", [FIVE, UNEVEN])
def test_the_error_over_all_looks_is_the_nominal_for_normal_means(
    fractions: tuple[float, ...], spending: Spending
) -> None:
    rounds = 200_000
    times = np.array(fractions)
    steps = np.random.default_rng(11).normal(size=(rounds, len(fractions))) * np.sqrt(np.diff(times, prepend=0))
    z = steps.cumsum(axis=1) / np.sqrt(times)
    bounds = np.array(spending_bounds(0.95, fractions, spending))
    nominal = spent(0.025, fractions[-1], spending)
    noise = 4 * math.sqrt(nominal / rounds)
    assert (z > bounds).any(axis=1).mean() == pytest.approx(nominal, abs=noise)
    assert (z < -bounds).any(axis=1).mean() == pytest.approx(nominal, abs=noise)


Counts = NDArray[np.int64]


def needed(cases: int, most: int, margin: float, confidence: float) -> list[int]:
    """The fewest better pairs that pass the margin by the interval, for each number of worse ones; up to `most`."""
    least = 0
    found: list[int] = []
    for worse in range(cases):
        while least <= most:
            changes = [1.0] * least + [-1.0] * worse + [0.0] * (cases - least - worse)
            low = mean_interval(changes, confidence, span=CHANGES, truth=True).low
            if low is not None and low > -margin:
                break
            least += 1
        if least > most:
            return found
        found.append(least)
    return found


def passed_at_any_look(better: Counts, worse: Counts, levels: list[float]) -> float:
    passed = np.zeros(len(better), dtype=bool)
    for look, level in enumerate(levels):
        enough = needed(40 * (look + 1), int(better[:, look].max()), 0.05, level)
        # With more worse pairs than there is an entry for, none of the runs has enough better ones.
        table = np.array([*enough, 10**6])
        passed |= better[:, look] >= table[np.minimum(worse[:, look], len(enough))]
    return float(passed.mean())


def test_the_real_intervals_keep_the_error_over_five_looks_and_without_correction_do_not() -> None:
    # 200 pairs of truth values, 10% discordant, the challenger worse by just the margin: a pass is an error.
    rounds = 20_000
    counts = np.random.default_rng(12).multinomial(40, [0.025, 0.075, 0.9], size=(rounds, 5)).cumsum(axis=1)
    levels = [look_confidence(0.95, FIVE[: look + 1]) for look in range(5)]
    assert passed_at_any_look(counts[..., 0], counts[..., 1], levels) <= 0.025 + 3 * math.sqrt(0.025 / rounds)
    assert passed_at_any_look(counts[..., 0], counts[..., 1], [0.95] * 5) > 0.04
