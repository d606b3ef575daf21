"""A run's figures: for each target, metric and slice the mean with its interval, and how much of it is missing.

One view for the terminal, the reports and the tracking server. No mean hides a hole: beside it stand the cells that
failed, were skipped, or are missing.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from plimsoll.runs.closed import closed_aggregate
from plimsoll.stats.columns import CaseColumns, Column, TargetColumns, read_columns
from plimsoll.stats.estimate import Estimate
from plimsoll.stats.means import Range, mean_interval
from plimsoll.stats.percentiles import percentile_interval
from plimsoll.stats.rates import rate_interval
from plimsoll.stats.readings import PERCENTILES, LackKind
from plimsoll.types import Aggregate, Case, Direction, Metric, MetricKind, Part, Report


class MetricSummary(Struct, frozen=True, kw_only=True):
    """One metric over the cases of a target, or of a slice of them."""

    metric: str
    kind: MetricKind
    direction: Direction
    unit: str = ""
    judged: bool = False
    mean: float | None = None
    """Weighted mean over cases, repeats averaged within the case first; the share of true ones for a truth value, the
    percentile itself for latency_p50 and latency_p95; None for a label, and where nothing was scored."""
    low: float | None = None
    """Lower confidence limit; None where it can't be stated."""
    high: float | None = None
    n: int = 0
    """Cases with a value in at least one repeat: what the mean rests on."""
    scored: int = 0
    """Cells with a value. This and the three below add up to the planned cells."""
    failed: int = 0
    """Cells whose output or score failed."""
    skipped: int = 0
    """Cells to which the metric does not apply."""
    missing: int = 0
    """Cells that were planned and never run or scored."""
    passed: int | None = None
    """Scored cells that pass; None where no condition says what passes."""
    labels: dict[str, int] = field(default_factory=dict)
    """Of a label metric: label → cells, most frequent first."""


class TargetSummary(Struct, frozen=True, kw_only=True):
    """One target of a run."""

    target: str
    cells: int
    """Planned: cases × repeats. The sum of ok, failed and missing."""
    ok: int
    failed: int
    """Cells without an output."""
    missing: int
    """Cells that were planned and never run."""
    cached: int
    """Of those that are ok: reused, nothing was sent."""
    cut: int
    """Of those that are ok: cut by the token limit."""
    total_tokens: int | None
    """Prompt and completion tokens of all outputs; None where an output's are unknown or there is none."""
    cost: float | None
    """USD that the outputs took, those from the cache by what they took then; None where one's is unknown or there is
    none."""
    judge_cost: float | None
    """USD that judging them took, likewise; 0 where no model judged, None where a judge's is unknown."""
    metrics: dict[str, MetricSummary]
    slices: dict[str, dict[str, MetricSummary]]
    """Slice → metric → summary."""
    aggregates: dict[str, Aggregate] = field(default_factory=dict)
    """Evaluator → its figures over all of the target's scores: as the evaluator gave them, without an interval."""


class Summary(Struct, frozen=True, kw_only=True):
    """A run's figures."""

    run: str
    suite: str
    confidence: float
    cases: int
    slices: dict[str, int]
    """Slice → its cases."""
    targets: dict[str, TargetSummary]


def summarise(report: Report, confidence: float = 0.95) -> Summary:
    """The report's figures, in the order of its targets and of their evaluators' metrics.

    Args:
        report: Finished or not; of a sequential run that was decided, the cases that it came to count.
        confidence: Of every interval, two-sided.

    Raises:
        UsageError: the report holds a cell twice.
    """
    report = report.due()
    found = read_columns(report)
    return Summary(
        run=report.run.id,
        suite=report.run.suite,
        confidence=confidence,
        cases=len(found.cases),
        slices={name: len(places) for name, places in found.cases.slices.items()},
        targets={
            name: _target(name, target, found.cases, confidence, _aggregates(report, name))
            for name, target in found.targets.items()
        },
    )


def slice_counts(cases: Iterable[Case]) -> dict[str, int]:
    """Slice → number of cases, sorted by name."""
    return dict(sorted(Counter(name for case in cases for name in set(case.slices)).items()))


