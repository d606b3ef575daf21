"""The embedded model: a real, small language model on this machine, behind one OpenAI-compatible address.

Some workers, each a process with one slot (`embedded_worker`), stand behind a front in the main process
(`embedded_front`), so that flows, judges and any other client share one base_url and no request meets a busy slot.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.errors import InfrastructureError, MissingExtraError, PlimsollError, UsageError
from plimsoll.models.embedded_front import Front, Slot
from plimsoll.models.embedded_worker import CONTEXT
from plimsoll.models.weights import SMOLLM2, Weights, cache_folder, find_weights
from plimsoll.workers import WorkerDiedError, WorkerError, WorkerProcess

_ENGINE = "xllamacpp"
_WORKERS = 2
_READY = 60.0


class EmbeddedModel:
    """The model while the block runs: `base_url`, `model`, `workers`."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        environ: Mapping[str, str] | None = None,
        cache: Path | None = None,
        weights: Weights = SMOLLM2,
        engine: str = _ENGINE,
    ) -> None:
        """Nothing is started yet.

        Args:
            workers: processes, each answering one request at a time; default: two, or one on a single core.
            environ: the workers' environment; default: the process's.
            cache: where fetched weights lie; default: the user's cache folder.
            weights: which file.
            engine: the package that runs it.
        """
        self.workers = workers or min(_WORKERS, _cores())
        self.model = weights.model
        self._weights = weights
        self._engine = engine
        self._environ = dict(os.environ if environ is None else environ)
        self._cache = cache or cache_folder(self._environ)
        self._stack = AsyncExitStack()
        self._front: Front | None = None

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as base_url."""
        assert self._front is not None, "the embedded model is not open"
        return self._front.base_url

    @property
    def place(self) -> dict[str, Any]:
        """The part of a model's identity that says which model this is: weights and engine, not the port."""
        return {
            "provider": "embedded",
            "weights": self._weights.digest,
            "engine": f"{self._engine} {importlib.metadata.version(self._engine)}",
            "context": CONTEXT,
        }

    @property
    def processes(self) -> tuple[int, ...]:
        """The workers' process ids."""
        assert self._front is not None, "the embedded model is not open"
        return tuple(slot.worker.pid for slot in self._front.slots)

    @property
    def started(self) -> bool:
        """Whether it is open."""
        return self._front is not None

    async def find(self) -> Path:
        """Where the weights are: what has to be there before it can be started.

        Raises:
            MissingExtraError: the engine is not installed.
            UsageError: the weights are missing, or are not what they should be.
        """
        if importlib.util.find_spec(self._engine) is None:
            raise MissingExtraError("the embedded model", "embedded")
        return await asyncio.to_thread(find_weights, self._cache, self._weights)

    async def __aenter__(self) -> Self:
        """Start the workers at once and the front.

        Raises:
            MissingExtraError: the engine is not installed.
            UsageError: the weights or a system library are missing.
            InfrastructureError: a worker does not start.
        """
        path = await self.find()
        try:
            slots = [Slot(lambda: self._start(path)) for _ in range(self.workers)]
            for slot in slots:
                self._stack.push_async_callback(slot.stop)
            await _all(slot.start() for slot in slots)
            self._front = await self._stack.enter_async_context(Front(slots))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, path: Path) -> tuple[WorkerProcess, str]:
        # Threads that spin while they wait bring a shared machine to a token a second.
        env = {**self._environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        try:
            worker = await WorkerProcess.start(
                "plimsoll.models.embedded_worker", args=[str(path), self.model], env=env, ready_timeout=_READY
            )
            return worker, await worker.call("address")
        except WorkerError as error:
            raise explain(error) from None


def explain(error: WorkerError) -> PlimsollError:
    """Why a worker of the embedded model did not start, with what to do about it."""
    said = error.stderr if isinstance(error, WorkerDiedError) else ""
    if "libgomp" in said:
        return UsageError(
            "the embedded model needs the system library libgomp.so.1, which is not installed",
            remedy="apt-get install libgomp1, dnf install libgomp, or what your system calls it",
        )
    return InfrastructureError(
        f"the embedded model does not start: {error}",
        remedy="`plimsoll doctor` tries it alone; it needs 350 MiB a worker",
    )


async def _all(starts: Any) -> None:
    # Not gather: when one fails the others must be awaited, or their processes would be left.
    results = await asyncio.gather(*starts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
