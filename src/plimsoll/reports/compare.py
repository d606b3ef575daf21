"""Two targets side by side, paired case by case: what changed, by how much, and whether that is signal."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from plimsoll.reports.flips import flip_rows
from plimsoll.reports.model import FlipRow, RuleRow
from plimsoll.reports.text import plain
from plimsoll.reports.verdicts import rule_row
from plimsoll.stats import Summary
from plimsoll.types import Report, RuleResult


class Signal(StrEnum):
    """What an interval of a difference says."""

    BETTER = "better"
    WORSE = "worse"
    NONE = "no signal"
    """The interval holds zero: the difference may be chance."""
    UNKNOWN = "can't tell"
    """There is no interval: too few pairs."""


class ChangeRow(Struct, frozen=True, kw_only=True):
    """One metric on both sides."""

    metric: str
    unit: str
    before: float | None
    """The baseline's mean over all its cases."""
    after: float | None
    signal: Signal
    found: RuleRow
    """The paired difference, with its interval, pairs and missing cases."""


class Comparison(Struct, frozen=True, kw_only=True):
    """Two targets of one report."""

    suite: str
    run: str
    before: str
    """The baseline's name."""
    after: str
    confidence: float
    cases: int
    rows: tuple[ChangeRow, ...]
    flips: tuple[FlipRow, ...]
    """For the worse before for the better."""

    @property
    def missing(self) -> int:
        """Cases without a pair of values, by the metric that lacks most."""
        return max((row.found.missing for row in self.rows), default=0)


def build_comparison(
    report: Report, summary: Summary, baseline: str, challenger: str, differences: Sequence[RuleResult]
) -> Comparison:
    """The comparison as shown.

    Args:
        report: It holds the cells of both targets.
        summary: Of the report.
        baseline: A target of the report.
        challenger: Another one.
        differences: For each metric the paired difference (challenger − baseline); rule, outcome and reason of the
            result are not read.
    """
    return Comparison(
        suite=plain(report.run.suite),
        run=plain(report.run.id),
        before=plain(baseline),
        after=plain(challenger),
        confidence=summary.confidence,
        cases=len(report.cases),
        rows=tuple(_change_row(result, report, summary, baseline, challenger) for result in differences),
        flips=flip_rows(differences, report, baseline, challenger),
    )


def signal_of(low: float | None, high: float | None, *, higher_is_better: bool) -> Signal:
    """What the interval of a difference says; a limit that isn't known rules nothing out."""
    if low is None and high is None:
        return Signal.UNKNOWN
    if low is not None and low > 0:
        return Signal.BETTER if higher_is_better else Signal.WORSE
    if high is not None and high < 0:
        return Signal.WORSE if higher_is_better else Signal.BETTER
    return Signal.NONE if low is not None and high is not None else Signal.UNKNOWN


def _change_row(result: RuleResult, report: Report, summary: Summary, baseline: str, challenger: str) -> ChangeRow:
    row = rule_row(result, report, challenger)
    return ChangeRow(
        metric=row.metric,
        unit=row.unit,
        before=_mean(summary, baseline, result),
        after=_mean(summary, challenger, result),
        signal=signal_of(result.low, result.high, higher_is_better=row.higher_is_better),
        found=row,
    )


def _mean(summary: Summary, target: str, result: RuleResult) -> float | None:
    found = summary.targets[target]
    metrics = found.metrics if result.slice is None else found.slices.get(result.slice, {})
    metric = metrics.get(result.metric)
    return None if metric is None else metric.mean
