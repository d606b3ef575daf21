"""Which cells have no answer, or lack a score that they were to have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from plimsoll.reports.model import AnswerView, Standing, View


class MissingCell(NamedTuple):
    """A case of a target, in one of its repeats."""

    case: str
    target: str
    what: str
    """Why, in words."""
    place: int
    """Of the case in the dataset, from 1."""


class MissingAlike(NamedTuple):
    """Cells that something is missing of for one and the same reason."""

    what: str
    cells: tuple[MissingCell, ...]

    @property
    def cases(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(cell.case for cell in self.cells))

    @property
    def targets(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(cell.target for cell in self.cells))


def alike(cells: Iterable[MissingCell]) -> list[MissingAlike]:
    """The cells by why something is missing: an outage is one reason, however many cases it hit."""
    found: dict[str, list[MissingCell]] = {}
    for cell in cells:
        found.setdefault(cell.what, []).append(cell)
    return [MissingAlike(what, tuple(of)) for what, of in found.items()]


def missing_cells(view: View) -> list[MissingCell]:
    """Every cell of the view that something is missing of, in the order of its cases: worst first."""
    found = []
    for row in view.cases:
        for answer in row.answers:
            what = _what(answer)
            if what:
                repeat = f" (repeat {answer.repeat})" if answer.repeat else ""
                found.append(MissingCell(row.id, f"{answer.target}{repeat}", what, row.place))
    return found


def _what(answer: AnswerView) -> str:
    """Empty where nothing is missing."""
    if answer.kind:
        return f"{answer.kind}: {answer.text}"
    if answer.standing is Standing.NOT_RUN:
        return "was planned and never run"
    return "; ".join(f"{score.metric}: {score.note}" for score in answer.scores if score.state == "failed")
