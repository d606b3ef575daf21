"""What a run holds, digest by digest: so that a difference can be named, not only noticed.

A line for each field of the run's record, each planned case, and each cell with its answer and its scores apart. Their
digests are what an attestation bears; the lines themselves are stored beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from plimsoll import canonical
from plimsoll.gates.envelope import VerificationError
from plimsoll.types import Case, CellId, CellRecord, Report, RunRecord

_RUN, _CASE, _CELL = "run", "case", "cell"
_NAMED = 5
"""Of more differences, the number is told."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The lines, each as canonical bytes: of the run's record, the cases in their order, the cells in any fixed one."""

    run: Sequence[bytes]
    cases: Sequence[bytes]
    cells: Sequence[bytes]

    @property
    def run_digest(self) -> str:
        """Of every field of the run's record."""
        return _digest(self.run)

    @property
    def cases_digest(self) -> str:
        """Of the planned cases with their weights, groups and slices."""
        return _digest(self.cases)

    @property
    def results_digest(self) -> str:
        """Of every cell: identity, key, outcome, whether it was reused, scores."""
        return _digest(self.cells)

    def written(self) -> bytes:
        """The lines as they are stored."""
        return b"".join(map(_joined, (self.run, self.cases, self.cells)))


def list_contents(report: Report) -> Listing:
    """The listing of a report, whatever the order of its cells.

    Raises:
        VerificationError: a cell could not be read back from a journal, for instance a score that is not finite.
    """
    record = msgspec.to_builtins(_settled(report.run, RunRecord))
    return Listing(
        run=[canonical.dumps([_RUN, name, canonical.digest(value)]) for name, value in sorted(record.items())],
        cases=[case_line(case) for case in report.cases.values()],
        cells=sorted(map(_cell_line, report.cells)),
    )


def parse_listing(data: bytes) -> Listing:
    """The listing that was stored.

    Raises:
        VerificationError: it is none.
    """
    parts: dict[str, list[bytes]] = {_RUN: [], _CASE: [], _CELL: []}
    try:
        for line in data.splitlines():
            parts[json.loads(line)[0]].append(line)
    except (ValueError, LookupError, TypeError) as error:
        raise VerificationError(f"the list of digests can't be read: {error}") from None
    return Listing(parts[_RUN], parts[_CASE], parts[_CELL])


def differing_fields(sealed: Listing, found: Listing) -> str:
    """In words, which fields of the run's record are others than when it was sealed."""
    return _some([f"its {name[0]}" for name, _, _ in _differing(sealed.run, found.run, keys=1)])


def differing_cases(sealed: Listing, found: Listing) -> str:
    """In words, which cases are."""
    named = [_told(f"case {name[0]}", old, new, "") for name, old, new in _differing(sealed.cases, found.cases, keys=1)]
    return _some(named or ["their order"])


def differing_cells(sealed: Listing, found: Listing) -> str:
    """In words, which cells are, and whether it is their answer or their scores."""
    named = []
    for name, old, new in _differing(sealed.cells, found.cells, keys=3):
        parts = ("the answer", "the scores")
        changed = " and ".join(part for part, a, b in zip(parts, old or (), new or (), strict=False) if a != b)
        named.append(_told(str(CellId(*name)), old, new, f"{changed} of "))
    return _some(named)


def _told(what: str, old: object, new: object, changed: str) -> str:
    if old is None:
        return f"{what} is new"
    return f"{changed}{what}" if new is not None else f"{what} is gone"


def _some(named: Sequence[str]) -> str:
    rest = len(named) - _NAMED
    return ", ".join(islice(named, _NAMED)) + (f", and {rest} more" if rest > 0 else "")


def _differing(old: Sequence[bytes], new: Sequence[bytes], *, keys: int) -> Iterator[tuple[Any, Any, Any]]:
    """Name, old and new digests of what is not the same in both; None for what is not there."""
    before, now = (_by_name(set(a) - set(b), keys) for a, b in ((old, new), (new, old)))
    for name in sorted(before.keys() | now.keys()):
        yield name, before.get(name), now.get(name)


def _by_name(lines: set[bytes], keys: int) -> Mapping[tuple[Any, ...], tuple[str, ...]]:
    parsed = (json.loads(line)[1:] for line in lines)
    return {tuple(row[:keys]): tuple(row[keys:]) for row in parsed}


def _digest(lines: Sequence[bytes]) -> str:
    return canonical.digest_bytes(_joined(lines))


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def case_line(case: Case) -> bytes:
    """A case's line in a listing: its id, and the digest of all else."""
    # Where it stood in its file says nothing of what was measured.
    content = {**msgspec.to_builtins(_settled(case, Case)), "line": 0}
    return canonical.dumps([_CASE, case.id, canonical.digest(content)])


def _cell_line(given: CellRecord) -> bytes:
    record = _settled(given, CellRecord)
    answer = {"key": record.key, "outcome": record.outcome, "cached": record.cached}
    name = (record.cell.target, record.cell.case, record.cell.repeat)
    digests = (canonical.digest(msgspec.to_builtins(part)) for part in (answer, record.scores))
    return canonical.dumps([_CELL, *name, *digests])


def _settled(value: Any, kind: Any) -> Any:
    """The same once through JSON and its types: 1 and 1.0, tuple and list are one, from memory as from the journal."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except msgspec.ValidationError as error:
        raise VerificationError(f"the run's cells have no stable form: {error}") from None
