"""So much in a minute: one limit over requests or tokens, exact over every minute and smooth within it.

Pure bookkeeping with the clock passed in; `limits` waits as long as this says.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_MINUTE = 60.0
_BURST = 10.0
"""Seconds' worth that may go at once after a pause: a short run is not drawn out, and a provider that counts by the
second sees no whole minute at once."""


@dataclass(slots=True)
class Taken:
    """What one request took, to be corrected when it is known better."""

    at: float
    amount: float


class RateLimit:
    """Says when the next amount may go, so that no 60 s hold more than the limit.

    Two rules. The window: what was taken in the last 60 s and the next amount stay within the limit. The pace
    (GCRA, the leaky bucket as a meter, ITU-T I.371): no more than ten seconds' worth ahead of an even flow.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        """A limit of which nothing is used.

        Args:
            per_minute: the limit.
            clock: seconds, never backwards.
        """
        self._limit = per_minute
        self._clock = clock
        self._window: deque[Taken] = deque()
        self._total = 0.0
        self._even = float("-inf")
        """When an even flow would have sent all that was taken."""

    def delay(self, amount: float) -> float:
        """Seconds until `amount` may go; 0 is now. More than the whole limit may go when nothing else was taken."""
        now = self._clock()
        self._expire(now)
        over = self._total + min(amount, self._limit) - self._limit
        window = 0.0
        for taken in self._window:
            if over <= 0:
                break
            over -= taken.amount
            window = taken.at + _MINUTE - now
        return max(0.0, window, self._even - _BURST - now)

    def take(self, amount: float) -> Taken:
        """Count `amount` as gone now."""
        now = self._clock()
        taken = Taken(now, amount)
        self._window.append(taken)
        self._total += amount
        self._even = max(self._even, now) + amount * _MINUTE / self._limit
        return taken

    def correct(self, taken: Taken, amount: float) -> None:
        """Count `amount` instead of what was taken then."""
        self._expire(self._clock())
        self._even += (amount - taken.amount) * _MINUTE / self._limit
        # Out of the window it counts no more.
        if self._window and taken.at >= self._window[0].at:
            self._total += amount - taken.amount
        taken.amount = amount

    def _expire(self, now: float) -> None:
        while self._window and self._window[0].at <= now - _MINUTE:
            self._total -= self._window.popleft().amount
        if not self._window:
            # Sums of fractions drift.
            self._total = 0.0
