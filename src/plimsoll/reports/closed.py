"""A report of held-out cases as it may be shown: figures, ids and outcomes, and nothing of what cases and answers say.

Whoever reads what a held-out case asks will write the next prompt for it: a report that shows it opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import overload

from plimsoll.runs.closed import closed_aggregate, closed_case, closed_record
from plimsoll.types import Case, CellId, CellRecord, Part, Report


def shown(report: Report) -> Report:
    """The report as it may be shown: itself, unless its cases are held out."""
    if report.run.part is not Part.HELD_OUT or isinstance(report, _Closed):
        return report
    return _Closed(
        run=report.run,
        cases=_Cases(report.cases),
        cells=_Cells(report.cells, partial(closed_record, metrics=report.metrics)),
        aggregates={
            target: {name: closed_aggregate(aggregate) for name, aggregate in found.items()}
            for target, found in report.aggregates.items()
        },
        open_one=report,
    )


class _Closed(Report, frozen=True, kw_only=True):
    open_one: Report

    def of_target(self, target: str) -> Iterator[CellRecord]:
        return map(self._close, self.open_one.of_target(target))

    def failed(self) -> Iterator[CellRecord]:
        return map(self._close, self.open_one.failed())

    def numbering(self) -> Callable[[str], int | None]:
        return self.open_one.numbering()

    def finder(self) -> Callable[[CellId], CellRecord | None]:
        find = self.open_one.finder()

        def found(cell: CellId) -> CellRecord | None:
            record = find(cell)
            return None if record is None else self._close(record)

        return found

    @property
    def _close(self) -> Callable[[CellRecord], CellRecord]:
        return partial(closed_record, metrics=self.metrics)


class _Cases(Mapping[str, Case]):
    def __init__(self, cases: Mapping[str, Case]) -> None:
        self._cases = cases

    def __getitem__(self, name: str) -> Case:
        return closed_case(self._cases[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)


class _Cells(Sequence[CellRecord]):
    def __init__(self, cells: Sequence[CellRecord], close: Callable[[CellRecord], CellRecord]) -> None:
        self._cells, self._close = cells, close

    @overload
    def __getitem__(self, place: int) -> CellRecord: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[CellRecord, ...]: ...
    def __getitem__(self, place: int | slice) -> CellRecord | tuple[CellRecord, ...]:
        if isinstance(place, slice):
            return tuple(map(self._close, self._cells[place]))
        return self._close(self._cells[place])

    def __iter__(self) -> Iterator[CellRecord]:
        return map(self._close, self._cells)

    def __len__(self) -> int:
        return len(self._cells)
