"""Where an interval lies on a scale: the numbers behind the HTML report's bars, in one place and testable."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct

from plimsoll.reports.model import MetricRow, RuleRow

WIDTH = 160.0
"""Of a bar, in SVG units."""
_MARGIN = 5.0


class Scale(Struct, frozen=True):
    """A closed range of values that a bar spans."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Where `value` lies, in SVG units; what lies outside is drawn at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(_MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * _MARGIN), 1)


class Bar(Struct, frozen=True):
    """An interval with its middle, placed."""

    low: float
    middle: float
    high: float
    zero: float | None = None
    """Where zero lies, of a difference."""


def metric_scale(row: MetricRow) -> Scale | None:
    """The metric's own range where it has one, else the range of its figures; None without any figure."""
    values = list(_finite(v for figure in row.figures for v in (figure.low, figure.mean, figure.high)))
    if not values:
        return None
    low = row.low if row.low is not None else min(values)
    high = row.high if row.high is not None else max(values)
    if row.kind == "bool":
        low, high = 0.0, 1.0
    return _scale(low, high)


def rule_scale(rules: Iterable[RuleRow], *, relative: bool) -> Scale | None:
    """One scale for all rules of a kind: differences around zero, values from zero."""
    values = list(_finite(v for r in rules if r.relative is relative for v in (r.low, r.estimate, r.high)))
    if not values:
        return None
    reach = max(abs(value) for value in values) * 1.1
    return _scale(-reach if relative or min(values) < 0 else 0.0, reach)


def bar(
    low: float | None, middle: float | None, high: float | None, scale: Scale | None, *, zero: bool = False
) -> Bar | None:
    """The bar of an estimate; None without one. A limit that isn't known is drawn at the scale's end."""
    if scale is None or middle is None or not math.isfinite(middle):
        return None
    return Bar(
        low=scale.at(scale.low if low is None or not math.isfinite(low) else low),
        middle=scale.at(middle),
        high=scale.at(scale.high if high is None or not math.isfinite(high) else high),
        zero=scale.at(0.0) if zero and scale.low <= 0.0 <= scale.high else None,
    )


def _finite(values: Iterable[float | None]) -> Iterable[float]:
    return (value for value in values if value is not None and math.isfinite(value))


def _scale(low: float, high: float) -> Scale:
    return Scale(low, high) if high > low else Scale(low - 0.5, low + 0.5)
