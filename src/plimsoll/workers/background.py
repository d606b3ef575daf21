"""A worker for callers that have no event loop: its pipes are served by a thread with a loop of its own.

The thread sleeps unless the worker speaks, so it takes nothing from whatever else the process does meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.workers.errors import WorkerError
from plimsoll.workers.process import WorkerProcess


class BackgroundWorker:
    """A worker that starts with the block, without waiting for it, and is gone when the block ends."""

    def __init__(
        self,
        module: str,
        *,
        python: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ready_timeout: float = 60.0,
    ) -> None:
        """A worker that is not started; the arguments are those of `WorkerProcess.start`."""
        self._module, self._python = module, python
        self._env, self._cwd, self._ready_timeout = env, cwd, ready_timeout
        self._begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()
        self._thread = threading.Thread(target=self._run, name=f"plimsoll-{module.rpartition('.')[2]}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop, life = self._begun.result()
        loop.call_soon_threadsafe(life.cancel)
        self._thread.join()

    def submit(self, method: str, params: Any = None, *, timeout: float | None = None) -> Future[Any]:
        """Call a handler; the future of its answer. Only inside the block.

        The future raises what `WorkerProcess.call` does; WorkerDiedError, WorkerTimeoutError or OSError also where the
        worker could not be started.
        """
        loop, _ = self._begun.result()
        return asyncio.run_coroutine_threadsafe(self._call(method, params, timeout), loop)

    async def _call(self, method: str, params: Any, timeout: float | None) -> Any:  # noqa: ASYNC109  # as `WorkerProcess.call`
        worker = await asyncio.shield(self._started)
        return await worker.call(method, params, timeout=timeout)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._live())

    async def _live(self) -> None:
        loop, life = asyncio.get_running_loop(), asyncio.current_task()
        assert life is not None
        self._started: asyncio.Future[WorkerProcess] = loop.create_future()
        self._begun.set_result((loop, life))
        until_cancelled = loop.create_future()
        try:
            worker = await WorkerProcess.start(
                self._module, python=self._python, env=self._env, cwd=self._cwd, ready_timeout=self._ready_timeout
            )
        except (WorkerError, OSError) as error:
            self._started.set_exception(error)
            # Looked at here, so that a start that nobody waits for is not reported as an error never retrieved.
            self._started.exception()
            await until_cancelled
        else:
            async with worker:
                self._started.set_result(worker)
                await until_cancelled
