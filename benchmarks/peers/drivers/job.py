"""What a driver is told, and what it tells back. Imported in every peer's environment: the standard library only."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SYSTEM = "You answer briefly."


@dataclass(frozen=True)
class Job:
    """The rows to ask, where, and how many at once."""

    rows_file: Path
    base_url: str
    concurrency: int
    folder: Path
    """What the peer writes goes here."""

    @classmethod
    def from_arguments(cls) -> Job:
        """As `benchmarks.peers` passes them."""
        rows_file, base_url, concurrency, folder = sys.argv[1:]
        return cls(Path(rows_file), base_url, int(concurrency), Path(folder))

    def rows(self) -> list[dict[str, Any]]:
        """Each with `id`, `question` and `expected`."""
        return [json.loads(line) for line in self.rows_file.read_text(encoding="utf-8").splitlines()]

    def done(self, passed: Iterable[bool]) -> None:
        """Tell what was scored: one truth value for each row, read from what the peer itself reports."""
        values = list(passed)
        outcome = {"scored": len(values), "passed": sum(values)}
        (self.folder / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")


def messages(question: str) -> list[dict[str, str]]:
    """The chat that every contender sends."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
