"""A target's code in a worker process: started with its set-up, killed when a case hangs, started again when it died.

When the worker dies with several cases in it, nobody knows whose fault it was: each of them is tried once more, alone,
in a worker of its own, so that only the case that kills its worker fails. When we killed it because of a case that
hung, the others in it are known to be innocent, and go on together in a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.workers import WorkerCallError, WorkerDiedError, WorkerProcess, WorkerTimeoutError


@dataclass(slots=True)
class _Slot:
    """A place for one worker, which is started when it is first needed and again after each death."""

    worker: WorkerProcess | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class TargetWorker:
    """The worker of one target. The module serves `setup`, once a process, and `run`, once a case."""

    def __init__(
        self,
        *,
        module: str,
        setup: Mapping[str, Any],
        environment: Mapping[str, str],
        folder: Path,
        timeout: float,
        ready_timeout: float = 60.0,
        start: bool = True,
    ) -> None:
        """A worker that is not started.

        Args:
            module: What it runs.
            setup: Params of the `setup` call.
            environment: Its whole environment.
            folder: Its working directory.
            timeout: Seconds for one case.
            ready_timeout: Seconds until it serves, and then until it is set up.
            start: Start it when the block begins; else with the first case.
        """
        self._module = module
        self._setup = dict(setup)
        self._environment = environment
        self._folder = folder
        self._timeout = timeout
        self._ready_timeout = ready_timeout
        self._start = start
        self._loaded = False
        self._unusable: UsageError | None = None
        self._killed: set[WorkerProcess] = set()
        self._shared = _Slot()
        self._alone = _Slot()
        self._one_suspect = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start the first worker (unless `start` is False), so that what can't be set up is known before a case.

        Raises:
            UsageError: the target's code can't be loaded.
        """
        if self._start:
            try:
                await self._ready(self._shared)
            except BaseException:
                await self._close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def run(self, params: Mapping[str, Any]) -> Any:
        """Run one case.

        Raises:
            CellError: the code raised, took too long, or killed its worker twice.
            UsageError: the code can't be loaded.
        """
        while True:
            worker = await self._ready(self._shared)
            try:
                return await self._call(worker, params)
            except WorkerDiedError:
                if worker not in self._killed:
                    break
        async with self._one_suspect:
            try:
                return await self._call(await self._ready(self._alone), params)
            except WorkerDiedError as error:
                raise CellError(FailureKind.WORKER, f"the case killed its worker: {error}") from error

    async def _call(self, worker: WorkerProcess, params: Mapping[str, Any]) -> Any:
        try:
            return await worker.call("run", params, timeout=self._timeout)
        except WorkerTimeoutError:
            self._killed.add(worker)
            await worker.kill()
            raise CellError(FailureKind.TIMEOUT, f"no answer within {self._timeout:g} s") from None
        except WorkerCallError as error:
            raise _cell_error(error) from error

    async def _ready(self, slot: _Slot) -> WorkerProcess:
        async with slot.lock:
            if self._unusable is not None:
                # Known once, told to every case: another start would end the same.
                raise UsageError(self._unusable.message, remedy=self._unusable.remedy)
            if slot.worker is None or not slot.worker.alive:
                try:
                    slot.worker = await self._started()
                except UsageError as error:
                    if not self._loaded:
                        self._unusable = error
                    raise
                self._loaded = True
            return slot.worker

    async def _started(self) -> WorkerProcess:
        try:
            worker = await WorkerProcess.start(
                self._module, env=self._environment, cwd=self._folder, ready_timeout=self._ready_timeout
            )
        except (WorkerDiedError, WorkerTimeoutError) as error:
            raise UsageError(f"the target's worker can't be started: {error}") from error
        try:
            await worker.call("setup", self._setup, timeout=self._ready_timeout)
        except WorkerCallError as error:
            await worker.stop()
            remedy = error.data.get("remedy") if isinstance(error.data, dict) else None
            raise UsageError(error.message, remedy=remedy) from error
        except (WorkerDiedError, WorkerTimeoutError) as error:
            await worker.stop()
            raise UsageError(f"the target can't be loaded: {error}") from error
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def _close(self) -> None:
        for slot in (self._shared, self._alone):
            if slot.worker is not None:
                await slot.worker.stop()


def _cell_error(error: WorkerCallError) -> CellError:
    if error.kind == "cell" and isinstance(error.data, dict):
        return CellError(FailureKind(error.data["kind"]), error.message, remedy=error.data.get("remedy"))
    return CellError(FailureKind.TARGET, str(error))
