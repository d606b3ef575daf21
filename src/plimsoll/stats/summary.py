"""A run's figures: for each target, metric and slice the mean with its interval, and how much of it is missing.

One view for the terminal, the reports and the tracking server. No mean hides a hole: beside it stand the cells that
failed, were skipped, or are missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from plimsoll.stats.estimate import Estimate
from plimsoll.stats.means import Range, mean_interval
from plimsoll.stats.percentiles import percentile_interval
from plimsoll.stats.rates import rate_interval
from plimsoll.stats.readings import PERCENTILES, Cell, Lack, LackKind, Reading, readings
from plimsoll.types import Case, Direction, Failure, Metric, MetricKind, Report


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
    total_tokens: int | None
    """Prompt and completion tokens of all outputs; None where an output's are unknown or there is none."""
    cost: float | None
    """Sum of the metric `cost`; None where it is not measured, or not for every output."""
    metrics: dict[str, MetricSummary]
    slices: dict[str, dict[str, MetricSummary]]
    """Slice → metric → summary."""


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
        report: Finished or not.
        confidence: Of every interval, two-sided.
    """
    slices = slice_counts(report.cases.values())
    return Summary(
        run=report.run.id,
        suite=report.run.suite,
        confidence=confidence,
        cases=len(report.cases),
        slices=slices,
        targets={name: _target(report, name, tuple(slices), confidence) for name in report.run.targets},
    )


def slice_counts(cases: Iterable[Case]) -> dict[str, int]:
    """Slice → number of cases, sorted by name."""
    return dict(sorted(Counter(name for case in cases for name in set(case.slices)).items()))


def _target(report: Report, target: str, slices: Sequence[str], confidence: float) -> TargetSummary:
    records = [record for record in report.of_target(target) if record.cell.case in report.cases]
    outputs = [record for record in records if not isinstance(record.outcome, Failure)]
    tokens = [output.usage.total_tokens for record in outputs if (output := record.output)]
    known = [count for count in tokens if count is not None]
    planned = len(report.cases) * max(1, report.run.repeats)
    whole: dict[str, MetricSummary] = {}
    parts: dict[str, dict[str, MetricSummary]] = {name: {} for name in slices}
    cost = None
    for metric in report.metrics.values():
        cells = {case: read for case, read in readings(report, target, metric).items() if case in report.cases}
        whole |= _summaries(metric, cells, report.cases, confidence)
        for name in slices:
            inside = {case: read for case, read in cells.items() if name in report.cases[case].slices}
            parts[name] |= _summaries(metric, inside, report.cases, confidence)
        if metric.name == "cost":
            cost = _sum(cells, len(outputs))
    return TargetSummary(
        target=target,
        cells=planned,
        ok=len(outputs),
        failed=len(records) - len(outputs),
        missing=max(0, planned - len(records)),
        cached=sum(record.cached for record in outputs),
        total_tokens=sum(known) if known and len(known) == len(tokens) else None,
        cost=cost,
        metrics=whole,
        slices=parts,
    )


def _sum(cells: Mapping[str, tuple[Cell, ...]], outputs: int) -> float | None:
    values = [cell.value for repeats in cells.values() for cell in repeats if isinstance(cell, Reading)]
    return sum(values) if values and len(values) == outputs else None


def _summaries(
    metric: Metric, cells: Mapping[str, tuple[Cell, ...]], cases: Mapping[str, Case], confidence: float
) -> dict[str, MetricSummary]:
    """The metric's own summary, and those of the percentiles derived from it."""
    found = {case: [cell for cell in repeats if isinstance(cell, Reading)] for case, repeats in cells.items()}
    scored = {case: given for case, given in found.items() if given}
    means = {case: sum(cell.value for cell in given) / len(given) for case, given in scored.items()}
    own = _summary(metric.name, metric, cells, _estimate(metric, means, cases, confidence))
    summaries = {metric.name: own}
    for name, (base, share) in PERCENTILES.items():
        if base == metric.name:
            values = [cell.value for given in scored.values() for cell in given]
            groups = [cases[case].unit for case, given in scored.items() for _ in given]
            estimate = percentile_interval(values, share, confidence, groups=groups) if values else None
            summaries[name] = _summary(name, metric, cells, estimate)
    return summaries


def _estimate(
    metric: Metric, means: Mapping[str, float], cases: Mapping[str, Case], confidence: float
) -> Estimate | None:
    if not means or metric.kind is MetricKind.LABEL:
        return None
    values = list(means.values())
    weights = [cases[case].weight for case in means]
    groups = [cases[case].group for case in means]
    if metric.kind is MetricKind.BOOL:
        return rate_interval(values, confidence, exact=False, weights=weights, groups=groups)
    span = Range(metric.low, metric.high)
    return mean_interval(values, confidence, span=span, weights=weights, groups=groups)


def _summary(
    name: str, metric: Metric, cells: Mapping[str, tuple[Cell, ...]], estimate: Estimate | None
) -> MetricSummary:
    every = [cell for repeats in cells.values() for cell in repeats]
    scored = [cell for cell in every if isinstance(cell, Reading)]
    lacks = Counter(cell.kind for cell in every if isinstance(cell, Lack))
    verdicts = [cell.passed for cell in scored if cell.passed is not None]
    labels = Counter(cell.label for cell in scored if cell.label is not None)
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
        n=sum(any(isinstance(cell, Reading) for cell in repeats) for repeats in cells.values()),
        scored=len(scored),
        failed=lacks[LackKind.FAILED],
        skipped=lacks[LackKind.SKIPPED],
        missing=lacks[LackKind.MISSING],
        passed=sum(verdicts) if verdicts else None,
        labels=dict(sorted(labels.items(), key=lambda item: (-item[1], item[0]))),
    )


def _within(limit: float | None, span: Range) -> float | None:
    """A limit where the metric can be: with few cases t reaches beyond what is possible."""
    if limit is None:
        return None
    above = limit if span.low is None else max(limit, span.low)
    return above if span.high is None else min(above, span.high)
