"""The aggregates of a run: computed from the journal once every cell of a target has its scores, and journalled.

Cells are read from the run's folder as an aggregate goes through them: none are held for its sake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from plimsoll.errors import CellError
from plimsoll.evaluators.aggregation import aggregated
from plimsoll.evaluators.traits import aggregate_of
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.engine import Job
from plimsoll.runs.index import index_journal
from plimsoll.runs.join import StoredCells
from plimsoll.runs.journal import AggregateLine
from plimsoll.types import Case, CaseScores, CellRecord, Output


@dataclass(frozen=True, slots=True)
class TargetScores(Sequence[CaseScores]):
    """One evaluator's scores of all cells of a target, read as they are asked for: cases as planned, repeats."""

    cells: Sequence[CellRecord]
    cases: Mapping[str, Case]
    metrics: tuple[str, ...]
    """The evaluator's, in its order."""
    transform: Callable[[Output], Output]

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[CaseScores]:
        return map(self._of, self.cells)

    def __reversed__(self) -> Iterator[CaseScores]:
        return map(self._of, reversed(self.cells))

    @overload
    def __getitem__(self, place: int) -> CaseScores: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[CaseScores, ...]: ...
    def __getitem__(self, place: int | slice) -> CaseScores | tuple[CaseScores, ...]:
        if isinstance(place, slice):
            return tuple(self._of(record) for record in self.cells[place])
        return self._of(self.cells[place])

    def _of(self, record: CellRecord) -> CaseScores:
        return CaseScores(
            case=self.cases[record.cell.case],
            repeat=record.cell.repeat,
            output=self._scored(record.output),
            scores=tuple(record.scores[name] for name in self.metrics),
        )

    def _scored(self, output: Output | None) -> Output | None:
        try:
            return None if output is None else self.transform(output)
        except CellError:
            return None


async def aggregate_scores(job: Job, cases: StoredCases) -> None:
    """Journal each aggregate that is owed: of a target that is scored whole, and whose scores came since the last one.

    One that is broken is owed again. Evaluators without an aggregate cost nothing here.

    Args:
        job: What was executed, still open.
        cases: The plan's.

    Raises:
        InfrastructureError: the journal can't be written.
    """
    evaluators = {each.evaluator.name: each.evaluator for each in job.scorers}
    if not any(aggregate_of(evaluator) is not None for evaluator in evaluators.values()):
        return
    index = index_journal(job.journal.path, job.plan, cases)
    for target, name in index.owed_aggregates():
        metrics = tuple(metric.name for metric in evaluators[name].metrics)
        scores = TargetScores(StoredCells(index, target), cases, metrics, job.transforms[target])
        found = job.scrub.aggregate(await aggregated(evaluators[name], scores))
        job.journal.append(AggregateLine(target=target, evaluator=name, aggregate=found))
