"""What every interval of this package is returned as, and the quantiles that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import TypeAlias


class Method(StrEnum):
    """How an interval was made; which one is used when is told in `docs/design/stats.md`."""

    NONE = "none"
    """Too few units for any interval."""
    T = "t"
    """Student's t on the units' means, cluster-robust where units are groups."""
    SCORE = "score"
    """The score test inverted, its variance taken under the hypothesis (Wilson, Tango, and their generalisation)."""
    EXACT = "exact"
    """Binomial, without approximation."""
    WILSON = "wilson"
    ORDER_STATISTIC = "order statistic"
    JACKKNIFE = "jackknife"
    """One group left out at a time; t on the figure's own scale."""
    BOOTSTRAP = "percentile bootstrap"
    """Units drawn again and again, with replacement."""
    BCA = "BCa bootstrap"
    """The same, corrected for bias and skew."""
    MOVER = "MOVER"
    """Made of the limits of two shares."""
    CORRECTED = "corrected for the judge"
    """Made of a judge's verdicts and of how often it errs."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate with its two-sided confidence limits. A limit of None can't be stated: it may be anywhere."""

    value: float
    low: float | None
    high: float | None
    cases: int
    """Cases that it rests on."""
    units: int
    """Independent units: groups of cases, or cases."""
    effective: float
    """Units of equal weight that would tell as much (Kish): as many as `units` where all count the same."""
    method: Method

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the spread between units."""
        return self.effective - 1

    @property
    def width(self) -> float | None:
        """From the lower to the upper limit; None where one is unknown."""
        return None if self.low is None or self.high is None else self.high - self.low


Interval: TypeAlias = Callable[[float], Estimate]
"""Two-sided confidence → the estimate with its limits at it."""


def z_quantile(confidence: float) -> float:
    """The normal quantile of a two-sided interval at `confidence`: 1.96 at 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def t_quantile(degrees: float, confidence: float) -> float:
    """Student's t quantile of a two-sided interval at `confidence`."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + confidence / 2))
