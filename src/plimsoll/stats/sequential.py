"""Looks at a run that is not finished: how confident an interval has to be so that stopping at any look stays honest.

Who looks five times at 95% and stops at the first answer errs in 14% of the cases, not in 5%. Group-sequential bounds
share the error out over the looks. How much may be spent by when is a function of the share of the planned
information that is in (Lan and DeMets 1983), so looks need be neither equally spaced nor fixed in number beforehand.
The probabilities come from the recursive integration of Armitage, McPherson and Rowe (1969), as in Jennison and
Turnbull (2000, chapter 19): statistics of the looks are taken as jointly normal with independent increments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from plimsoll.stats.estimate import z_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_NOTHING = 1e-12
"""An error smaller than this is not spent: no interval can be made of it."""
_CLOSEST = 1e-4
"""Looks nearer to each other cost too much to integrate, and tell nothing apart."""
_FAR = 8.0
"""Paths so many standard deviations on the harmless side are left out: they come back with less than 1e-15."""
_PANEL, _ORDER = 3.0, 12
"""Gauss-Legendre points on each panel, and its length in standard deviations of the step."""


class Spending(StrEnum):
    """How the error is shared out over a run."""

    OBRIEN_FLEMING = "obrien-fleming"
    """Little at first: early looks stop for large effects only, the last one is near to that of a single look."""
    POCOCK = "pocock"
    """About the same bound at each look: stops earlier, and pays for it at the end."""


def spent(error: float, fraction: float, spending: Spending = Spending.OBRIEN_FLEMING) -> float:
    """How much of a one-sided `error` may be spent once `fraction` of the information is in (Lan and DeMets 1983)."""
    if spending is Spending.POCOCK:
        return error * math.log1p((math.e - 1) * fraction)
    from scipy.special import ndtr, ndtri

    return float(2 * ndtr(ndtri(error / 2) / math.sqrt(fraction)))


@lru_cache(maxsize=8192)
def look_confidence(
    confidence: float, fractions: tuple[float, ...], spending: Spending = Spending.OBRIEN_FLEMING
) -> float:
    """The two-sided confidence that the interval at the last of these looks has to have.

    The repeated confidence interval of Jennison and Turnbull (1989): whichever look the run stops at, and for
    whatever reason, each side's error is at most (1 − confidence)/2. Each side spends its own error; that the other
    side's bound may have ended the run is not counted on. Higher with higher `confidence`.

    Args:
        confidence: Two-sided, over all looks.
        fractions: Of the planned information (cases), at all looks so far, rising, at most 1.
        spending: How the error is shared out over the run.

    Returns:
        1 where less than 1e-12 may be spent: then nothing can be decided at this look.

    Raises:
        ValueError: the fractions don't rise from above 0 to at most 1 by steps of at least 0.0001, or the confidence
            is not between 0 and 1.
    """
    if fractions == (1.0,) and 0 < confidence < 1:
        return confidence
    bound = spending_bounds(confidence, fractions, spending)[-1]
    return math.erf(bound / math.sqrt(2))


def spending_bounds(
    confidence: float,
    fractions: Sequence[float],
    spending: Spending = Spending.OBRIEN_FLEMING,
    *,
    both_sides: bool = False,
) -> tuple[float, ...]:
    """The bounds of the standardised statistic at each look, for an error of (1 − confidence)/2 on each side.

    Args:
        confidence: Two-sided, over all looks.
        fractions: Of the planned information, rising, at most 1.
        spending: How the error is shared out over the run.
        both_sides: The run ends at either bound for certain, as in a symmetric two-sided test. Default: each side is
            computed as if the other's bound did not exist, which holds whether it ends the run or not.

    Returns:
        One for each look; infinite where less than 1e-12 may be spent.

    Raises:
        ValueError: as `look_confidence`.
    """
    _check(confidence, fractions)
    error = (1 - confidence) / 2
    crossed = 0.0
    found: list[float] = []
    paths = _start()
    for look, fraction in enumerate(fractions):
        allowed = spent(error, fraction, spending) - crossed
        if allowed < _NOTHING:
            found.append(math.inf)
            continue
        found.append(paths.bound(fraction, allowed))
        crossed += allowed
        if look + 1 < len(fractions):
            paths = paths.step(fraction, found[-1], fractions[look + 1], both_sides=both_sides)
    return tuple(found)


def classic_bounds(confidence: float, looks: int, spending: Spending) -> tuple[float, ...]:
    """The bounds of O'Brien and Fleming (1979) or of Pocock (1977): a fixed number of equally spaced looks, two-sided.

    Args:
        confidence: Two-sided, over all looks.
        looks: How many.
        spending: Pocock's bound is the same at each look; O'Brien and Fleming's falls with the root of the look.
    """
    fractions = [look / looks for look in range(1, looks + 1)]
    _check(confidence, fractions)

    def bounds(last: float) -> tuple[float, ...]:
        flat = spending is Spending.POCOCK
        return tuple(last if flat else last / math.sqrt(fraction) for fraction in fractions)

    def excess(last: float) -> float:
        return crossing_probability(bounds(last), fractions, both_sides=True) - (1 - confidence)

    low = z_quantile(confidence)
    # With every look at 1 − (1 − confidence)/looks the error is kept whatever the dependence (Bonferroni).
    high = z_quantile(1 - (1 - confidence) / looks) * (1 if spending is Spending.POCOCK else math.sqrt(looks))
    return bounds(_root(excess, low, high))


def crossing_probability(bounds: Sequence[float], fractions: Sequence[float], *, both_sides: bool) -> float:
    """The chance that the standardised statistic passes its bound at any look though there is no effect.

    Args:
        bounds: One for each look.
        fractions: Of the information, rising, at most 1.
        both_sides: Passing the negated bounds counts, too.

    Raises:
        ValueError: the fractions are no such, or not as many as the bounds.
    """
    _check(0.5, fractions)
    crossed = 0.0
    paths = _start()
    following = [*fractions[1:], math.inf]
    for bound, fraction, coming in zip(bounds, fractions, following, strict=True):
        crossed += math.exp(paths.log_beyond(fraction, bound)[0])
        if coming < math.inf:
            paths = paths.step(fraction, bound, coming, both_sides=both_sides)
    return crossed * (2 if both_sides else 1)


def _check(confidence: float, fractions: Sequence[float]) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, not between 0 and 1")
    if not fractions or not all(later - earlier >= _CLOSEST for earlier, later in pairwise([0.0, *fractions])):
        raise ValueError(f"the fractions {tuple(fractions)} don't rise from above 0 by at least {_CLOSEST} each")
    if fractions[-1] > 1:
        raise ValueError(f"the fractions {tuple(fractions)} go beyond 1, the whole that was planned")


@dataclass(frozen=True, slots=True)
class _Paths:
    """Where the statistic may be among the runs that have not stopped: B(t) = Z·√t at points, with their masses."""

    time: float
    places: Numbers
    log_masses: Numbers

    def log_beyond(self, time: float, bound: float) -> tuple[float, float]:
        """The log of the chance to be above `bound` (of Z) at `time`, and its slope in the bound."""
        import numpy as np
        from scipy.special import log_ndtr

        step = math.sqrt(time - self.time)
        away = (bound * math.sqrt(time) - self.places) / step
        tails = log_ndtr(-away)
        parts = self.log_masses + tails
        most = float(parts.max())
        if most == -math.inf:
            return -math.inf, 0.0
        shares = np.exp(parts - most)
        whole = float(shares.sum())
        hazards = np.exp(-0.5 * away * away - 0.5 * math.log(2 * math.pi) - tails)
        slope = -float(shares @ hazards) / whole * math.sqrt(time) / step
        return most + math.log(whole), slope

    def bound(self, time: float, error: float) -> float:
        """The bound of Z that is passed with the chance `error`.

        Newton's method on the log of the chance, which is concave: from above it comes down without overshooting.
        """
        from scipy.special import ndtri

        bound, wanted = -float(ndtri(error)), math.log(error)
        for _ in range(60):
            value, slope = self.log_beyond(time, bound)
            change = (wanted - value) / slope
            bound += change
            if abs(change) < 1e-11:
                break
        return bound

    def step(self, time: float, bound: float, following: float, *, both_sides: bool) -> _Paths:
        """On to `time`, leaving out what is beyond the bound; fine enough for the step to `following`."""
        import numpy as np

        width = math.sqrt(time - self.time)
        root = math.sqrt(time)
        top = min(bound, _FAR) * root
        bottom = -top if both_sides else -_FAR * root
        finest = min(width, math.sqrt(following - time))
        places, weights = _points(bottom, top, math.ceil((top - bottom) / (_PANEL * finest)))
        away = (places[:, None] - self.places[None, :]) / width
        densities = np.exp(-0.5 * away * away) @ np.exp(self.log_masses) / (width * math.sqrt(2 * math.pi))
        kept = densities > 0
        return _Paths(time, places[kept], np.log(weights[kept] * densities[kept]))


def _start() -> _Paths:
    import numpy as np

    return _Paths(0.0, np.zeros(1), np.zeros(1))


def _points(bottom: float, top: float, panels: int) -> tuple[Numbers, Numbers]:
    import numpy as np

    nodes, weights = _gauss_legendre()
    half = (top - bottom) / (2 * panels)
    middles = bottom + half * (2 * np.arange(panels) + 1)
    return (middles[:, None] + half * nodes[None, :]).ravel(), np.tile(half * weights, panels)


@lru_cache(maxsize=1)
def _gauss_legendre() -> tuple[Numbers, Numbers]:
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(_ORDER)
    return nodes, weights


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is zero."""
    for _ in range(50):
        middle = (low + high) / 2
        if function(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
