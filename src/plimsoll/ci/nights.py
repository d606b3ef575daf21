"""What a nightly run leaves to be compared with later ones: each case's values and what was answered, in short.

A night is made from a run's own report, so that it can be made again from any run, also from one that only the
tracking server has. It holds no text of a model, of a prompt or of a case but the cases' ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from datetime import date
from pathlib import Path

import msgspec
from msgspec import Struct

from plimsoll.canonical import digest, short, write_atomic
from plimsoll.runs.plan import Plan
from plimsoll.stats.readings import Cell, Lack, LackKind, Reading, read_cell
from plimsoll.types import Case, CellRecord, Metric, MetricKind, Output, Report

NIGHTS = "nights"
"""In the state folder."""
_VERSION = 1
_ENOUGH = 12
"""Characters of a digest that tell answers and contents apart."""

Values = list[float | None]
"""One for each case of the night, in its order; None where there is none."""


class TargetNight(Struct, frozen=True, kw_only=True):
    """One target on one night."""

    digest: str
    """Of its bundle."""
    model: str | None = None
    """By the suite's name for it."""
    reported: tuple[str, ...] = ()
    """What its endpoint calls the model, sorted."""
    cells: int = 0
    """Planned."""
    failed: int = 0
    """Without an output, or never run."""
    unscored: dict[str, int] = {}
    """Metric → cells that it should have a score of and has not, those without an output among them."""
    values: dict[str, Values] = {}
    """Metric → each case's mean over its repeats."""
    passes: dict[str, Values] = {}
    """Metric → the share of a case's repeats that pass."""
    answers: list[str] = []
    """For each case, what tells its answers from others; empty where one is missing."""


class Night(Struct, frozen=True, kw_only=True):
    """A suite on one night."""

    version: int = _VERSION
    run: str
    suite: str
    started: str
    """ISO 8601, UTC."""
    complete: bool
    branch: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    dataset: str
    """Its digest."""
    metrics: dict[str, Metric]
    evaluators: dict[str, str]
    """Metric → the digest of the evaluator that gives it."""
    cases: list[str]
    contents: list[str]
    """What tells a case's content from another, for each case."""
    weights: list[float] = []
    """Empty where all count the same."""
    groups: list[str | None] = []
    """Empty where no case has one."""
    targets: dict[str, TargetNight]
    made_by: str | None = None
    """The version of plimsoll that ran it; None where it was made again from its run."""

    @property
    def date(self) -> str:
        """The day, UTC: `2026-11-03`."""
        return self.started[:10]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """What makes each case the same case on another night."""
        return list(zip(self.cases, self.contents, strict=True))


def night_of(report: Report, plan: Plan, made_by: str | None = None) -> Night:
    """The night that a run is, finished or not."""
    run, place_of = report.run, report.numbering()
    cases = list(report.cases.values())
    rows: dict[str, list[list[CellRecord]]] = {name: [[] for _ in cases] for name in run.targets}
    for record in report.cells:
        place = place_of(record.cell.case)
        if record.cell.target in rows and place is not None:
            rows[record.cell.target][place].append(record)
    weights, groups = [case.weight for case in cases], [case.group for case in cases]
    return Night(
        run=run.id,
        suite=run.suite,
        started=run.started,
        complete=run.complete,
        branch=plan.git_branch,
        commit=run.git_commit,
        dirty=run.git_dirty,
        dataset=run.dataset_digest,
        metrics=report.metrics,
        evaluators={metric.name: info.digest for info in run.evaluators.values() for metric in info.metrics},
        cases=[case.id for case in cases],
        contents=[_content(case) for case in cases],
        weights=weights if len(set(weights)) > 1 else [],
        groups=groups if any(groups) else [],
        targets={
            name: _target(info.digest, info.model, rows[name], report.metrics, max(1, run.repeats))
            for name, info in run.targets.items()
        },
        made_by=made_by,
    )


def _content(case: Case) -> str:
    return short(case.digest, _ENOUGH)


