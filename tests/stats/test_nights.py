"""Change points over nights: exact where nothing varies, wide where nights share their noise, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from plimsoll.stats.means import Range
from plimsoll.stats.nights import HORIZON, Change, Walk, find_moves
from plimsoll.stats.splits import PERSISTENCE, Nights, NightSeries, _lasting, lengths

SPAN = Range(0.0, 1.0)


def drawn(seed: int, nights: int = 30, cases: int = 100, drop: float = 0.0, weather: float = 0.0) -> NightSeries:
    generator = np.random.default_rng(seed)
    values = 0.7 + 0.2 * generator.standard_normal((nights, cases)) + weather * generator.standard_normal((nights, 1))
    values[nights // 2 :] -= drop
    return NightSeries(values.tolist())


def levels(seed: int, shares: Sequence[float], cases: int = 200, *, still: bool = False) -> NightSeries:
    """Nights on which such a share of the cases passes; where they are still, the same ones each time."""
    generator = np.random.default_rng(seed)
    chances = np.where(generator.random(cases) < 0.75, generator.random(cases) < 0.9, generator.uniform(0.2, 1, cases))
    fates = generator.random(cases)
    rows = [
        (fates if still else generator.random(cases)) < np.clip(chances * share / chances.mean(), 0, 1)
        for share in shares
    ]
    return NightSeries(np.array(rows, dtype=float).tolist(), span=SPAN)


def changes(series: NightSeries, error: float = 0.05) -> tuple[Change, ...]:
    return find_moves([series], error)[0].changes


def signs(series: NightSeries) -> list[tuple[int, str]]:
    """First night and direction of the changes that stand."""
    return [(one.split.first, "worse" if one.split.change < 0 else "better") for one in changes(series)]


def test_a_drop_is_dated_and_its_size_estimated() -> None:
    [found] = changes(drawn(0, drop=0.1))

    assert (found.split.first, found.new) == (15, False)
    assert found.split.earliest <= 15 <= found.split.latest <= found.split.earliest + 1
    assert found.split.low < -0.1 < found.split.high


def test_what_all_cases_of_a_night_share_widens_the_error() -> None:
    [calm], [stormy] = changes(drawn(1, drop=0.3)), changes(drawn(1, drop=0.3, weather=0.06))

    assert stormy.split.high - stormy.split.low > 2 * (calm.split.high - calm.split.low)
    assert not changes(drawn(1, drop=0.1, weather=0.1))


def test_the_more_series_are_watched_the_more_it_takes() -> None:
    series = next(one for drop in np.arange(0.02, 0.1, 0.002) for one in [drawn(2, drop=float(drop))] if changes(one))

    assert not find_moves([series, *[drawn(0, nights=1)] * 1000])[0].changes


def test_where_nothing_varies_a_change_is_certain_and_one_case_is_no_drift() -> None:
    def steady(worse: int) -> NightSeries:
        return NightSeries([[1.0] * 100] * 10 + [[0.0] * worse + [1.0] * (100 - worse)] * 2, span=SPAN)

    [found] = changes(steady(10))

    assert (found.split.first, found.split.earliest, found.split.latest) == (10, 10, 10)
    assert found.split.p < 1e-50
    assert not changes(steady(1))
    assert not changes(NightSeries([[1.0] * 100] * 10, span=SPAN))


def test_without_a_range_cases_that_all_change_alike_have_moved_and_a_machines_rounding_has_not() -> None:
    def to(value: float) -> NightSeries:
        return NightSeries([[1.0] * 50] * 10 + [[value] * 50])

    assert [one.split.change for one in changes(to(0.0))] == [pytest.approx(-1.0)]
    assert not changes(to(1 - 1e-8))
    few = NightSeries([[1.0] * 50] * 10 + [[0.0] * 4 + [1.0] * 46])
    assert not changes(few), "four cases that went one way may be chance"


def test_a_drop_after_a_promotion_is_found_whatever_the_promotion_gained() -> None:
    assert signs(levels(0, [0.7] * 10 + [0.85] * 12 + [0.7], still=True)) == [(22, "worse")]
    assert signs(levels(0, [0.7] * 10 + [0.85] * 12 + [0.7] * 4)) == [(22, "worse")]


def test_a_drop_after_an_outage_is_found() -> None:
    assert (20, "worse") in signs(levels(1, [0.85] * 8 + [0.3] * 2 + [0.85] * 10 + [0.65] * 3))


def test_half_a_recovery_is_none_and_a_whole_one_is_told() -> None:
    assert signs(levels(2, [0.85] * 12 + [0.6] * 5 + [0.75] * 4, still=True)) == [(12, "worse"), (17, "better")]
    assert signs(levels(2, [0.85] * 12 + [0.6] * 5 + [0.85] * 4, still=True)) == [(17, "better")]


def test_a_change_is_new_on_one_night() -> None:
    series = levels(3, [0.85] * 40 + [0.6] * 15)

    told = [changes(replace(series, values=series.values[:until])) for until in range(38, 56)]

    assert [[one.new for one in found] for found in told] == [[]] * 3 + [[True]] + [[False]] * 14


def test_cases_of_one_group_are_one_unit() -> None:
    values = [[1.0] * 100] * 10 + [[0.0] * 10 + [1.0] * 90]

    assert changes(NightSeries(values, span=SPAN))
    assert not changes(NightSeries(values, groups=[place // 10 for place in range(100)], span=SPAN))


def test_cases_that_fail_now_and_then_do_not_move_a_mean() -> None:
    generator = np.random.default_rng(3)
    values = np.where(np.arange(100) < 50, 1.0, 0.0) * np.ones((20, 1))
    kept = [
        [None if generator.random() < 0.1 and night > 10 else float(value) for value in row]
        for night, row in enumerate(values)
    ]
    worse = [[None if value is None else value * (night < 15) for value in row] for night, row in enumerate(kept)]

    assert not changes(NightSeries(kept, span=SPAN))
    [found] = changes(NightSeries(worse, span=SPAN))
    assert [found.split.before, found.split.after] == pytest.approx([0.5, 0], abs=0.02)


def test_too_few_nights_and_too_few_cases_are_said() -> None:
    assert find_moves([drawn(0, nights=6)])[0].why == "too few nights to tell: 6 of 7"
    assert find_moves([drawn(0, cases=4)])[0].why.startswith("too few cases to tell: 4 of at least 5")
    assert find_moves([]) == ()


def test_the_noise_that_lasts_is_the_autoregressions() -> None:
    """Of nights 0–3 against 6–11; those between are a segment of their own."""
    parts = [(0, 4), (6, 12), (4, 6)]
    related = PERSISTENCE ** np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    contrast = np.r_[np.full(4, -1 / 4), np.zeros(2), np.full(6, 1 / 6)]
    means = np.zeros((12, 12))
    for start, end in parts:
        means[start:end, start:end] = 1 / (end - start)
    seen = np.trace((np.eye(12) - means) @ related) / (12 - len(parts))

    found = _lasting(np.array([4]), np.array([6]), np.array([2]), parts)

    assert found[0] == pytest.approx(contrast @ related @ contrast / seen)


def test_lengths_grow_by_a_quarter() -> None:
    assert lengths(27) == [1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24]


@pytest.mark.long
def test_quiet_months_are_quiet_at_the_stated_rate() -> None:
    wrong = 0
    for seed in range(80):
        generator = np.random.default_rng(seed)
        chances = generator.uniform(0.3, 1.0, (3, 60))
        values = (generator.random((3, 2 * HORIZON, 60)) < chances[:, None]).astype(float)
        found = []
        for one in values:
            nights = Nights.of(NightSeries(one.tolist(), span=SPAN), 2 * HORIZON)
            assert isinstance(nights, Nights)
            walk = Walk(nights, 0.05 / HORIZON / len(values))
            found += [walk.go_on(until) for until in range(7, 2 * HORIZON + 1)][-HORIZON:]
        wrong += any(found)
    assert wrong <= 4


@pytest.mark.long
def test_the_night_of_a_change_lies_between_those_that_are_told() -> None:
    told = [one.split for seed in range(40) for one in changes(levels(seed, [0.85] * 20 + [0.75] * 10))]

    assert len(told) > 30
    assert sum(split.earliest <= 20 <= split.latest for split in told) >= 0.9 * len(told)


def test_where_now_and_then_a_night_is_far_worse_one_more_such_night_is_no_change() -> None:
    uneven = [1, 2, 1, 6, 2, 1, 1, 3, 8, 1, 2, 1, 2, 5, 1, 1, 2, 9, 1, 2]
    even = [2, 1, 3, 2, 2, 1, 2, 3, 2, 1, 2, 2, 3, 1, 2, 2, 1, 3, 2, 2]

    assert not changes(failing([*uneven, 24]))
    assert signs(failing([*even, 24])) == [(20, "worse")]
    assert signs(failing([*uneven, 24, 20, 22])) == [(20, "worse")]


def failing(counts: Sequence[int]) -> NightSeries:
    """Nights on which so many of 200 cases fail, each night others."""
    generator = np.random.default_rng(3)
    values = np.ones((len(counts), 200))
    for night, count in enumerate(counts):
        values[night, generator.choice(200, count, replace=False)] = 0.0
    return NightSeries(values.tolist(), span=SPAN)
