"""How often a margin on truth values is decided: against the gate's own interval, and the cases that it takes."""

import math
import random
from functools import cache

import pytest

from plimsoll.stats import Range, cases_for_margin, margin_power, mean_interval
from plimsoll.stats.estimate import z_quantile
from plimsoll.stats.margins import _normal, _Test

CHANGES = Range(-1.0, 1.0)


def test_a_margin_of_two_points_is_seldom_decided_by_60_or_500_cases() -> None:
    # Two equal prompts, 10% discordant, one-sided 5%.
    few, many = (margin_power(cases, 0.02, discordant=0.1, confidence=0.9) for cases in (60, 500))
    assert few.undecided == pytest.approx(0.86, abs=0.015)
    assert many.undecided == pytest.approx(0.58, abs=0.03)
    assert few.passes + few.fails + few.undecided == pytest.approx(1.0)


@pytest.mark.parametrize(("discordant", "margin"), [(0.0, 0.1), (0.3, 0.1), (1.0, 0.25)])
@pytest.mark.parametrize("cases", [2, 12, 25])
def test_every_count_is_decided_as_the_gates_interval_decides_it(cases: int, discordant: float, margin: float) -> None:
    passes = fails = 0.0
    for gained in range(cases + 1):
        for lost in range(cases + 1 - gained):
            chance = float(math.comb(cases, gained) * math.comb(cases - gained, lost))
            chance *= (discordant / 2) ** (gained + lost) * (1 - discordant) ** (cases - gained - lost)
            if not chance:
                continue
            values = [1.0] * gained + [-1.0] * lost + [0.0] * (cases - gained - lost)
            found = mean_interval(values, 0.9, span=CHANGES, truth=True)
            passes += chance * (found.low is not None and found.low > -margin)
            fails += chance * (found.high is not None and found.high < -margin)
    power = margin_power(cases, margin, discordant=discordant, confidence=0.9)
    assert (power.passes, power.fails) == pytest.approx((passes, fails), abs=1e-9)


def test_simulated_gates_come_out_as_often() -> None:
    draw, rounds, cases, margin = random.Random(4), 3000, 120, 0.05

    @cache
    def outcome(gained: int, lost: int) -> str:
        values = [1.0] * gained + [-1.0] * lost + [0.0] * (cases - gained - lost)
        found = mean_interval(values, 0.95, span=CHANGES, truth=True)
        assert found.low is not None
        assert found.high is not None
        return "passes" if found.low > -margin else "fails" if found.high < -margin else "undecided"

    seen = {"passes": 0, "fails": 0, "undecided": 0}
    for _ in range(rounds):
        drawn = draw.choices([1, -1, 0], [0.03, 0.11, 0.86], k=cases)
        seen[outcome(drawn.count(1), drawn.count(-1))] += 1
    power = margin_power(cases, margin, discordant=0.14, confidence=0.95, difference=-0.08)
    for name, count in seen.items():
        # Three Monte-Carlo standard errors of one half.
        assert count / rounds == pytest.approx(getattr(power, name), abs=0.028)


@pytest.mark.parametrize("cases", [20, 30, 50, 100, 200, 300, 500])
def test_a_regression_on_the_margin_passes_no_more_often_than_nominal(cases: int) -> None:
    for margin in (0.01, 0.02, 0.05, 0.1, 0.2):
        for discordant in (margin, 1.2 * margin, 2 * margin, 0.3, 0.5, 0.7):
            found = margin_power(cases, margin, discordant=discordant, confidence=0.95, difference=-margin)
            assert found.passes <= 0.025


def test_beyond_what_is_summed_the_normal_statistic_says_the_same() -> None:
    for cases, discordant, difference in ((24_000, 0.1, 0.0), (120_000, 0.02, -0.01), (4_000, 0.6, -0.01)):
        power = margin_power(cases, 0.01, discordant=discordant, confidence=0.95, difference=difference)
        gains, losses = (discordant + difference) / 2, (discordant - difference) / 2
        normal = _normal(_Test(cases, 0.01, z_quantile(0.95), 0.025), gains, losses)
        assert (power.passes, power.fails) == pytest.approx(normal, abs=0.001)


def test_one_case_decides_nothing() -> None:
    assert margin_power(1, 0.5, discordant=0.0, confidence=0.9).undecided == 1.0


@pytest.mark.parametrize(
    ("margin", "discordant", "confidence"), [(0.02, 0.1, 0.95), (0.05, 0.1, 0.9), (0.1, 0.3, 0.95)]
)
def test_the_cases_needed_are_those_that_reach_the_power(margin: float, discordant: float, confidence: float) -> None:
    cases = int(cases_for_margin(margin, discordant=discordant, confidence=confidence))
    enough, fewer = (
        margin_power(count, margin, discordant=discordant, confidence=confidence).passes for count in (cases, cases - 1)
    )
    assert fewer < 0.8 <= enough
    more = cases_for_margin(margin, discordant=discordant, confidence=confidence, power=0.9)
    assert more > cases


def test_where_nothing_changes_the_exact_bound_tells_the_cases() -> None:
    # 0.95 ^ 58 is above 5%, 0.95 ^ 59 below.
    assert cases_for_margin(0.05, discordant=0.0, confidence=0.9) == 59


def test_a_margin_too_narrow_for_any_dataset_needs_infinitely_many_cases() -> None:
    assert cases_for_margin(1e-6, discordant=0.5, confidence=0.95) == math.inf


@pytest.mark.parametrize(
    ("cases", "margin", "discordant", "difference"),
    [(0, 0.1, 0.1, 0.0), (10, 0.0, 0.1, 0.0), (10, 1.0, 0.1, 0.0), (10, 0.1, 1.1, 0.0), (10, 0.1, 0.1, -0.2)],
)
def test_impossible_shares_are_refused(cases: int, margin: float, discordant: float, difference: float) -> None:
    with pytest.raises(ValueError, match=r"case|margin|changed"):
        margin_power(cases, margin, discordant=discordant, confidence=0.95, difference=difference)
