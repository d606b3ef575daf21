"""The stand-in as a context manager: an nginx of its own on a free loopback port, gone with whoever started it.

nginx runs in the foreground as one process without a master, is ended by its process id, and asks the kernel to be
ended when the benchmark itself is killed (Linux), so that no server is left behind.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.standin.conf import MODULE, written
from benchmarks.standin.log import Answered, Span, answers, span

COMPLETIONS = "/v1/chat/completions"
_PR_SET_PDEATHSIG = 1
_TRIES = 5
_START_SECONDS = 10.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class MissingNginxError(RuntimeError):
    """nginx or its echo module is not installed."""


class StandIn:
    """An OpenAI-compatible endpoint that gives every request the same answer after the same time.

    Args:
        latency: Seconds from a request to its answer, to the millisecond; 0 for none.
    """

    def __init__(self, latency: float = 0.0) -> None:
        self._latency = latency
        self._nginx = Path(shutil.which("nginx") or "/usr/sbin/nginx")
        self._folder = Path()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as `base_url`: ends with /v1."""
        return f"http://127.0.0.1:{self._port}/v1"

    def requests(self) -> int:
        """How many completions were asked for since the start or the last `reset`.

        One that still waits for its answer is not counted.
        """
        return len(self.answered())

    def answered(self) -> list[Answered]:
        """Each of those requests, in the order of their ends."""
        self._barrier()
        return [each for each in answers(self._log) if each.path.startswith(COMPLETIONS)]

    def span(self) -> Span | None:
        """From the first request to the last answer; None where nothing was asked."""
        return span(self.answered())

    def reset(self) -> None:
        """Forget what was asked so far."""
        self._barrier()
        os.truncate(self._log, 0)

    def __enter__(self) -> Self:
        if not self._nginx.exists() or not MODULE.exists():
            raise MissingNginxError(
                "the stand-in for a model needs nginx with its echo module: "
                "install Debian's packages nginx-light and libnginx-mod-http-echo"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="plimsoll-standin-"))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def _log(self) -> Path:
        return self._folder / "access.log"

    def _start(self) -> None:
        for _ in range(_TRIES):  # a port that was free can be taken before nginx has it
            self._port = _free_port()
            path = self._folder / "nginx.conf"
            path.write_text(written(self._folder, self._port, self._latency), encoding="utf-8")
            self._process = subprocess.Popen(
                [str(self._nginx), "-p", str(self._folder), "-e", "error.log", "-c", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads yet
            )
            if self._up():
                return
            self._end()
        log = self._folder / "error.log"
        raise RuntimeError(f"nginx did not start: {log.read_text(encoding='utf-8') if log.exists() else 'no log'}")

    def _up(self) -> bool:
        assert self._process
        until = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            try:
                self._barrier()
            except OSError:
                time.sleep(0.01)
            else:
                return True
        return False

    def _barrier(self) -> None:
        """Return when all earlier answers are in the log: nginx does one thing at a time."""
        _DIRECT.open(f"http://127.0.0.1:{self._port}/barrier", timeout=60).close()

    def _stop(self) -> None:
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
