"""What there is to decide a rule on: the cases with values on every side it needs, and the cells without.

The planned cells are those of the report's case table and of any case that one side has cells of. A cell counts as
scored only where each side has a usable value; leaving a case out on one side makes it missing, never absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field

from plimsoll.gates.check import Claim
from plimsoll.stats import Cell, Lack, LackKind, Reading
from plimsoll.stats.readings import all_readings
from plimsoll.types import Case, CellId, Metric, Report

_NOT_PLANNED = "the case is not among the run's"
_OLD = Lack(LackKind.MISSING, "the answer is an earlier run's, which says nothing of today: gate with --fresh")


@dataclass(frozen=True, slots=True)
class Pair:
    """A case with values: the challenger's, and the baseline's where it has any."""

    case: str
    weight: float
    group: str | None
    unit: str
    """The independent unit that it belongs to."""
    challenger: tuple[Reading, ...]
    """One a repeat."""
    baseline: tuple[Reading, ...] = ()

    @property
    def challenger_mean(self) -> float:
        """Averaged over repeats."""
        return _mean(self.challenger)

    @property
    def baseline_mean(self) -> float:
        """Averaged over repeats."""
        return _mean(self.baseline)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The pairs of one rule, in the order of the case table, and what stands in the way of more."""

    pairs: tuple[Pair, ...]
    planned: int
    """Cells that were to have a value."""
    scored: int
    """Cells that have one, on every side that the rule needs."""
    missing: tuple[str, ...]
    """Cases with a cell among the others."""
    aside: int
    """Cases to which the metric does not apply."""
    lacks: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(Target, reason) → cells without a value."""
    quarantined: int = 0
    """Cases that a quarantine leaves out."""
    asked: int = 0
    """Cases that the rule is about, with those."""

    @property
    def coverage(self) -> float:
        """Share of planned cells that are scored; none planned is no coverage."""
        return self.scored / self.planned if self.planned else 0.0

    @property
    def weights(self) -> list[float]:
        """Of the pairs."""
        return [pair.weight for pair in self.pairs]

    @property
    def groups(self) -> list[str | None]:
        """Of the pairs."""
        return [pair.group for pair in self.pairs]

    @property
    def units(self) -> int:
        """Independent ones among the pairs: groups, and cases without a group."""
        return len({pair.unit for pair in self.pairs})


class Cells:
    """What the cells of a report say of the metrics of a policy: each target's read once for all of them."""

    def __init__(self, report: Report, metrics: Iterable[Metric]) -> None:
        self._report = report
        self._metrics = tuple(dict.fromkeys(metrics))
        self._read: dict[str, dict[Metric, dict[str, tuple[Cell, ...]]]] = {}

    def of(self, target: str, metric: Metric) -> dict[str, tuple[Cell, ...]]:
        """Case → one entry for each planned repeat."""
        if target not in self._read:
            found = dict(zip(self._metrics, all_readings(self._report, target, self._metrics), strict=True))
            today = [each for each in found if each.of_today]
            if today:
                cached = {record.cell for record in self._report.of_target(target) if record.cached}
                found |= {each: _of_today(found[each], target, cached) for each in today}
            self._read[target] = found
        return self._read[target][metric]


def _of_today(
    cells: Mapping[str, tuple[Cell, ...]], target: str, cached: Container[CellId]
) -> dict[str, tuple[Cell, ...]]:
    return {
        case: tuple(_OLD if CellId(target, case, repeat) in cached else cell for repeat, cell in enumerate(entries))
        for case, entries in cells.items()
    }


