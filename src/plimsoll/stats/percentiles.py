"""Percentiles with a distribution-free interval: two order statistics, whatever the values' distribution."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from plimsoll.stats.estimate import Estimate, Method
from plimsoll.stats.rates import effective_cases
from plimsoll.stats.units import units_of


def percentile_interval(
    values: Sequence[float], share: float, confidence: float, *, groups: Sequence[Hashable] | None = None
) -> Estimate:
    """The percentile and the order statistics around it (David and Nagaraja 2003, section 7.1).

    The estimate is a value that occurred: the smallest one with at least `share` of all at or below it. With few values
    an extreme percentile has no limit on its far side (the 95th needs 72 values for an upper one at 0.95). Grouped
    values count as the number of single ones that would tell as much about the share at or below it (Woodruff 1952).

    Args:
        values: In any order; every one counts the same.
        share: 0.5 for the median.
        confidence: Two-sided, reached or exceeded.
        groups: Values of one group are not independent. Default: all are.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    from scipy.special import bdtr

    ordered = sorted(values)
    if not ordered or not all(math.isfinite(value) for value in ordered):
        raise ValueError("a percentile needs values, all finite")
    count = len(ordered)
    value = ordered[max(1, math.ceil(share * count - 1e-9)) - 1]
    units = units_of([float(given <= value) for given in values], groups=groups)
    single = len(units.values) == count
    independent = count if single else math.floor(effective_cases(units, units.mean, confidence))
    tail = (1 - confidence) / 2
    at_most = [float(bdtr(k, independent, share)) for k in range(independent)]
    lower = sum(1 for chance in at_most if chance <= tail)
    upper = 1 + sum(1 for chance in at_most if chance < 1 - tail)
    low = ordered[max(1, math.floor(lower * count / independent)) - 1] if lower >= 1 else None
    high = ordered[min(count, math.ceil(upper * count / independent)) - 1] if upper <= independent else None
    return Estimate(value, low, high, count, len(units.values), float(independent), Method.ORDER_STATISTIC)
