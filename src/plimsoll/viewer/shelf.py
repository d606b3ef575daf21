"""The runs of a workspace: those that are listed, and each as it stands when it is asked for.

A run is found by its id in the listing of the folder, never by a path made of what was asked. What was read of it is
kept until its files change, so that a run that goes on is shown as it is. Not for several threads at once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from plimsoll.errors import PlimsollError
from plimsoll.reports.cases import CaseRows
from plimsoll.reports.closed import shown
from plimsoll.reports.model import View
from plimsoll.reports.text import one_line
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.folders import run_folders
from plimsoll.runs.index import index_journal
from plimsoll.runs.join import read_report
from plimsoll.runs.journal import read_end
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, PLAN_FILE, Plan, load_plan
from plimsoll.types import Decision, Part, Report
from plimsoll.viewer.contract import Desk, Refused
from plimsoll.viewer.table import CaseTable

Stamp: TypeAlias = tuple[tuple[int, int], ...]
"""Size and time of the files that a run is made of."""
LISTED = 25
"""Runs on one page."""
COUNTED = 50_000_000
"""Bytes of journals that are read for one page of the list; the cells of the runs after them are not counted yet."""
TEXT_LIMIT = 200_000
"""Characters of one answer or input on a page."""
_KEPT = 3
"""Runs held open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run in the list."""

    id: str
    suite: str = ""
    started: str = ""
    targets: tuple[str, ...] = ()
    cells: int = 0
    """Planned."""
    finished: int | None = None
    """None where they were not counted."""
    verdicts: tuple[tuple[str, Decision], ...] = ()
    """Target and outcome."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list."""

    lines: tuple[RunLine, ...]
    total: int
    """Runs that are listed, on all pages."""
    held_out: int
    """Runs over held-out cases: not listed."""
    suites: tuple[str, ...]


class OpenRun:
    """A run as it stood when it was opened."""

    def __init__(self, folder: Path, desk: Desk, stamp: Stamp) -> None:
        """Read it.

        Raises:
            ConfigError: it is damaged.
        """
        self.folder, self.stamp = folder, stamp
        self._desk = desk
        self._whole = read_report(folder)
        self.report: Report = shown(self._whole).due()
        """As it may be shown, without the cases that a sequential run did not come to."""
        self.memory: dict[object, object] = {}
        """What pages worked out of it."""

    @property
    def id(self) -> str:
        """The run's."""
        return self.folder.name

    @property
    def is_held_out(self) -> bool:
        """Its cases are those that only a gate opens: what they say is not shown."""
        return self.report.run.part is Part.HELD_OUT

    @cached_property
    def view(self) -> View:
        """The run as its report shows it."""
        return self._desk.reading.view(self.folder, self._whole)

    @cached_property
    def rows(self) -> CaseRows:
        """Its cases, with their texts whole."""
        return CaseRows(self.report, TEXT_LIMIT)

    @cached_property
    def table(self) -> CaseTable:
        """How each case stands."""
        return CaseTable(self.report)


