"""Agreement: figures against published and closed-form values, intervals against formulas and simulated coverage."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.stats import (
    Estimate,
    Level,
    Method,
    Weights,
    alpha_interval,
    auc,
    auc_interval,
    clopper_pearson,
    cohen_kappa,
    detection,
    kappa_interval,
    krippendorff_alpha,
    partial_spearman,
    spearman,
    spearman_interval,
)
from plimsoll.stats.jackknife import Scale, jackknife

Z = 1.959963984540054
FIRST = [True] * 25 + [False] * 25
SECOND = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
# Krippendorff 2004, table 11.3 (and «Computing Krippendorff's alpha-reliability», 2011): four observers, twelve units.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
UNITS = [[None if value is None else float(value) for value in unit] for unit in zip(*OBSERVERS, strict=True)]


def test_kappa_and_alpha_of_the_reference_table_are_four_tenths() -> None:
    assert cohen_kappa(FIRST, SECOND) == pytest.approx(0.4)
    assert krippendorff_alpha(list(zip(FIRST, SECOND, strict=True))) == pytest.approx(0.4)


def test_alpha_of_krippendorffs_own_example_at_every_level() -> None:
    found = {level: krippendorff_alpha(UNITS, level) for level in Level}
    assert found == pytest.approx({Level.NOMINAL: 0.743, Level.ORDINAL: 0.815, Level.INTERVAL: 0.849}, abs=5e-4)


def test_weighted_kappa_of_a_table_by_hand() -> None:
    # Rows 1..3, columns 1..3.
    table = ((20, 5, 1), (4, 15, 6), (1, 3, 25))
    first = [float(i + 1) for i, j in product(range(3), range(3)) for _ in range(table[i][j])]
    second = [float(j + 1) for i, j in product(range(3), range(3)) for _ in range(table[i][j])]
    for weights, power in ((Weights.LINEAR, 1), (Weights.QUADRATIC, 2)):
        rows, columns = [sum(row) for row in table], [sum(row[j] for row in table) for j in range(3)]
        seen = sum(table[i][j] * abs(i - j) ** power for i, j in product(range(3), range(3))) / 80
        chance = sum(rows[i] * columns[j] * abs(i - j) ** power for i, j in product(range(3), range(3))) / 80**2
        assert cohen_kappa(first, second, weights) == pytest.approx(1 - seen / chance)


def test_figures_without_variation_are_not_defined() -> None:
    assert cohen_kappa([True] * 5, [True] * 5) is None
    assert cohen_kappa([], []) is None
    assert krippendorff_alpha([["a", "a"], ["a", None]]) is None
    assert spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert auc([1.0, 2.0], [True, True]) is None
    assert kappa_interval([True] * 5, [True] * 5, 0.95) is None


def test_auc_counts_pairs_and_ties_half() -> None:
    scores, truths = [0.1, 0.4, 0.4, 0.8, 0.9], [False, False, True, True, False]
    wins = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, t in zip(scores, truths, strict=True)
        if t
        for b, f in zip(scores, truths, strict=True)
        if not f
    ]
    assert auc(scores, truths) == pytest.approx(sum(wins) / len(wins))


def test_spearman_agrees_with_scipy_with_ties_and_partial_with_its_formula() -> None:
    from scipy.stats import spearmanr

    draw = random.Random(1)
    one = [float(draw.randint(1, 5)) for _ in range(60)]
    two = [value + draw.randint(-1, 1) for value in one]
    three = [value + draw.randint(-2, 2) for value in one]
    ab, ac, bc = (float(spearmanr(a, b).statistic) for a, b in ((one, two), (one, three), (two, three)))
    assert spearman(one, two) == pytest.approx(ab)
    expected = (ab - ac * bc) / math.sqrt((1 - ac**2) * (1 - bc**2))
    assert partial_spearman(one, two, three) == pytest.approx(expected)
    assert partial_spearman(one, two, [1.0] * 60) == pytest.approx(ab)


def fleiss_cohen_everitt(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Standard error of kappa by the formula of 1969, written apart from the package's."""
    n = len(first)
    cells = dict.fromkeys(product((False, True), repeat=2), 0.0)
    for pair in zip(first, second, strict=True):
        cells[pair] += 1 / n
    row = {i: cells[i, False] + cells[i, True] for i in (False, True)}
    column = {j: cells[False, j] + cells[True, j] for j in (False, True)}
    kappa = cohen_kappa(first, second)
    assert kappa is not None
    chance = sum(row[i] * column[i] for i in (False, True))
    a = sum(cells[i, i] * (1 - (row[i] + column[i]) * (1 - kappa)) ** 2 for i in (False, True))
    b = (1 - kappa) ** 2 * sum(cells[i, j] * (column[i] + row[j]) ** 2 for i, j in cells if i != j)
    c = (kappa - chance * (1 - kappa)) ** 2
    return math.sqrt((a + b - c) / n) / (1 - chance)


