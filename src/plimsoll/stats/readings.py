"""One metric of one target, cell by cell: a value, or what stands in the way of one. Nothing is left out in silence.

Every planned cell has an entry. Summary and gate both start here, so that both mean the same by failed, skipped and
missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from plimsoll.errors import UsageError
from plimsoll.runs.closed import closed_record
from plimsoll.types import (
    CellId,
    CellRecord,
    Direction,
    Failed,
    Failure,
    Metric,
    MetricKind,
    Part,
    Report,
    Scored,
    Skipped,
)

PERCENTILES = {"latency_p50": ("latency", 0.5), "latency_p95": ("latency", 0.95)}
"""Metrics that are derived: name → the metric whose percentile they are, and which."""


class LackKind(StrEnum):
    """Why a planned cell has no value."""

    FAILED = "failed"
    """No output, no score, or a score that is no number."""
    SKIPPED = "skipped"
    """The metric does not apply to the cell, says the evaluator."""
    MISSING = "missing"
    """Planned, and there is nothing."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A planned cell without a value, and why."""

    kind: LackKind
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A cell's value as a number: a truth value is 0 or 1, a label 1 where it passes and 0 where not."""

    value: float
    passed: bool | None
    label: str | None = None


Cell: TypeAlias = Reading | Lack


def readings(report: Report, target: str, metric: Metric) -> dict[str, tuple[Cell, ...]]:
    """Case → one entry for each planned repeat. Cases of which only cells are known come after those of the table.

    Raises:
        UsageError: the report holds a cell twice.
    """
    return all_readings(report, target, (metric,))[0]


def all_readings(report: Report, target: str, metrics: Sequence[Metric]) -> tuple[dict[str, tuple[Cell, ...]], ...]:
    """The readings of each metric, in one pass over the target's cells.

    Raises:
        UsageError: the report holds a cell twice.
    """
    found: dict[CellId, tuple[Cell, ...]] = {}
    closed, known = report.run.part is Part.HELD_OUT, report.metrics
    for record in report.of_target(target):
        if record.cell in found:
            raise UsageError(f"the report holds the cell {record.cell} twice", remedy="run the suite again")
        # A gate's reasons quote why a cell has no value, and are shown, sealed and sent; so are labels.
        told = closed_record(record, known) if closed else record
        found[record.cell] = tuple(read_cell(told, metric) for metric in metrics)
    missing = tuple(read_cell(None, metric) for metric in metrics)
    repeats = range(max(1, report.run.repeats))
    cases = (*report.cases, *sorted({cell.case for cell in found} - report.cases.keys()))
    rows = {case: [found.get(CellId(target, case, repeat), missing) for repeat in repeats] for case in cases}
    return tuple(
        {case: tuple(cell[place] for cell in row) for case, row in rows.items()} for place in range(len(metrics))
    )


def read_cell(record: CellRecord | None, metric: Metric) -> Cell:
    """What a cell says of a metric; None is a cell that was not run."""
    if record is None:
        return Lack(LackKind.MISSING, "the cell was not run")
    if isinstance(record.outcome, Failure):
        return Lack(LackKind.FAILED, f"no output: {record.outcome.message}")
    match record.scores.get(metric.name):
        case None:
            return Lack(LackKind.MISSING, "the cell was not scored")
        case Skipped(reason=reason):
            return Lack(LackKind.SKIPPED, reason)
        case Failed(failure=failure):
            return Lack(LackKind.FAILED, failure.message)
        case Scored() as score:
            return _number(score, metric)


def _number(score: Scored, metric: Metric) -> Cell:
    value, passed = score.value, score.passed
    if isinstance(value, str):
        if metric.kind is not MetricKind.LABEL:
            return Lack(LackKind.FAILED, f"the score {value!r} is not a number")
        return Reading(float(passed is True), passed, value)
    if not math.isfinite(value):
        return Lack(LackKind.FAILED, f"the score {value} is not a finite number")
    if isinstance(value, bool) and passed is None and metric.direction is Direction.HIGHER:
        passed = value
    return Reading(float(value), passed)
