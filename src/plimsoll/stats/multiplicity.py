"""Several claims at once: p-values from intervals, and Holm's correction of them."""

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