def test_kappas_interval_has_the_width_of_fleiss_cohen_and_everitt() -> None:
    first, second = FIRST * 8, SECOND * 8
    found = kappa_interval(first, second, 0.95)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    # On the log scale of 1 − kappa, by the delta method.
    width = (math.log(1 - found.low) - math.log(1 - found.high)) / 2 * 0.6 / Z
    assert width == pytest.approx(fleiss_cohen_everitt(first, second), rel=0.01)


def delong(scores: Sequence[float], truths: Sequence[bool]) -> float:
    """DeLong's standard error, from the placements."""
    true = [score for score, truth in zip(scores, truths, strict=True) if truth]
    false = [score for score, truth in zip(scores, truths, strict=True) if not truth]

    def psi(a: float, b: float) -> float:
        return 1.0 if a > b else 0.5 if a == b else 0.0

    tens = [sum(psi(a, b) for b in false) / len(false) for a in true]
    ones = [sum(psi(a, b) for a in true) / len(true) for b in false]
    area = sum(tens) / len(tens)
    spread = [sum((value - area) ** 2 for value in values) / (len(values) - 1) for values in (tens, ones)]
    return math.sqrt(spread[0] / len(true) + spread[1] / len(false))


def test_aucs_interval_has_delongs_width() -> None:
    draw = random.Random(4)
    truths = [place % 3 == 0 for place in range(300)]
    scores = [draw.gauss(1.0 if truth else 0.0, 1.0) for truth in truths]
    found = auc_interval(scores, truths, 0.95)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    area = found.value
    width = (math.log(found.high / (1 - found.high)) - math.log(found.low / (1 - found.low))) / 2
    assert width * area * (1 - area) / Z == pytest.approx(delong(scores, truths), rel=0.02)


def test_sensitivity_and_specificity_are_exact_shares_and_their_sum_combines_their_limits() -> None:
    found = detection(FIRST, SECOND, 0.95)
    assert found.sensitivity is not None
    assert found.specificity is not None
    assert found.informedness is not None
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx(clopper_pearson(20, 30, 0.95))
    assert (found.specificity.low, found.specificity.high) == pytest.approx(clopper_pearson(15, 20, 0.95))
    assert found.informedness.value == pytest.approx(20 / 30 + 15 / 20 - 1)
    low = found.informedness.value - math.hypot(
        20 / 30 - clopper_pearson(20, 30, 0.95)[0], 15 / 20 - clopper_pearson(15, 20, 0.95)[0]
    )
    assert found.informedness.low == pytest.approx(low)
    assert detection([True], [True], 0.95).specificity is None
    assert detection([True], [True], 0.95).informedness is None


