"""What a decision rests on beside cells and policy: certificates, quarantine, how far a sequential run had come.

All of it is sealed with the verdict, so that it can be decided again from what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from plimsoll.calibration import Certificates
from plimsoll.errors import UsageError
from plimsoll.types import Attempts, Look, Quarantined

NO_CERTIFICATES = Certificates({}, datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Grounds:
    """Values that `decide` takes as they are given."""

    certificates: Certificates = NO_CERTIFICATES
    """The judges' own, and the time by which they must hold."""
    quarantine: tuple[Quarantined, ...] = ()
    at: datetime | None = None
    """When it is decided: an entry of the quarantine that ended before does not count. None takes all."""
    look: Look | None = None
    """Of a sequential run."""
    attempts: Attempts | None = None
    gone: tuple[str, ...] = ()
    """Cases that the baseline's evidence has and the dataset lacks, or has with other content."""

    @property
    def in_force(self) -> tuple[Quarantined, ...]:
        """The quarantine without what has expired."""
        today = date.min if self.at is None else self.at.astimezone(UTC).date()
        return tuple(entry for entry in self.quarantine if today <= last_day(entry))


def last_day(entry: Quarantined) -> date:
    """The last day on which an entry of a quarantine holds.

    Raises:
        UsageError: it names none.
    """
    try:
        return date.fromisoformat(entry.expires)
    except ValueError:
        raise UsageError(
            f"the quarantine of {entry.case} names no day on which it ends: {entry.expires!r}",
            remedy="write expires: YYYY-MM-DD",
        ) from None
