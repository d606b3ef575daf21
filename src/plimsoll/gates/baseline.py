"""Bringing a baseline in from another run, so that only what is comparable is compared."""

from __future__ import annotations

from msgspec.structs import replace

from plimsoll.config.policy import BASELINE_TARGET
from plimsoll.errors import UsageError, near_match
from plimsoll.types import Aggregate, Case, CellId, CellRecord, Report


def with_baseline(report: Report, other: Report, target: str, name: str = BASELINE_TARGET) -> Report:
    """The report with one target's cells of another run beside its own, under `name`.

    The cases are the union of both runs': one that this run leaves out is missing on this side. A cell of a case whose
    content differs between the runs is left out, and so is a score that another version of its evaluator gave: both
    then count as missing on the baseline's side.

    Raises:
        UsageError: the other run has no such target, or this one has a target of that name.
    """
    if target not in other.run.targets:
        raise UsageError(
            f"the run {other.run.id} has no target named {target!r}", remedy=near_match(target, other.run.targets)
        )
    if name in report.run.targets:
        raise UsageError(f"the run {report.run.id} has a target named {name!r} already", remedy="name it otherwise")
    mine, theirs = report.run.evaluators, other.run.evaluators
    same = {
        metric.name
        for key, info in mine.items()
        if key in theirs and (theirs[key].digest, theirs[key].metrics) == (info.digest, info.metrics)
        for metric in info.metrics
    }
    # Of the cases that a sequential run was decided without, nothing is held against anything.
    due = report.due().cases
    cells = tuple(
        _renamed(record, name, same)
        for record in other.of_target(target)
        if (record.cell.case in due or record.cell.case not in report.cases)
        and _comparable(report.cases.get(record.cell.case), other.cases.get(record.cell.case))
    )
    run = replace(
        report.run,
        targets={**report.run.targets, name: replace(other.run.targets[target], name=name)},
        complete=report.run.complete and other.run.complete,
    )
    more = {case: row for case, row in other.cases.items() if case not in report.cases}
    aggregates = {**report.aggregates, name: _aggregates(report, other, target)}
    return Report(
        run=run,
        cases={**report.cases, **more},
        cells=(*report.cells, *cells),
        aggregates={key: found for key, found in aggregates.items() if found},
    )


def _aggregates(report: Report, other: Report, target: str) -> dict[str, Aggregate]:
    """Those of the other run that rest on the same cases as this one's, by the same evaluators."""
    found = other.aggregates.get(target, {})
    mine, theirs = report.run.evaluators, other.run.evaluators
    same = {key: it for key, it in found.items() if key in mine and mine[key].digest == theirs[key].digest}
    if not same or len(report.cases) != len(other.cases):
        return {}
    alike = all(key in report.cases and _comparable(report.cases[key], case) for key, case in other.cases.items())
    return same if alike else {}


def _comparable(mine: Case | None, theirs: Case | None) -> bool:
    if mine is None or theirs is None:
        return mine is None
    return bool(mine.digest) and mine.digest == theirs.digest


def _renamed(record: CellRecord, name: str, same: set[str]) -> CellRecord:
    cell = CellId(name, record.cell.case, record.cell.repeat)
    return replace(record, cell=cell, scores={key: score for key, score in record.scores.items() if key in same})
