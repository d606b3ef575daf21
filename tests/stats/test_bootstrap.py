"""The bootstrap of a mean: what it needs, that its seed decides, and how often it covers the truth."""

import math

import numpy as np
import pytest

from plimsoll.stats import Method, bootstrap_mean, mean_interval

VALUES = [0.1, 0.4, 0.35, 0.8, 0.75, 0.2, 0.9, 0.55, 0.6, 0.3]


def test_the_seed_decides_the_limits() -> None:
    first, again, other = (
        bootstrap_mean(VALUES, 0.95, np.random.default_rng(seed), resamples=500) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(("corrected", "method"), [(True, Method.BCA), (False, Method.BOOTSTRAP)])
def test_symmetric_values_get_about_the_t_interval(corrected: bool, method: Method) -> None:
    values = [place / 100 for place in range(101)]
    found = bootstrap_mean(values, 0.95, np.random.default_rng(0), corrected=corrected)
    student = mean_interval(values, 0.95)
    assert found.estimate.method is method
    assert found.estimate.value == student.value
    assert (found.estimate.low, found.estimate.high) == pytest.approx((student.low, student.high), abs=0.003)


def test_the_correction_moves_the_limits_of_skewed_values_towards_the_tail() -> None:
    values = [math.exp(place / 10) for place in range(-20, 21)]
    plain, corrected = (
        bootstrap_mean(values, 0.95, np.random.default_rng(0), corrected=corrected).estimate
        for corrected in (False, True)
    )
    assert plain.low is not None
    assert plain.high is not None
    assert corrected.low is not None
    assert corrected.high is not None
    assert corrected.low > plain.low
    assert corrected.high > plain.high


def test_values_that_do_not_vary_get_no_limits_rather_than_a_width_of_zero() -> None:
    for values, groups in (([0.5] * 20, None), ([0.1, 0.9], ["a", "a"])):
        found = bootstrap_mean(values, 0.95, np.random.default_rng(0), groups=groups)
        assert (found.estimate.low, found.estimate.high, found.standard_error) == (None, None, 0.0)
        assert found.estimate.method is Method.NONE


def test_weights_are_weights_of_the_mean() -> None:
    found = bootstrap_mean([0.0, 1.0, 0.0, 1.0], 0.95, np.random.default_rng(0), weights=[1.0, 3.0, 1.0, 3.0])
    assert found.estimate.value == pytest.approx(0.75)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        bootstrap_mean([], 0.95, np.random.default_rng(0))


@pytest.mark.parametrize("corrected", [False, True])
def test_groups_that_are_drawn_whole_cover_the_truth_where_single_cases_do_not(corrected: bool) -> None:
    draw, rounds, whole, single = np.random.default_rng(8), 150, 0, 0
    sizes = [1, 2, 4] * 10
    groups = [str(group) for group, size in enumerate(sizes) for _ in range(size)]
    for _ in range(rounds):
        levels = draw.normal(0.5, 0.2, len(sizes))
        values = [float(draw.normal(levels[int(group)], 0.05)) for group in groups]
        for given in (groups, None):
            found = bootstrap_mean(values, 0.95, draw, corrected=corrected, groups=given, resamples=300).estimate
            assert found.low is not None
            assert found.high is not None
            covered = found.low <= 0.5 <= found.high
            whole, single = (whole + covered, single) if given else (whole, single + covered)
    # With 30 groups a bootstrap covers a little less than it promises; two Monte-Carlo standard errors are 4%.
    assert whole / rounds >= 0.89
    assert single / rounds < 0.87
