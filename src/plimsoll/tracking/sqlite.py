"""A SQLite file as tracking store: made once however many processes start at the same time, and checked to be usable.

MLflow's own migration is not safe against a second process (two of three fail), and leaves half a database where it is
interrupted; without write-ahead logging its traces get lost under load. So a new database is made under a file lock and
another name, and gets its own name when it is whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout

from plimsoll.errors import InfrastructureError

_MIGRATION_SECONDS = 120.0
"""How long another process may take to make the database: seen up to 11 s, and several may share one core."""


def prepare(path: Path, make: Callable[[Path], object], patience: float) -> None:
    """Make the database if it is new, and see that it can be written.

    Args:
        path: the file.
        make: makes MLflow's tables in the file that it is given, and lets go of it; called by one process at a time.
        patience: seconds to wait for whoever holds the file locked.

    Raises:
        InfrastructureError: it can't be made, is locked, is read-only, or is no database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_MIGRATION_SECONDS):
            if not path.exists() or path.stat().st_size == 0:
                half = path.with_name(f".{path.name}.making")
                # What a process left that was killed here.
                half.unlink(missing_ok=True)
                make(half)
                half.replace(path)
            _check(path, patience)
    except Timeout:
        raise InfrastructureError(
            f"{path} is being made by another process since {_MIGRATION_SECONDS:.0f} s",
            remedy=f"see what holds {path}.lock",
        ) from None
    except OSError as error:
        raise InfrastructureError(
            f"the tracking database {path} can't be opened: {error.strerror or error}",
            remedy="check the folder's permissions and free space, or set MLFLOW_TRACKING_URI to another place",
        ) from error


def _check(path: Path, patience: float) -> None:
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise _read_only(path)
    try:
        with closing(sqlite3.connect(path, timeout=patience, isolation_level=None)) as connection:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "readonly" in str(error):
            raise _read_only(path) from error
        raise InfrastructureError(
            f"the tracking database {path} can't be written within {patience:g} s: {error}",
            remedy="another process holds it; stop that one, or wait",
        ) from error
    except sqlite3.DatabaseError as error:
        raise InfrastructureError(
            f"the tracking database {path} is no usable SQLite database: {error}",
            remedy="restore it from a backup: the champions' history is in it; without one, move the file away: "
            "a new one is made, and runs and their cells are still in .plimsoll/runs",
        ) from error


def _read_only(path: Path) -> InfrastructureError:
    return InfrastructureError(
        f"the tracking database {path} is read-only",
        remedy="make the file and its folder writable, or set MLFLOW_TRACKING_URI to another place",
    )
