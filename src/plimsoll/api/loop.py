"""The one place that enters the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, TypeVar

from plimsoll.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")
_CLOSING_SECONDS = 20.0
"""Given to what is open, once nobody wants it any more; workers end by themselves with our process."""


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. Inside a running loop (a notebook) it runs in a thread of its own.

    Raises:
        KeyboardInterrupt: Ctrl-C; the coroutine was cancelled and has cleaned up by then.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # With a factory it leaves the thread's current loop alone: a caller's own tests may rest on one.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(work)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="plimsoll-loop") as pool:
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()
        ended = pool.submit(asyncio.run, _announced(work, started))
        try:
            return ended.result()
        except KeyboardInterrupt:
            # The thread hears nothing of a Ctrl-C, and leaving the pool waits for it.
            loop, task = started.result()
            loop.call_soon_threadsafe(task.cancel)
            raise


async def _announced(work: Coroutine[Any, Any, T], started: Future[tuple[asyncio.AbstractEventLoop, Any]]) -> T:
    started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
    return await work


class HeldOpen(Generic[T]):
    """An async context that stays open in a thread with a loop of its own, for callers that come and go.

    They may be in any thread, inside a running loop too.
    """

    def __init__(self, context: AbstractAsyncContextManager[T]) -> None:
        """Open it, and wait until it is.

        Raises:
            BaseException: what opening it raised.
        """
        self._begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any], T]] = Future()
        self._over: Future[None] = Future()
        self._asking = threading.Lock()
        self._closing = False
        self._at_work: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._hold, args=(context,), name="plimsoll-held", daemon=True)
        self._thread.start()
        self._loop, self._life, self.opened = self._begun.result()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine in the loop, and wait for it.

        Raises:
            UsageError: it was closed, before or meanwhile, or this is a process that was forked since.
            KeyboardInterrupt: Ctrl-C; the coroutine is cancelled.
        """
        # Before the lock: in a forked process nobody lets go of it.
        if not self._thread.is_alive():
            work.close()
            raise _closed()
        with self._asking:
            if self._closing:
                work.close()
                raise _closed()
            answer = asyncio.run_coroutine_threadsafe(self._worked(work), self._loop)
        try:
            # A loop that ends otherwise than by being closed answers nothing more.
            ends: tuple[Future[Any], ...] = (answer, self._over)
            wait(ends, return_when=FIRST_COMPLETED)
        except BaseException:
            answer.cancel()
            raise
        if not answer.done() or answer.cancelled():
            answer.cancel()
            work.close()
            raise _closed()
        return answer.result()

    def close(self) -> None:
        """Leave the context and wait until that is done; once more does nothing."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._life.cancel)
        self._thread.join(_CLOSING_SECONDS)

    async def _worked(self, work: Coroutine[Any, Any, R]) -> R:
        task = asyncio.current_task()
        assert task is not None
        if self._closing:
            work.close()
            raise _closed()
        self._at_work.add(task)
        try:
            return await work
        finally:
            self._at_work.discard(task)

    async def _leave(self) -> None:
        """End what is at work while all that it uses is still open, and let nothing begin any more."""
        with self._asking:
            self._closing = True
        # What was asked until now becomes a task in the first of these steps, and begins in the second.
        for _ in range(2):
            await asyncio.sleep(0)
        rest = [*self._at_work]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _hold(self, context: AbstractAsyncContextManager[T]) -> None:
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._live(context))
        finally:
            self._over.set_result(None)

    async def _live(self, context: AbstractAsyncContextManager[T]) -> None:
        loop, life = asyncio.get_running_loop(), asyncio.current_task()
        assert life is not None
        try:
            async with context as opened:
                self._begun.set_result((loop, life, opened))
                try:
                    await loop.create_future()
                finally:
                    await self._leave()
        except BaseException as error:
            if self._begun.done():
                raise
            self._begun.set_exception(error)


def _closed() -> UsageError:
    return UsageError(
        "what was opened is closed, or was opened by the process that this one was forked from",
        remedy="open it again, in the process that uses it",
    )
