"""Evaluators that read another target's answer to the same case: `target.NAME` where they name a field.

A pairwise judge compares two answers; so may any evaluator that takes a reference. Such a score waits until the other
target has answered, and its key holds that answer like any other field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from msgspec.structs import replace

from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.fields import OF_TARGET
from plimsoll.evaluators.turns import whole_output
from plimsoll.runs.index import JournalIndex
from plimsoll.types import Case, CellId, Failed, Failure, Outcome, Output, Skipped

WaitingT = TypeVar("WaitingT")


def targets_read(evaluator: Evaluator) -> frozenset[str]:
    """The targets whose answers an evaluator reads beside the one that it scores."""
    return frozenset(name.removeprefix(OF_TARGET) for name in evaluator.requires if name.startswith(OF_TARGET))


def with_answers(
    read: Iterable[str], cell: CellId, case: Case, answers: Mapping[str, Outcome]
) -> Case | Skipped | Failed:
    """The case with the other targets' answers among its inputs; or the score that there is without them.

    Args:
        read: The targets whose answers are read.
        cell: The cell that is scored.
        case: Its case.
        answers: What the other targets of the run gave for the same case and repeat.
    """
    found: dict[str, Output] = {}
    for name in sorted(read):
        if name == cell.target:
            return Skipped(reason=f"{name} is what the others are compared with")
        if name not in answers:
            return Skipped(reason=f"the target {name} is not part of this run")
        outcome = answers[name]
        if isinstance(outcome, Failure):
            return Failed(failure=replace(outcome, message=f"no answer of {name} to compare with: {outcome.message}"))
        found[f"{OF_TARGET}{name}"] = outcome
    return _with_texts(case, found)


def _with_texts(case: Case, outputs: Mapping[str, Output]) -> Case:
    """The case with the texts of outputs among its fields; a turn of a conversation has the answer to that turn."""
    if not case.turns:
        return replace(case, inputs={**case.inputs, **{name: output.text for name, output in outputs.items()}})
    turns = [
        replace(turn, inputs={**turn.inputs, **{name: output.turns[number].text for name, output in outputs.items()}})
        for number, turn in enumerate(case.turns)
    ]
    whole = {name: whole_output(output).text for name, output in outputs.items()}
    return replace(case, inputs={**case.inputs, **whole}, turns=tuple(turns))


class Answers(Generic[WaitingT]):
    """Where the answers stand that other targets' scores need, and what waits for one that is not there yet."""

    def __init__(self, evaluators: Iterable[Evaluator], planned: Iterable[str], done: JournalIndex) -> None:
        """Knows what earlier sessions have answered.

        Args:
            evaluators: All of the run.
            planned: The run's targets.
            done: The journal as it was when the session began.
        """
        self.reads = {evaluator.name: targets_read(evaluator) for evaluator in evaluators}
        """Evaluator → the targets whose answers it reads."""
        read = frozenset[str]().union(*self.reads.values())
        self.read = tuple(name for name in planned if name in read)
        """The run's targets whose answers others read."""
        self._done = done
        self._positions: dict[int, int] = {}
        self._waiting: dict[int, list[WaitingT]] = {}

    def positions(self, cell: CellId, place: int) -> dict[str, int | None]:
        """Of each target that others read: where its outcome for this case and repeat begins, None if nowhere yet."""
        first = self._done.of_target(cell.target).start
        found: dict[str, int | None] = {}
        for name in self.read:
            if name != cell.target:
                other = self._done.of_target(name).start + place - first
                found[name] = self._positions.get(other, self._done.outcome(other) if self._kept(other) else None)
        return found

    def arrived(self, cell: CellId, place: int, position: int) -> list[WaitingT]:
        """Note a cell's outcome, at `position` of the journal; what has waited for it."""
        if cell.target not in self.read:
            return []
        self._positions[place] = position
        return self._waiting.pop(place, [])

    def wait(self, cell: CellId, place: int, waiting: WaitingT) -> bool:
        """Keep what has to wait for another target's answer; False where all are there."""
        if not self.read:
            return False
        missing = [name for name, position in self.positions(cell, place).items() if position is None]
        if not missing:
            return False
        other = self._done.of_target(missing[0]).start + place - self._done.of_target(cell.target).start
        self._waiting.setdefault(other, []).append(waiting)
        return True

    def _kept(self, place: int) -> bool:
        # A cell that failed before is answered anew in this session, if it is worked on at all.
        return self._done.has_output(place)
