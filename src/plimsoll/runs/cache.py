"""The cell cache: content-addressed outputs and scores, in one SQLite file that several processes share.

Only what was answered is kept: a failure or a refusal is never reused. A cached output has no latency, since nobody
waited for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from plimsoll.errors import InfrastructureError
from plimsoll.types import Output, Score, Scored

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cells (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (kind, key)
) WITHOUT ROWID
"""

_output_decoder = msgspec.json.Decoder(Output)
_scores_decoder = msgspec.json.Decoder(dict[str, Score])


class CellCache:
    """Outputs by generation key, scores by score key. A context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Open the file, and make it if need be.

        Raises:
            InfrastructureError: it can't be opened or written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def output(self, key: str) -> Output | None:
        """The output of a generation key, without latency."""
        found = self._get("output", key)
        return None if found is None else _output_decoder.decode(found)

    def keep_output(self, key: str, output: Output, cell: str, parts: Mapping[str, str]) -> None:
        """Keep an output.

        Args:
            key: The generation's.
            output: What was answered.
            cell: Whose it is (`identity.cell_name`): with the parts, it explains later why a cell was not reused.
            parts: What the key was made of (`identity.generation_parts`).
        """
        self._put("output", key, msgspec.json.encode(msgspec.structs.replace(output, latency=None)))

    def scores(self, key: str) -> dict[str, Score] | None:
        """The scores of a score key, without a pass or fail: that is for the threshold of today."""
        found = self._get("score", key)
        return None if found is None else _scores_decoder.decode(found)

    def keep_scores(self, key: str, scores: dict[str, Score], cell: str, parts: Mapping[str, str]) -> None:
        """Keep an evaluator's scores, if it gave every one of them; `cell` and `parts` as of an output."""
        if all(isinstance(score, Scored) for score in scores.values()):
            bare = {
                name: msgspec.structs.replace(score, passed=None) if isinstance(score, Scored) else score
                for name, score in scores.items()
            }
            self._put("score", key, msgspec.json.encode(bare))

    def _get(self, kind: str, key: str) -> bytes | None:
        assert self._database is not None, "the cache is not open"
        try:
            row = self._database.execute("SELECT value FROM cells WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        except sqlite3.Error as error:
            raise self._trouble(error) from error
        return None if row is None else bytes(row[0])

    def _put(self, kind: str, key: str, value: bytes) -> None:
        assert self._database is not None, "the cache is not open"
        try:
            self._database.execute(
                "INSERT OR REPLACE INTO cells (kind, key, value) VALUES (?, ?, ?)", (kind, key, value)
            )
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> InfrastructureError:
        return InfrastructureError(
            f"cell cache {self.path}: {error}",
            remedy="check space and permissions there; deleting the file costs only requests",
        )
