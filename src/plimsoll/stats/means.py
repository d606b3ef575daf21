"""The mean of a metric over cases, or of paired differences, with an interval that never has zero width.

Repeats are averaged within the case before they come here. `docs/design/stats.md` says why each method is used where.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from plimsoll.stats.estimate import Estimate, Method, t_quantile
from plimsoll.stats.score import score_limit, score_statistic
from plimsoll.stats.units import DIGITS, Units, units_of

_FEW = 10
"""Units that must differ from the commonest value before a t interval is made of a metric without a range."""


@dataclass(frozen=True, slots=True)
class Range:
    """Least and greatest possible value; None is unbounded."""

    low: float | None = None
    high: float | None = None

    def flipped(self) -> Range:
        """The range of the negated value."""
        return Range(None if self.high is None else -self.high, None if self.low is None else -self.low)

    def contrast(self, factor: float = 1.0) -> Range:
        """The range of one value minus `factor` times another, both of this range."""
        if self.low is None or self.high is None:
            return Range()
        return Range(self.low - factor * self.high, self.high - factor * self.low)


def mean_interval(
    values: Sequence[float],
    confidence: float,
    *,
    span: Range | None = None,
    truth: bool = False,
    weights: Sequence[float] | None = None,
    groups: Sequence[Hashable] | None = None,
    guard: Literal["low", "high"] | None = None,
) -> Estimate:
    """The weighted mean with its two-sided interval.

    - All units equal: the exact binomial bound on the share of units that may differ, times how far the range goes.
    - Truth values (or their differences) of single cases, or more than half of the units equal: the score interval
      (Wilson, Tango), which needs the range too.
    - Otherwise t with cluster-robust (CR2) standard error on effective units − 1 degrees of freedom.

    Without a range, the first two have no limit on the open side, save t's where ten units or more differ.

    Args:
        values: One for each case.
        confidence: Two-sided, e.g. 0.95.
        span: What values are possible. Default: unbounded.
        truth: Values are 0 or 1, or differences of such.
        weights: Of the cases. Default: all alike.
        groups: Cases of one group are one unit. Default: each on its own.
        guard: The side on which t's limit is not believed alone, as a loss that no unit shows is not in the spread that
            was seen: the outer one of it and the score limit is taken.
    """
    units = units_of(values, weights, groups)
    low = _lower(units, confidence, (span or Range()), truth=truth, guarded=guard == "low")
    mirrored = replace(units, values=tuple(-value for value in units.values))
    high = _lower(mirrored, confidence, (span or Range()).flipped(), truth=truth, guarded=guard == "high")
    return Estimate(
        value=units.mean,
        low=low,
        high=None if high is None else -high,
        cases=units.cases,
        units=len(units.values),
        effective=units.effective,
        method=_method(units, truth=truth),
    )


def p_above(
    values: Sequence[float],
    threshold: float,
    *,
    span: Range | None = None,
    truth: bool = False,
    weights: Sequence[float] | None = None,
    groups: Sequence[Hashable] | None = None,
    guarded: bool = False,
) -> float:
    """The one-sided p-value of "the mean lies above `threshold`": α where `mean_interval` at 1 − 2α just touches it.

    1 where `mean_interval` could state no lower limit. The other arguments are those of `mean_interval`; `guarded` is
    with a guard on the low side.
    """
    units, possible = units_of(values, weights, groups), span or Range()
    if _method(units, truth=truth) is Method.EXACT or threshold <= units.mean:
        return _p_above(units, threshold, possible, truth=truth, guarded=guarded)
    mirrored = replace(units, values=tuple(-value for value in units.values))
    other = _p_above(mirrored, -threshold, possible.flipped(), truth=truth)
    return 1 - other if other < 1 else 1.0


def _p_above(units: Units, threshold: float, span: Range, *, truth: bool, guarded: bool = False) -> float:
    """As `p_above`, for a threshold that is not above the mean."""
    from scipy.special import stdtr

    method = _method(units, truth=truth)
    if method is Method.NONE:
        return 1.0
    common, same = units.commonest
    if method is Method.T or (span.low is None and len(units.values) - same >= _FEW):
        statistic = (units.mean - threshold) / units.standard_error
        if guarded and span.low is not None and threshold > span.low:
            statistic = min(statistic, score_statistic(units, span.low, threshold))
        return float(stdtr(units.effective - 1, -statistic))
    if span.low is None:
        return 1.0
    if method is Method.EXACT:
        missed = 1.0 if threshold >= common else max(0.0, threshold - span.low) / (common - span.low)
        return float(missed**units.effective)
    if threshold <= span.low:
        return 0.0
    statistic = score_statistic(units, span.low, threshold)
    return float(stdtr(_degrees(units, truth=truth), -statistic))


def _method(units: Units, *, truth: bool) -> Method:
    count = len(units.values)
    if count < 2:
        return Method.NONE
    common, same = units.commonest
    if same == count:
        return Method.EXACT
    mostly = 2 * same > count or units.share_of(common) > 0.5
    return Method.SCORE if mostly or _single_truths(units, truth=truth) else Method.T


def _single_truths(units: Units, *, truth: bool) -> bool:
    return truth and units.plain and all(float(round(value, DIGITS)).is_integer() for value in units.values)


def _degrees(units: Units, *, truth: bool) -> float:
    """Of the quantile by which a score limit is made."""
    return truth_degrees(len(units.values)) if _single_truths(units, truth=truth) else units.effective - 1


def truth_degrees(cases: float) -> float:
    """Degrees of freedom of Tango's test over single pairs of truth values.

    With the normal quantile, which is Tango's own, it errs in up to 3.05% of the runs at 20 to 500 pairs where 2.5% are
    nominal, and with n − 1 degrees in up to 2.55%; with n/2 in 2.49% (summed exactly: `docs/design/stats.md`).
    """
    return cases / 2


def _lower(units: Units, confidence: float, span: Range, *, truth: bool, guarded: bool = False) -> float | None:
    method = _method(units, truth=truth)
    if method is Method.NONE:
        return None
    t = t_quantile(units.effective - 1, confidence)
    if method is Method.T:
        limit = units.mean - t * units.standard_error
        return min(limit, score_limit(units, span.low, t)) if guarded and span.low is not None else limit
    common, same = units.commonest
    if span.low is None:
        return units.mean - t * units.standard_error if len(units.values) - same >= _FEW else None
    if method is Method.EXACT:
        return common - _unseen(units.effective, confidence) * (common - span.low)
    return score_limit(units, span.low, t_quantile(_degrees(units, truth=truth), confidence))


def _unseen(units: float, confidence: float) -> float:
    """The greatest share that may differ though none of `units` did: the binomial's exact one-sided limit."""
    share: float = 1 - ((1 - confidence) / 2) ** (1 / units)
    return share
