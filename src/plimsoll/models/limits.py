"""Who may send now: requests at once, requests and tokens a minute, and a pause that the endpoint asked for.

One `Limiter` for one account's quota at one endpoint, shared by all models that draw on it. First come, first
served. Waiting here is no latency and counts against nobody's time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from plimsoll.errors import CellError
from plimsoll.models.concurrency import Concurrency
from plimsoll.models.rates import RateLimit, Taken
from plimsoll.models.retries import is_overload

_SHORTEST = 0.001
"""Seconds: a timer may fire a hair before its time."""


class Limiter:
    """Gives out permits to send one request each."""

    def __init__(
        self,
        concurrency: Concurrency,
        *,
        requests: RateLimit | None = None,
        tokens: RateLimit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A limiter with nothing under way.

        Args:
            concurrency: requests at once.
            requests: a minute; None is no limit.
            tokens: a minute, of prompts and answers together; None is no limit.
            clock: seconds, never backwards; the one that the rate limits have.
        """
        self._concurrency = concurrency
        self._requests = requests
        self._tokens = tokens
        self._clock = clock
        self._in_flight = 0
        self._sent = 0
        self._paused_until = -math.inf
        self._waiting: deque[tuple[Permit, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether a permit needs an estimate of its tokens."""
        return self._tokens is not None

    @property
    def concurrency(self) -> int:
        """The most requests that can be under way at once."""
        return self._concurrency.most

    @property
    def in_flight(self) -> int:
        """Requests under way now."""
        return self._in_flight

    def permit(self, tokens: int = 0) -> Permit:
        """Leave to send one request, inside `async with`; what the block raises tells the limiter how it went.

        Args:
            tokens: of prompt and answer, as estimated; `Permit.used` corrects it.
        """
        return Permit(self, tokens)

    def pause(self, seconds: float) -> None:
        """Give out no permit for so long: the endpoint asked for it, and all who draw on the quota wait together."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def _acquire(self, permit: Permit) -> None:
        if not self._waiting and self._delay(permit) <= 0:
            self._grant(permit)
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((permit, granted))
        self._advance()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                with suppress(ValueError):
                    self._waiting.remove((permit, granted))
            else:
                self._in_flight -= 1
            self._advance()
            raise

    def _release(self, permit: Permit, error: BaseException | None) -> None:
        if error is None:
            self._concurrency.answered(in_flight=self._in_flight)
        elif isinstance(error, CellError) and is_overload(error):
            self._concurrency.overloaded(permit.number, sent=self._sent, in_flight=self._in_flight)
        self._in_flight -= 1
        self._advance()

    def _correct(self, permit: Permit, tokens: int) -> None:
        if self._tokens is not None and permit.taken is not None:
            self._tokens.correct(permit.taken, tokens)

    def _delay(self, permit: Permit) -> float:
        """Seconds until it may be given; infinite where that depends on others' coming back."""
        if self._in_flight >= self._concurrency.limit:
            return math.inf
        delay = self._paused_until - self._clock()
        if self._requests is not None:
            delay = max(delay, self._requests.delay(1))
        if self._tokens is not None:
            delay = max(delay, self._tokens.delay(permit.tokens))
        return delay

    def _grant(self, permit: Permit) -> None:
        self._in_flight += 1
        self._sent += 1
        permit.number = self._sent
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            permit.taken = self._tokens.take(permit.tokens)

    def _advance(self) -> None:
        """Serve those who wait, in their order, as far as it goes now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            permit, granted = self._waiting[0]
            if granted.cancelled():
                self._waiting.popleft()
                continue
            delay = self._delay(permit)
            if delay == math.inf:
                return
            if delay > 0:
                self._timer = asyncio.get_running_loop().call_later(max(delay, _SHORTEST), self._advance)
                return
            self._waiting.popleft()
            self._grant(permit)
            granted.set_result(None)


class Permit:
    """Leave to send one request. Holds its place from entering to leaving the block."""

    __slots__ = ("_limiter", "number", "taken", "tokens")

    def __init__(self, limiter: Limiter, tokens: int) -> None:
        """Not yet given.

        Args:
            limiter: who gives it.
            tokens: as estimated.
        """
        self._limiter = limiter
        self.tokens = tokens
        self.number = 0
        self.taken: Taken | None = None

    def used(self, tokens: int | None) -> None:
        """Correct the estimate by what the endpoint counted; None, where it doesn't say, leaves it."""
        if tokens is not None:
            self._limiter._correct(self, tokens)  # noqa: SLF001  # the two are one

    async def __aenter__(self) -> Self:
        await self._limiter._acquire(self)  # noqa: SLF001
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limiter._release(self, error)  # noqa: SLF001
