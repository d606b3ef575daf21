"""Change points over nights: exact where nothing varies, wide where nights share their noise."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.stats.means import Range
from plimsoll.stats.nights import HORIZON, PERSISTENCE, NightSeries, Split, _lasting, _lengths, find_moves, widest_split

SPAN = Range(0.0, 1.0)


def drawn(seed: int, nights: int = 30, cases: int = 100, drop: float = 0.0, weather: float = 0.0) -> NightSeries:
    generator = np.random.default_rng(seed)
    values = 0.7 + 0.2 * generator.standard_normal((nights, cases)) + weather * generator.standard_normal((nights, 1))
    values[nights // 2 :] -= drop
    return NightSeries(values.tolist())


def split(series: NightSeries) -> Split:
    found = widest_split(series)
    assert isinstance(found, Split)
    return found


def test_a_drop_is_dated_and_its_size_estimated() -> None:
    found = split(drawn(0, drop=0.1))

    assert found.first == 15
    assert found.low < -0.1 < found.high
    assert found.p < 1e-6
    assert find_moves([drawn(0, drop=0.1)])[0].moved


def test_what_all_cases_of_a_night_share_widens_the_error() -> None:
    calm, stormy = split(drawn(1, drop=0.1)), split(drawn(1, drop=0.1, weather=0.1))

    assert stormy.high - stormy.low > 3 * (calm.high - calm.low)
    assert not find_moves([drawn(1, drop=0.1, weather=0.1)])[0].moved


def test_the_more_series_are_watched_the_more_it_takes() -> None:
    series = next(
        one
        for drop in np.arange(0.02, 0.1, 0.001)
        for one in [drawn(2, drop=float(drop))]
        if find_moves([one])[0].moved
    )
    quiet = [drawn(seed) for seed in range(100, 200)]

    assert not find_moves([series, *quiet])[0].moved


def test_where_nothing_varies_a_change_is_certain_and_one_case_is_no_drift() -> None:
    def steady(worse: int) -> NightSeries:
        return NightSeries([[1.0] * 100] * 10 + [[0.0] * worse + [1.0] * (100 - worse)] * 2, span=SPAN)

    assert (split(steady(10)).first, split(steady(10)).p) == (10, 0.0)
    assert find_moves([steady(10)])[0].moved
    assert not find_moves([steady(1)])[0].moved
    assert split(NightSeries([[1.0] * 100] * 10, span=SPAN)).p == 1.0


def test_cases_of_one_group_are_one_unit() -> None:
    values = [[1.0] * 100] * 10 + [[0.0] * 10 + [1.0] * 90]

    assert find_moves([NightSeries(values, span=SPAN)])[0].moved
    assert not find_moves([NightSeries(values, groups=[place // 10 for place in range(100)], span=SPAN)])[0].moved


def test_cases_that_fail_now_and_then_do_not_move_a_mean() -> None:
    generator = np.random.default_rng(3)
    values = np.where(np.arange(100) < 50, 1.0, 0.0) * np.ones((20, 1))
    kept = [
        [None if generator.random() < 0.1 and night > 10 else float(value) for value in row]
        for night, row in enumerate(values)
    ]

    found = split(NightSeries(kept, span=SPAN))

    assert found.before == pytest.approx(found.after)
    assert found.p == 1.0


def test_too_few_nights_and_too_few_cases_are_said() -> None:
    assert widest_split(drawn(0, nights=6)) == "too few nights to tell: 6 of 7"
    assert str(widest_split(drawn(0, cases=4))).startswith("too few cases to tell: 4 of at least 5")
    assert find_moves([]) == ()


def test_the_noise_that_lasts_is_the_autoregressions() -> None:
    nights, first = 12, 8
    lags = np.abs(np.subtract.outer(np.arange(nights), np.arange(nights)))
    related = PERSISTENCE**lags
    contrast = np.r_[np.full(first, -1 / first), np.full(nights - first, 1 / (nights - first))]
    means = np.zeros((nights, nights))
    means[:first, :first], means[first:, first:] = 1 / first, 1 / (nights - first)
    seen = np.trace((np.eye(nights) - means) @ related) / (nights - 2)

    assert _lasting(nights)[first] == pytest.approx(contrast @ related @ contrast / seen)


def test_lengths_grow_by_a_quarter() -> None:
    assert _lengths(27) == [1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24]


@pytest.mark.long
def test_quiet_months_are_quiet_at_the_stated_rate() -> None:
    wrong = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        chances = generator.uniform(0.3, 1.0, (3, 60))
        values = (generator.random((3, 2 * HORIZON, 60)) < chances[:, None]).astype(float)
        wrong += any(
            moved.moved
            for night in range(HORIZON, 2 * HORIZON)
            for moved in find_moves([NightSeries(one[night - 29 : night + 1].tolist(), span=SPAN) for one in values])
        )
    assert wrong <= 3
