"""The score limit of a mean on a known range: honest where most units have the same value.

A t interval takes the spread from the data; where few units differ, the data hide it, and at none the interval has
no width at all. The score limit instead asks of each candidate mean: under the likeliest distribution on the range
that has this mean, how far off is what was seen? That distribution may put weight on the worst possible value though
nothing of the sort was seen. For truth values this is Wilson's interval, for paired truth values Tango's (1998),
exactly; for anything between it is the same test with the nonparametric likelihood (Owen 2001, chapter 2) on a
bounded range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from plimsoll.stats.units import DIGITS, Units

_STEPS = 45
_Points = Sequence[tuple[float, float]]
"""Value and share."""


def score_limit(units: Units, floor: float, critical: float) -> float:
    """The lower confidence limit of the mean of values that can't fall below `floor`.

    Args:
        units: The units' values and shares.
        floor: The least possible value.
        critical: The quantile of the test, e.g. 1.96.
    """
    points, mean = _points(units), units.mean
    limit = critical * critical / units.effective
    below, above = floor, mean
    for _ in range(_STEPS):
        candidate = (below + above) / 2
        if candidate in (below, above):
            break
        if (mean - candidate) ** 2 > limit * _variance(points, candidate, floor):
            below = candidate
        else:
            above = candidate
    return below


def score_statistic(units: Units, floor: float, candidate: float) -> float:
    """How many standard errors the mean lies above `candidate`, were that the true mean: what `score_limit` inverts.

    Args:
        units: The units' values and shares.
        floor: The least possible value.
        candidate: Above `floor`, and not above the units' mean.
    """
    return (units.mean - candidate) / math.sqrt(_variance(_points(units), candidate, floor) / units.effective)


def _points(units: Units) -> _Points:
    shares: dict[float, float] = {}
    for value, share in zip(units.values, units.shares, strict=True):
        key = round(value, DIGITS)
        shares[key] = shares.get(key, 0.0) + share
    return list(shares.items())


def _variance(points: _Points, mean: float, floor: float) -> float:
    """Variance of the likeliest distribution on the seen values and `floor` whose mean is `mean`."""
    deviations = [(value - mean, share) for value, share in points]
    tilt = _tilt(deviations, 1 / (mean - floor))
    masses = [(deviation, share / (1 + tilt * deviation)) for deviation, share in deviations]
    rest = max(0.0, 1 - math.fsum(mass for _, mass in masses))
    return math.fsum(mass * deviation**2 for deviation, mass in masses) + rest * (mean - floor) ** 2


def _tilt(deviations: _Points, most: float) -> float:
    """The multiplier that brings the tilted mean to zero, or just under `most` where none in reach does."""
    low, high = 0.0, most * (1 - 1e-12)
    if math.fsum(share * d / (1 + high * d) for d, share in deviations) >= 0:
        return high
    tilt = 0.0
    for _ in range(_STEPS):
        value = slope = 0.0
        for deviation, share in deviations:
            ratio = deviation / (1 + tilt * deviation)
            value += share * ratio
            slope -= share * ratio * ratio
        if value > 0:
            low = tilt
        else:
            high = tilt
        step = tilt - value / slope if slope else high
        following = step if low < step < high else (low + high) / 2
        if abs(following - tilt) <= 1e-14 * most:
            return following
        tilt = following
    return tilt
