"""A run's scores as columns of numbers, read from its cells in one pass: a few bytes a cell, however long the answers.

Every planned cell has a place in each column; what stands there is what `readings` would say of the cell.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from plimsoll.errors import UsageError
from plimsoll.runs.closed import closed_record
from plimsoll.stats.readings import Cell, LackKind, Reading, read_cell
from plimsoll.types import Case, CellId, CellRecord, Failed, Metric, MetricKind, Part, Report, Scored

_KINDS: tuple[LackKind | None, ...] = (LackKind.MISSING, LackKind.FAILED, LackKind.SKIPPED, None)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_SCORED = _CODES[None]
_PASSES: tuple[bool | None, ...] = (None, False, True)


class CaseColumns:
    """What figures need of the cases, by their place in the plan."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.weights = array("d")
        self.units = array("q")
        """Cases of one group have the same number."""
        self.grouped = False
        """Some case has a group."""
        self.slices: dict[str, array[int]] = {}
        """Slice → places of its cases; by name."""
        groups: dict[str, int] = {}
        for place, case in enumerate(cases):
            self.weights.append(case.weight)
            # Below zero for groups, so that no case's own number is one of theirs.
            self.units.append(place if case.group is None else -1 - groups.setdefault(case.group, len(groups)))
            for part in set(case.slices):
                self.slices.setdefault(part, array("q")).append(place)
        self.grouped = bool(groups)
        self.slices = dict(sorted(self.slices.items()))

    def __len__(self) -> int:
        return len(self.weights)

    def groups_of(self, places: Iterable[int]) -> list[int] | None:
        """The units of cases as intervals take them; None where no case has a group."""
        return [self.units[place] for place in places] if self.grouped else None


class Column:
    """One metric of one target."""

    def __init__(self, metric: Metric, cases: int, repeats: int) -> None:
        self.metric = metric
        self.cases, self.repeats = cases, repeats
        self._kinds = bytearray(cases * repeats)
        self._values = array("d", [0.0]) * (cases * repeats)
        self._passed = bytearray(cases * repeats)
        self._labels = array(
            "L", bytes(array("L").itemsize * cases * repeats if metric.kind is MetricKind.LABEL else 0)
        )
        self._names: dict[str, int] = {}

    def put(self, place: int, repeat: int, cell: Cell) -> None:
        """Take in what a cell of a case says."""
        at = place * self.repeats + repeat
        if not isinstance(cell, Reading):
            self._kinds[at] = _CODES[cell.kind]
            return
        self._kinds[at] = _SCORED
        self._values[at] = cell.value
        self._passed[at] = _PASSES.index(cell.passed)
        if cell.label is not None:
            self._labels[at] = self._names.setdefault(cell.label, len(self._names))

    def values(self, place: int) -> list[float]:
        """The values of a case, one for each repeat that has one."""
        first = place * self.repeats
        return [self._values[at] for at in range(first, first + self.repeats) if self._kinds[at] == _SCORED]

    def cells(self, place: int) -> tuple[Reading | LackKind, ...]:
        """What each repeat of a case says: its reading, or why it has none."""
        first, names = place * self.repeats, list(self._names)
        return tuple(
            self._reading(at, names) if (kind := _KINDS[self._kinds[at]]) is None else kind
            for at in range(first, first + self.repeats)
        )

    def _reading(self, at: int, names: Sequence[str]) -> Reading:
        return Reading(self._values[at], _PASSES[self._passed[at]], names[self._labels[at]] if names else None)

    def lacking(self, places: Sequence[int], kind: LackKind) -> int:
        """How many cells of these cases lack a value for this reason."""
        code = _CODES[kind]
        return sum(self._kinds[at] == code for at in self._cells(places))

    def passes(self, places: Sequence[int]) -> int | None:
        """How many scored cells pass; None where nothing says what passes."""
        verdicts = [self._passed[at] for at in self._cells(places) if self._passed[at]]
        return sum(code == 2 for code in verdicts) if verdicts else None

    def labels(self, places: Sequence[int]) -> dict[str, int]:
        """Label → cells, most frequent first."""
        if not self._names:
            return {}
        counts = [0] * len(self._names)
        for at in self._cells(places):
            if self._kinds[at] == _SCORED:
                counts[self._labels[at]] += 1
        found = {name: counts[code] for name, code in self._names.items() if counts[code]}
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def _cells(self, places: Sequence[int]) -> Iterator[int]:
        if len(places) == self.cases:
            return iter(range(self.cases * self.repeats))
        return (place * self.repeats + repeat for place in places for repeat in range(self.repeats))


@dataclass(slots=True)
class TargetColumns:
    """One target's cells."""

    columns: dict[str, Column]
    """Metric → its values."""
    finished: bytearray
    """Per planned cell, whether it has an outcome."""
    ok: int = 0
    failed: int = 0
    cached: int = 0
    cut: int = 0
    """Answers that the token limit cut."""
    tokens: int = 0
    uncounted: int = 0
    """Answers of which the tokens are unknown."""
    cost: float = 0.0
    """USD that the answers took."""
    unpriced: int = 0
    """Answers of which the cost is unknown."""
    judge_cost: float = 0.0
    """USD that judging them took."""
    unpriced_scores: int = 0
    """Judges' scores of which the cost is unknown."""


@dataclass(slots=True)
class Columns:
    """A whole report."""

    cases: CaseColumns
    targets: dict[str, TargetColumns] = field(default_factory=dict)


def read_columns(report: Report) -> Columns:
    """The report's scores, in one pass over its cases and one over its cells.

    Raises:
        UsageError: the report holds a cell twice.
    """
    cases, repeats = CaseColumns(report.cases.values()), max(1, report.run.repeats)
    place_of = report.numbering()
    known, closed = report.metrics, report.run.part is Part.HELD_OUT
    metrics = tuple(known.values())
    found = Columns(cases)
    for name in report.run.targets:
        columns = {metric.name: Column(metric, len(cases), repeats) for metric in metrics}
        found.targets[name] = TargetColumns(columns, bytearray(len(cases) * repeats))
    for record in report.cells:
        target, place = found.targets.get(record.cell.target), place_of(record.cell.case)
        if target is None or place is None or not 0 <= record.cell.repeat < repeats:
            continue
        _refuse_again(record.cell, target.finished, place * repeats + record.cell.repeat)
        told = closed_record(record, known) if closed else record
        for metric in metrics:
            target.columns[metric.name].put(place, record.cell.repeat, read_cell(told, metric))
        output = record.output
        if output is None:
            target.failed += 1
            continue
        target.ok += 1
        target.cached += record.cached
        target.cut += output.finish == "length"
        total = output.usage.total_tokens
        target.tokens += total or 0
        target.uncounted += total is None
        _count_costs(record, output.usage.cost, target)
    return found


def _count_costs(record: CellRecord, cost: float | None, target: TargetColumns) -> None:
    target.cost += cost or 0.0
    target.unpriced += cost is None
    for score in record.scores.values():
        # One without a request is a computation, not a judge's.
        if isinstance(score, Scored | Failed) and score.usage.requests:
            target.judge_cost += score.usage.cost or 0.0
            target.unpriced_scores += score.usage.cost is None


def _refuse_again(cell: CellId, finished: bytearray, at: int) -> None:
    if finished[at]:
        raise UsageError(f"the report holds the cell {cell} twice", remedy="run the suite again")
    finished[at] = 1
