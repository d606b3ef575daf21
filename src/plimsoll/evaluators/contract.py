"""What an evaluator is: a small typed value with declared metrics, required fields, and one method."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol, TypeAlias

from plimsoll.types import Case, Metric, Output, Score, ScoreValue

Returned: TypeAlias = ScoreValue | Score | None | Mapping[str, "ScoreValue | Score | None"]
"""A plain value or a Score for the only metric, or one for each metric by name. None is «does not apply»."""


class Evaluator(Protocol):
    """Scores one output of one case. Never sees the target's name, other cases, or the threshold."""

    @property
    def name(self) -> str:
        """Unique in the suite."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric that it gives."""
        ...

    @property
    def requires(self) -> frozenset[str]:
        """The case fields that it reads: checked before the call, and part of the score's identity."""
        ...

    @property
    def reusable(self) -> bool:
        """Whether an equal output scores the same: false where the score is about this run, like its latency."""
        ...

    def identity(self) -> dict[str, Any]:
        """Kind, version, settings, code or prompt digest, model: what the score depends on beside its inputs."""
        ...

    def evaluate(self, case: Case, output: Output) -> Returned | Awaitable[Returned]:
        """The value or values. Plain exceptions are the evaluator's failure on this cell."""
        ...
