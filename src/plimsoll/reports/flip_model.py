"""Cases that changed between baseline and challenger, as renderers show them: values of the view, as in `model`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from plimsoll.types import MetricKind


class Way(StrEnum):
    """How a case changed; what is shown first comes first."""

    WORSE = "flipped for the worse"
    """Some metric that it passed it no longer does, whatever else it gained."""
    CHANGED = "changed most for the worse"
    """It is among the worst changes of a metric that has no condition."""
    BETTER = "flipped for the better"


class FlippedMetric(Struct, frozen=True, kw_only=True):
    """A metric of which a case's value changed between baseline and challenger."""

    metric: str
    kind: MetricKind
    unit: str
    conditional: bool
    """The case passed on one side and not on the other; otherwise only its value changed."""
    worse: bool
    baseline: float
    challenger: float


class FlipRow(Struct, frozen=True, kw_only=True):
    """A case that changed between baseline and challenger, with both answers; each case has one row."""

    case: str
    metrics: tuple[FlippedMetric, ...]
    """Those for the worse first."""
    short: str
    """The case's most telling input."""
    expected: str | None
    before: str | None
    """The baseline's answer; None where it is not at hand."""
    after: str | None

    @property
    def way(self) -> Way:
        """A flip outweighs a change without a condition, and one for the worse those for the better."""
        flipped = [metric.worse for metric in self.metrics if metric.conditional]
        if any(flipped):
            return Way.WORSE
        return Way.BETTER if flipped or not any(metric.worse for metric in self.metrics) else Way.CHANGED
