"""Why a cell would be reused or not: its key as it is now, against what the cache and the newest run know of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from plimsoll.canonical import DIGEST_PREFIX
from plimsoll.evaluators.contract import Evaluator
from plimsoll.runs.cache import OUTPUT, SCORE, raw_key, read_output
from plimsoll.runs.cache_file import CacheFile
from plimsoll.runs.identity import Keys, cell_name
from plimsoll.runs.journal import OutputLine, ScoreLine, read_journal
from plimsoll.types import Case, CellId, Failed, Failure, Output, Skipped

GENERATED_ANEW = "its answer is generated anew"
NEVER_RUN = "never run"
GONE = "no longer in the cache"

_FOUND = "SELECT value, parts FROM kept WHERE key = ? AND kind = ?"
# A suite's names are those from «suite/» up to «suite0»: 0 is the character after the slash.
_NEWEST = "SELECT kind, cell, parts, max(id) FROM kept WHERE cell >= ? AND cell < ? GROUP BY kind, cell"

_parts_decoder = msgspec.json.Decoder(dict[str, str])


class Change(Struct, frozen=True, kw_only=True):
    """A part of a key that is not what it was."""

    part: str
    before: str | None
    """In clear where it is short, else the beginning of its digest; None where there was none."""
    now: str | None

    def __str__(self) -> str:
        name = _words(self.part)
        if self.part == "epoch":
            return name
        if any(value is not None and value.startswith(DIGEST_PREFIX) for value in (self.before, self.now)):
            return f"{name} changed"
        return f"{name} {_shown(self.before)} → {_shown(self.now)}"


class Reuse(Struct, frozen=True, kw_only=True):
    """Whether an answer, or an evaluator's scores of it, would be taken from the cache."""

    cell: CellId
    evaluator: str = ""
    """Empty: the answer."""
    reused: bool = False
    why: str = ""
    """Why not, in words: equal for cells with the same reason."""
    changes: tuple[Change, ...] = ()


class _Last(NamedTuple):
    """What the newest run knows of a cell."""

    key: str
    failure: Failure | None = None
    skipped: str | None = None
    """Why a metric was skipped."""


class Explainer:
    """Tells of single cells. It reads, and marks nothing as used."""

    def __init__(self, file: CacheFile, suite: str, journal: Path | None) -> None:
        """Over an open cache.

        Args:
            file: The cache's.
            suite: The suite's name.
            journal: Of its newest run; None where it has none.
        """
        self._file = file
        self._suite = suite
        self._keys = Keys()
        self._last = {} if journal is None else _last_of(journal)
        self._newest: dict[tuple[str, str], bytes] | None = None

    def answer(self, cell: CellId, generation: Mapping[str, Any]) -> tuple[Reuse, Output | None]:
        """Whether an answer would be reused, and the answer where it would."""
        key = self._keys.generation(generation, cell.repeat)
        value, _ = self._find(OUTPUT, key)
        if value is not None:
            return Reuse(cell=cell, reused=True), read_output(value)
        return self._why_not(OUTPUT, Reuse(cell=cell), self._keys.generation_parts(generation, cell.repeat)), None

    def scores(self, cell: CellId, evaluator: Evaluator, case: Case, output: Output) -> Reuse:
        """Whether an evaluator's scores of an answer would be reused."""
        asked = Reuse(cell=cell, evaluator=evaluator.name)
        key = self._keys.score(evaluator, case, output)
        value, _ = self._find(SCORE, key)
        if value is not None:
            return msgspec.structs.replace(asked, reused=True)
        return self._why_not(SCORE, asked, self._keys.score_parts(evaluator, case, output))

    def _why_not(self, kind: str, asked: Reuse, parts: Mapping[str, str]) -> Reuse:
        last = self._last.get((asked.cell, asked.evaluator))
        if last is not None and last.failure is not None:
            return _because(asked, f"failed last time: {last.failure.kind.value.replace('_', ' ')}")
        if last is not None and last.skipped is not None:
            return _because(asked, f"skipped last time, which is not kept: {last.skipped}")
        before = self._before(kind, asked, last)
        if before is None:
            return _because(asked, NEVER_RUN if last is None or not last.key else GONE)
        changes = changes_between(before, parts)
        if not changes:
            return _because(asked, GONE)
        why = "; ".join(dict.fromkeys(str(change) for change in changes))
        return msgspec.structs.replace(asked, why=why, changes=changes)

    def _before(self, kind: str, asked: Reuse, last: _Last | None) -> dict[str, str] | None:
        """The parts of the cell's last key: by the newest run, else by what the cache kept last under its name."""
        raw = self._find(kind, last.key)[1] if last is not None and last.key else None
        if raw is None:
            raw = self._kept_last().get((kind, cell_name(self._suite, asked.cell, asked.evaluator)))
        return None if raw is None else _parts_decoder.decode(raw)

    def _find(self, kind: str, key: str) -> tuple[bytes | None, bytes | None]:
        try:
            row = self._file.database.execute(_FOUND, (raw_key(key), kind)).fetchone()
        except sqlite3.Error as error:
            raise self._file.told(error) from error
        return (None, None) if row is None else (row[0], row[1])

    def _kept_last(self) -> dict[tuple[str, str], bytes]:
        if self._newest is None:
            rows = self._file.rows(_NEWEST, (f"{self._suite}/", f"{self._suite}0"))
            self._newest = {(kind, cell): parts for kind, cell, parts, _ in rows}
        return self._newest


def changes_between(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Change, ...]:
    """The parts that differ, in the order of the key as it is now."""
    return tuple(
        Change(part=part, before=before.get(part), now=now.get(part))
        for part in dict.fromkeys([*now, *before])
        if before.get(part) != now.get(part)
    )


def _last_of(journal: Path) -> dict[tuple[CellId, str], _Last]:
    found: dict[tuple[CellId, str], _Last] = {}
    for line in read_journal(journal):
        if isinstance(line, OutputLine):
            failure = line.outcome if isinstance(line.outcome, Failure) else None
            found[line.cell, ""] = _Last(line.key, failure)
        elif isinstance(line, ScoreLine):
            # Without a key there was no answer to score: its own failure says why.
            found[line.cell, line.evaluator] = _of_scores(line) if line.key else _Last("")
    return found


def _of_scores(line: ScoreLine) -> _Last:
    failures = (score.failure for score in line.scores.values() if isinstance(score, Failed))
    reasons = (score.reason for score in line.scores.values() if isinstance(score, Skipped))
    return _Last(line.key, next(failures, None), next(reasons, None))


def _because(asked: Reuse, why: str) -> Reuse:
    return msgspec.structs.replace(asked, why=why)


_WORDS = {
    "epoch": "fresh epoch: the last one was drawn by --fresh",
    "format": "the way keys are made",
    "target": "the target's files or settings",
    "output": "the answer",
}
_KINDS = {"fields": "field", "values": "input", "turns": "what is read of"}


def _words(part: str) -> str:
    kind, _, rest = part.partition(".")
    if kind == "evaluator":
        return f"evaluator: {rest}"
    return f"{_KINDS[kind]} {rest}" if kind in _KINDS else _WORDS.get(part, part)


def _shown(value: str | None) -> str:
    return "not set" if value is None else value
