"""A checked dataset kept as its cases, so that the next command neither parses nor checks its file again.

A copy is named by all that its cases depend on: the file's bytes, the card, the suite's defaults and this reader. It
is made when the whole dataset was right, and used only while its own digest holds. It saves time and nothing else:
where it can't be written or read, the dataset is read from its file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec import Struct

from plimsoll import canonical
from plimsoll.datasets.cases import CaseReader
from plimsoll.datasets.summary import Summary
from plimsoll.types import Case
from plimsoll.version import __version__

_READER = 2
"""One more when the same file gives other cases than before, or other mistakes."""
_COPIES = 4
"""Kept of one dataset: for the defaults of several suites, and for branches gone to and fro between."""
_UNUSED = 30 * 24 * 3600.0
"""Seconds after which a copy that no command used is removed."""
_UNFINISHED = 24 * 3600.0
"""Seconds after which a file that belongs to no copy has no writer any more."""


class _About(Struct, frozen=True):
    """What is known of a copy, in a file beside it; the time of that file is when the copy was last used."""

    summary: Summary
    size: int
    digest: str
    """Of the copy's bytes."""


@dataclass(frozen=True, slots=True)
class CheckedCopy:
    """The copy of one dataset as it now is; there or not."""

    root: Path
    """The copies of all datasets."""
    dataset: str
    key: str

    @classmethod
    def of(cls, root: Path, name: str, path: Path, file_digest: str, reader: CaseReader) -> Self:
        """The copy, under `root`, of the dataset called `name` in a file of that digest."""
        card = reader.card
        parts = {
            "reader": [_READER, __version__],
            "name": name,
            "form": path.suffix.lower(),
            "file": file_digest,
            "card": None if card is None else card.model_dump(mode="json"),
            "defaults": reader.defaults.model_dump(mode="json"),
        }
        return cls(root, path.stem, canonical.short(canonical.digest(parts), 32))

    @property
    def cases(self) -> Path:
        """One case a line."""
        return self.root / self.dataset / f"{self.key}.jsonl"

    @property
    def about(self) -> Path:
        """What is known of it."""
        return self.cases.with_suffix(".json")

    def summary(self) -> Summary | None:
        """What checking the dataset found, and the copy counts as used; None where there is no whole copy."""
        about = self._read_about()
        file = self._open(about)
        if about is None or file is None:
            return None
        file.close()
        with contextlib.suppress(OSError):
            os.utime(self.about)
        return about.summary

    def open(self) -> BinaryIO | None:
        """Its file, for `read_cases`; None where there is no whole copy."""
        return self._open(self._read_about())

    def _read_about(self) -> _About | None:
        try:
            return msgspec.json.decode(self.about.read_bytes(), type=_About)
        except (OSError, msgspec.DecodeError):
            return None

    def _open(self, about: _About | None) -> BinaryIO | None:
        if about is None:
            return None
        with contextlib.ExitStack() as closing:
            try:
                file = closing.enter_context(self.cases.open("rb"))
                if os.fstat(file.fileno()).st_size != about.size:
                    return None
                if hashlib.file_digest(file, "sha256").hexdigest() != about.digest:
                    return None
                file.seek(0)
            except OSError:
                return None
            closing.pop_all()
            return file


def read_cases(file: BinaryIO) -> Iterator[Case]:
    """The cases of a copy."""
    return map(msgspec.json.Decoder(Case).decode, file)


class CopyWriter:
    """Writes a copy, case by case. Where the disk refuses, there will be no copy; nothing is raised."""

    def __init__(self, copy: CheckedCopy) -> None:
        self._copy = copy
        self._encoder = msgspec.json.Encoder()
        self._hash = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO | None = None
        self._name = ""

    def __enter__(self) -> Self:
        folder = self._copy.cases.parent
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            handle, self._name = tempfile.mkstemp(dir=folder, prefix=".new-")
            self._file = os.fdopen(handle, "wb", buffering=1 << 18)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_up()

    def add(self, case: Case) -> None:
        """The next case."""
        if self._file is None:
            return
        line = self._encoder.encode(case) + b"\n"
        self._hash.update(line)
        self._size += len(line)
        try:
            self._file.write(line)
        except OSError:
            self._give_up()

    def finish(self, summary: Summary) -> None:
        """Make it the copy: the dataset is right as a whole."""
        if self._file is None:
            return
        about = _About(summary, self._size, self._hash.hexdigest())
        try:
            self._file.close()
            # Two processes that do this at once write the same bytes, and a mixture that differs is noticed.
            Path(self._name).replace(self._copy.cases)
            canonical.write_atomic(self._copy.about, msgspec.json.encode(about))
        except OSError:
            self._give_up()
            return
        self._file = None
        _prune(self._copy.root, time.time())

    def _give_up(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            Path(self._name).unlink(missing_ok=True)
        # Closing writes what is left in the buffer, which may fail again.
        with contextlib.suppress(OSError):
            self._file.close()
        self._file = None


def _prune(root: Path, now: float) -> None:
    """Remove copies that were not used for long, those that newer ones took the place of, and what has no owner."""
    for folder in root.iterdir():
        with contextlib.suppress(OSError):
            files = {file: file.stat().st_mtime for file in folder.iterdir()}
            used = sorted((when, file.stem) for file, when in files.items() if file.suffix == ".json")
            kept = {key for when, key in used[-_COPIES:] if now - when <= _UNUSED}
            dropped = {key for _, key in used} - kept
            for file, when in files.items():
                if file.stem in dropped or (file.stem not in kept and now - when > _UNFINISHED):
                    file.unlink(missing_ok=True)
