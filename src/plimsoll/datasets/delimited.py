"""CSV: a header, then rows of text cells, read record by record."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from plimsoll.datasets.source import Header, Row, open_binary
from plimsoll.errors import Mistake, Where


@dataclass(slots=True)
class _Lines:
    """The file's lines as text. Lines that are not UTF-8 are kept readable and remembered as mistakes."""

    raw: Iterable[bytes]
    shown: Path | str
    mistakes: list[Mistake] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        for number, raw in enumerate(self.raw, 1):
            line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                message = f"not valid UTF-8 at byte {error.start + 1}"
                self.mistakes.append(Mistake(message, Where(self.shown, number), "save the file as UTF-8"))
                yield line.decode("utf-8", errors="replace")

    def take(self) -> tuple[Mistake, ...]:
        """The mistakes since the last call."""
        taken = tuple(self.mistakes)
        self.mistakes.clear()
        return taken


@dataclass(frozen=True, slots=True)
class CsvFile:
    """Rows of a comma-separated file with a header. Cells may span lines when quoted; blank lines are skipped."""

    path: Path
    shown: Path | str

    def rows(self) -> Iterator[Header | Row]:
        """The header, then a row for each record. Broken quoting ends it: what follows can't be told apart."""
        with open_binary(self.path, self.shown) as file:
            lines = _Lines(file, self.shown)
            reader = csv.reader(lines, strict=True)
            columns: list[str] | None = None
            while True:
                start = reader.line_num + 1
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    yield Row(start, None, (*lines.take(), self._broken(start, error)))
                    return
                if cells is None:
                    return
                if not cells:
                    continue
                if columns is None:
                    wrong = (*lines.take(), *self._header_mistakes(start, cells))
                    if wrong:
                        yield Row(start, None, wrong)
                        return
                    columns = cells
                    yield Header(tuple(columns), start, text=True)
                else:
                    yield self._row(start, columns, cells, lines.take())

    def _row(self, line: int, columns: list[str], cells: list[str], wrong: tuple[Mistake, ...]) -> Row:
        if len(cells) != len(columns):
            message = f"{len(cells)} {_cells(len(cells))}, but the header names {len(columns)}"
            remedy = "put cells that hold commas in double quotes" if len(cells) > len(columns) else None
            return Row(line, None, (*wrong, Mistake(message, Where(self.shown, line), remedy)))
        return Row(line, dict(zip(columns, cells, strict=True)), wrong, text=True)

    def _header_mistakes(self, line: int, columns: list[str]) -> Iterator[Mistake]:
        where = Where(self.shown, line)
        if len(columns) == 1 and (mark := next((mark for mark in ";\t|" if mark in columns[0]), None)):
            shown = "tabs" if mark == "\t" else repr(mark)
            yield Mistake(f"the header is one cell, separated by {shown}", where, "separate the cells by commas")
            return
        for number, name in enumerate(columns, 1):
            if not name.strip():
                yield Mistake(f"column {number} has no name in the header", where)
        for name in dict.fromkeys(columns):
            if name.strip() and columns.count(name) > 1:
                yield Mistake(f"the header names {name!r} {columns.count(name)} times", where)

    def _broken(self, line: int, error: csv.Error) -> Mistake:
        where, detail = Where(self.shown, line), str(error)
        if "field limit" in detail:
            message = f"a cell is longer than {csv.field_size_limit()} characters; the rest of the file was not read"
            return Mistake(message, where, "close the quotes; if the cell is meant, write the dataset as JSONL")
        if "unexpected end of data" in detail:
            detail = "a quoted cell that starts here never ends"
        message = f"not valid CSV: {detail}; the rest of the file was not read"
        return Mistake(message, where, 'a double quote inside a quoted cell is written twice: ""')


def _cells(count: int) -> str:
    return "cell" if count == 1 else "cells"