def gather(
    report: Report,
    cells: Cells,
    challenger: str,
    baseline: str | None,
    claim: Claim,
    *,
    without: Container[str] = (),
    only: Container[str] | None = None,
    gone: Collection[str] = (),
) -> Evidence:
    """Everything that the report holds on one rule.

    An absolute rule needs the challenger's values only; the baseline's are kept for showing what changed, and to tell
    a metric that does not apply to a case from one that the challenger escaped.

    Args:
        report: Its cases.
        cells: What its cells say.
        challenger: A target of the report.
        baseline: What it is compared with, or shown beside.
        claim: The rule.
        without: Cases that are quarantined: they are neither counted nor missing.
        only: Cases that a sequential run has come to; None is all.
        gone: Cases of the baseline's evidence that the dataset lacks, or has otherwise: they are missing.
    """
    ours = cells.of(challenger, claim.metric)
    theirs = {} if baseline is None else cells.of(baseline, claim.metric)
    pairs: list[Pair] = []
    missing: list[str] = []
    lacks: Counter[tuple[str, str]] = Counter()
    planned = scored = aside = quarantined = asked = 0
    nothing = (Lack(LackKind.MISSING, "the case is not in its run"),) * max(1, report.run.repeats)
    for case in (*report.cases, *sorted((ours.keys() | theirs.keys() | set(gone)) - report.cases.keys())):
        row = None if case in gone else report.cases.get(case)
        # Nobody knows the slices of a case that is not in the table, or was otherwise: it counts in each.
        if row is not None and not claim.counts(row):
            continue
        if only is not None and case not in only and case not in gone:
            continue
        asked += 1
        if case in without:
            quarantined += 1
            continue
        mine = ours.get(case, nothing)
        other = None if baseline is None else theirs.get(case, nothing)
        taken = _take(mine, other, relative=claim.rule.relative) if row else _unknown(len(mine), gone=case in gone)
        planned += taken.planned
        scored += len(taken.challenger)
        aside += taken.planned == 0
        lacks.update({(challenger, reason): count for reason, count in taken.our_lacks.items()})
        if baseline is not None:
            lacks.update({(baseline, reason): count for reason, count in taken.their_lacks.items()})
        if len(taken.challenger) < taken.planned:
            missing.append(case)
        if row is not None and taken.challenger:
            pairs.append(_pair(row, taken))
    return Evidence(tuple(pairs), planned, scored, tuple(missing), aside, lacks, quarantined, asked)


@dataclass(slots=True)
class _Taken:
    """One case's cells, sorted out."""

    planned: int = 0
    challenger: list[Reading] = field(default_factory=list)
    baseline: list[Reading] = field(default_factory=list)
    our_lacks: Counter[str] = field(default_factory=Counter)
    their_lacks: Counter[str] = field(default_factory=Counter)


def _take(mine: tuple[Cell, ...], other: tuple[Cell, ...] | None, *, relative: bool) -> _Taken:
    taken = _Taken()
    for repeat, cell in enumerate(mine):
        partner = None if other is None else other[repeat]
        if _skipped(cell) and (partner is None or _skipped(partner)):
            continue
        taken.planned += 1
        if isinstance(cell, Lack):
            taken.our_lacks[cell.reason] += 1
        if relative and isinstance(partner, Lack):
            taken.their_lacks[partner.reason] += 1
        if isinstance(cell, Reading) and (not relative or isinstance(partner, Reading)):
            taken.challenger.append(cell)
            if isinstance(partner, Reading):
                taken.baseline.append(partner)
    return taken


def _skipped(cell: Cell) -> bool:
    return isinstance(cell, Lack) and cell.kind is LackKind.SKIPPED


def _unknown(cells: int, *, gone: bool) -> _Taken:
    """Of a case that only a side's cells name: what it holds, and whether it is the same on both sides, is unknown."""
    why = "the case is gone from the dataset, or was changed, since the baseline was measured" if gone else _NOT_PLANNED
    return _Taken(planned=cells, our_lacks=Counter({why: cells}))


def _pair(row: Case, taken: _Taken) -> Pair:
    return Pair(row.id, row.weight, row.group, row.unit, tuple(taken.challenger), tuple(taken.baseline))


def _mean(given: tuple[Reading, ...]) -> float:
    return sum(reading.value for reading in given) / len(given)
