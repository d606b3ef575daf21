"""The parent's end of a worker's three pipes: which call gets which answer, and when the process counts as dead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import Any, cast

from plimsoll.workers import wire
from plimsoll.workers.errors import WorkerCallError, WorkerDiedError

_STDERR_KEPT = 16 * 1024
_STDERR_LINES = 40
_PIPE_GRACE = 1.0


class Pipes(asyncio.SubprocessProtocol):
    """Reads all that the process writes, always, so that it never blocks on a full pipe.

    Dead means that it ended or that it closed its stdout: either way no answer can come. What it wrote before is
    still read, for at most a second, since a grandchild may hold the pipes open.
    """

    def __init__(self, module: str) -> None:
        loop = asyncio.get_running_loop()
        self.module = module
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.pid = 0
        self._loop = loop
        self._transport: asyncio.SubprocessTransport | None = None
        self._lines = wire.LineBuffer()
        self._stderr = bytearray()
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._numbers = 0
        self._dead = False

    @property
    def alive(self) -> bool:
        """Whether a call can still be answered."""
        return not self._dead and self.ready.done()

    def stderr_tail(self) -> str:
        """The last lines of stderr."""
        lines = self._stderr.decode("utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_STDERR_LINES:]).strip()

    def request(self, method: str, params: Any) -> tuple[int, asyncio.Future[Any]]:
        """Send a call; its number and the future of its answer.

        Raises:
            WorkerDiedError: there is nobody to answer.
            TypeError: `params` has no JSON form.
        """
        if not self.alive:
            raise self._death()
        self._numbers += 1
        line = wire.encode({"id": self._numbers, "method": method, "params": params})
        answer = self._loop.create_future()
        self._pending[self._numbers] = answer
        self._stdin().write(line)
        return self._numbers, answer

    def forget(self, number: int) -> None:
        """Drop a call's answer, come or not."""
        self._pending.pop(number, None)

    def close_stdin(self) -> None:
        """Ask the child to leave."""
        if not self.ended.done():
            self._stdin().close()

    def kill_group(self) -> None:
        """Kill the process and all that it started. Harmless where nothing is left."""
        if self._transport is None or self.ended.done():
            return
        # Not transport.kill(): its poll() may reap the process before asyncio does, and the exit code is lost.
        _kill_group(self.pid)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """A chunk of stdout (answers) or stderr."""
        if fd == 1:
            for line in self._lines.feed(data):
                self._receive(line)
        else:
            self._keep(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """A closed stdout is a worker that can't answer any more."""
        if fd == 1:
            self._dead = True
            self._loop.call_later(_PIPE_GRACE, self.kill_group)

    def process_exited(self) -> None:
        """It ended; what it wrote before may still be on its way."""
        self._dead = True
        self.kill_group()
        self._loop.call_later(_PIPE_GRACE, self._finish)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """It ended and every pipe is read to its end."""
        self._finish()

    # Own steps.

    def _stdin(self) -> asyncio.WriteTransport:
        assert self._transport is not None
        return cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))

    def _receive(self, line: bytes) -> None:
        message = wire.decode(line)
        if message is None:
            # Written before the child took the pipe for itself, or by native code.
            self._keep(line + b"\n" if line.strip() else b"")
        elif wire.READY in message:
            if not self.ready.done():
                self.ready.set_result(None)
        else:
            self._answer(message)

    def _answer(self, message: dict[str, Any]) -> None:
        answer = self._pending.pop(message.get("id", 0), None)
        if answer is None or answer.done():
            return
        error = message.get("error")
        if error is None:
            answer.set_result(message.get("result"))
        else:
            answer.set_exception(
                WorkerCallError(error["kind"], error["message"], data=error["data"], traceback=error["traceback"])
            )

    def _keep(self, data: bytes) -> None:
        self._stderr += data
        del self._stderr[:-_STDERR_KEPT]

    def _death(self) -> WorkerDiedError:
        code = self._transport.get_returncode() if self._transport else None
        return WorkerDiedError(self.module, exit_code=code, stderr=self.stderr_tail())

    def _finish(self) -> None:
        if self.ended.done():
            return
        self._dead = True
        assert self._transport is not None
        self._transport.close()
        waiting = [self.ready, *self._pending.values()]
        self._pending.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(self._death())
        # Looked at here, so that a start nobody waits for any more is not reported as an error never retrieved.
        with contextlib.suppress(asyncio.CancelledError):
            self.ready.exception()
        self.ended.set_result(None)


def _kill_group(pid: int) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    else:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)  # noqa: S603, S607  # Windows has no killpg; taskkill is its own
