"""Notices that an endpoint as a whole is down, and ends what goes there, instead of each request trying for minutes.

Three states. Normally every request goes. After ten failures in a row without one answer between them the rest is held
back, and one request at a time finds out whether it answers again: so a server that is restarted costs time, not
cells, and is not stormed when it comes back. When that has lasted for as long as the kind of failure may pass by
itself, the endpoint is down: every call there ends at once with a failure that says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.retries import Backoff

_IN_A_ROW = 10
_UNREACHABLE = frozenset({FailureKind.CONNECTION, FailureKind.AUTH, FailureKind.NOT_FOUND})
_BY_ITS_FAULT = _UNREACHABLE | {FailureKind.SERVER, FailureKind.TIMEOUT, FailureKind.RATE_LIMIT}
"""Failures that may be the endpoint's as a whole. Any other is an answer: it is there, and this case is at fault."""
_LONGEST_PROBE = 5.0
"""Seconds between two requests that find out whether it answers again."""
_RESTART = 30.0
"""Seconds for a server that has answered before to come back."""
_AT_FIRST = {FailureKind.AUTH: 0.0, FailureKind.NOT_FOUND: 0.0, FailureKind.CONNECTION: 2.0}
"""Seconds, where it never answered: a wrong key or name stays wrong, a network may hiccup."""
_TROUBLED = {FailureKind.SERVER: 60.0, FailureKind.TIMEOUT: 60.0, FailureKind.RATE_LIMIT: 120.0}
"""Seconds for an overload to pass; limits are counted by the minute, and the first one is used up already."""


class Breaker:
    """Hears of every attempt at one endpoint."""

    def __init__(self, backoff: Backoff | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """A breaker that knows nothing bad.

        Args:
            backoff: waits between two requests while it does not answer.
            clock: seconds, never backwards.
        """
        self._backoff = backoff or Backoff()
        self._clock = clock
        self.answers = 0
        """Requests that were answered, of all calls."""
        self._out = 0
        """Requests that are under way."""
        self.failures = 0
        """In a row, up to now."""
        self._since = 0.0
        self._until = 0.0
        """When it counts as down, if nothing is answered before."""
        self._verdict: CellError | None = None
        self._probing = False
        self._changed = asyncio.Event()
        self._calls: set[asyncio.Timeout] = set()

    @property
    def down(self) -> bool:
        """Whether the endpoint was given up; then for good."""
        return self._verdict is not None

    @property
    def why(self) -> str | None:
        """Why the endpoint was given up, with what to do; None where it was not."""
        return None if self._verdict is None else f"{self._verdict.message} ({self._verdict.remedy})"

    @property
    def holds(self) -> bool:
        """Whether requests are sent one at a time only."""
        return self.failures >= _IN_A_ROW

    def answered(self) -> None:
        """The endpoint is there."""
        self.answers += 1
        if self.failures:
            self.failures = 0
            self._tell()

    def failed(self, error: CellError) -> None:
        """An attempt failed, by the endpoint's fault or by the case's."""
        if error.kind not in _BY_ITS_FAULT:
            self.answered()
            return
        if not self.failures:
            self._since = self._clock()
        self.failures += 1
        self._until = self._since + self._patience(error)
        if self.holds and self._verdict is None and self._clock() >= self._until:
            self._verdict = _given_up(error, self.failures)
            for call in self._calls:
                call.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Around a whole call, with its waits: it ends as soon as the endpoint is down.

        Raises:
            CellError: with `down`; what the endpoint did last.
        """
        if self._verdict is None:
            try:
                async with asyncio.timeout(None) as end:
                    self._calls.add(end)
                    try:
                        yield
                    finally:
                        self._calls.discard(end)
            except TimeoutError:
                if not end.expired():
                    raise
            except CellError:
                if self._verdict is None:
                    raise
            else:
                return
        assert self._verdict is not None
        # A new one for each call: its number of requests is its own.
        last = self._verdict
        raise CellError(last.kind, last.message, remedy=last.remedy, retry_after=last.retry_after, down=True)

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Around one attempt, with the wait for its limits: held back while nothing answers; its outcome is counted."""
        probe = self.holds and await self._turn()
        try:
            yield
        except CellError as error:
            self.failed(error)
            raise
        else:
            self.answered()
        finally:
            if probe:
                self._probing = False
                self._tell()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Around a request that is under way."""
        self._out += 1
        try:
            yield
        finally:
            self._out -= 1

    async def _turn(self) -> bool:
        """Wait for leave to send; True where it is the one that finds out."""
        while self.holds:
            if not self._probing:
                self._probing = True
                try:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._pause()):
                            await self._changed.wait()
                except asyncio.CancelledError:
                    self._probing = False
                    self._tell()
                    raise
                return True
            await self._changed.wait()
        return False

    def _pause(self) -> float:
        left = self._until - self._clock()
        if left <= _LONGEST_PROBE:
            # The one that decides: any that went before it would be a case lost that has no retries.
            return max(left, 0.0)
        return min(self._backoff.wait(self.failures - _IN_A_ROW), _LONGEST_PROBE)

    def _tell(self) -> None:
        """Wake all who wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _patience(self, error: CellError) -> float:
        """Seconds for which nothing but such failures may come."""
        troubled = _TROUBLED.get(error.kind)
        if troubled is not None and (error.retry_after or 0.0) <= troubled:
            return troubled
        # What is still under way may be answered yet: a cut connection is told at once, an answer takes its time.
        unsure = bool(self._out) and error.kind is FailureKind.CONNECTION
        return _RESTART if self.answers or unsure else _AT_FIRST.get(error.kind, 0.0)


def _given_up(last: CellError, failures: int) -> CellError:
    message = f"{last.message}; {failures} attempts in a row failed, so it counts as down"
    return CellError(last.kind, message, remedy=last.remedy, retry_after=last.retry_after)
