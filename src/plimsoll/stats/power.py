"""What so many cases can show, and how many it takes: power of the two-sided test of a mean or a mean difference.

From a standard deviation by the noncentral t; from variances between and within cases by Miller's normal formula.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from plimsoll.stats.estimate import Estimate, t_quantile, z_quantile

POWER = 0.8
"""The chance of finding a true difference that the design counts on."""
_MOST = 1e9


def smallest_detectable(standard_error: float, degrees: float, confidence: float, power: float = POWER) -> float:
    """The true difference that is found with `power`, by Student's test (noncentral t)."""
    critical = t_quantile(degrees, confidence)
    low, high = 0.0, critical + 10.0
    for _ in range(50):
        middle = (low + high) / 2
        if _power(middle, degrees, critical) < power:
            low = middle
        else:
            high = middle
    return high * standard_error


def chance_to_find(difference: float, deviation: float, cases: int, confidence: float) -> float:
    """How often `cases` find a true `difference` on its own side, for a standard deviation between cases."""
    from scipy.special import nctdtr

    noncentrality, critical = difference * math.sqrt(cases) / deviation, t_quantile(cases - 1, confidence)
    return 1.0 if noncentrality > critical + 10 else 1 - float(nctdtr(cases - 1, noncentrality, critical))


def cases_needed(deviation: float, difference: float, confidence: float, power: float = POWER) -> float:
    """How many cases find a true `difference` with `power`, for a standard deviation between cases.

    Infinite where it would take more than a thousand million.
    """
    if difference <= 0 or deviation / difference > math.sqrt(_MOST):
        return math.inf

    def enough(cases: float) -> bool:
        noncentrality = difference * math.sqrt(cases) / deviation
        return _power(noncentrality, cases - 1, t_quantile(cases - 1, confidence)) >= power

    low, high = 2.0, 4.0
    while not enough(high):
        low, high = high, high * 2
        if high > _MOST:
            return math.inf
    for _ in range(50):
        middle = (low + high) / 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def cases_with_repeats(
    difference: float, confidence: float, *, between: float, within: float = 0.0, repeats: int = 1, power: float = POWER
) -> float:
    """How many cases find a true `difference` (Miller 2024, "Adding error bars to evals").

    The normal formula, which asks for about two cases fewer than Student's. For non-inferiority or a single side of an
    equivalence, `difference` is the distance of the true difference to the margin, and `confidence` 1 − 2α.

    Args:
        difference: That is to be found, in the metric's unit.
        confidence: Two-sided.
        between: Variance of the cases' true differences.
        within: Variance of one repeat's difference about its case's: of both sides together.
        repeats: Of each case on each side.
        power: The chance of finding it.
    """
    if difference <= 0:
        return math.inf
    return _normal_reach(confidence, power) ** 2 * (between + within / repeats) / difference**2


def detectable_with_repeats(
    cases: int, confidence: float, *, between: float, within: float = 0.0, repeats: int = 1, power: float = POWER
) -> float:
    """The true difference that `cases` find with `power`: `cases_with_repeats` turned round."""
    return _normal_reach(confidence, power) * math.sqrt((between + within / repeats) / cases)


def _normal_reach(confidence: float, power: float) -> float:
    return z_quantile(confidence) + NormalDist().inv_cdf(power)


def _power(noncentrality: float, degrees: float, critical: float) -> float:
    from scipy.special import nctdtr, ndtr

    # Far beyond the critical value the noncentral t is slow to compute, and certain.
    if noncentrality > critical + 10:
        return 1.0
    # Above so many degrees of freedom the normal limit differs by less than one part in a million.
    if degrees > 1e6:
        return float(ndtr(noncentrality - critical) + ndtr(-noncentrality - critical))
    return 1 - float(nctdtr(degrees, noncentrality, critical)) + float(nctdtr(degrees, noncentrality, -critical))


def detectable(estimate: Estimate, confidence: float) -> float | None:
    """The smallest difference that the estimate's data could have shown with 80% power; None where limits are open.

    The standard error is read off the interval's width, so that a spread that the data hide (no variation, few
    changed cases) counts as the interval counts it.
    """
    if estimate.width is None or estimate.degrees <= 0:
        return None
    error = estimate.width / 2 / t_quantile(estimate.degrees, confidence)
    return smallest_detectable(error, estimate.degrees, confidence)
