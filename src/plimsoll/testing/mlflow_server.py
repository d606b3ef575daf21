"""A real `mlflow server` of one's own for tests: on loopback, its files in a temporary folder, gone afterwards.

It ends with this process, however that ends. One worker, no jobs and no telemetry: by default MLflow starts fifteen
processes.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plimsoll.errors import InfrastructureError
from plimsoll.testing.guardian import guarded

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
_LINES = 15


class NoMlflowServerError(Exception):
    """Why no server can be had here."""


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A running server."""

    address: str
    """As `MLFLOW_TRACKING_URI` takes it."""
    store: str
    """The address of its database, for whoever wants to look past the server."""
    pid: int
    """The guardian's process id, which is also that of the server's process group."""


@contextmanager
def mlflow_server(store: str | None = None, *, seconds: float = 180) -> Iterator[MlflowServer]:
    """Start a server, wait until it answers, and end it again.

    Args:
        store: The address of its database, SQLite or PostgreSQL; it is made where it is new. None is a new SQLite file.
        seconds: For how long it may start: 10 s of one core, more with a new database.

    Raises:
        NoMlflowServerError: this system can't run one below a guardian.
        InfrastructureError: it ended while it started, or did not answer; with the last lines that it wrote.
    """
    if os.name != "posix":
        raise NoMlflowServerError("the MLflow server is started in a process group, which only POSIX systems have")
    with tempfile.TemporaryDirectory(prefix="plimsoll-mlflow-", ignore_cleanup_errors=True) as folder:
        log = Path(folder, "log")
        kept = store or f"sqlite:///{folder}/mlflow.db"
        port = _free_port()
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", kept]
        command += ["--artifacts-destination", f"{folder}/artifacts", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        with guarded(command, log, env=_environment()) as guardian:
            _wait(guardian, port, log, seconds)
            yield MlflowServer(f"http://127.0.0.1:{port}", kept, guardian.pid)


def _environment() -> dict[str, str]:
    """This process's, without what it says about MLflow."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))}
    return ours | _SETTINGS


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(guardian: subprocess.Popen[bytes], port: int, log: Path, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not _answers(port):
        if guardian.poll() is not None:
            raise _failed("ended while it started", log)
        if time.monotonic() > until:
            raise _failed(f"did not answer within {seconds:g} s", log)
        time.sleep(0.1)


def _answers(port: int) -> bool:
    # Not urllib: it would ask a proxy that the environment names.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _failed(what: str, log: Path) -> InfrastructureError:
    told = "\n".join(log.read_text(errors="replace").strip().splitlines()[-_LINES:])
    return InfrastructureError(f"the MLflow server {what}; it wrote:\n{told}", remedy="see what it wrote")
