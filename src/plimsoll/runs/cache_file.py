"""The cell cache's SQLite file: opened by several processes at once, and what fails in it told with a remedy.

In WAL mode readers wait for nobody; writers queue, each for its turn. What a commit wrote survives the death of its
process; a power cut may take the last commits, never the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.errors import InfrastructureError

LAYOUT = 2
"""`PRAGMA user_version` of the tables below. An older layout is begun anew: what it held costs requests."""

_TABLES = """
DROP TABLE IF EXISTS cells;
DROP TABLE IF EXISTS kept;
CREATE TABLE kept (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    cell TEXT NOT NULL,
    parts BLOB NOT NULL,
    value BLOB NOT NULL
);
"""
"""`created` in seconds, `used` in days, both since 1970 and UTC. The value last: a scan need not read past it."""

_PAUSE = 0.02
"""Seconds between attempts at what SQLite's own waiting does not cover."""

_DELETE = "delete it: that costs requests, nothing else"
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another program holds it: see that it ends, then go on with --resume",
    sqlite3.SQLITE_LOCKED: "another program holds it: see that it ends, then go on with --resume",
    sqlite3.SQLITE_FULL: "free some space, then go on with --resume; `plimsoll cache --prune` makes the file smaller",
    sqlite3.SQLITE_IOERR: "see that the disk works and has space, then go on with --resume",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable, then go on with --resume",
    sqlite3.SQLITE_PERM: "make the file and its folder writable, then go on with --resume",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder readable and writable",
    sqlite3.SQLITE_CORRUPT: _DELETE,
    sqlite3.SQLITE_NOTADB: _DELETE,
}
_OTHER = "check space and permissions there; deleting the file costs requests, nothing else"


class CacheFile:
    """An open file with the tables. A context manager; its methods raise `InfrastructureError` only."""

    def __init__(self, path: Path, *, wait: float) -> None:
        """A file that is not open yet.

        Args:
            path: Made with its folder if need be.
            wait: Seconds to wait for other processes.
        """
        self.path = path
        self._wait = wait
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Open it, and make what is missing.

        Raises:
            InfrastructureError: it can't be opened or written, is no database, or is a newer version's.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._trouble(error.strerror or str(error), "make its folder writable") from error
        try:
            with self.telling():
                self._database = sqlite3.connect(self.path, timeout=self._wait, isolation_level=None)
                older = self._is_older()
                self._enter_wal()
                self._database.execute("PRAGMA synchronous=NORMAL")
                if older:
                    self._begin_anew()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the last process to do so folds the log into the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def size(self) -> int:
        """Bytes on disk, with what waits in the log beside it."""
        beside = (self.path.with_name(f"{self.path.name}{end}") for end in ("", "-wal"))
        return sum(path.stat().st_size for path in beside if path.exists())

    def rows(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Every row of a query."""
        with self.telling():
            return self.database.execute(statement, values).fetchall()

    @contextmanager
    def writing(self, *, patient: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing.

        Args:
            patient: Wait for other writers; else give up at once where one is at work.

        Raises:
            InfrastructureError: it can't be written; `is_busy` says whether because of another process.
        """
        database = self.database
        with self.telling():
            database.execute(f"PRAGMA busy_timeout={round(self._wait * 1000) if patient else 0}")
            try:
                database.execute("BEGIN IMMEDIATE")
            finally:
                database.execute(f"PRAGMA busy_timeout={round(self._wait * 1000)}")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                # A full disk has rolled back by itself.
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    def compact(self) -> None:
        """Give the space of deleted rows back to the disk."""
        with self.telling():
            self.database.execute("VACUUM")
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, for what has to be quick; its errors are told by `telling`."""
        assert self._database is not None, "the cache is not open"
        return self._database

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Around the use of the connection: what it raises becomes an error with a remedy."""
        try:
            yield
        except sqlite3.Error as error:
            raise self.told(error) from error

    def told(self, error: sqlite3.Error) -> InfrastructureError:
        """What SQLite raised, with the file's name and a remedy."""
        return self._trouble(str(error), _REMEDIES.get(_code(error), _OTHER))

    def _trouble(self, what: str, remedy: str) -> InfrastructureError:
        return InfrastructureError(f"cell cache {self.path}: {what}", remedy=remedy)

    def _enter_wal(self) -> None:
        deadline = time.monotonic() + self._wait
        while True:
            try:
                self.database.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                # Of several processes that make the file at once SQLite fails all but one, without waiting.
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def _is_older(self) -> bool:
        """Whether the tables are still to be made.

        Raises:
            InfrastructureError: they are a newer version's.
        """
        (found,) = self.database.execute("PRAGMA user_version").fetchone()
        if found > LAYOUT:
            raise self._trouble(
                f"a newer version of plimsoll wrote it (layout {found}; this one knows {LAYOUT})",
                f"update plimsoll, or {_DELETE}",
            )
        return bool(found < LAYOUT)

    def _begin_anew(self) -> None:
        with self.writing() as database:
            # Asked again: another process may have been quicker.
            if self._is_older():
                for statement in _TABLES.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version={LAYOUT}")


def is_busy(error: InfrastructureError) -> bool:
    """Whether the file could not be used because another process was writing it."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.OperationalError) and _is_busy(cause)


def _is_busy(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: sqlite3.Error) -> int:
    # The low byte: the rest says more than a remedy needs.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
