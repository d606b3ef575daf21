"""JSONL: one flat JSON object a line, read line by line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plimsoll.datasets.source import Header, Row, open_binary
from plimsoll.datasets.values import kind_of, parse_json
from plimsoll.errors import Mistake, Where


@dataclass(frozen=True, slots=True)
class JsonlFile:
    """Rows of a JSONL file. Blank lines, a byte-order mark and CRLF are allowed."""

    path: Path
    shown: Path | str

    def rows(self) -> Iterator[Header | Row]:
        """A row for each line that is not blank."""
        with open_binary(self.path, self.shown) as file:
            for number, raw in enumerate(file, 1):
                line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
                if line.strip():
                    yield self._row(number, line.rstrip())

    def _row(self, number: int, line: bytes) -> Row:
        try:
            value = parse_json(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            return self._wrong(number, f"not valid UTF-8 at byte {error.start + 1}", "save the file as UTF-8")
        except ValueError as error:
            whole = "one JSON object on each line; this looks like one document over many lines"
            return self._wrong(number, str(error), whole if line in (b"[", b"{") else None)
        if not isinstance(value, dict):
            return self._wrong(number, f"a row is a JSON object, not {kind_of(value)}", "write one {…} a line")
        return Row(number, value)

    def _wrong(self, number: int, message: str, remedy: str | None = None) -> Row:
        return Row(number, None, (Mistake(message, Where(self.shown, number), remedy),))
