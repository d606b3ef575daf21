"""Which answers are to be labelled, and in which order: the same for the same run, seed and wishes.

An answer is drawn by the hash of the seed and its cell alone, so that a run that goes on moves few others in or out.
In a page an answer is known by a name that tells nothing of its target.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from urllib.parse import urlencode

from plimsoll.reports.cases import passes_by
from plimsoll.types import CellId, CellRecord, Metric, MetricKind, Output, Report, Scored
from plimsoll.viewer.contract import Refused

_UNSCORED = ""
"""The stratum of what the judge has given no value: it only fills up."""
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What is labelled, and how, as an address says it."""

    metric: str
    kind: str = ""
    """`bool` is pass or fail; empty is as the run's metric is. Of a new name: bool, numeric or label, with the scale or
    the labels in the next three."""
    low: str = ""
    high: str = ""
    labels: str = ""
    sample: int = 0
    """How many answers; 0 is all."""
    spread: bool = False
    """The sample holds as many of each of the judge's verdicts as there are, where it can."""
    blind: bool = False
    seed: int = 0
    target: str = ""
    case: int = 0
    """Only the answers to this case, by its place from 1."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wish:
        """What an address asks for.

        Raises:
            Refused: it names no metric, or a number is none.
        """
        if not query.get("metric", "").strip():
            raise Refused(400, "which metric is to be labelled?", "choose one of the run's, or name a new one")
        return cls(
            metric=query["metric"].strip(),
            kind=query.get("kind", ""),
            low=query.get("low", ""),
            high=query.get("high", ""),
            labels=query.get("labels", ""),
            sample=whole(query, "sample"),
            spread="spread" in query,
            blind="blind" in query,
            seed=whole(query, "seed"),
            target=query.get("target", ""),
            case=whole(query, "case"),
        )

    def query(self, **more: str) -> str:
        """This as an address's query."""
        written = {
            "metric": self.metric,
            "kind": self.kind,
            "low": self.low,
            "high": self.high,
            "labels": self.labels,
            "sample": str(self.sample or ""),
            "spread": "1" if self.spread else "",
            "blind": "1" if self.blind else "",
            "seed": str(self.seed or ""),
            "target": self.target,
            "case": str(self.case or ""),
            **more,
        }
        return urlencode({name: value for name, value in written.items() if value})


def whole(query: Mapping[str, str], name: str, default: int = 0) -> int:
    """A whole number of an address's query.

    Raises:
        Refused: it is none, or too large to be meant.
    """
    written = query.get(name, "").strip()
    if not written:
        return default
    # Looked at before it is read: Python refuses to read very many digits.
    if not written.isdecimal() or len(written) > len(str(MOST)) or int(written) > MOST:
        raise Refused(400, f"{name} is a whole number, not {written!r}")
    return int(written)


class Queue:
    """The answers to be labelled, in order."""

    def __init__(self, report: Report, metric: Metric, wish: Wish, secret: bytes) -> None:
        """Read the run once.

        Args:
            report: The run.
            metric: What is labelled, as the judge scores it.
            wish: Which answers.
            secret: Makes the answers' names: without it nothing is to be told from one.

        Raises:
            ConfigError: the run is damaged.
        """
        found = _strata(report, metric, wish)
        drawn = set(_drawn(found, wish))
        cells = [cell for cell in found if cell in drawn]
        if wish.blind:
            cells.sort(key=lambda cell: _rank("order", wish.seed, cell))
        else:
            # Case by case, as they are read: all answers to one question beside each other.
            place_of = report.numbering()
            cells.sort(key=lambda cell: place_of(cell.case) or 0)
        self.cells = tuple(cells)
        self._names = {name_of(cell, report.run.id, secret): place for place, cell in enumerate(cells)}
        self.names = tuple(self._names)

    def __len__(self) -> int:
        return len(self.cells)

    def place(self, name: str) -> int | None:
        """Where the answer of a name stands; None where there is none."""
        return self._names.get(name)

    def next_after(self, place: int, labelled: Iterable[CellId]) -> int | None:
        """The next answer without a label, behind a place or from the start again; None where all have one."""
        given = set(labelled)
        for step in range(1, len(self.cells) + 1):
            at = (place + step) % len(self.cells)
            if self.cells[at] not in given:
                return at
        return None


def name_of(cell: CellId, run: str, secret: bytes) -> str:
    """An answer's name in pages."""
    written = f"{run}\0{cell.target}\0{cell.case}\0{cell.repeat}".encode()
    return hashlib.blake2b(written, key=secret, digest_size=12).hexdigest()


def _strata(report: Report, metric: Metric, wish: Wish) -> dict[CellId, str]:
    """Every answer that may be labelled, with what the judge says of it."""
    wanted = None if not wish.case else next((c for n, c in enumerate(report.cases, start=1) if n == wish.case), "")
    records = report.of_target(wish.target) if wish.target else report.cells
    found: dict[CellId, str] = {}
    numbers: dict[CellId, float] = {}
    for record in records:
        if not isinstance(record.outcome, Output) or wanted not in (None, record.cell.case):
            continue
        found[record.cell] = _stratum(record, metric)
        score = record.scores.get(metric.name)
        if isinstance(score, Scored) and metric.kind is MetricKind.NUMERIC and passes_by(score, metric) is None:
            numbers[record.cell] = float(score.value)
    if numbers:
        # Nothing says what passes: then the two halves are the classes.
        middle = statistics.median(numbers.values())
        found |= {cell: "upper" if value > middle else "lower" for cell, value in numbers.items()}
    return found


def _stratum(record: CellRecord, metric: Metric) -> str:
    score = record.scores.get(metric.name)
    if not isinstance(score, Scored):
        return _UNSCORED
    passed = passes_by(score, metric)
    if passed is not None:
        return "passed" if passed else "failed"
    return str(score.value)


def _drawn(strata: Mapping[CellId, str], wish: Wish) -> Iterator[CellId]:
    order = sorted(strata, key=lambda cell: _rank("draw", wish.seed, cell))
    if not wish.sample or wish.sample >= len(order):
        yield from order
        return
    if wish.spread:
        parts: dict[str, list[CellId]] = {}
        for cell in order:
            parts.setdefault(strata[cell], []).append(cell)
        last = parts.pop(_UNSCORED, [])
        turns = (cell for cell in chain.from_iterable(zip_longest(*parts.values())) if cell is not None)
        order = [*turns, *last]
    yield from order[: wish.sample]


def _rank(what: str, seed: int, cell: CellId) -> bytes:
    written = f"{what}\0{seed}\0{cell.target}\0{cell.case}\0{cell.repeat}".encode()
    return hashlib.blake2b(written, digest_size=16).digest()
