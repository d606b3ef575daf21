"""The MLflow writer in a thread of the test's own process, which has imported MLflow already: a real store, no waiting.

What a process alone can show (its death, that nothing of it is left) needs the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, Self

from plimsoll.config import Workspace, environment
from plimsoll.tracking import MlflowWriter, load_mlflow
from plimsoll.tracking.writer_worker import Writer
from plimsoll.workers import WorkerCallError


class ThreadWorker:
    """Answers the writer's calls one after the other. A context manager."""

    def __init__(self, before: Callable[[str], object] = lambda _: None) -> None:
        """A worker whose `before` is told each method before it is answered, and may raise in its place."""
        self._before = before
        self._handlers = Writer(load_mlflow).handlers
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def submit(self, method: str, params: Any = None, *, timeout: float | None = None) -> Future[Any]:  # noqa: ARG002  # as `BackgroundWorker`
        """Call a handler; the future of its answer, which no timeout interrupts."""
        return self._thread.submit(asyncio.run, self._answer(method, params))

    async def _answer(self, method: str, params: Any) -> Any:
        self._before(method)
        try:
            return await self._handlers[method](params)
        except WorkerCallError:
            raise
        except Exception as error:
            raise WorkerCallError(type(error).__name__, str(error)) from error


def thread_writer(
    workspace: Workspace, *, uri: str | None = None, before: Callable[[str], object] = lambda _: None
) -> MlflowWriter:
    """A writer that works in a thread.

    Args:
        workspace: Whose store it opens.
        uri: A store of the caller's own choice.
        before: Told each call before it is answered; what it raises is what the caller gets.
    """
    # Here and not in its thread: an import there changes what an import of an evaluator goes through.
    load_mlflow(environment(workspace.root))
    return MlflowWriter(workspace, uri=uri, worker=partial(ThreadWorker, before))
