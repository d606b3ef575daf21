"""Recorded outputs as a target: answers that exist already, from production or from another tool."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.config import read_text
from plimsoll.errors import CellError, ConfigError, FailureKind, Mistake, Where, near_match
from plimsoll.targets.values import output_of
from plimsoll.types import Case, Output, TargetInfo


@dataclass(frozen=True, slots=True)
class RecordedTarget:
    """Answers by case id, from a JSONL or CSV file."""

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
        return output_of(self.answers[case.id])


def read_recorded(path: Path, shown: Path | str, column: str | None) -> dict[str, Any]:
    """Case id → answer, from a file with the fields `id` and `output` (or `column`).

    Raises:
        ConfigError: every line that is not JSON, lacks a field, or repeats an id.
    """
    answers: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    field = column or "output"
    for line, row in _rows(path, shown, mistakes):
        missing = [name for name in ("id", field) if name not in row]
        if missing:
            remedy = near_match(missing[0], row) or "name the column with `output:`"
            mistakes.append(Mistake(f"no field {missing[0]!r}", Where(shown, line), remedy))
        elif str(row["id"]) in answers:
            mistakes.append(Mistake(f"id {row['id']!r} occurs twice", Where(shown, line)))
        else:
            answers[str(row["id"])] = row[field]
    if not answers and not mistakes:
        mistakes.append(Mistake("no recorded outputs: the file has no rows", Where(shown)))
    if mistakes:
        raise ConfigError(mistakes)
    return answers


def _rows(path: Path, shown: Path | str, mistakes: list[Mistake]) -> Iterator[tuple[int, dict[str, Any]]]:
    text = read_text(path, shown)
    if path.suffix == ".csv":
        reader = csv.DictReader(text.splitlines(keepends=True))
        for row in reader:
            yield reader.line_num, dict(row)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            mistakes.append(Mistake(f"not JSON: {error}", Where(shown, number)))
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            mistakes.append(Mistake("a row is a JSON object", Where(shown, number)))
