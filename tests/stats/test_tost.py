"""Equivalence and non-inferiority: that they agree with the gate's interval, and how often they err."""

import math
import random
from functools import cache
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from plimsoll.stats import Equivalence, Range, equivalence, mean_interval, non_inferiority, p_value_above
from plimsoll.stats.means import p_above

CHANGES = Range(-1.0, 1.0)


def changed(gained: int, lost: int, cases: int) -> list[float]:
    return [1.0] * gained + [-1.0] * lost + [0.0] * (cases - gained - lost)


def test_not_shown_to_differ_is_not_equivalent() -> None:
    found = equivalence(changed(3, 2, 40), 0.02, span=CHANGES, truth=True)
    assert found.outcome == "undecided"
    assert found.p_value > 0.05


def test_many_cases_that_hardly_change_are_equivalent() -> None:
    found = equivalence(changed(3, 2, 400), 0.02, span=CHANGES, truth=True)
    assert found.outcome == "equivalent"
    assert found.p_value < 0.05


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_beyond_the_margin_on_either_side_is_different(sign: int) -> None:
    values = [sign * value for value in changed(0, 30, 100)]
    found = equivalence(values, 0.05, span=CHANGES, truth=True)
    assert found.outcome == "different"
    assert found.p_value > 0.99
    assert found.estimate.value == pytest.approx(-0.3 * sign)


def test_two_identical_sides_are_equivalent_only_with_enough_cases() -> None:
    # 0.95 ^ 58 is above 5%, 0.95 ^ 59 below.
    for cases, outcome in ((58, "undecided"), (59, "equivalent")):
        found = equivalence([0.0] * cases, 0.05, span=CHANGES, truth=True)
        assert found.outcome == outcome
        assert found.p_value == pytest.approx(0.95**cases)


def test_numbers_without_a_range_that_do_not_vary_tell_nothing() -> None:
    found = equivalence([0.0] * 500, 0.05)
    assert (found.outcome, found.p_value) == ("undecided", 1.0)


def test_one_unit_tells_nothing() -> None:
    found = equivalence([0.0, 0.0], 0.5, groups=["a", "a"])
    assert (found.outcome, found.p_value) == ("undecided", 1.0)
    assert non_inferiority([0.0, 0.0], 0.5, groups=["a", "a"]).p_value == 1.0


def test_where_all_pairs_are_lost_or_gained_the_exact_bound_tells() -> None:
    lost, gained = ([value] * 20 for value in (-1.0, 1.0))
    assert non_inferiority(lost, 0.1, span=CHANGES, truth=True).outcome == "worse"
    assert p_above(lost, -0.1, span=CHANGES, truth=True) == 1.0
    assert non_inferiority(gained, 0.1, span=CHANGES, truth=True).outcome == "not worse"
    assert p_above(gained, -0.1, span=CHANGES, truth=True) == pytest.approx((0.9 / 2) ** 20)


def test_a_margin_that_reaches_the_end_of_the_range_is_certain() -> None:
    assert non_inferiority(changed(1, 3, 20), 1.0, span=CHANGES, truth=True).p_value == 0.0


def test_whole_numbers_are_values_too() -> None:
    whole, decimal = ([kind(value) for value in changed(2, 3, 30)] for kind in (int, float))
    assert equivalence(whole, 0.2, span=CHANGES, truth=True) == equivalence(decimal, 0.2, span=CHANGES, truth=True)