def _target(
    digest_: str, model: str | None, rows: Sequence[Sequence[CellRecord]], metrics: Mapping[str, Metric], repeats: int
) -> TargetNight:
    outputs = [[record.outcome for record in row if isinstance(record.outcome, Output)] for row in rows]
    cells = {name: [[read_cell(record, metric) for record in row] for row in rows] for name, metric in metrics.items()}
    found = {
        name: [[cell for cell in row if isinstance(cell, Reading)] for row in table] for name, table in cells.items()
    }
    return TargetNight(
        digest=digest_,
        model=model,
        reported=tuple(sorted({output.model for row in outputs for output in row if output.model})),
        cells=len(rows) * repeats,
        failed=len(rows) * repeats - sum(map(len, outputs)),
        unscored={
            name: sum(repeats - len(row) + sum(_is_owed(cell) for cell in row) for row in table)
            for name, table in cells.items()
        },
        values={name: [_mean([each.value for each in row]) for row in columns] for name, columns in found.items()},
        passes={
            name: [_mean([float(each.passed) for each in row if each.passed is not None]) for row in columns]
            for name, columns in found.items()
            if any(each.passed is not None for row in columns for each in row)
        },
        answers=[_answers(row) if len(row) == repeats else "" for row in outputs],
    )


def _is_owed(cell: Cell) -> bool:
    return isinstance(cell, Lack) and cell.kind is not LackKind.SKIPPED


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _answers(outputs: Sequence[Output]) -> str:
    # Not what it cost or how long it took: the same answer is the same.
    return short(digest([[each.whole_text, each.value, list(each.tool_calls)] for each in outputs]), _ENOUGH)


def watched(metrics: Mapping[str, Metric], chosen: Sequence[str]) -> tuple[str, ...]:
    """The metrics of which it is looked for whether they move: those chosen, else all that don't tell of the day.

    Latency and cost are the provider's on the day; who wants to be woken for them names them.
    """
    if chosen:
        return tuple(name for name in metrics if name in chosen)
    return tuple(name for name, metric in metrics.items() if not metric.of_today)


def has_values(night: Night, target: str, metric: str) -> bool:
    """Whether a metric says anything on a night; a label that nothing passes or fails by does not."""
    found, known = night.targets.get(target), night.metrics.get(metric)
    if found is None or known is None or not any(value is not None for value in found.values.get(metric, ())):
        return False
    return known.kind is not MetricKind.LABEL or metric in found.passes


def trusted(night: Night, target: str, max_failed: float, metric: str | None = None) -> bool:
    """Whether so much of a target, and of a metric of it, was measured on a night that it is compared with."""
    found = night.targets.get(target)
    if found is None or not night.complete or not found.cells:
        return False
    lost = found.failed if metric is None else max(found.failed, found.unscored.get(metric, 0))
    return lost <= max_failed * found.cells


def save_night(state: Path, night: Night) -> None:
    """Write a night down.

    Raises:
        OSError: the disk refuses.
    """
    write_atomic(state / NIGHTS / night.suite / f"{night.run}.json", msgspec.json.encode(night))


def saved_nights(state: Path, suite: str) -> Iterator[Night]:
    """The nights of a suite that were written down, oldest first; what can't be read is left out."""
    for path in sorted((state / NIGHTS / suite).glob("*.json")):
        try:
            night = msgspec.json.decode(path.read_bytes(), type=Night)
        except (OSError, msgspec.MsgspecError):
            continue
        if night.version == _VERSION and night.suite == suite and _is_whole(night):
            yield night


def _is_whole(night: Night) -> bool:
    """Whether each list has an entry for each case, and the day is one: somebody may have edited the file."""
    columns: list[Sized] = [night.contents, night.weights or night.cases, night.groups or night.cases]
    for found in night.targets.values():
        columns += [found.answers, *found.values.values(), *found.passes.values()]
    try:
        date.fromisoformat(night.date)
    except ValueError:
        return False
    return all(len(column) == len(night.cases) for column in columns)


def one_a_day(nights: Sequence[Night]) -> tuple[Night, ...]:
    """Oldest first, of each day the newest that is complete; the newest where none is."""
    days: dict[str, Night] = {}
    for night in sorted(nights, key=lambda each: (each.started, each.run)):
        before = days.get(night.date)
        if before is None or night.complete or not before.complete:
            days[night.date] = night
    return tuple(days.values())
