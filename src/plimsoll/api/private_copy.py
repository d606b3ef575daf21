"""A run's folder written again without what must not leave this machine: plan, cases and journal, line by line."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from plimsoll.canonical import write_atomic
from plimsoll.config.privacy import OUTPUT
from plimsoll.runs.join import StoredReport
from plimsoll.runs.journal import AggregateLine, Line, OutputLine, ScoreLine, damaged, whole_lines
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, PLAN_FILE, load_plan
from plimsoll.tracking.privacy import Redaction
from plimsoll.tracking.private_rows import Row
from plimsoll.types import CellId, CellRecord

_KEPT = 1024
"""Cases of which it is kept what to seek: the journal has the cells of a case near each other."""


def write_private(source: Path, target: Path, report: StoredReport, redaction: Redaction) -> None:
    """Write a run's copy; the plan last, so that half a copy is no run.

    Args:
        source: The run's folder.
        target: A folder; what it holds of an earlier copy is replaced.
        report: The run as it is.
        redaction: What is taken out; new, so that the cases are the first that it sees.

    Raises:
        ConfigError: the run is damaged.
        OSError: the disk refuses.
    """
    encode = msgspec.json.Encoder().encode
    target.mkdir(parents=True, exist_ok=True)
    with _written(target / CASES_FILE) as file:
        for case in report.cases.values():
            file.write(encode(redaction.case(case)) + b"\n")
    copy = _Journal(report, redaction)
    with _written(target / JOURNAL_FILE) as file:
        for number, _, raw in whole_lines(source / JOURNAL_FILE):
            try:
                file.write(copy.line(raw))
            except msgspec.DecodeError as error:
                raise damaged(source / JOURNAL_FILE, number, error) from None
    plan = redaction.plan(load_plan(source))
    write_atomic(target / PLAN_FILE, msgspec.json.format(encode(plan), indent=1))


class _Place(msgspec.Struct):
    cell: CellId | None = None


_glance = msgspec.json.Decoder(_Place).decode
_decode = msgspec.json.Decoder(Line).decode


class _Journal:
    """The journal's lines, one after the other."""

    def __init__(self, report: StoredReport, redaction: Redaction) -> None:
        self._report, self._redaction = report, redaction
        self._rows: dict[str, Row] = {}
        self._encode = msgspec.json.Encoder().encode
        # Only where answers are redacted they have to be known to redact what was said of them.
        self._find: Callable[[CellId], CellRecord | None] = (
            report.finder() if OUTPUT in redaction.rules else lambda _cell: None
        )

    def line(self, raw: bytes) -> bytes:
        """A line as it may leave; most hold nothing that has to stay, and are not taken apart."""
        cell = _glance(raw).cell
        if cell is None or cell.case in self._redaction.ids or self._row(cell.case).changes(raw.decode()):
            return self._encode(self._changed(_decode(raw))) + b"\n"
        return raw

    def _changed(self, line: Line) -> Line:
        match line:
            case OutputLine():
                outcome = self._row(line.cell.case).outcome(line.outcome)
                return replace(line, cell=self._redaction.cell(line.cell), outcome=outcome)
            case ScoreLine():
                found = self._find(line.cell)
                scores = self._row(line.cell.case).scores(line.scores, None if found is None else found.outcome)
                return replace(line, cell=self._redaction.cell(line.cell), scores=scores)
            case AggregateLine():
                return replace(line, aggregate=self._redaction.aggregate(line.aggregate, self._report))
        return line

    def _row(self, case: str) -> Row:
        found = self._rows.get(case)
        if found is None:
            if len(self._rows) >= _KEPT:
                del self._rows[next(iter(self._rows))]
            found = self._rows[case] = self._redaction.row(self._report.cases[case])
        return found


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when it is whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
