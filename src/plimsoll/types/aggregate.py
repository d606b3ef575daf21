"""Figures over all of a target's scores: what an aggregate is made of, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from plimsoll.types.case import Case
from plimsoll.types.output import Failure, Output
from plimsoll.types.score import Failed, Score, Scored, ScoreValue, Skipped

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
    """Why there are no figures at all, where there should be; None where there are, or need not be."""
    unasked: str | None = None
    """Why there was nothing to make figures of; None where there was."""
    ok: int = 0
    """Cells with a value for every metric. This and the two below add up to the target's cells."""
    failed: int = 0
    """Cells of which a metric was to have a value and has none."""
    skipped: int = 0
    """Cells to which a metric does not apply, and none failed."""

    @property
    def broken(self) -> bool:
        """It was to have figures and has not one."""
        missing = bool(self.figures) and all(isinstance(figure, Failure) for figure in self.figures.values())
        return missing or self.failure is not None

    @property
    def shown(self) -> Mapping[str, AggregateFigure | Skipped]:
        """The figures; where there are none at all, why, under an empty name."""
        if self.unasked is not None:
            return {"": Skipped(reason=self.unasked)}
        return self.figures if self.failure is None else {"": self.failure}
