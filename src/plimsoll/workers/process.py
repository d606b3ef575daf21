"""The parent's side of a worker: start it, call it, notice its death at once, leave nothing behind.

A worker runs `python -m MODULE`, or a script, in its own session, so that Ctrl-C in the terminal reaches only us, and
its whole process group is killed at the end. That it ends when we are killed is the child's duty (`workers.child`):
its stdin closes with us.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.workers.errors import WorkerTimeoutError
from plimsoll.workers.pipes import Pipes

_STOP_GRACE = 2.0


class WorkerProcess:
    """A worker that is running. Made by `start`; `async with` stops it at the end of the block."""

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes

    @classmethod
    async def start(
        cls,
        module: str,
        *,
        python: Path | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ready_timeout: float = 30.0,
    ) -> Self:
        """Start `python -m module *args` and wait until it serves.

        Args:
            module: a module, or the path of a script (`*.py`), that calls `workers.child.serve` when it is `__main__`.
            python: another interpreter than ours, for a script that needs nothing of ours.
            args: its command-line arguments.
            env: its whole environment; None is ours.
            cwd: its working directory; not searched for modules.
            ready_timeout: seconds until it must serve.

        Raises:
            WorkerDiedError: it ended before it served.
            WorkerTimeoutError: it did not serve in time; it was killed.
            OSError: there is no such interpreter.
        """
        # -P: a file in cwd must not stand in for a module of the standard library.
        program = (module,) if module.endswith(".py") else ("-P", "-m", module)
        command = (str(python or sys.executable), *program, *args)
        whole = None if env is None else dict(env)
        loop = asyncio.get_running_loop()
        _, pipes = await loop.subprocess_exec(
            lambda: Pipes(module),
            *command,
            env=whole,
            cwd=cwd,
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        worker = cls(pipes)
        try:
            async with asyncio.timeout(ready_timeout):
                await asyncio.shield(pipes.ready)
        except TimeoutError:
            await worker.kill()
            said = f"; its last words:\n{worker.stderr}" if worker.stderr else ""
            raise WorkerTimeoutError(f"the worker {module} was not ready after {ready_timeout:g} s{said}") from None
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def module(self) -> str:
        """What it runs."""
        return self._pipes.module

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._pipes.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be called."""
        return self._pipes.alive

    @property
    def stderr(self) -> str:
        """The last lines that it wrote to stderr or, by `print`, to stdout."""
        return self._pipes.stderr_tail()

    async def call(self, method: str, params: Any = None, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109  # it becomes a WorkerTimeoutError that names the call
        """Call a handler and give back what it returned; many calls may be in flight.

        A call that is cancelled or times out goes on in the worker and its answer is dropped: to cancel it there
        may do harm (prompt flow ends the process). Kill the worker to end it.

        Raises:
            WorkerCallError: the handler raised.
            WorkerDiedError: the process is gone.
            WorkerTimeoutError: no answer within `timeout` seconds.
            TypeError: `params` has no JSON form.
        """
        number, answer = self._pipes.request(method, params)
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise WorkerTimeoutError(f"the worker {self.module} did not answer {method} in {timeout:g} s") from None
        finally:
            self._pipes.forget(number)

    async def wait(self) -> None:
        """Return when it has ended, however that came."""
        await asyncio.shield(self._pipes.ended)

    async def kill(self) -> None:
        """Kill it and every process of its group; return when it is gone. Calls in flight fail."""
        self._pipes.kill_group()
        await self.wait()

    async def stop(self) -> None:
        """Close its stdin, on which it leaves; kill it if it hasn't after two seconds. Calls in flight fail."""
        self._pipes.close_stdin()
        try:
            async with asyncio.timeout(_STOP_GRACE):
                await self.wait()
        except TimeoutError:
            pass
        finally:
            # Also when we are cancelled here: the signal needs no await.
            self._pipes.kill_group()
        await self.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
