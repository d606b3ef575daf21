"""Where rows come from: what every file form gives, and what can be said of a file before its first row.

A source yields rows one by one and never raises over a row: what it can't read it yields as mistakes, so that one
pass finds them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from msgspec import Struct

from plimsoll.datasets.values import plain
from plimsoll.errors import NO_SUCH_FILE, ConfigError, Mistake, Where, near_match


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a form that names them once. Comes before the rows, so that a wrong one is told once."""

    columns: tuple[str, ...]
    line: int | None = None
    text: bool = False
    """Every value is text (CSV)."""


class Row(Struct, frozen=True):
    """One row as it stands in the file."""

    line: int
    """1-based line; in Parquet and in memory the row's number."""
    values: dict[str, Any] | None
    """Column → value; None where the row can't be read at all."""
    mistakes: tuple[Mistake, ...] = ()
    """What is wrong with it already."""
    text: bool = False
    """Every value is text (CSV)."""


class RowSource(Protocol):
    """Gives the same rows each time it is asked."""

    def rows(self) -> Iterator[Header | Row]:
        """The header, where the form has one, then each row in order."""
        ...


@dataclass(frozen=True, slots=True)
class RowsInMemory:
    """Rows that a caller has as dictionaries."""

    values: Sequence[Any]
    shown: str
    columns: tuple[str, ...] | None = None
    """Where the rows come from a table."""

    def rows(self) -> Iterator[Header | Row]:
        """Each value as a row, numbered from 1."""
        if self.columns is not None:
            yield Header(self.columns)
        for number, value in enumerate(self.values, 1):
            yield self._row(number, value)

    def _row(self, number: int, value: Any) -> Row:
        where = Where(self.shown, number)
        if not isinstance(value, Mapping):
            return Row(number, None, (Mistake(f"a row is a dict, not {type(value).__name__}", where),))
        names = [name for name in value if not isinstance(name, str)]
        if names:
            return Row(number, None, tuple(Mistake(f"the field name {name!r} is not text", where) for name in names))
        try:
            return Row(number, plain(value))
        except RecursionError:
            return Row(number, None, (Mistake("nested too deeply", where),))


def open_binary(path: Path, shown: Path | str) -> BinaryIO:
    """The file, opened for reading.

    Raises:
        ConfigError: it can't be opened.
    """
    if path.is_dir():
        raise ConfigError([Mistake("is a folder; a dataset is one file", Where(shown))])
    try:
        return path.open("rb")
    except FileNotFoundError:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConfigError([Mistake(NO_SUCH_FILE, Where(shown), near_match(path.name, siblings))]) from None
    except OSError as error:
        raise ConfigError([Mistake(f"can't be read: {error.strerror}", Where(shown))]) from error


_WRONG_STARTS = (
    (b"version https://git-lfs.", "a Git LFS pointer stands in place of the file", "run `git lfs pull`"),
    (b"\xff\xfe", "the file is UTF-16, not UTF-8", "save it as UTF-8"),
    (b"\xfe\xff", "the file is UTF-16, not UTF-8", "save it as UTF-8"),
    (b"\x00\x00\xfe\xff", "the file is UTF-32, not UTF-8", "save it as UTF-8"),
    (b"\x1f\x8b", "the file is gzip-compressed", "unpack it with gunzip"),
    (b"PK\x03\x04", "the file is a zip archive or a spreadsheet", "export it as CSV or JSONL"),
)
_PARQUET_START = b"PAR1"


def file_mistake(path: Path, shown: Path | str, suffix: str) -> Mistake | None:
    """What keeps the whole file from being read, as far as its first bytes tell.

    Raises:
        ConfigError: it can't be opened.
    """
    with open_binary(path, shown) as file:
        head = file.read(512)
    where = Where(shown)
    if not head:
        return Mistake("the file is empty: no cases", where)
    for start, message, remedy in _WRONG_STARTS:
        if head.startswith(start):
            return Mistake(message, where, remedy)
    if (suffix == ".parquet") != head.startswith(_PARQUET_START):
        if suffix == ".parquet":
            return Mistake("not a Parquet file", where)
        return Mistake(f"a Parquet file named {suffix}", where, "name it .parquet")
    if suffix != ".parquet" and head.count(b"\0") > len(head) // 4:
        return Mistake("the file is UTF-16 or binary, not UTF-8 text", where, "save it as UTF-8")
    return None
