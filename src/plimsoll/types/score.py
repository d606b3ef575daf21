"""A score is one of three things, and missing is none of them by accident."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from plimsoll.types.chat import Usage
from plimsoll.types.output import Failure

ScoreValue: TypeAlias = bool | float | str


class Scored(Struct, frozen=True, kw_only=True, tag="ok", tag_field="status"):
    """The evaluator gave a value, checked against the metric's kind and range."""

    value: ScoreValue
    reason: str | None = None
    """Why, in a sentence, where the evaluator can say."""
    passed: bool | None = None
    """Whether the case passes by the metric's `pass_if`; None where there is no such condition."""
    usage: Usage = Usage()
    """What judging cost; no requests for a deterministic evaluator."""
    detail: str | None = None
    """What the evaluator's own `aggregate` is made of beside the value, in a form of its own; shown nowhere."""
    turns: tuple[Scored | Failed | Skipped, ...] = ()
    """Of a conversation that was scored turn by turn, each turn's score in order; usage above is their sum."""

    def undecided(self) -> Scored:
        """This without a pass or fail, its turns likewise: those are by the condition of the day."""
        turns = tuple(turn.undecided() if isinstance(turn, Scored) else turn for turn in self.turns)
        return replace(self, passed=None, turns=turns)


class Failed(Struct, frozen=True, kw_only=True, tag="failed", tag_field="status"):
    """The evaluator was to give a value and could not. Counts as missing, never as zero."""

    failure: Failure
    usage: Usage = Usage()
    turns: tuple[Scored | Failed | Skipped, ...] = ()
    """As of a score that is there: one of them at least failed."""


class Skipped(Struct, frozen=True, kw_only=True, tag="skipped", tag_field="status"):
    """The metric does not apply to this cell (no output to score; a field that the case rightly lacks)."""

    reason: str


Score: TypeAlias = Scored | Failed | Skipped