def _aggregates(report: Report, target: str) -> Mapping[str, Aggregate]:
    """A target's aggregates as they may be told."""
    found = report.aggregates.get(target, {})
    closed = report.run.part is Part.HELD_OUT
    return {name: closed_aggregate(aggregate) for name, aggregate in found.items()} if closed else found


def _target(
    name: str,
    target: TargetColumns,
    cases: CaseColumns,
    confidence: float,
    aggregates: Mapping[str, Aggregate],
) -> TargetSummary:
    planned = len(target.finished)
    whole: dict[str, MetricSummary] = {}
    parts: dict[str, dict[str, MetricSummary]] = {part: {} for part in cases.slices}
    for column in target.columns.values():
        whole |= _summaries(column, cases, range(len(cases)), confidence)
        for part, places in cases.slices.items():
            parts[part] |= _summaries(column, cases, places, confidence)
    return TargetSummary(
        target=name,
        cells=planned,
        ok=target.ok,
        failed=target.failed,
        missing=planned - target.ok - target.failed,
        cached=target.cached,
        cut=target.cut,
        total_tokens=None if target.uncounted or not target.ok else target.tokens,
        cost=None if target.unpriced or not target.ok else _dollars(target.cost),
        judge_cost=None if target.unpriced_scores else _dollars(target.judge_cost),
        metrics=whole,
        slices=parts,
        aggregates=dict(aggregates),
    )


def _dollars(total: float) -> float:
    # Without what adding up many small numbers leaves behind.
    return round(total, 12)


def _summaries(
    column: Column, cases: CaseColumns, places: Sequence[int], confidence: float
) -> dict[str, MetricSummary]:
    """The metric's own summary over some cases, and those of the percentiles derived from it."""
    metric = column.metric
    scored, means = array("q"), array("d")
    for place in places:
        values = column.values(place)
        if values:
            scored.append(place)
            means.append(sum(values) / len(values))
    own = _summary(metric.name, column, places, scored, _estimate(metric, means, cases, scored, confidence))
    summaries = {metric.name: own}
    for name, (base, share) in PERCENTILES.items():
        if base == metric.name:
            every = [(value, cases.units[place]) for place in scored for value in column.values(place)]
            groups = [unit for _, unit in every]
            estimate = percentile_interval([v for v, _ in every], share, confidence, groups=groups) if every else None
            summaries[name] = _summary(name, column, places, scored, estimate)
    return summaries


def _estimate(
    metric: Metric, means: Sequence[float], cases: CaseColumns, places: Sequence[int], confidence: float
) -> Estimate | None:
    if not means or metric.kind is MetricKind.LABEL:
        return None
    weights, groups = [cases.weights[place] for place in places], cases.groups_of(places)
    if metric.kind is MetricKind.BOOL:
        return rate_interval(means, confidence, exact=False, weights=weights, groups=groups)
    span = Range(metric.low, metric.high)
    return mean_interval(means, confidence, span=span, weights=weights, groups=groups)


def _summary(
    name: str, column: Column, places: Sequence[int], scored: Sequence[int], estimate: Estimate | None
) -> MetricSummary:
    metric = column.metric
    failed, skipped, missing = (
        column.lacking(places, kind) for kind in (LackKind.FAILED, LackKind.SKIPPED, LackKind.MISSING)
    )
    span = Range(metric.low, metric.high)
    return MetricSummary(
        metric=name,
        kind=metric.kind,
        direction=metric.direction,
        unit=metric.unit,
        judged=metric.judged,
        mean=None if estimate is None else estimate.value,
        low=None if estimate is None else _within(estimate.low, span),
        high=None if estimate is None else _within(estimate.high, span),
        n=len(scored),
        scored=len(places) * column.repeats - failed - skipped - missing,
        failed=failed,
        skipped=skipped,
        missing=missing,
        passed=column.passes(places),
        labels=column.labels(places),
    )


def _within(limit: float | None, span: Range) -> float | None:
    """A limit where the metric can be: with few cases t reaches beyond what is possible."""
    if limit is None:
        return None
    above = limit if span.low is None else max(limit, span.low)
    return above if span.high is None else min(above, span.high)
