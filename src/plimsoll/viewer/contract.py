"""What the viewer is given, and how it says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from plimsoll.reports.model import View
from plimsoll.types import Report, Verdict


class Reading(Protocol):
    """Knows what was decided over a run, and how it is shown as a whole."""

    def verdicts(self, folder: Path, suite: str) -> tuple[Verdict, ...]:
        """What gates decided over the run.

        Raises:
            ConfigError: a verdict is damaged.
        """
        ...

    def view(self, folder: Path, report: Report) -> View:
        """The run's view, as its report shows it.

        Raises:
            ConfigError: the run is damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the viewer works, and for whom."""

    state: Path
    """The workspace's state folder: runs and labels are in it."""
    reading: Reading
    who: str
    """Whose labels are given here."""
    clock: Callable[[], str]
    """Now, ISO 8601, UTC."""
    name: str = ""
    """The workspace's, for the pages' heads."""

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return self.state / "runs"


class Refused(Exception):  # noqa: N818  # an answer, no error of ours
    """A request that gets no page, and why."""

    def __init__(self, status: int, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.remedy = status, message, remedy
