"""Where things stand in a journal: of each cell its last outcome, and each evaluator's last scores of that outcome.

One pass over the file; then a few numbers a cell are kept, and what was answered stays on disk until it is asked for.
Cells are numbered: target by target as planned, in each the cases in their order, of each case its repeats.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from plimsoll.runs.journal import EndLine, damaged, whole_lines
from plimsoll.runs.plan import Plan
from plimsoll.types import Aggregate, CellId, Look

_NOWHERE = -1


class CaseNumbers(Protocol):
    """Knows the planned cases by number."""

    def ordinal(self, case: str) -> int:
        """The case's place in the plan, 0-based.

        Raises:
            KeyError: it is not planned.
        """
        ...


class _Outcome(Struct):
    type: str


class _Score(Struct):
    status: str


class _Glance(Struct):
    """What the index has to know of a line; the rest is checked to be JSON and passed over."""

    kind: str
    cell: CellId | None = None
    target: str = ""
    evaluator: str = ""
    outcome: _Outcome | None = None
    scores: dict[str, _Score] = {}
    aggregate: Aggregate | None = None
    seconds: float = 0.0
    requests: int = 0
    complete: bool = False
    cost: float | None = None
    stopped: str | None = None
    look: Look | None = None
    due: int | None = None


_glance = msgspec.json.Decoder(_Glance)


class JournalIndex:
    """A journal's state, cell by cell; `place` is a cell's number."""

    def __init__(self, plan: Plan, cases: CaseNumbers, path: Path) -> None:
        self.path = path
        self.ends: list[EndLine] = []
        """How each session of the run ended."""
        self.ended = False
        """The last session ended in order: nothing came after its end."""
        self.finished = 0
        """Cells with an outcome, be it a failure."""
        self.failures = 0
        """Cells whose outcome is a failure."""
        self._numbers = cases
        self._targets = {name: place for place, name in enumerate(plan.targets)}
        self._cases, self._repeats = plan.cases, max(1, plan.repeats)
        size = plan.size
        self._outcomes = array("q", [_NOWHERE]) * size
        self._failed = bytearray(size)
        self._scores = {name: array("q", [_NOWHERE]) * size for name in plan.evaluators}
        self._broken = {name: bytearray(size) for name in plan.evaluators}
        self._aggregating = tuple(name for name, info in plan.evaluators.items() if info.aggregates)
        self._aggregates: dict[tuple[str, str], int] = {}
        self._broken_aggregates: set[tuple[str, str]] = set()

    @property
    def size(self) -> int:
        """Planned cells."""
        return len(self._outcomes)

    @property
    def complete(self) -> bool:
        """The last session ended with nothing owed, and every cell that was due is there."""
        return self.ended and self.ends[-1].complete and self.finished == (self.ends[-1].due or self.size)

    def place(self, cell: CellId) -> int:
        """A cell's number.

        Raises:
            KeyError: it is not planned.
        """
        return self.number(cell.target, self._numbers.ordinal(cell.case), cell.repeat)

    def number(self, target: str, case: int, repeat: int) -> int:
        """The number of the cell of a target, the case's place in the plan, and a repeat."""
        if not 0 <= repeat < self._repeats:
            raise KeyError(repeat)
        return (self._targets[target] * self._cases + case) * self._repeats + repeat

    def case(self, case: str) -> int:
        """A case's place in the plan.

        Raises:
            KeyError: it is not planned.
        """
        return self._numbers.ordinal(case)

    def case_of(self, place: int) -> int:
        """The place in the plan of a cell's case."""
        return place // self._repeats % self._cases

    def of_target(self, target: str) -> range:
        """The numbers of a target's cells; none where it is not planned."""
        first = self._targets.get(target)
        each = self._cases * self._repeats
        return range(0) if first is None else range(first * each, (first + 1) * each)

    def has_outcome(self, place: int) -> bool:
        """Whether the cell has an outcome, be it a failure."""
        return self._outcomes[place] != _NOWHERE

    def has_output(self, place: int) -> bool:
        """Whether the cell was answered."""
        return self.has_outcome(place) and not self._failed[place]

    def is_failed(self, place: int) -> bool:
        """Whether the outcome is a failure, or an evaluator's last scores hold one."""
        return bool(self._failed[place]) or any(broken[place] for broken in self._broken.values())

    def owes(self, place: int) -> bool:
        """Whether anything is left to do: no output, or an evaluator's scores are lacking or failed."""
        return not self.has_output(place) or any(
            positions[place] == _NOWHERE or self._broken[name][place] for name, positions in self._scores.items()
        )

    def outcome(self, place: int) -> int | None:
        """Where the line of the cell's last outcome begins."""
        position = self._outcomes[place]
        return None if position == _NOWHERE else position

    def scores(self, place: int) -> Iterator[int]:
        """Where the lines of every evaluator's last scores begin."""
        return (positions[place] for positions in self._scores.values() if positions[place] != _NOWHERE)

    def good_scores(self, place: int, evaluator: str) -> int | None:
        """Where the evaluator's last scores begin, if none of them failed."""
        position = self._scores[evaluator][place]
        return None if position == _NOWHERE or self._broken[evaluator][place] else position

    def aggregate(self, target: str, evaluator: str) -> int | None:
        """Where the line of an aggregate begins that rests on the target's last scores; None where there is none."""
        position = self._aggregates.get((target, evaluator))
        if position is None or not self.is_scored(target, evaluator):
            return None
        return position if position > max(self._scores_of(target, evaluator), default=_NOWHERE) else None

    def owed_aggregates(self) -> list[tuple[str, str]]:
        """Target and evaluator of each aggregate that is to be made.

        Those of a target that is scored whole, and has none which rests on its last scores, or a broken one.
        """
        pairs = [(target, name) for target in self._targets for name in self._aggregating]
        return [pair for pair in pairs if self.is_scored(*pair) and not self._has_aggregate(*pair)]

    def _has_aggregate(self, target: str, evaluator: str) -> bool:
        return (target, evaluator) not in self._broken_aggregates and self.aggregate(target, evaluator) is not None

    def is_scored(self, target: str, evaluator: str) -> bool:
        """Whether every cell of the target has the evaluator's scores, be they failures."""
        return _NOWHERE not in self._scores_of(target, evaluator)

    def _scores_of(self, target: str, evaluator: str) -> array[int]:
        cells = self.of_target(target)
        return self._scores[evaluator][cells.start : cells.stop]

    def note(self, raw: bytes, position: int) -> None:
        """Take in one line of the journal.

        Raises:
            msgspec.DecodeError: it is no journal line.
            KeyError: it is about a cell or an evaluator that is not planned.
        """
        line = _glance.decode(raw)
        self.ended = line.kind == "end"
        if line.kind == "end":
            self.ends.append(
                EndLine(
                    seconds=line.seconds,
                    requests=line.requests,
                    complete=line.complete,
                    cost=line.cost,
                    stopped=line.stopped,
                    look=line.look,
                    due=line.due,
                )
            )
        elif line.kind == "output" and line.cell is not None and line.outcome is not None:
            self._note_outcome(self.place(line.cell), position, failed=line.outcome.type == "failure")
        elif line.kind == "score" and line.cell is not None:
            place = self.place(line.cell)
            self._scores[line.evaluator][place] = position
            self._broken[line.evaluator][place] = any(score.status == "failed" for score in line.scores.values())
        elif line.kind == "aggregate" and line.aggregate is not None:
            self._note_aggregate(line.target, line.evaluator, position, broken=line.aggregate.broken)
        else:
            raise msgspec.ValidationError(f"a line of kind {line.kind!r}")

    def _note_aggregate(self, target: str, evaluator: str, position: int, *, broken: bool) -> None:
        if target not in self._targets:
            raise KeyError(target)
        if evaluator not in self._scores:
            raise KeyError(evaluator)
        self._aggregates[target, evaluator] = position
        (self._broken_aggregates.add if broken else self._broken_aggregates.discard)((target, evaluator))

    def _note_outcome(self, place: int, position: int, *, failed: bool) -> None:
        self.finished += self._outcomes[place] == _NOWHERE
        self.failures += failed - self._failed[place]
        self._outcomes[place] = position
        self._failed[place] = failed
        for name, positions in self._scores.items():
            # Scores of an earlier outcome say nothing of this one.
            positions[place] = _NOWHERE
            self._broken[name][place] = 0


def index_journal(path: Path, plan: Plan, cases: CaseNumbers) -> JournalIndex:
    """The index of a journal; of one that does not exist, an empty one. A torn last line is left out.

    Raises:
        ConfigError: a line before the last is damaged, or about a cell that is not planned.
    """
    index = JournalIndex(plan, cases, path)
    for number, position, raw in whole_lines(path):
        try:
            index.note(raw, position)
        except msgspec.DecodeError as error:
            raise damaged(path, number, error) from None
        except KeyError as error:
            raise damaged(path, number, f"{error.args[0]!r} is not in the plan") from None
    return index
