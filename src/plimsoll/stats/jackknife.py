"""Intervals of figures that are no means (kappa, alpha, a correlation, an area), by leaving out one group at a time.

The jackknife needs no formula of its own for each figure, takes groups of dependent cases as they are, and draws no
random numbers. The limits are made on a scale where the figure is nearer to normal, and carried back (delta method).
Where leaving out changes nothing, the data hide their spread: then the exact bound on the share of units that may
differ is taken, times how far a unit can move the figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from itertools import chain

from plimsoll.stats.estimate import Estimate, Method, t_quantile

_BLOCKS = 500
"""Units are joined to so many blocks at the most: the figure is computed once for each."""
_NOTHING = 1e-12

Statistic = Callable[[Sequence[int]], float | None]
"""A figure of the cases at the places given; None where it is not defined."""


class Scale(Enum):
    """On which scale the limits are made."""

    BELOW_ONE = "log(1 − x)"
    """Kappa, alpha: 1 − observed ÷ expected disagreement."""
    CORRELATION = "atanh x"
    """Fisher's z."""
    SHARE = "logit x"

    @property
    def least(self) -> float:
        """The least value that the figure can have."""
        return 0.0 if self is Scale.SHARE else -1.0


def jackknife(
    statistic: Statistic,
    cases: int,
    confidence: float,
    *,
    scale: Scale,
    reach: float,
    groups: Sequence[Hashable] | None = None,
    rarest: int | None = None,
) -> Estimate | None:
    """The figure with its two-sided interval; None where it is not defined.

    Delete-a-group jackknife (Quenouille 1956; for groups Shao and Tu 1995, section 2.3), t with units − 1 degrees of
    freedom. A limit is None where the figure is not defined without some unit.

    Args:
        statistic: The figure, from places of cases.
        cases: How many there are.
        confidence: Two-sided.
        scale: On which the limits are made.
        reach: How far the figure moves at the most if every unit were another; for the exact bound.
        groups: Cases of one group are one unit; None, also for a single case, is a unit of its own.
        rarest: Units that the exact bound rests on, where that is fewer than all.
    """
    value = statistic(range(cases))
    if value is None:
        return None
    units = _units(cases, groups)
    count = len(units)
    low: float | None = None
    high: float | None = None
    method = Method.NONE
    if count >= 2:
        error = _standard_error(statistic, cases, units)
        at_an_end = min(1 - value, value - scale.least) < _NOTHING
        if error is not None and error > _NOTHING and not at_an_end:
            low, high = _limits(value, error * t_quantile(min(count, _BLOCKS) - 1, confidence), scale)
            method = Method.JACKKNIFE
        elif error is not None:
            share = 1 - ((1 - confidence) / 2) ** (1 / min(count, rarest or count))
            low, high = max(scale.least, value - reach * share), min(1.0, value + reach * share)
            method = Method.EXACT
    return Estimate(value, low, high, cases, count, float(count), method)


def _units(cases: int, groups: Sequence[Hashable] | None) -> list[list[int]]:
    members: dict[tuple[bool, Hashable], list[int]] = {}
    for place in range(cases):
        group = None if groups is None else groups[place]
        members.setdefault((False, place) if group is None else (True, group), []).append(place)
    return list(members.values())


def _standard_error(statistic: Statistic, cases: int, units: list[list[int]]) -> float | None:
    blocks = [list(chain.from_iterable(units[first::_BLOCKS])) for first in range(min(_BLOCKS, len(units)))]
    found: list[float] = []
    for block in blocks:
        left_out = set(block)
        value = statistic([place for place in range(cases) if place not in left_out])
        if value is None:
            return None
        found.append(value)
    middle = math.fsum(found) / len(found)
    spread = math.fsum((value - middle) ** 2 for value in found)
    return math.sqrt(spread * (len(found) - 1) / len(found))


def _limits(value: float, half: float, scale: Scale) -> tuple[float, float]:
    """`half` is the half width on the figure's own scale."""
    if scale is Scale.BELOW_ONE:
        stretch = math.exp(half / (1 - value))
        return max(scale.least, 1 - (1 - value) * stretch), 1 - (1 - value) / stretch
    if scale is Scale.CORRELATION:
        z, step = math.atanh(value), half / (1 - value * value)
        return math.tanh(z - step), math.tanh(z + step)
    odds, step = math.log(value / (1 - value)), half / (value * (1 - value))
    return 1 / (1 + math.exp(step - odds)), 1 / (1 + math.exp(-step - odds))