@dataclass(slots=True)
class Shelf:
    """All runs of a workspace."""

    desk: Desk
    counted: int = COUNTED
    """Bytes of journals that one page of the list reads."""
    _open: dict[str, OpenRun] = field(default_factory=dict)
    _plans: dict[str, tuple[Stamp, Plan | str]] = field(default_factory=dict)
    _counts: dict[str, tuple[Stamp, tuple[int, int] | str]] = field(default_factory=dict)

    def open(self, run: str) -> OpenRun:
        """A run by its whole id.

        Raises:
            Refused: there is none.
            ConfigError: it is damaged.
        """
        folder = self._folder(run)
        stamp = stamp_of(folder)
        kept = self._open.pop(run, None)
        if kept is None or kept.stamp != stamp:
            kept = OpenRun(folder, self.desk, stamp)
        self._open[run] = kept
        for oldest in list(self._open)[:-_KEPT]:
            del self._open[oldest]
        return kept

    def stamp(self, run: str) -> Stamp:
        """What changes whenever the run does.

        Raises:
            Refused: there is none.
        """
        return stamp_of(self._folder(run))

    def listing(self, suite: str = "", page: int = 1) -> Listing:
        """A page of the list, newest first: of a suite, or of all where it is empty."""
        plans = [(folder, self._plan(folder)) for folder in run_folders(self.desk.runs)]
        open_ones = [(folder, plan) for folder, plan in plans if not _is_held_out(plan)]
        suites = {plan.suite for _, plan in open_ones if isinstance(plan, Plan)}
        found = [
            (folder, plan)
            for folder, plan in open_ones
            if not suite or (isinstance(plan, Plan) and plan.suite == suite)
        ]
        wanted = found[(page - 1) * LISTED : page * LISTED]
        return Listing(tuple(self._lines(wanted)), len(found), len(plans) - len(open_ones), tuple(sorted(suites)))

    def _folder(self, run: str) -> Path:
        found = next((folder for folder in run_folders(self.desk.runs) if folder.name == run), None)
        if found is None:
            raise Refused(404, f"there is no run {run}", "the list of runs has those that there are")
        return found

    def _plan(self, folder: Path) -> Plan | str:
        """The plan, or why it can't be read."""
        stamp = _stamp(folder / PLAN_FILE)
        kept = self._plans.get(folder.name)
        if kept is None or kept[0] != stamp:
            try:
                kept = (stamp, load_plan(folder))
            except PlimsollError as error:
                kept = (stamp, _told(error, folder))
            self._plans[folder.name] = kept
        return kept[1]

    def _lines(self, wanted: Sequence[tuple[Path, Plan | str]]) -> list[RunLine]:
        left, lines = self.counted, []
        for folder, plan in wanted:
            if isinstance(plan, str):
                lines.append(RunLine(id=folder.name, problem=plan))
                continue
            counts, left = self._count(folder, plan, left)
            lines.append(self._line(folder, plan, counts))
        return lines

    def _line(self, folder: Path, plan: Plan, counts: tuple[int, int] | str | None) -> RunLine:
        problems = [counts] if isinstance(counts, str) else list(_problems(folder, plan, counts))
        try:
            verdicts = self.desk.reading.verdicts(folder, plan.suite)
        except PlimsollError as error:
            verdicts = ()
            problems.append(_told(error, folder))
        return RunLine(
            id=folder.name,
            suite=plan.suite,
            started=plan.started,
            targets=tuple(plan.targets),
            cells=plan.size,
            finished=counts[0] if isinstance(counts, tuple) else None,
            verdicts=tuple((verdict.target, verdict.outcome) for verdict in verdicts),
            problem="; ".join(problems),
        )

    def _count(self, folder: Path, plan: Plan, left: int) -> tuple[tuple[int, int] | str | None, int]:
        """Cells that are finished and those that failed, or why they can't be counted; and the bytes left to read."""
        stamp = _stamp(folder / JOURNAL_FILE)
        kept = self._counts.get(folder.name)
        if kept is not None and kept[0] == stamp:
            return kept[1], left
        left -= stamp[0][0]
        if left < 0:
            return None, left
        try:
            index = index_journal(folder / JOURNAL_FILE, plan, StoredCases(folder / CASES_FILE))
            self._counts[folder.name] = (stamp, (index.finished, index.failures))
        except PlimsollError as error:
            self._counts[folder.name] = (stamp, _told(error, folder))
        return self._counts[folder.name][1], left


def stamp_of(folder: Path) -> Stamp:
    """What changes whenever a run does: its journal, and what gates decided over it."""
    gates = sorted(path for path in folder.glob("gate/*/*.json"))
    return _stamp(folder / PLAN_FILE, folder / CASES_FILE, folder / JOURNAL_FILE, *gates)


def _stamp(*paths: Path) -> Stamp:
    found = []
    for path in paths:
        try:
            status = path.stat()
            found.append((status.st_size, status.st_mtime_ns))
        except OSError:
            found.append((0, 0))
    return tuple(found)


def _told(error: PlimsollError, folder: Path) -> str:
    """An error beside its run's id: there the folder need not be named again."""
    return one_line(str(error).replace(f"{folder}{os.sep}", ""), 300)


def _is_held_out(plan: Plan | str) -> bool:
    return isinstance(plan, Plan) and plan.part is Part.HELD_OUT


def _problems(folder: Path, plan: Plan, counts: tuple[int, int] | None) -> list[str]:
    end = read_end(folder / JOURNAL_FILE)
    found = []
    if end is not None and end.stopped:
        found.append(one_line(end.stopped, 200))
    elif end is None:
        found.append("under way, or interrupted")
    elif not end.complete and (counts is None or counts[0] >= plan.size):
        found.append("not complete: some cells were not scored")
    if counts is None:
        return found
    finished, failed = counts
    due = plan.size if end is None or end.due is None else end.due
    if finished < due:
        found.append(f"{due - finished:,} of {due:,} cells not run")
    if failed:
        found.append(f"{failed:,} without an answer")
    return found