INTERVALS: dict[str, Callable[[list[bool], list[bool]], Estimate | None]] = {
    "kappa": lambda a, b: kappa_interval(a, b, 0.95),
    "alpha": lambda a, b: alpha_interval(list(zip(a, b, strict=True)), 0.95),
    "auc": lambda a, b: auc_interval([float(one) for one in a], b, 0.95),
    "rho": lambda a, b: spearman_interval([float(one) for one in a], [float(one) for one in b], 0.95),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_perfect_agreement_leaves_the_exact_bound_on_what_may_differ_and_never_a_zero_width(name: str) -> None:
    truths = [True, False] * 30
    found = INTERVALS[name](truths, truths)
    assert found is not None
    assert (found.value, found.high, found.method) == (1.0, 1.0, Method.EXACT)
    assert found.low is not None
    # A share of 1 − 0.025^(1/60) = 6% of the cases may differ; each figure falls by more than that.
    assert 0.5 < found.low <= 1 - (1 - 0.025 ** (1 / 60))


def test_a_judge_that_always_says_the_same_has_kappa_zero_with_a_width() -> None:
    found = kappa_interval([True] * 40, [True, False] * 20, 0.95)
    assert found is not None
    assert found.value == 0
    assert found.low is not None
    assert found.high is not None
    assert found.low < -0.05 < 0.05 < found.high


def test_groups_count_as_one_unit_each() -> None:
    draw = random.Random(2)
    first = [draw.random() < 0.5 for _ in range(60)]
    second = [one if draw.random() < 0.8 else not one for one in first]
    single = kappa_interval(first, second, 0.95)
    copies = [value for value in first for _ in range(4)], [value for value in second for _ in range(4)]
    grouped = kappa_interval(*copies, 0.95, groups=[place // 4 for place in range(240)])
    assert single is not None
    assert grouped is not None
    assert (grouped.cases, grouped.units) == (240, 60)
    assert (grouped.value, grouped.low, grouped.high) == pytest.approx((single.value, single.low, single.high))


def test_one_unit_has_no_interval_and_a_figure_that_rests_on_one_unit_has_none_either() -> None:
    one = kappa_interval([True, False], [True, False], 0.95, groups=["a", "a"])
    assert one is not None
    assert (one.low, one.high, one.method) == (None, None, Method.NONE)
    # Without its only good case the area is not defined.
    found = auc_interval([0.9, 0.1, 0.2], [True, False, False], 0.95)
    assert found is not None
    assert (found.low, found.high) == (None, None)


def test_many_units_are_joined_to_blocks_and_the_interval_stays_the_same() -> None:
    draw = random.Random(5)
    first = [draw.random() < 0.5 for _ in range(1500)]
    second = [one if draw.random() < 0.75 else not one for one in first]
    found = kappa_interval(first, second, 0.95)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    width = (math.log(1 - found.low) - math.log(1 - found.high)) / 2 * (1 - found.value) / Z
    assert width == pytest.approx(fleiss_cohen_everitt(first, second), rel=0.15)


@pytest.mark.parametrize("name", INTERVALS)
def test_a_95_percent_interval_lies_above_the_truth_in_at_most_about_2_5_percent_of_samples(name: str) -> None:
    # Above the truth is the error that certifies a judge wrongly. 200 rounds: three standard errors over 2.5% are 5.8%.
    sensitivity, specificity, cases, rounds = 0.85, 0.75, 50, 200
    draw = random.Random(20261122)
    agree, passed = (sensitivity + specificity) / 2, (sensitivity + 1 - specificity) / 2
    both = (0.5 + passed) / 2
    truth = {
        "kappa": (agree - 0.5) / 0.5,
        "alpha": 1 - (1 - agree) / (2 * both * (1 - both)),
        "auc": agree,
        "rho": (sensitivity - passed) * 0.5 / (0.5 * math.sqrt(passed * (1 - passed))),
    }[name]
    above = below = 0
    for _ in range(rounds):
        people = [draw.random() < 0.5 for _ in range(cases)]
        judge = [draw.random() < sensitivity if good else draw.random() >= specificity for good in people]
        found = INTERVALS[name](judge, people)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        above += found.low > truth
        below += found.high < truth
    assert above <= 0.058 * rounds
    assert above + below <= 0.1 * rounds
    assert above + below >= 0.01 * rounds


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=2, max_size=25),
    st.sampled_from(list(Weights)),
)
def test_an_interval_holds_its_estimate_inside_the_range_whatever_the_ratings(
    ratings: list[tuple[int, int]], weights: Weights
) -> None:
    first, second = [float(a) for a, _ in ratings], [float(b) for _, b in ratings]
    for found in (
        kappa_interval(first, second, 0.95, weights=weights),
        alpha_interval(list(zip(first, second, strict=True)), 0.95, level=Level.ORDINAL),
        spearman_interval(first, second, 0.95),
        auc_interval(first, [value > 2 for value in second], 0.95),
    ):
        if found is None or found.low is None or found.high is None:
            continue
        assert -1 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1
        assert found.high > found.low


def test_a_jackknife_of_a_share_is_students_interval_on_the_logit() -> None:
    values = [1.0] * 30 + [0.0] * 20
    found = jackknife(
        lambda places: sum(values[place] for place in places) / len(places), 50, 0.95, scale=Scale.SHARE, reach=1.0
    )
    assert found is not None
    assert found.low is not None
    error = math.sqrt(0.6 * 0.4 / 49)
    step = 2.009575237 * error / (0.6 * 0.4)
    assert found.low == pytest.approx(1 / (1 + math.exp(step - math.log(1.5))), abs=1e-6)
