"""Why a promotion is refused, and what is wrong with something that was stored."""

from __future__ import annotations

from plimsoll.errors import InfrastructureError, PlimsollError, UsageError
from plimsoll.types import Decision


class StaleChampionError(UsageError):
    """The champion is not the one that the gate measured against, so its verdict says nothing about today's."""


class RefusedVerdictError(PlimsollError):
    """The verdict is not a pass. The exit code is the verdict's own."""

    def __init__(self, verdict: Decision, remedy: str) -> None:
        super().__init__(f"the gate's verdict is {verdict.value}; only a pass is promoted", remedy=remedy)
        self.exit_code = verdict.exit_code


class TamperedError(InfrastructureError):
    """What the store holds is not what was put there."""
