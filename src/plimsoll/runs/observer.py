"""Who hears of a run while it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plimsoll.runs.plan import Plan
from plimsoll.types import CellRecord, Decision, Look, Usage


class Observer(Protocol):
    """Shows progress. Must be quick, and must not raise."""

    def planned(self, plan: Plan, owed: int) -> None:
        """The run is about to begin; of the plan's cells `owed` are left to do."""
        ...

    def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
        """A cell has its outcome and all its scores, and had not before this session.

        Args:
            record: The cell.
            asked: What was asked of models for it in this session, by its target and by judges; nothing that was
                reused.
        """
        ...

    def looked(self, look: Look, outcome: Decision) -> None:
        """A sequential run came to a look, and it was decided there or not."""
        ...


class Silent:
    """Shows nothing."""

    def planned(self, plan: Plan, owed: int) -> None:
        """Ignored."""

    def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
        """Ignored."""

    def looked(self, look: Look, outcome: Decision) -> None:
        """Ignored."""
