"""The journal is the run: one line for each finished output and for each evaluator's scores, in the order they came.

A line counts once it ends in a newline. A torn last line is work still owed; a broken line before it is damage, and
reading stops with an error. A later line about the same cell replaces an earlier one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeAlias

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from plimsoll.errors import ConfigError, InfrastructureError, Mistake, UsageError, Where
from plimsoll.types import CellId, Outcome, Score

_SYNC_SECONDS = 0.5
_LONGEST_END = 512
"""Bytes that hold any `EndLine`: two numbers and a truth value."""


class OutputLine(Struct, frozen=True, kw_only=True, tag="output", tag_field="kind"):
    """A target answered, or failed to."""

    cell: CellId
    key: str
    outcome: Outcome
    cached: bool = False


class ScoreLine(Struct, frozen=True, kw_only=True, tag="score", tag_field="kind"):
    """An evaluator scored an output, or failed to."""

    cell: CellId
    evaluator: str
    key: str
    """The score's identity; empty where there was no output to score."""
    scores: dict[str, Score]


class EndLine(Struct, frozen=True, kw_only=True, tag="end", tag_field="kind"):
    """A session of the run ended in order: what it took. A resumed run has several."""

    seconds: float
    requests: int
    complete: bool


Line: TypeAlias = OutputLine | ScoreLine | EndLine

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


class Journal:
    """The journal of one run, held by one process at a time. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        self._lock = FileLock(folder / "lock", timeout=0)
        self._file: BinaryIO | None = None
        self._synced = 0.0

    def __enter__(self) -> Self:
        """Take the run's lock, and cut a torn last line.

        Raises:
            UsageError: another process holds the run.
            InfrastructureError: the folder can't be written.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise UsageError(
                f"run {self.path.parent.name} is being written by another process",
                remedy="wait for it, or start a new run without --resume",
            ) from None
        except OSError as error:
            raise InfrastructureError(f"{self.path.parent}: {error.strerror}") from error
        try:
            self._file = self.path.open("ab")
            self._cut_torn_line(self._file)
        except OSError as error:
            self._lock.release()
            raise InfrastructureError(f"{self.path}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._file is not None:
                self._sync()
                self._file.close()
        finally:
            self._file = None
            self._lock.release()

    def append(self, line: Line) -> None:
        """Add one line. It survives our own death at once, and a power cut from the next line half a second on.

        Raises:
            InfrastructureError: the disk is full or gone; what was appended before stays.
        """
        assert self._file is not None, "append needs an open journal"
        try:
            self._file.write(_encoder.encode(line) + b"\n")
            self._file.flush()
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                self._sync()
        except OSError as error:
            raise InfrastructureError(
                f"{self.path}: {error.strerror}", remedy="free some space, then `plimsoll run --resume`"
            ) from error

    def _sync(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _cut_torn_line(self, file: BinaryIO) -> None:
        size = self.path.stat().st_size
        if size == 0:
            return
        with self.path.open("rb") as reader:
            reader.seek(size - 1)
            if reader.read(1) == b"\n":
                return
            reader.seek(0)
            whole = sum(len(line) for line in reader if line.endswith(b"\n"))
        file.truncate(whole)


def read_end(path: Path) -> EndLine | None:
    """How the last session ended, from the journal's last line alone; None where it ended otherwise than in order."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LONGEST_END))
            tail = file.read()
    except FileNotFoundError:
        return None
    try:
        line = _decoder.decode(tail.removesuffix(b"\n").rpartition(b"\n")[2]) if tail.endswith(b"\n") else None
    except msgspec.DecodeError:
        # The end of a longer line, of another kind.
        return None
    return line if isinstance(line, EndLine) else None


def read_journal(path: Path) -> Iterator[Line]:
    """The journal's whole lines, in order. A torn last line is left out.

    Raises:
        ConfigError: a line before the last is not a journal line.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.endswith(b"\n"):
                return
            try:
                yield _decoder.decode(raw)
            except msgspec.DecodeError as error:
                raise ConfigError(
                    [Mistake(f"damaged journal line: {error}", Where(path, number), "start a new run")]
                ) from None
