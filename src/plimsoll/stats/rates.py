"""Shares of cases: Wilson's interval to show, Clopper and Pearson's to decide on."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

from plimsoll.stats.estimate import Estimate, Method, t_quantile, z_quantile
from plimsoll.stats.units import Units, units_of


def wilson(successes: float, n: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval (1927): its coverage is near the nominal on average. Counts may be effective ones."""
    z = z_quantile(confidence)
    share, scale = successes / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the limit is exactly the end, which rounding would miss.
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= n else min(1.0, centre + half)
    return low, high


def clopper_pearson(successes: float, n: float, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's exact interval (1934): its coverage is never below the nominal."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if successes <= 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def rate_interval(
    values: Sequence[float],
    confidence: float,
    *,
    exact: bool,
    weights: Sequence[float] | None = None,
    groups: Sequence[Hashable] | None = None,
) -> Estimate:
    """The share of cases that are true. Repeats come averaged, as values between 0 and 1.

    Grouped, weighted or repeated cases count as the number of single ones that would tell as much, corrected for the
    degrees of freedom (Korn and Graubard 1998).

    Args:
        values: One for each case, from 0 to 1.
        confidence: Two-sided.
        exact: Clopper and Pearson's interval, else Wilson's.
        weights: Of the cases.
        groups: Cases of one group are one unit.
    """
    units = units_of(values, weights, groups)
    share = min(max(units.mean, 0.0), 1.0)
    low: float | None = None
    high: float | None = None
    if len(units.values) >= 2:
        n = effective_cases(units, share, confidence)
        interval: Callable[[float, float, float], tuple[float, float]] = clopper_pearson if exact else wilson
        low, high = interval(share * n, n, confidence)
    method = Method.NONE if low is None else Method.EXACT if exact else Method.WILSON
    return Estimate(share, low, high, units.cases, len(units.values), units.effective, method)


def effective_cases(units: Units, share: float, confidence: float) -> float:
    """Single cases that would tell as much about a share as these units do (Korn and Graubard 1998)."""
    if units.plain and all(value in (0.0, 1.0) for value in units.values):
        return float(units.cases)
    error = units.standard_error
    # By the values: with weights a mean of equal ones may miss them by the last digit.
    if error == 0 or len(set(units.values)) == 1 or units.effective <= 1:
        return units.effective
    # A spread that came out small by chance does not make cases count for more than there are.
    found = min(share * (1 - share) / error**2, float(units.cases))
    correction = (z_quantile(confidence) / t_quantile(units.effective - 1, confidence)) ** 2
    return max(1.0, found * correction)
