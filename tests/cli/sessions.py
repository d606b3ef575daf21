"""Commands as processes that have their imports behind them: to be killed often, without waiting for each to start.

A process imports what a run needs, once, and forks for each command; a child is a process like any other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_PROGRAM = """\
import os, sys
import aiohttp, openai, plimsoll.api.results, plimsoll.cli.evaluate, plimsoll.models.openai_client
from plimsoll.cli.main import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        main(line.split())
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Sessions:
    """Runs one command at a time in a workspace. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._child = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if error is not None:
            self._process.kill()
        self._process.communicate()

    def start(self, *words: str) -> None:
        """Start a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        self._child = int(self._line())

    def send(self, sent: signal.Signals) -> None:
        """Send the command a signal."""
        os.kill(self._child, sent)

    def code(self) -> int:
        """Wait for the command; its exit code, or minus the signal that ended it."""
        return int(self._line())

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline()
