"""The journal is the run: one line for each finished output and for each evaluator's scores, in the order they came.

Behind a target's last score stand the aggregates over all of them.

A line counts once it ends in a newline. A torn last line is work still owed; a broken line before it is damage, and
reading stops with an error. A later line about the same cell replaces an earlier one.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeAlias

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from plimsoll.errors import ConfigError, InfrastructureError, Mistake, UsageError, Where, unwritable
from plimsoll.types import Aggregate, CellId, Look, Outcome, Score

_SYNC_SECONDS = 0.5
_LONGEST_END = 512
"""Bytes that hold any `EndLine`: a few numbers, a truth value and a sentence."""


class OutputLine(Struct, frozen=True, kw_only=True, tag="output", tag_field="kind"):
    """A target answered, or failed to."""

    cell: CellId
    key: str
    outcome: Outcome
    cached: bool = False
    started: float | None = None
    """Seconds since 1970, when the target began to answer; None where it was not asked."""


class ScoreLine(Struct, frozen=True, kw_only=True, tag="score", tag_field="kind"):
    """An evaluator scored an output, or failed to."""

    cell: CellId
    evaluator: str
    key: str
    """The score's identity; empty where there was no output to score."""
    scores: dict[str, Score]
    cached: bool = False
    """They were reused: nothing was spent on them in this session."""


class AggregateLine(Struct, frozen=True, kw_only=True, tag="aggregate", tag_field="kind"):
    """An evaluator's figures over all of a target's scores. Outdated by any later score that they would rest on."""

    target: str
    evaluator: str
    aggregate: Aggregate


class EndLine(Struct, frozen=True, kw_only=True, tag="end", tag_field="kind"):
    """A session of the run ended in order: what it took. A resumed run has several."""

    seconds: float
    requests: int
    complete: bool
    cost: float | None = None
    """USD that the requests took; None where it is not known of all of them."""
    stopped: str | None = None
    """Why no further cell was begun."""
    look: Look | None = None
    """Of a sequential run: where it was decided; where it is not complete, what it was on the way to."""
    due: int | None = None
    """Of a sequential run that is complete: how many cells that took; None is all of the plan."""


Line: TypeAlias = OutputLine | ScoreLine | AggregateLine | EndLine

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


class Journal:
    """The journal of one run, held by one process at a time. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        self._lock = FileLock(folder / "lock", timeout=0)
        self._file: FileIO | None = None
        self._end = 0
        self._syncer: _Syncer | None = None
        self.reader = JournalReader(self.path)
        """Open as long as the journal is."""

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
            raise self._trouble(error) from error
        try:
            self._file = FileIO(self.path, "a")
            self._end = self._cut_torn_line(self._file)
            self.reader.__enter__()
            self._syncer = _Syncer(self._file.fileno())
        except OSError as error:
            self._lock.release()
            raise self._trouble(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._file is not None and self._syncer is not None:
                self.reader.__exit__(None, None, None)
                self._syncer.close()
                self._file.close()
        except OSError as trouble:
            # What went wrong before tells more.
            if error is None:
                raise self._trouble(trouble) from trouble
        finally:
            self._file = None
            self._lock.release()

    def append(self, line: Line) -> int:
        """Add one line. It survives our own death at once, and a power cut after half a second.

        Returns:
            Where the line begins, in bytes.

        Raises:
            InfrastructureError: the disk is full or gone; what was appended before stays.
        """
        assert self._file is not None, "append needs an open journal"
        assert self._syncer is not None
        data = _encoder.encode(line) + b"\n"
        begin = self._end
        try:
            self._syncer.check()
            _write_whole(self._file, data)
        except OSError as error:
            # Half a line must not stand before whatever is appended next.
            with suppress(OSError):
                self._file.truncate(begin)
            raise self._trouble(error) from error
        self._end += len(data)
        self._syncer.wanted.set()
        return begin

    def _trouble(self, error: OSError) -> InfrastructureError:
        remedy = "check space and permissions there, then `plimsoll run --resume`: finished cells are kept"
        return unwritable(error, self.path, remedy)

    def _cut_torn_line(self, file: FileIO) -> int:
        """Where the last whole line ends; what stands behind it is gone."""
        size = self.path.stat().st_size
        whole = size
        with self.path.open("rb") as reader:
            if size:
                reader.seek(size - 1)
            if size and reader.read(1) != b"\n":
                reader.seek(0)
                whole = sum(len(line) for line in reader if line.endswith(b"\n"))
                file.truncate(whole)
        return whole


def _write_whole(file: FileIO, data: bytes) -> None:
    if file.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Syncer:
    """Has what was written put on the disk every half second, in a thread: the disk's slowness is not the run's."""

    def __init__(self, handle: int) -> None:
        self.wanted = threading.Event()
        self._handle = handle
        self._closed = threading.Event()
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="plimsoll-journal", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Tell of what went wrong meanwhile.

        Raises:
            OSError: the disk refused what was written before.
        """
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """Have everything on the disk.

        Raises:
            OSError: the disk refused.
        """
        self._closed.set()
        self.wanted.set()
        self._thread.join()
        os.fsync(self._handle)
        self.check()

    def _work(self) -> None:
        while not self._closed.wait(_SYNC_SECONDS):
            self.wanted.wait()
            self.wanted.clear()
            try:
                os.fsync(self._handle)
            except OSError as error:
                self._failed = error
                return


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
    """The journal's whole lines, in order. A torn last line is left out; of a journal that isn't there, none.

    Raises:
        ConfigError: a line before the last is not a journal line.
    """
    for number, _, raw in whole_lines(path):
        try:
            yield _decoder.decode(raw)
        except msgspec.DecodeError as error:
            raise damaged(path, number, error) from None


def whole_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Each line that ends in a newline: its number from 1, where it begins, and its bytes."""
    position = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.endswith(b"\n"):
                return
            yield number, position, raw
            position += len(raw)


def damaged(path: Path, number: int, why: object) -> ConfigError:
    """The error of a line that can't be what this package wrote."""
    return ConfigError([Mistake(f"damaged journal line: {why}", Where(path, number), "start a new run")])


class JournalReader:
    """Reads single lines of a journal by where they begin. A context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            ConfigError: it can't be opened.
        """
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            mistake = Mistake(f"can't be read: {error.strerror}", Where(self._path), "start a new run")
            raise ConfigError([mistake]) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def output(self, position: int) -> OutputLine:
        """The outcome that stands there.

        Raises:
            ConfigError: it is damaged.
        """
        line = self._line(position)
        assert isinstance(line, OutputLine)
        return line

    def scores(self, position: int) -> ScoreLine:
        """The scores that stand there.

        Raises:
            ConfigError: they are damaged.
        """
        line = self._line(position)
        assert isinstance(line, ScoreLine)
        return line

    def aggregate(self, position: int) -> Aggregate:
        """The aggregate that stands there.

        Raises:
            ConfigError: it is damaged.
        """
        line = self._line(position)
        assert isinstance(line, AggregateLine)
        return line.aggregate

    def _line(self, position: int) -> Line:
        assert self._file is not None, "the journal is not open"
        self._file.seek(position)
        raw = self._file.readline()
        try:
            line: Line = _decoder.decode(raw)
        except msgspec.DecodeError as error:
            with self._path.open("rb") as whole:
                number = whole.read(position).count(b"\n") + 1
            raise damaged(self._path, number, error) from None
        return line
