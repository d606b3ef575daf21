"""The rows that every tool gets, and how many of them must pass."""

from __future__ import annotations

import json
from pathlib import Path

_WRONG_EVERY = 100
"""So that a tool that scores nothing, or everything alike, is found out."""


def row(number: int) -> dict[str, str]:
    """A question whose answer holds `expected`, but for one row of a hundred."""
    return {
        "id": f"case-{number:06}",
        "question": f"What is the capital of country number {number}? Answer in one word, please.",
        "expected": "Rome" if number % _WRONG_EVERY == _WRONG_EVERY - 1 else "Paris",
    }


def passing(rows: int) -> int:
    """How many of the first rows pass."""
    return rows - rows // _WRONG_EVERY


def write_rows(path: Path, rows: int) -> None:
    """As JSON lines."""
    path.write_text("".join(json.dumps(row(number)) + "\n" for number in range(rows)), encoding="utf-8")
