"""Labels beside the answers that they are about, read from the runs' folders; what has none there is told.

A run that goes on asks again where there was no answer. A label that is older than the answer is none of its: it was
given to the failure that stood there. Of an answer from the cache nobody knows since when it stands there, and a label
counts; and what an answer should have been (`expected`) is about the case, whatever was answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError
from plimsoll.runs.join import StoredReport, read_report
from plimsoll.types import EXPECTED, Case, CellRecord, HumanLabel, Metric, Output, Part

_REDACTED = re.compile(r"\[(?:[^\[\]\n]{1,100} )?redacted\]")
"""What stands in place of a secret or of a private field, once it was on a tracking server."""


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """A label with its case and the answer."""

    label: HumanLabel
    case: Case
    output: Output | None
    """None where the target gave no answer."""
    metrics: Mapping[str, Metric]
    """Those of the run."""

    @property
    def place(self) -> str:
        """The cell and its run, for people."""
        return f"{self.label.cell} of {self.label.run}"


@dataclass(frozen=True, slots=True)
class Joined:
    """Labels that could be joined, and the rest."""

    answers: tuple[LabelledAnswer, ...]
    absent: Mapping[str, int]
    """Run that is not on this disk → its labels."""
    told: tuple[str, ...]
    """What else could not be joined, and why."""


def join(
    labels: Iterable[HumanLabel], find: Callable[[str], Path | None], suites: Collection[str] | None = None
) -> Joined:
    """The labels beside their answers. Those on held-out cases are told and left out: what they say stays closed.

    Args:
        labels: In any order; each run is read once.
        find: The folder of a run; None where it is not on this disk.
        suites: Only of these suites' runs; None is any.
    """
    by_run: dict[str, list[HumanLabel]] = {}
    for label in labels:
        by_run.setdefault(label.run, []).append(label)
    answers: list[LabelledAnswer] = []
    absent: dict[str, int] = {}
    told: list[str] = []
    for run, given in by_run.items():
        folder = find(run)
        if folder is None:
            absent[run] = len(given)
            continue
        try:
            report = read_report(folder)
            if suites is not None and report.run.suite not in suites:
                continue
            if report.run.part is Part.HELD_OUT:
                told.append(f"run {run}: its cases are held out, and stay closed (labels: {len(given)})")
                continue
            answers += _of_run(report, given, told)
        except ConfigError as error:
            told.append(f"run {run}: {error.message}")
    return Joined(tuple(answers), absent, tuple(told))


def _of_run(report: StoredReport, given: Sequence[HumanLabel], told: list[str]) -> Iterator[LabelledAnswer]:
    metrics, find = report.metrics, report.finder()
    for label in given:
        case, record = report.cases.get(label.cell.case), find(label.cell)
        if case is None or record is None:
            told.append(f"{label.cell} of {label.run}: the run has no such cell")
            continue
        if _is_older(label, record):
            told.append(f"{label.who} on {label.cell} of {label.run}: the cell was run again since, so label it again")
            continue
        yield LabelledAnswer(label, case, record.output, metrics)


def _is_older(label: HumanLabel, record: CellRecord) -> bool:
    """Whether a label was given before the target began to answer."""
    if record.started is None or label.name == EXPECTED:
        return False
    began = datetime.fromtimestamp(record.started, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    # As text, to which a moment without fractions is later than any within its second.
    return label.at < began


def holds_redacted(value: Any) -> bool:
    """Whether a JSON value holds the mark of something that was redacted."""
    if isinstance(value, str):
        return _REDACTED.search(value) is not None
    if isinstance(value, Mapping):
        return any(holds_redacted(each) for each in value.values())
    return isinstance(value, list | tuple) and any(holds_redacted(each) for each in value)


def row_of(case: Case) -> dict[str, Any]:
    """A case as a row of a dataset, with what a suite's defaults gave it."""
    row: dict[str, Any] = {"id": case.id, **case.inputs}
    given = {
        "messages": list(case.messages),
        "turns": [turn.row() for turn in case.turns],
        "expected": case.expected,
        "group": case.group,
        "slices": list(case.slices),
        "weight": None if case.weight == 1.0 else case.weight,
        "evaluators": list(case.evaluators),
        "pass_if": case.pass_if,
    }
    return row | {name: value for name, value in given.items() if value is not None and value not in ([], {})}
