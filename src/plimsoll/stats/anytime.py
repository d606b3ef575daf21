"""Intervals that hold at every moment of a run at once, however often one looks and whenever one stops.

For who watches without a plan: no number of looks, no end. That freedom costs width: about half as wide again as an
interval for a single look. The gate knows its looks beforehand and pays less (`stats.sequential`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_FIRST = 30
"""Values before the first interval: it rests on the normal approximation."""


def confidence_sequence(
    values: Sequence[float], confidence: float, *, narrowest_at: float = 100, first: int = _FIRST
) -> tuple[tuple[float, float] | None, ...]:
    """The limits of the mean after each value: with the chance `confidence`, all of them hold.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), which is Robbins'
    normal mixture (1970) with the standard deviation of the values so far. The chance is approximate, the better the
    later the first interval.

    Args:
        values: In the order in which they came; independent.
        confidence: Two-sided, over the whole run.
        narrowest_at: After how many values the interval is to be at its best; chosen before looking.
        first: Values before the first interval, at least 2.

    Returns:
        One entry for each value; None before `first`, and while all values are equal.
    """
    rho = mixture_scale(confidence, narrowest_at)
    found: list[tuple[float, float] | None] = []
    mean = squares = 0.0
    for count, value in enumerate(values, start=1):
        # Welford's update: the squares of large numbers are never subtracted from each other.
        step = value - mean
        mean += step / count
        squares += step * (value - mean)
        if count < max(2, first) or squares <= 0:
            found.append(None)
            continue
        half = mixture_half_width(math.sqrt(squares / count), count, confidence, rho)
        found.append((mean - half, mean + half))
    return tuple(found)


def mixture_scale(confidence: float, narrowest_at: float) -> float:
    """The mixture's ρ that makes the confidence sequence narrowest after so many values (nearly: a closed form).

    Waudby-Smith et al. (2021), section on tuning.
    """
    spent = -2 * math.log(1 - confidence)
    return math.sqrt((spent + math.log(spent + 1)) / narrowest_at)


def mixture_half_width(deviation: float, count: int, confidence: float, rho: float) -> float:
    """Half the width of the asymptotic confidence sequence after `count` values of that standard deviation.

    In the units of `deviation`. Waudby-Smith et al. (2021), theorem 2.2.
    """
    spread = count * rho**2 + 1
    return deviation * math.sqrt(2 * spread / (count * rho) ** 2 * math.log(math.sqrt(spread) / (1 - confidence)))


def hoeffding_half_width(count: int, confidence: float, *, width: float = 1.0) -> float:
    """How far below the mean of `count` values the one-sided limit lies, whatever their distribution (Hoeffding 1963).

    For one look at a number of values fixed beforehand.

    Args:
        count: Independent values.
        confidence: One-sided.
        width: Of the range that the values can't leave.
    """
    return width * math.sqrt(-math.log(1 - confidence) / (2 * count))


def mixture_ratio(mean: float, count: int, deviation: float, scale: float) -> float:
    """The likelihood ratio of the mixture sequential probability ratio test against a mean of zero.

    The mean under the alternative is normal around 0 with standard deviation `scale`, the values are normal around it
    with `deviation` (Robbins 1970; Johari, Koomen, Pekelis and Walsh 2017). Under a mean of zero it ever reaches 1/α
    with the chance α at most.
    """
    variance, spread = deviation**2, deviation**2 + count * scale**2
    return math.sqrt(variance / spread) * math.exp((count * scale * mean) ** 2 / (2 * variance * spread))


def always_valid_p(ratios: Sequence[float]) -> float:
    """The p-value of a mean of zero after these looks: it never rises, and holds whenever one stops (Johari et al.).

    Args:
        ratios: `mixture_ratio` at each look so far.
    """
    return min(1.0, 1 / max(ratios, default=1.0))
