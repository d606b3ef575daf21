"""A report of held-out cases as it may be shown: figures, ids and outcomes, and nothing of what cases and answers say.

Whoever reads what a held-out case asks will write the next prompt for it: a report that shows it opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import overload

from msgspec.structs import replace

from plimsoll.types import Case, CellId, CellRecord, Failed, Failure, Output, Part, Report, Score, Scored, Skipped

CLOSED = "held out"
"""In place of every text."""


def shown(report: Report) -> Report:
    """The report as it may be shown: itself, unless its cases are held out."""
    if report.run.part is not Part.HELD_OUT or isinstance(report, _Closed):
        return report
    return _Closed(
        run=report.run,
        cases=_Cases(report.cases),
        cells=_Cells(report.cells),
        aggregates=report.aggregates,
        open_one=report,
    )


class _Closed(Report, frozen=True, kw_only=True):
    open_one: Report

    def of_target(self, target: str) -> Iterator[CellRecord]:
        return map(_cell, self.open_one.of_target(target))

    def failed(self) -> Iterator[CellRecord]:
        return map(_cell, self.open_one.failed())

    def numbering(self) -> Callable[[str], int | None]:
        return self.open_one.numbering()

    def finder(self) -> Callable[[CellId], CellRecord | None]:
        find = self.open_one.finder()

        def found(cell: CellId) -> CellRecord | None:
            record = find(cell)
            return None if record is None else _cell(record)

        return found


class _Cases(Mapping[str, Case]):
    def __init__(self, cases: Mapping[str, Case]) -> None:
        self._cases = cases

    def __getitem__(self, name: str) -> Case:
        found = self._cases[name]
        return Case(
            id=found.id,
            inputs={"case": CLOSED},
            group=found.group,
            slices=found.slices,
            weight=found.weight,
            digest=found.digest,
            line=found.line,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)


class _Cells(Sequence[CellRecord]):
    def __init__(self, cells: Sequence[CellRecord]) -> None:
        self._cells = cells

    @overload
    def __getitem__(self, place: int) -> CellRecord: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[CellRecord, ...]: ...
    def __getitem__(self, place: int | slice) -> CellRecord | tuple[CellRecord, ...]:
        if isinstance(place, slice):
            return tuple(_cell(record) for record in self._cells[place])
        return _cell(self._cells[place])

    def __iter__(self) -> Iterator[CellRecord]:
        return map(_cell, self._cells)

    def __len__(self) -> int:
        return len(self._cells)


def _cell(record: CellRecord) -> CellRecord:
    found = record.outcome
    outcome = _failure(found) if isinstance(found, Failure) else _output(found)
    return replace(record, outcome=outcome, scores={name: _score(score) for name, score in record.scores.items()})


def _output(output: Output) -> Output:
    return Output(text=CLOSED, finish=output.finish, usage=output.usage, latency=output.latency, model=output.model)


def _score(score: Score) -> Score:
    match score:
        case Scored():
            return replace(score, reason=None, detail=None, turns=())
        case Failed():
            return replace(score, failure=_failure(score.failure), turns=())
        case Skipped():
            return score


def _failure(failure: Failure) -> Failure:
    # What a provider says of itself is no text of a case; what code says of a case may quote it.
    return failure if failure.kind.of_provider else replace(failure, message=CLOSED)
