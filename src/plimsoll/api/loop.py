"""The one place that enters the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. Inside a running loop (a notebook) it runs in a thread of its own.

    Raises:
        KeyboardInterrupt: Ctrl-C; the coroutine was cancelled and has cleaned up by then.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
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
