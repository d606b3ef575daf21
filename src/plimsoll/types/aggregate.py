"""Figures over all of a target's scores: what an aggregate is made of, and what it is."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct, field

from plimsoll.types.case import Case
from plimsoll.types.output import Failure, Output
from plimsoll.types.score import Failed, Score, Scored, ScoreValue

AggregateFigure: TypeAlias = float | Failure
"""A finite number, or why there is none."""


class CaseScores(Struct, frozen=True, kw_only=True):
    """One case of one target with an evaluator's scores of it: what an aggregate is given, holes among them."""

    case: Case
    repeat: int
    """0-based."""
    output: Output | None
    """As it was scored; None where the target gave none."""
    scores: tuple[Score, ...]
    """In the order of the evaluator's metrics."""

    @property
    def ok(self) -> bool:
        """Every metric has a value."""
        return all(isinstance(score, Scored) for score in self.scores)

    @property
    def failed(self) -> bool:
        """A metric was to have a value and has none."""
        return any(isinstance(score, Failed) for score in self.scores)

    @property
    def values(self) -> tuple[ScoreValue | None, ...]:
        """The metrics' values in their order; None where there is none."""
        return tuple(score.value if isinstance(score, Scored) else None for score in self.scores)


class Aggregate(Struct, frozen=True, kw_only=True):
    """An evaluator's figures over all of a target's cells, beside how many cells they rest on."""

    figures: dict[str, AggregateFigure] = field(default_factory=dict)
    failure: Failure | None = None
    """Why there are no figures at all; None where there are."""
    ok: int = 0
    """Cells with a value for every metric. This and the two below add up to the target's cells."""
    failed: int = 0
    """Cells of which a metric was to have a value and has none."""
    skipped: int = 0
    """Cells to which a metric does not apply, and none failed."""

    @property
    def shown(self) -> dict[str, AggregateFigure]:
        """The figures; where there are none at all, why, under an empty name."""
        return self.figures if self.failure is None else {"": self.failure}
