"""A target's code in a worker process: started with its set-up, killed when a case hangs, started again when it died.

When the worker dies with several cases in it, nobody knows whose fault it was: each of them is tried once more, alone,
in a worker of its own, so that only the case that kills its worker fails. When we killed it because of a case that
hung, the others in it are known to be innocent, and go on together in a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.workers import WorkerCallError, WorkerDiedError, WorkerProcess, WorkerTimeoutError

_LOOK = 0.1
"""Seconds between two looks at whether a model is still waited for."""


@dataclass(slots=True)
class _Slot:
    """A place for one worker, which is started when it is first needed and again after each death."""

    worker: WorkerProcess | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Clock:
    """One case's time, which stands still while it waits for a model."""

    limit: float
    waited: Callable[[], float]
    _begun: float = 0.0

    def start(self) -> None:
        """Begin anew."""
        self._begun = time.monotonic() - self.waited()

    def left(self) -> float:
        """Seconds that it still has."""
        return self.limit - (time.monotonic() - self._begun - self.waited())


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
        python: Path | None = None,
        what: str = "the target",
        blamed: FailureKind = FailureKind.TARGET,
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
            python: Another interpreter than ours, for a script.
            what: What messages call the code in it.
            blamed: The kind of failure that its errors are.
        """
        self._module = module
        self._setup = dict(setup)
        self._environment = environment
        self._folder = folder
        self._timeout = timeout
        self._ready_timeout = ready_timeout
        self._start = start
        self._python = python
        self._what = what
        self._blamed = blamed
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

    async def run(
        self, params: Mapping[str, Any], *, limit: float | None = None, waited: Callable[[], float] = lambda: 0.0
    ) -> Any:
        """Run one case.

        Args:
            params: Of the `run` call.
            limit: Seconds, where this case has others than the rest.
            waited: Seconds so far in which the case's time did not count, as it waited for a model.

        Raises:
            CellError: the code raised, took too long, or killed its worker twice.
            UsageError: the code can't be loaded.
        """
        clock = _Clock(self._timeout if limit is None else limit, waited)
        while True:
            worker = await self._ready(self._shared)
            try:
                return await self._call(worker, params, clock)
            except WorkerDiedError:
                if worker not in self._killed:
                    break
        async with self._one_suspect:
            try:
                return await self._call(await self._ready(self._alone), params, clock)
            except WorkerDiedError as error:
                raise CellError(FailureKind.WORKER, f"the case killed its worker: {error}") from error

    async def _call(self, worker: WorkerProcess, params: Mapping[str, Any], clock: _Clock) -> Any:
        call = asyncio.ensure_future(worker.call("run", params))
        clock.start()
        try:
            while not call.done():
                left = clock.left()
                if left <= 0:
                    self._killed.add(worker)
                    call.cancel()
                    await worker.kill()
                    raise CellError(FailureKind.TIMEOUT, f"no answer within {clock.limit:g} s")
                # While a model is waited for, the time left stays as it is: not looked at all the time.
                await asyncio.wait({call}, timeout=max(left, _LOOK))
            return call.result()
        except WorkerCallError as error:
            raise self._cell_error(error) from error
        finally:
            call.cancel()

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
                self._module,
                python=self._python,
                env=self._environment,
                cwd=self._folder,
                ready_timeout=self._ready_timeout,
            )
        except (WorkerDiedError, WorkerTimeoutError, OSError) as error:
            raise UsageError(f"{self._what}'s worker can't be started: {error}") from error
        try:
            await worker.call("setup", self._setup, timeout=self._ready_timeout)
        except WorkerCallError as error:
            await worker.stop()
            remedy = error.data.get("remedy") if isinstance(error.data, dict) else None
            raise UsageError(error.message, remedy=remedy) from error
        except (WorkerDiedError, WorkerTimeoutError) as error:
            await worker.stop()
            raise UsageError(f"{self._what} can't be loaded: {error}") from error
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def _close(self) -> None:
        for slot in (self._shared, self._alone):
            if slot.worker is not None:
                await slot.worker.stop()

    def _cell_error(self, error: WorkerCallError) -> CellError:
        if error.kind == "cell" and isinstance(error.data, dict):
            return CellError(FailureKind(error.data["kind"]), error.message, remedy=error.data.get("remedy"))
        return CellError(self._blamed, str(error))
