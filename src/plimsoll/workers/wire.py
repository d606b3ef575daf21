"""The messages between a worker and its parent: one JSON object a line, in both directions.

Plain `json`, since it gives back what it took: msgspec would turn NaN into null on the way.
"""

from __future__ import annotations

import json
from typing import Any

READY = "ready"


def encode(message: dict[str, Any]) -> bytes:
    """One message as a line.

    Raises:
        TypeError: a value has no JSON form.
        ValueError: a value contains itself.
    """
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The message of a line; None if the line is not one of ours."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


class LineBuffer:
    """Chunks in, whole lines out. No limit to a line's length, and no byte is searched twice."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends."""
        *ends, rest = chunk.split(b"\n")
        if not ends:
            self._parts.append(rest)
            return []
        lines = [b"".join([*self._parts, ends[0]]), *ends[1:]]
        self._parts = [rest] if rest else []
        return lines
