"""Newcombe's interval for the difference of two paired proportions, from the four counts.

For tables that are given as counts. The gate has the cases themselves and uses `means.mean_interval` on their
differences, which for truth values is Tango's interval: Newcombe's let a regression as large as the margin pass up to
four times as often as nominal in our simulation, where no case got better (`docs/design/stats.md`).
"""

from __future__ import annotations

import math

from plimsoll.stats.rates import wilson


def newcombe(both: int, only_first: int, only_second: int, neither: int, confidence: float) -> tuple[float, float]:
    """The limits of first minus second share (Newcombe 1998, method 10: Wilson limits, correlation corrected).

    Args:
        both: Pairs true on both sides.
        only_first: Pairs true on the first side only.
        only_second: Pairs true on the second side only.
        neither: Pairs true on neither.
        confidence: Two-sided.
    """
    n = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    difference = (first - second) / n
    low_1, high_1 = wilson(first, n, confidence)
    low_2, high_2 = wilson(second, n, confidence)
    down_1, up_1 = first / n - low_1, high_1 - first / n
    down_2, up_2 = second / n - low_2, high_2 - second / n
    phi = _correlation(both, only_first, only_second, neither)
    below = math.sqrt(max(0.0, down_1**2 - 2 * phi * down_1 * up_2 + up_2**2))
    above = math.sqrt(max(0.0, up_1**2 - 2 * phi * up_1 * down_2 + down_2**2))
    return difference - below, difference + above


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    n = both + only_first + only_second + neither
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    product = both * neither - only_first * only_second
    corrected = max(product - n / 2, 0.0) if product > 0 else product
    return corrected / math.sqrt(margins)
