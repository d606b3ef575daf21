"""Recorded outputs as a target: answers that exist already, from production or from another tool.

Of a conversation the answer is a list with one for each turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.datasets.dataset import row_source
from plimsoll.datasets.source import Header, Row
from plimsoll.datasets.values import clipped, kind_of
from plimsoll.errors import CellError, ConfigError, FailureKind, Mistake, Where, near_match
from plimsoll.targets.values import output_of
from plimsoll.types import Case, Output, TargetInfo


@dataclass(frozen=True, slots=True)
class RecordedTarget:
    """Answers by case id, from a JSONL, CSV or Parquet file."""

    info: TargetInfo
    answers: Mapping[str, Any]
    concurrency: int = 16

    @property
    def lane(self) -> str:
        """Its own."""
        return f"target {self.info.name}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[RecordedTarget]:
        """Nothing to start."""
        yield self

    def generation(self, case: Case) -> dict[str, Any] | None:  # noqa: ARG002  # the contract's signature
        """Reading it again costs nothing."""
        return None

    async def run(self, case: Case) -> Output:
        """Look it up."""
        if case.id not in self.answers:
            raise CellError(
                FailureKind.TARGET, f"no recorded output for case {case.id}", remedy="record it, or leave the case out"
            )
        recorded = self.answers[case.id]
        return output_of(_of_turn(recorded, case) if case.turn else recorded)


def _of_turn(recorded: Any, case: Case) -> Any:
    if not isinstance(recorded, list) or len(recorded) != len(case.turns):
        found = f"{len(recorded)} answers" if isinstance(recorded, list) else "one answer"
        raise CellError(
            FailureKind.TARGET,
            f"{found} recorded for case {case.id}, a conversation of {len(case.turns)} turns",
            remedy="record a list with the answer to each turn, in order",
        )
    return recorded[case.turn - 1]


def read_recorded(path: Path, shown: Path | str, column: str | None) -> dict[str, Any]:
    """Case id → answer, from a file with the fields `id` and `output` (or `column`).

    Raises:
        ConfigError: the file can't be read; every line that is broken, lacks a field, or repeats an id.
    """
    reader = _Reader(shown, column or "output")
    for row in row_source(path, shown).rows():
        if isinstance(row, Header):
            reader.header(row)
        else:
            reader.row(row)
    if not reader.rows and not reader.mistakes:
        reader.mistakes.append(Mistake("no recorded outputs: the file has no rows", Where(shown)))
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return reader.answers


class _Reader:
    """Collects answers and mistakes, row by row."""

    def __init__(self, shown: Path | str, column: str) -> None:
        self.answers: dict[str, Any] = {}
        self.mistakes: list[Mistake] = []
        self.rows = 0
        self._shown = shown
        self._column = column
        self._lines: dict[str, int] = {}
        self._told: set[str] = set()
        """Columns that the header lacks: said once, not for each row."""

    def header(self, header: Header) -> None:
        """Check a form's columns once."""
        self._told = set(self._missing(header.columns, header.line))

    def row(self, row: Row) -> None:
        """One answer, or what is wrong with its row."""
        self.rows += 1
        self.mistakes += row.mistakes
        if row.values is None or self._told or self._missing(row.values, row.line):
            return
        identity = self._identity(row.values["id"], row.line)
        if identity is None:
            return
        first = self._lines.setdefault(identity, row.line)
        if first != row.line:
            message = f"id {identity!r} occurs twice; the first is on line {first}"
            self._add(row.line, message, "keep one of the two answers")
        else:
            self.answers[identity] = row.values[self._column]

    def _missing(self, names: Any, line: int | None) -> list[str]:
        missing = [name for name in dict.fromkeys(("id", self._column)) if name not in names]
        for name in missing:
            near = near_match(name, names)
            remedy = near if name == "id" else f"{near or 'add it'}; `output:` of the target names the answer's field"
            self._add(line, f"no field {name!r}", remedy)
        return missing

    def _identity(self, value: Any, line: int) -> str | None:
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        what = "blank" if isinstance(value, str) else f"{kind_of(value)}, not text or an integer: {clipped(value)}"
        self._add(line, f"id is {what}", "give the id of the case that was answered")
        return None

    def _add(self, line: int | None, message: str, remedy: str | None) -> None:
        self.mistakes.append(Mistake(message, Where(self._shown, line), remedy))
