"""What a cell cache holds, and making it smaller: first what was not used for long, then what was used longest ago."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from plimsoll.runs.cache import OUTPUT, SCORE
from plimsoll.runs.cache_file import CacheFile

_BESIDE = 120
"""Bytes that a row takes beside its three long columns, with its entry in the index: an estimate."""
_ROUNDS = 8

_HELD = """
SELECT substr(cell, 1, instr(cell, '/') - 1) AS suite, kind, count(*), min(created), max(created), max(used)
FROM kept GROUP BY suite, kind ORDER BY suite
"""
_UNUSED = "DELETE FROM kept WHERE used < ?"
_COST = "SELECT sum(length(value) + length(parts) + length(cell) + :beside) FROM kept"
_LONGEST_AGO = """
DELETE FROM kept WHERE id IN (
    SELECT id FROM (
        SELECT id, sum(length(value) + length(parts) + length(cell) + :beside) OVER (
            ORDER BY used DESC, created DESC, id DESC
        ) AS total FROM kept
    ) WHERE total > :most
)
"""


class Share(Struct, frozen=True, kw_only=True):
    """How many cells of a sort there are."""

    outputs: int = 0
    scores: int = 0

    def __sub__(self, other: Share) -> Share:
        return Share(outputs=self.outputs - other.outputs, scores=self.scores - other.scores)


class Contents(Struct, frozen=True, kw_only=True):
    """What a cache holds."""

    size: int = 0
    """Bytes on disk."""
    held: Share = Share()
    oldest: str | None = None
    """When its oldest cell was written: ISO 8601, UTC. None where it has none."""
    newest: str | None = None
    used: str | None = None
    """The day on which a cell of it was last used, UTC."""
    suites: dict[str, Share] = {}
    """By suite: each cell counts for the one that wrote it last."""


class Pruned(Struct, frozen=True, kw_only=True):
    """What pruning did."""

    removed: Share
    before: int
    """Bytes on disk."""
    after: int


def contents(file: CacheFile) -> Contents:
    """Count what is there.

    Raises:
        InfrastructureError: the file can't be read.
    """
    rows = file.rows(_HELD)
    if not rows:
        return Contents(size=file.size)
    suites: dict[str, dict[str, int]] = {}
    for suite, kind, count, *_ in rows:
        suites.setdefault(suite, {})[kind] = count
    shares = {
        name: Share(outputs=counts.get(OUTPUT, 0), scores=counts.get(SCORE, 0)) for name, counts in suites.items()
    }
    return Contents(
        size=file.size,
        held=Share(
            outputs=sum(share.outputs for share in shares.values()),
            scores=sum(share.scores for share in shares.values()),
        ),
        oldest=_moment(min(row[3] for row in rows)),
        newest=_moment(max(row[4] for row in rows)),
        used=(date(1970, 1, 1) + timedelta(days=max(row[5] for row in rows))).isoformat(),
        suites=shares,
    )


def prune(file: CacheFile, *, unused_since: int | None = None, most: int | None = None) -> Pruned:
    """Remove cells, and give their space back to the disk. Other processes may go on using the cache.

    Args:
        file: The cache's.
        unused_since: A day, in days since 1970: what was last used before it goes.
        most: Bytes on disk that may be left: then what was used longest ago goes.

    Raises:
        InfrastructureError: the file can't be written, or another process keeps it busy.
    """
    before = contents(file)
    if unused_since is not None:
        with file.writing() as database:
            database.execute(_UNUSED, (unused_since,))
    file.compact()
    if most is not None:
        _shrink(file, most)
    after = contents(file)
    return Pruned(removed=before.held - after.held, before=before.size, after=after.size)


def _shrink(file: CacheFile, most: int) -> None:
    # What a row takes on disk is estimated, so the file is measured after each round.
    for _ in range(_ROUNDS):
        ((total,),) = file.rows(_COST, {"beside": _BESIDE})
        size = file.size
        if size <= most or not total:
            return
        with file.writing() as database:
            database.execute(_LONGEST_AGO, {"beside": _BESIDE, "most": total * most // size - _BESIDE})
        file.compact()


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
