"""One call to an endpoint: sent when its limits allow, sent again where that may help, ended when the endpoint is down.

The only owner of retries and limits, for models and for HTTP targets. No place is held while waiting to send
again: the limits say by themselves how much the endpoint gets, and a place that is held by a wait is a request that
somebody else could have had answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from plimsoll.errors import CellError
from plimsoll.models.breaker import Breaker
from plimsoll.models.failures import timeout_failure
from plimsoll.models.limits import Limiter, Permit
from plimsoll.models.retries import Backoff, OverloadError, worth_another

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """How the calls of one model or target go out."""

    at: str
    """The endpoint, for messages."""
    limiter: Limiter
    breaker: Breaker
    timeout: float
    """Seconds for one attempt."""
    retries: int
    """How often a request that may succeed later is sent again."""
    give_up_after: float
    """Seconds for a call: its attempts and the waits between them. Waiting for limits, or for an endpoint that
    answers nobody, is not counted: a long queue fails no cell."""
    backoff: Backoff

    async def call(self, send: Callable[[Permit], Awaitable[T]], tokens: int = 0) -> tuple[T, int]:
        """The answer, and how many requests it took.

        Args:
            send: one attempt; raises a `CellError` where it fails, and may be cancelled when its time is up.
            tokens: of prompt and answer, as estimated; only where the limiter counts them.

        Raises:
            CellError: what came of the last attempt, with the number of requests; with `down` where the endpoint was
                given up.
        """
        course = _Course(self)
        try:
            async with self.breaker.call():
                while True:
                    try:
                        return await self._attempt(send, tokens, course), course.requests
                    except CellError as error:
                        wait = course.wait(error)
                        if wait is None:
                            raise
                    await asyncio.sleep(wait)
        except CellError as error:
            error.requests = course.requests
            raise

    async def _attempt(self, send: Callable[[Permit], Awaitable[T]], tokens: int, course: _Course) -> T:
        queued = time.monotonic()
        async with self.breaker.attempt(), self.limiter.permit(tokens) as permit:
            left = course.sent(time.monotonic() - queued)
            try:
                with self.breaker.sending():
                    async with asyncio.timeout(min(self.timeout, left)):
                        return await send(permit)
            except TimeoutError:
                if course.failure is not None and left < self.timeout:
                    # Cut short by what came before, which tells more than that the time was up.
                    raise course.failure from None
                raise timeout_failure(self.at, min(self.timeout, left)) from None
            except CellError as error:
                course.failure = error
                if error.retry_after is not None and error.retry_after < self.give_up_after:
                    self.limiter.pause(error.retry_after)
                raise


class _Course:
    """What one call has been through."""

    def __init__(self, caller: Caller) -> None:
        self.requests = 0
        self.failure: CellError | None = None
        self._caller = caller
        self._left = caller.give_up_after
        self._counted = 0.0
        """The time up to which `_left` is known."""
        self._answers = 0
        """The endpoint's, to anybody, when the last request went out."""
        self._doublings = 0

    def sent(self, queued: float) -> float:
        """A request goes out, after so many seconds in a queue. Returns the seconds that are left."""
        now = time.monotonic()
        if self.requests:
            self._left -= now - self._counted - queued
        self.requests += 1
        self._counted = now
        self._answers = self._caller.breaker.answers
        return self._left

    def wait(self, error: CellError) -> float | None:
        """Seconds until it is sent again; None where it is not."""
        left = self._left - (time.monotonic() - self._counted)
        if self.requests > self._caller.retries or not worth_another(error, left):
            return None
        if error.retry_after is not None:
            return error.retry_after
        if self._caller.breaker.answers > self._answers and not isinstance(error, OverloadError):
            return self._caller.backoff.wait_isolated()
        self._doublings += 1
        return self._caller.backoff.wait(self._doublings - 1)
