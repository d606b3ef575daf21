"""Plan, cases and journal, joined as a report: a projection that can be made again at any time.

The report holds numbers about each cell; answers, scores and cases are read from the run's folder as they are asked
for, so that a report of a hundred thousand rows needs no more memory than one of a thousand.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

from msgspec.structs import replace

from plimsoll.errors import ConfigError, Mistake, Where
from plimsoll.runs.cases import ChosenCases, StoredCases
from plimsoll.runs.index import JournalIndex, index_journal
from plimsoll.runs.journal import JournalReader
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, Plan, load_plan
from plimsoll.types import Aggregate, CellId, CellRecord, Report, RunRecord


class StoredCells(Sequence[CellRecord]):
    """The finished cells of a run, or of one target: target by target as planned, cases in their order, repeats."""

    def __init__(self, index: JournalIndex, target: str | None = None) -> None:
        self._index = index
        self._planned = range(index.size) if target is None else index.of_target(target)

    @cached_property
    def _numbers(self) -> Sequence[int]:
        """Of the finished cells: found once, so that a place is looked up and not searched for."""
        finished = array("q", filter(self._index.has_outcome, self._planned))
        return self._planned if len(finished) == len(self._planned) else finished

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[CellRecord]:
        return self._read(self._numbers)

    def __reversed__(self) -> Iterator[CellRecord]:
        return self._read(self._numbers[::-1])

    @overload
    def __getitem__(self, place: int) -> CellRecord: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[CellRecord, ...]: ...
    def __getitem__(self, place: int | slice) -> CellRecord | tuple[CellRecord, ...]:
        if isinstance(place, slice):
            return tuple(self._read(self._numbers[place]))
        return next(self._read([self._numbers[place]]))

    def of_target(self, target: str) -> Iterator[CellRecord]:
        """One target's."""
        return self._read(self._index.of_target(target))

    def case_places(self) -> array[int]:
        """The places in the plan of the cases with a finished cell, rising."""
        return array("q", sorted({self._index.case_of(number) for number in self._numbers}))

    def failed(self) -> Iterator[CellRecord]:
        """Those without an output, or with a score that failed."""
        return self._read([number for number in range(self._index.size) if self._index.is_failed(number)])

    def find(self, cell: CellId) -> CellRecord | None:
        """One cell; None where it is not planned or not finished."""
        try:
            number = self._index.place(cell)
        except KeyError:
            return None
        return next(self._read([number]), None)

    def _read(self, numbers: Sequence[int]) -> Iterator[CellRecord]:
        if not self._index.finished:
            return
        with JournalReader(self._index.path) as journal:
            for number in numbers:
                position = self._index.outcome(number)
                if position is not None:
                    yield self._record(number, position, journal)

    def _record(self, number: int, position: int, journal: JournalReader) -> CellRecord:
        line = journal.output(position)
        parts = (journal.scores(where).scores for where in self._index.scores(number))
        scores = {name: score for part in parts for name, score in part.items()}
        return CellRecord(
            cell=line.cell,
            key=line.key,
            outcome=line.outcome,
            cached=line.cached,
            started=line.started,
            scores=scores,
        )


class StoredReport(Report, frozen=True, kw_only=True):
    """A report whose cells are read as they are asked for."""

    cases: StoredCases | ChosenCases
    cells: StoredCells

    def due(self) -> StoredReport:
        """The report without the cases that a sequential run did not come to; the same where it came to all."""
        if not self.run.decided_early or isinstance(self.cases, ChosenCases):
            return self
        return replace(self, cases=ChosenCases(self.cases, self.cells.case_places()))

    def of_target(self, target: str) -> Iterator[CellRecord]:
        """One target's cells, without a look at the others'."""
        return self.cells.of_target(target)

    def failed(self) -> Iterator[CellRecord]:
        """The cells without an output, and those with a score that failed, without a look at the others."""
        return self.cells.failed()

    def numbering(self) -> Callable[[str], int | None]:
        """Finds a case's place by the hash of its id."""

        def place(case: str) -> int | None:
            try:
                return self.cases.ordinal(case)
            except KeyError:
                return None

        return place

    def finder(self) -> Callable[[CellId], CellRecord | None]:
        """Finds finished cells in the run's folder."""
        return self.cells.find


def read_report(folder: Path) -> StoredReport:
    """The report of a run's folder, finished or not.

    Raises:
        ConfigError: plan, cases or journal are missing or damaged.
    """
    plan, cases = load_plan(folder), StoredCases(folder / CASES_FILE)
    if len(cases) != plan.cases:
        mistake = f"{len(cases)} cases, and {plan.cases} are planned"
        raise ConfigError([Mistake(mistake, Where(folder / CASES_FILE), "start a new run")])
    index = index_journal(folder / JOURNAL_FILE, plan, cases)
    return StoredReport(
        run=_record(plan, index), cases=cases, cells=StoredCells(index), aggregates=_aggregates(plan, index)
    )


def held(report: Report) -> Report:
    """The same report with everything in memory: for one whose folder is about to go."""
    return Report(run=report.run, cases=dict(report.cases), cells=tuple(report.cells), aggregates=report.aggregates)


def _aggregates(plan: Plan, index: JournalIndex) -> dict[str, dict[str, Aggregate]]:
    places = {
        target: {name: place for name in plan.evaluators if (place := index.aggregate(target, name)) is not None}
        for target in plan.targets
    }
    if not any(places.values()):
        return {}
    with JournalReader(index.path) as journal:
        return {
            target: {name: journal.aggregate(place) for name, place in found.items()}
            for target, found in places.items()
            if found
        }


def _record(plan: Plan, index: JournalIndex) -> RunRecord:
    ends = index.ends
    return RunRecord(
        id=plan.run,
        suite=plan.suite,
        started=plan.started,
        dataset=plan.dataset,
        dataset_digest=plan.dataset_digest,
        targets=plan.targets,
        evaluators=plan.evaluators,
        seconds=sum(end.seconds for end in ends),
        requests=sum(end.requests for end in ends),
        cost=_sum([end.cost for end in ends]) if index.ended else None,
        stopped=ends[-1].stopped if index.ended else None,
        complete=index.complete,
        looks=plan.looks,
        look=ends[-1].look if index.ended else None,
        saved=index.size - index.finished if index.complete else 0,
        git_commit=plan.git_commit,
        git_dirty=plan.git_dirty,
        seed=plan.seed,
        repeats=plan.repeats,
        sample=plan.sample,
        filters=plan.filters,
        part=plan.part,
    )


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None
