"""How many requests may be under way at once: a number that is given, or one that follows what the endpoint bears.

Pure: told what came of each request, it says the limit. Requests are told apart by their number in the order in which
they were sent, so that no clock is needed to know what belongs to one round trip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

_START = 8
_DECREASE = 0.7


class Concurrency(Protocol):
    """A limit on requests at once."""

    @property
    def limit(self) -> int:
        """Requests that may be under way now; at least 1."""
        ...

    @property
    def most(self) -> int:
        """What the limit never passes."""
        ...

    def answered(self, *, in_flight: int) -> None:
        """A request came back well, when `in_flight` were under way with it."""
        ...

    def overloaded(self, number: int, *, sent: int, in_flight: int) -> None:
        """The endpoint had no room for the request of this number; `sent` is the number of the latest."""
        ...


@dataclass(frozen=True, slots=True)
class FixedConcurrency:
    """Always the same."""

    limit: int

    @property
    def most(self) -> int:
        """The same."""
        return self.limit

    def answered(self, *, in_flight: int) -> None:
        """Changes nothing."""

    def overloaded(self, number: int, *, sent: int, in_flight: int) -> None:
        """Changes nothing."""


class AdaptiveConcurrency:
    """Additive increase, multiplicative decrease (Chiu & Jain 1989), with TCP's slow start (RFC 5681).

    Until the endpoint first says that it is too much, each answer raises the limit by one: it doubles with each
    round trip. From then on a whole round of answers raises it by one. Only answers that came while the limit was used
    to the full count: those that came while little was asked say nothing. What was too much lowers it to 0.7 of
    what was under way, once a round trip: requests that were sent before the last decrease tell of the load
    before it.
    """

    def __init__(self, most: int) -> None:
        """Starts with 8.

        Args:
            most: what it never passes.
        """
        self._most = most
        self._limit = min(_START, most)
        self._slow_start = True
        self._answers = 0
        self._decreased_at = 0

    @property
    def limit(self) -> int:
        """Requests that may be under way now."""
        return self._limit

    @property
    def most(self) -> int:
        """What the limit never passes."""
        return self._most

    def answered(self, *, in_flight: int) -> None:
        """Count one answer towards a higher limit."""
        if in_flight < self._limit or self._limit >= self._most:
            return
        self._answers += 1
        if self._slow_start or self._answers >= self._limit:
            self._limit += 1
            self._answers = 0

    def overloaded(self, number: int, *, sent: int, in_flight: int) -> None:
        """Lower the limit, if this request was sent after the last decrease."""
        if number <= self._decreased_at:
            return
        self._decreased_at = sent
        self._slow_start = False
        self._answers = 0
        self._limit = max(1, int(min(self._limit, in_flight) * _DECREASE))
