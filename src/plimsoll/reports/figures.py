"""One metric of one target, as the summary has it, ready to be shown."""

from __future__ import annotations

from plimsoll.reports.model import Figure
from plimsoll.reports.text import one_line, plain
from plimsoll.stats import MetricSummary, Summary


def figure_of(target: str, found: MetricSummary | None) -> Figure:
    """The figure; one without a value where the target has no such metric."""
    if found is None:
        return Figure(target=plain(target), mean=None, low=None, high=None, n=0, failed=0, skipped=0, missing=0)
    return Figure(
        target=plain(target),
        mean=found.mean,
        low=found.low,
        high=found.high,
        n=found.n,
        failed=found.failed,
        skipped=found.skipped,
        missing=found.missing,
        labels=tuple((one_line(label, 60), amount) for label, amount in found.labels.items()),
    )


def figure_at(summary: Summary, target: str | None, metric: str, part: str | None) -> Figure | None:
    """What a target has of a metric, on a slice where one is named; None where there is no such target."""
    if target is None or target not in summary.targets:
        return None
    found = summary.targets[target]
    metrics = found.metrics if part is None else found.slices.get(part, {})
    return figure_of(target, metrics.get(metric))
