"""Which slices a reader needs to see first: all where they are few, else those that do worse than the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from plimsoll.reports.model import Figure, MetricRow, SliceTable, View
from plimsoll.types import MetricKind

ALL_SHOWN = 12
"""Up to so many rows all are shown."""
STANDING_OUT_SHOWN = 8


class TellingRows(NamedTuple):
    """Rows of slice and metric to show, under their title."""

    title: str
    rows: tuple[tuple[SliceTable, MetricRow], ...]
    hidden: int
    """Rows that the HTML report has besides."""


def telling_rows(view: View) -> TellingRows:
    """The metrics that say what passes, by slice; where they are many, those clear below the whole, worst first."""
    every = tuple(
        (table, metric)
        for table in view.slices
        for metric in table.metrics
        if (metric.condition or metric.kind is MetricKind.BOOL) and any(figure.n for figure in metric.figures)
    )
    if len(every) <= ALL_SHOWN:
        return TellingRows("By slice", every, 0)
    whole = {metric.name: metric for metric in view.metrics}
    gaps = [(max(_gaps(metric, whole[metric.name]), default=0.0), place) for place, (_, metric) in enumerate(every)]
    worst = [every[place] for gap, place in sorted(gaps, key=lambda found: (-found[0], found[1])) if gap > 0]
    shown = tuple(worst[:STANDING_OUT_SHOWN])
    title = (
        "By slice, where a target does worse than on the whole" if shown else "By slice: none does worse than the whole"
    )
    return TellingRows(title, shown, len(every) - len(shown))


def clear_below(part: Figure, whole: Figure, *, higher_is_better: bool) -> bool:
    """Whether the slice's whole interval lies on the worse side of the target's mean over all cases."""
    if whole.mean is None:
        return False
    if higher_is_better:
        return part.high is not None and part.high < whole.mean
    return part.low is not None and part.low > whole.mean


def _gaps(part: MetricRow, whole: MetricRow) -> Iterator[float]:
    """How far each target that stands out lies below its whole, as a share of the metric's range."""
    bounded = part.low is not None and part.high is not None and part.kind is not MetricKind.BOOL
    for one, every in zip(part.figures, whole.figures, strict=True):
        if clear_below(one, every, higher_is_better=part.higher_is_better) and one.mean is not None and every.mean:
            span = part.high - part.low if bounded and part.high is not None and part.low is not None else 1.0
            scale = span if bounded or part.kind is MetricKind.BOOL else abs(every.mean)
            yield abs(every.mean - one.mean) / scale if math.isfinite(scale) else 0.0
