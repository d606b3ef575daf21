"""Commands as processes that have their imports behind them: to be started and stopped often, without waiting for each.

A process imports what a run needs, once, and forks for each command; a child is a process like any other.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.parts import Ended

SECONDS = 120
"""A limit for what is sure to come, on a machine that is busy."""
_PROGRAM = """\
import json, os, socket, sys
import aiohttp, openai, plimsoll.api.results, plimsoll.cli.evaluate, plimsoll.models.openai_client
from plimsoll.cli.main import main
asking = socket.socket(fileno=int(os.environ["ASKING"]))
while True:
    asked, streams, *_ = socket.recv_fds(asking, 1_000_000, 2)
    if not asked:
        break
    child = os.fork()
    if child == 0:
        asking.close()
        given = json.loads(asked)
        for number, stream in zip((1, 2), streams, strict=True):
            os.dup2(stream, number)
            os.close(stream)
        # Python's own of before remember what they were connected to.
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", buffering=1, closefd=False)
        os.chdir(given["folder"])
        os.environ.clear()
        os.environ.update(given["environ"])
        exec(given["before"])
        main(given["words"])
    for stream in streams:
        os.close(stream)
    asking.send(str(child).encode())
    asking.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
"""


class Sessions:
    """Runs one command at a time. A context manager."""

    def __init__(self, scratch: Path) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._asking, self._asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking.settimeout(SECONDS)
        self._child: int | None = None
        self._said = (scratch / "stdout", scratch / "stderr")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "ASKING": str(self._asked.fileno())},
            stdin=subprocess.DEVNULL,
            pass_fds=[self._asked.fileno()],
        )
        self._asked.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self.stop()
        self._asking.close()
        self._process.wait()

    def start(
        self, *words: str, folder: Path, streams: tuple[int, int] | None = None, before: str = "", **more: str
    ) -> None:
        """Start a command.

        Args:
            words: Of the command line.
            folder: Where it runs.
            streams: The descriptors that are its stdout and stderr; without them, `ended` tells what it wrote.
            before: Python that its process runs first.
            more: Environment variables beside those of the test.
        """
        self.stop()
        files = () if streams else tuple(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in self._said)
        asked = {"words": words, "folder": str(folder), "environ": {**os.environ, **more}, "before": before}
        socket.send_fds(self._asking, [json.dumps(asked).encode()], streams or files)
        for file in files:
            os.close(file)
        self._child = int(self._asking.recv(100))

    def send(self, sent: signal.Signals) -> None:
        """Send the command a signal."""
        assert self._child is not None
        os.kill(self._child, sent)

    def code(self) -> int:
        """Wait for the command; its exit code, or minus the signal that ended it."""
        code = int(self._asking.recv(100))
        self._child = None
        return code

    def ended(self) -> Ended:
        """Wait for the command; its exit code and what it wrote."""
        return Ended(self.code(), *(path.read_text(encoding="utf-8") for path in self._said))

    def stop(self) -> None:
        """Kill the command, where a test left one behind."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                self.send(signal.SIGKILL)
            self.code()