def test_cases_of_one_group_count_once() -> None:
    values = [0.01, -0.01, 0.02, 0.0, 0.01, -0.02, 0.01, 0.0] * 5
    groups = [str(place // 8) for place in range(40)]
    apart = equivalence([level + value for level, value in zip([0.05, -0.06] * 20, values, strict=True)], 0.03)
    levels = [0.05 if place // 8 % 2 else -0.06 for place in range(40)]
    together = equivalence([level + value for level, value in zip(levels, values, strict=True)], 0.03, groups=groups)
    assert apart.outcome == "equivalent"
    assert together.outcome == "undecided"
    assert together.estimate.units == 5


def test_non_inferiority_has_three_outcomes() -> None:
    outcomes = [
        non_inferiority(changed(gained, lost, 200), 0.05, span=CHANGES, truth=True).outcome
        for gained, lost in ((5, 5), (0, 10), (0, 40))
    ]
    assert outcomes == ["not worse", "undecided", "worse"]


def test_alpha_is_each_sides_error() -> None:
    values = changed(3, 3, 150)
    strict, usual = (equivalence(values, 0.05, alpha, span=CHANGES, truth=True) for alpha in (0.001, 0.05))
    assert (strict.outcome, usual.outcome) == ("undecided", "equivalent")
    assert strict.p_value == usual.p_value
    assert usual.estimate == mean_interval(values, 0.9, span=CHANGES, truth=True)


@pytest.mark.parametrize(
    ("values", "margin", "alpha"),
    [([], 0.1, 0.05), ([math.nan], 0.1, 0.05), ([0.0], 0.0, 0.05), ([0.0], math.inf, 0.05), ([0.0], 0.1, 0.5)],
)
def test_what_makes_no_sense_is_refused(values: list[float], margin: float, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"no values|not finite|margin|alpha"):
        equivalence(values, margin, alpha)
    with pytest.raises(ValueError, match=r"no values|not finite|margin|alpha"):
        non_inferiority(values, margin, alpha)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.0, 0.0, 0.3, 1.0]), min_size=2, max_size=25),
    groups=st.none() | st.lists(st.sampled_from(["a", "b", "c", None]), min_size=25, max_size=25),
    span=st.sampled_from([None, CHANGES]),
    truth=st.booleans(),
    margin=st.floats(0.01, 0.9),
)
def test_the_p_value_says_what_the_interval_says(
    values: list[float], groups: list[str | None] | None, span: Range | None, truth: bool, margin: float
) -> None:
    given_groups = None if groups is None else groups[: len(values)]
    found = equivalence(values, margin, span=span, truth=truth, groups=given_groups)
    assume(abs(found.p_value - 0.05) > 1e-6)
    assert (found.outcome == "equivalent") == (found.p_value < 0.05)
    inverted = p_value_above(
        lambda confidence: mean_interval(values, confidence, span=span, truth=truth, groups=given_groups), -margin
    )
    direct = p_above(values, -margin, span=span, truth=truth, groups=given_groups)
    if 1e-8 < inverted < 0.99:
        assert direct == pytest.approx(inverted / 2, rel=1e-6)
    elif inverted >= 0.99:
        assert direct >= 0.49


@pytest.mark.parametrize(("discordant", "margin"), [(0.2, 0.1), (0.3, 0.15)])
def test_truth_values_that_differ_by_the_margin_are_called_equivalent_no_more_often_than_alpha(
    discordant: float, margin: float
) -> None:
    # Every count of gains and losses with its exact chance, so that no draw is needed; a score test's error may lie
    # slightly above its nominal.
    cases = 30
    gains, losses = (discordant - margin) / 2, (discordant + margin) / 2
    error = 0.0
    for gained, lost in product(range(cases + 1), repeat=2):
        if gained + lost > cases:
            continue
        ways = math.comb(cases, gained) * math.comb(cases - gained, lost)
        chance = ways * gains**gained * losses**lost * (1 - discordant) ** (cases - gained - lost)
        if chance > 1e-7:
            found = equivalence(changed(gained, lost, cases), margin, span=CHANGES, truth=True)
            error += chance * (found.outcome == "equivalent")
    assert error <= 0.055


@pytest.mark.parametrize("size", [1, 4])
def test_numbers_that_differ_by_the_margin_are_called_equivalent_no_more_often_than_alpha(size: int) -> None:
    draw, rounds, errors = random.Random(size), 600, 0
    groups = None if size == 1 else [str(place // size) for place in range(48)]
    for _ in range(rounds):
        levels = [draw.gauss(-0.1, 0.1 if size > 1 else 0.0) for _ in range(48 // size)]
        values = [draw.gauss(levels[place // size], 0.1) for place in range(48)]
        errors += equivalence(values, 0.1, groups=groups).outcome == "equivalent"
    # Two Monte-Carlo standard errors of 5% are 1.8%.
    assert errors / rounds <= 0.068


def test_a_difference_on_the_margin_is_called_different_no_more_often_than_alpha() -> None:
    draw, rounds = random.Random(2), 1000

    @cache
    def found(gained: int, lost: int) -> Equivalence:
        return equivalence(changed(gained, lost, 60), 0.1, span=CHANGES, truth=True)

    different = 0
    for _ in range(rounds):
        drawn = draw.choices([1, -1, 0], [0.05, 0.15, 0.8], k=60)
        different += found(drawn.count(1), drawn.count(-1)).outcome == "different"
    assert different / rounds <= 0.064
