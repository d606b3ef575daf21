"""A clock that stands still until it is told otherwise, for whatever takes the time as an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Call it for the time now; `advance` moves it."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._now = start

    def __call__(self) -> datetime:
        """The time now, with its zone."""
        return self._now

    @property
    def seconds(self) -> float:
        """Seconds since it was made: what a monotonic clock would say."""
        return (self._now - self._start).total_seconds()

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: backwards.
        """
        if seconds < 0:
            raise ValueError("time does not go backwards")
        self._now += timedelta(seconds=seconds)
