"""The cell cache: content-addressed outputs and scores, in one SQLite file that several processes share.

Only what was answered is kept: a failure or a refusal is never reused. A cached output has no latency, since nobody
waited for it. What is kept is written in batches and can be read at once; a process that is killed loses its last batch
from here, not from the journal.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import msgspec

from plimsoll import canonical
from plimsoll.errors import InfrastructureError
from plimsoll.runs.cache_file import CacheFile, is_busy
from plimsoll.targets.conversation import without_latency
from plimsoll.types import Output, Score, Scored

T = TypeVar("T")

OUTPUT = "output"
SCORE = "score"

_WAIT = 30.0
_BATCH = 256
_SECONDS = 0.25
"""A batch is written when it has so many cells, or is so old."""
_CLOCKS_DIFFER = 86400
"""Seconds by which the clocks of two machines that share a file may differ."""
_MOST = 16 * _BATCH
"""Cells that wait for another process's long transaction before this one waits too."""

_GET = "SELECT value, used, id, created FROM kept WHERE key = ? AND kind = ?"
_PUT = """
INSERT INTO kept (kind, key, value, cell, parts, created, used) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    value = excluded.value, cell = excluded.cell, parts = excluded.parts,
    created = excluded.created, used = excluded.used
"""
_USE = "UPDATE kept SET used = ? WHERE id = ?"

_encoder = msgspec.json.Encoder()
_output_decoder = msgspec.json.Decoder(Output)
_scores_decoder = msgspec.json.Decoder(dict[str, Score])


class _Row(NamedTuple):
    """A row of `kept` that is to be written."""

    kind: str
    key: bytes
    value: bytes
    cell: str
    parts: bytes
    created: int
    used: int


class _Found(NamedTuple):
    value: bytes
    created: int
    """Seconds since 1970."""


class CellCache:
    """Outputs by generation key, scores by score key. A context manager."""

    def __init__(
        self, path: Path, *, wait: float = _WAIT, clock: Callable[[], float] = time.time, keep: bool = True
    ) -> None:
        """A cache that is not open yet.

        Args:
            path: The file, made with its folder if need be.
            wait: Seconds to wait for other processes before they are an error.
            clock: Seconds since 1970.
            keep: Keep what is given, and note what is used; else it is only read.
        """
        self.path = path
        self._keep = keep
        self._file = CacheFile(path, wait=wait)
        self._clock = clock
        self._puts: dict[bytes, _Row] = {}
        self.too_old = 0
        """Outputs that were there, and older than whoever asked would take."""
        self._uses: set[int] = set()
        """Ids of rows that were not used before today."""
        self._written = 0.0

    def __enter__(self) -> Self:
        """Open the file, and make it if need be.

        Raises:
            InfrastructureError: it can't be opened or written, is no database, or is a newer version's.
        """
        self._file.__enter__()
        self._written = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left, also when interrupted.

        Raises:
            InfrastructureError: it can't be written; not where another error is on its way.
        """
        try:
            self.flush()
        except InfrastructureError:
            if error is None:
                raise
        finally:
            self._file.close()

    def output(self, key: str, not_before: float = -math.inf) -> Output | None:
        """The output of a generation key, without latency.

        Args:
            key: The generation's.
            not_before: Seconds since 1970: one that was kept earlier, or in the future, is too old, and is
                counted in `too_old`. By default any is given.
        """
        found = self._get(OUTPUT, key)
        if found is not None and not_before > -math.inf and not self._is_of(found, not_before):
            self.too_old += 1
            return None
        return None if found is None else _readable(read_output, found.value)

    def _is_of(self, found: _Found, not_before: float) -> bool:
        """Whether it was kept since then. Of one from the future, but for clocks that differ, no age is known."""
        return not_before <= found.created <= self._clock() + _CLOCKS_DIFFER

    def keep_output(self, key: str, output: Output, cell: str, parts: Mapping[str, str]) -> None:
        """Keep an output.

        Args:
            key: The generation's.
            output: What was answered.
            cell: Whose it is (`identity.cell_name`): with the parts, it explains later why a cell was not reused.
            parts: What the key was made of (`Keys.generation_parts`).

        Raises:
            InfrastructureError: this batch can't be written.
        """
        self._put(OUTPUT, key, _encoder.encode(without_latency(output)), cell, parts)

    def scores(self, key: str) -> dict[str, Score] | None:
        """The scores of a score key, without a pass or fail: that is for the threshold of today."""
        found = self._get(SCORE, key)
        return None if found is None else _readable(_scores_decoder.decode, found.value)

    def keep_scores(self, key: str, scores: dict[str, Score], cell: str, parts: Mapping[str, str]) -> None:
        """Keep an evaluator's scores, if it gave every one of them; `cell` and `parts` as of an output."""
        bare: dict[str, Score] = {}
        for name, score in scores.items():
            if not isinstance(score, Scored):
                return
            bare[name] = score.undecided()
        self._put(SCORE, key, _encoder.encode(bare), cell, parts)

    def flush(self) -> None:
        """Write what is not written yet.

        Raises:
            InfrastructureError: it can't be written; it can still be read here.
        """
        self._flush(patient=True)

    def _get(self, kind: str, key: str) -> _Found | None:
        raw = raw_key(key)
        waiting = self._puts.get(raw)
        if waiting is not None:
            return _Found(waiting.value, waiting.created)
        try:
            row = self._file.database.execute(_GET, (raw, kind)).fetchone()
        except sqlite3.Error as error:
            raise self._file.told(error) from error
        if row is None:
            return None
        value, used, number, created = row
        if self._keep and used != self._today():
            self._uses.add(number)
            self._flush_if_due()
        return _Found(bytes(value), created)

    def _put(self, kind: str, key: str, value: bytes, cell: str, parts: Mapping[str, str]) -> None:
        if not self._keep:
            return
        raw, now = raw_key(key), self._clock()
        self._puts[raw] = _Row(kind, raw, value, cell, _encoder.encode(parts), int(now), day_of(now))
        self._flush_if_due()

    def _today(self) -> int:
        return day_of(self._clock())

    def _flush_if_due(self) -> None:
        waiting = len(self._puts) + len(self._uses)
        if waiting >= _MOST:
            self._flush(patient=True)
        elif waiting >= _BATCH or self._clock() - self._written > _SECONDS:
            try:
                self._flush(patient=False)
            except InfrastructureError as error:
                # Another process is writing: what waits for its turn here must not keep requests from being answered.
                if not is_busy(error):
                    raise
                self._written = self._clock()

    def _flush(self, *, patient: bool) -> None:
        if self._puts or self._uses:
            today = self._today()
            with self._file.writing(patient=patient) as database:
                database.executemany(_PUT, self._puts.values())
                database.executemany(_USE, [(today, number) for number in sorted(self._uses)])
            self._puts.clear()
            self._uses.clear()
        self._written = self._clock()


def read_output(value: bytes) -> Output:
    """An output as the file holds it."""
    return _output_decoder.decode(value)


def day_of(seconds: float) -> int:
    """Days since 1970, UTC."""
    return int(seconds // 86400)


def raw_key(key: str) -> bytes:
    """A key as the file holds it."""
    return bytes.fromhex(key.removeprefix(canonical.DIGEST_PREFIX))


def _readable(decode: Callable[[bytes], T], value: bytes) -> T | None:
    """What was kept; None where it is damaged, which is as if it were not there: it is kept anew."""
    try:
        return decode(value)
    except msgspec.DecodeError:
        return None
