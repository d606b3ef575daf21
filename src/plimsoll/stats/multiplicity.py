"""Several claims at once: p-values from intervals, and their corrections. The gate uses Holm's.

Bonferroni's and Holm's keep the chance of any false claim, Benjamini's the expected share of false ones among those
made: for looking through many figures, not for a promise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from plimsoll.stats.estimate import Estimate

_LEAST = 1e-9
"""No smaller p-value is told apart; the approximations behind it would not bear it."""


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values (1979), in the order given: the family-wise error is kept whatever the dependence."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(p_values)
    reached = 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = reached
    return tuple(adjusted)


def bonferroni(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values times their number, in the order given; Holm's keep the same error and are never larger."""
    return tuple(min(1.0, len(p_values) * value) for value in p_values)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted for the false discovery rate (Benjamini and Hochberg 1995), in the order given.

    Holds for claims that are independent or positively dependent.
    """
    return _step_up(p_values, 1.0)


def benjamini_yekutieli(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted for the false discovery rate whatever the dependence (Benjamini and Yekutieli 2001)."""
    return _step_up(p_values, math.fsum(1 / rank for rank in range(1, len(p_values) + 1)))


def _step_up(p_values: Sequence[float], factor: float) -> tuple[float, ...]:
    count = len(p_values)
    adjusted = [0.0] * count
    reached = 1.0
    for rank, place in zip(
        range(count, 0, -1), sorted(range(count), key=lambda at: p_values[at], reverse=True), strict=True
    ):
        reached = min(reached, factor * count / rank * p_values[place])
        adjusted[place] = reached
    return tuple(adjusted)


def p_value_above(interval: Callable[[float], Estimate], threshold: float) -> float:
    """The two-sided p-value of a mean above `threshold`, by inverting its interval.

    Twice the one-sided error: the interval at confidence 1 − p just touches the threshold. 1 where the estimate does
    not lie above, or no lower limit can be stated.

    Args:
        interval: Confidence → estimate; the limits widen with the confidence.
        threshold: What the mean is to exceed.
    """

    def exceeds(level: float) -> bool:
        low = interval(1 - level).low
        return low is not None and low > threshold

    low, high = math.log(_LEAST), math.log(0.999)
    if not exceeds(math.exp(high)):
        return 1.0
    if exceeds(math.exp(low)):
        return _LEAST
    for _ in range(40):
        middle = (low + high) / 2
        if exceeds(math.exp(middle)):
            high = middle
        else:
            low = middle
    return math.exp(high)
