"""Is a mean difference no worse than a margin, or within it on both sides: one-sided tests that agree with intervals.

Both invert `mean_interval`, so that what it knows about few changed cases, clusters and weights holds here too: for
single paired truth values they are Tango's score tests, for varied numbers Student's on units. "Not shown to differ"
is never taken for "equivalent": that needs the whole interval inside the margin.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from plimsoll.stats.estimate import Estimate
from plimsoll.stats.means import Range, mean_interval, p_above


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether a mean difference lies within ± a margin."""

    outcome: Literal["equivalent", "different", "undecided"]
    """Different: the interval lies wholly beyond the margin on one side."""
    estimate: Estimate
    """The mean difference with its interval at confidence 1 − 2α."""
    p_value: float
    """Of "it differs by the margin or more": the larger of two one-sided ones."""


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Whether a mean difference lies above −margin."""

    outcome: Literal["not worse", "worse", "undecided"]
    """Worse: the interval lies wholly below −margin."""
    estimate: Estimate
    """The mean difference with its interval at confidence 1 − 2α."""
    p_value: float
    """One-sided, of "it is worse by the margin or more"."""


def equivalence(
    values: Sequence[float],
    margin: float,
    alpha: float = 0.05,
    *,
    span: Range | None = None,
    truth: bool = False,
    weights: Sequence[float] | None = None,
    groups: Sequence[Hashable] | None = None,
) -> Equivalence:
    """Two one-sided tests (Schuirmann 1987): equivalent where the interval at 1 − 2α lies inside ±margin.

    Args:
        values: Paired differences, one for each case, repeats averaged first.
        margin: The largest difference that does not matter, in the metric's unit.
        alpha: The error of each side: the chance of calling equivalent what differs by the margin or more.
        span: What differences are possible; those of truth values are in `Range(-1, 1)`. Default: unbounded.
        truth: Values are differences of truth values.
        weights: Of the cases. Default: all alike.
        groups: Cases of one group are one unit. Default: each on its own.

    Raises:
        ValueError: no values, one that is not finite, a margin that is not positive, an alpha outside 0 to 0.5.
    """
    _check(margin, alpha)
    found = mean_interval(values, 1 - 2 * alpha, span=span, truth=truth, weights=weights, groups=groups)
    above = p_above(values, -margin, span=span, truth=truth, weights=weights, groups=groups)
    mirrored = [-value for value in values]
    turned = span.flipped() if span is not None else None
    below = p_above(mirrored, -margin, span=turned, truth=truth, weights=weights, groups=groups)
    low, high = _open(found)
    outcome: Literal["equivalent", "different", "undecided"] = "undecided"
    if -margin < low and high < margin:
        outcome = "equivalent"
    elif low > margin or high < -margin:
        outcome = "different"
    return Equivalence(outcome, found, max(above, below))


def non_inferiority(
    values: Sequence[float],
    margin: float,
    alpha: float = 0.05,
    *,
    span: Range | None = None,
    truth: bool = False,
    weights: Sequence[float] | None = None,
    groups: Sequence[Hashable] | None = None,
) -> NonInferiority:
    """Whether the mean difference lies above −margin: the lower limit of the interval at 1 − 2α does.

    The arguments and errors are those of `equivalence`; greater values are better.
    """
    _check(margin, alpha)
    found = mean_interval(values, 1 - 2 * alpha, span=span, truth=truth, weights=weights, groups=groups)
    p_value = p_above(values, -margin, span=span, truth=truth, weights=weights, groups=groups)
    low, high = _open(found)
    outcome: Literal["not worse", "worse", "undecided"] = "undecided"
    if low > -margin:
        outcome = "not worse"
    elif high < -margin:
        outcome = "worse"
    return NonInferiority(outcome, found, p_value)


def _check(margin: float, alpha: float) -> None:
    if not (margin > 0 and math.isfinite(margin)):
        raise ValueError("a margin must be positive and finite")
    if not 0 < alpha < 0.5:
        raise ValueError("alpha must lie between 0 and 0.5")


def _open(found: Estimate) -> tuple[float, float]:
    """The limits; one that can't be stated is infinitely far away."""
    return (-math.inf if found.low is None else found.low, math.inf if found.high is None else found.high)
