"""Which cells have no answer, or lack a score that they were to have."""

from __future__ import annotations

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


def missing_cells(view: View) -> list[MissingCell]:
    """Every cell of the view that something is missing of, in the order of its cases: worst first."""
    found = []
    for row in view.cases:
        for answer in row.answers:
            what = _what(answer)
            if what:
                repeat = f", repeat {answer.repeat}" if answer.repeat else ""
                found.append(MissingCell(row.id, f"{answer.target}{repeat}", what, row.place))
    return found


def _what(answer: AnswerView) -> str:
    """Empty where nothing is missing."""
    if answer.kind:
        return f"{answer.kind}: {answer.text}"
    if answer.standing is Standing.NOT_RUN:
        return "was planned and never run"
    return "; ".join(f"{score.metric}: {score.note}" for score in answer.scores if score.state == "failed")
