"""A server for tests that ends with whoever started it, however that ends.

It runs below a guardian, which reads a pipe of which this process holds the other end: the system closes that end even
after `kill -9`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_GUARDIAN = """\
import json, os, shutil, signal, subprocess, sys, threading
how = json.loads(sys.argv[1])
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, **how["started"])
def end():
    if how["asking"] is not None:
        server.send_signal(how["asking"])
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            pass
    if how["folder"] is not None:
        shutil.rmtree(how["folder"], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=lambda: (server.wait(), end()), daemon=True).start()
sys.stdin.buffer.read()
end()
"""
"""Ends its whole process group, itself included, when its standard input closes or the server has ended."""


@contextmanager
def guarded(
    command: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    asking: signal.Signals | None = None,
    folder: Path | None = None,
    **started: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, and end it again with every process of its group.

    Args:
        command: The server's.
        log: Where its output goes.
        env: Its environment; None is this process's.
        asking: The signal on which it ends by itself, and takes its other processes with it; None kills it at once.
        folder: Is removed with the server.
        started: Further options of `subprocess.Popen` for the server, as JSON has them.

    Yields:
        The guardian; its process id is that of the server's process group.
    """
    how = json.dumps({"started": started, "asking": asking, "folder": folder and str(folder)})
    with log.open("wb") as written:
        guardian = subprocess.Popen(  # noqa: S603  # fixed words
            [sys.executable, "-c", _GUARDIAN, how, *command],
            stdin=subprocess.PIPE,
            stdout=written,
            stderr=written,
            cwd=log.parent,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    try:
        yield guardian
    finally:
        if asking is not None:
            assert guardian.stdin is not None, "it was asked for"
            guardian.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                guardian.wait(15)
        # A process that was forked from this one may still hold the pipe, so the group is ended by hand as well.
        with suppress(ProcessLookupError):
            os.killpg(guardian.pid, signal.SIGKILL)
        guardian.wait()
        if guardian.stdin is not None:
            guardian.stdin.close()
