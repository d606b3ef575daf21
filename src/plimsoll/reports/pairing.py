"""Two targets of a report, read once and paired case by case, repeat by repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from plimsoll.reports.compare_model import Answers, Lacking
from plimsoll.stats import LackKind, Reading
from plimsoll.stats.columns import CaseColumns, Column, read_columns
from plimsoll.types import Direction, Metric, MetricKind, Report

DIGITS = 12
"""Differences that agree to so many decimals are the same: those of floats carry noise."""
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class Pair:
    """A case with values on both sides, of the same repeats."""

    place: int
    before: tuple[Reading, ...]
    after: tuple[Reading, ...]

    @property
    def means(self) -> tuple[float, float]:
        """Before and after, averaged over repeats."""
        return _mean(self.before), _mean(self.after)

    @property
    def change(self) -> float:
        """After − before."""
        before, after = self.means
        return round(after - before, DIGITS)

    @property
    def labels_changed(self) -> bool:
        """Whether some repeat has another label."""
        return [reading.label for reading in self.before] != [reading.label for reading in self.after]


@dataclass(slots=True)
class Paired:
    """One metric's pairs, in the order of the cases, and what stands in the way of more."""

    metric: Metric
    pairs: list[Pair] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    """Places of cases of which a repeat has no pair of values, though the metric applies to it."""
    lacking: Counter[tuple[str, LackKind]] = field(default_factory=Counter)

    def within(self, places: frozenset[int]) -> Paired:
        """The same of some cases only; what is lacking is told of the whole alone."""
        pairs = [pair for pair in self.pairs if pair.place in places]
        return Paired(self.metric, pairs, [place for place in self.missing if place in places])

    def told_lacking(self) -> tuple[Lacking, ...]:
        """Per side and reason, the most first."""
        order = sorted(self.lacking.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Lacking(side=side, kind=kind.value, cells=count) for (side, kind), count in order)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both targets' scores over the cases of either."""

    cases: CaseColumns
    names: tuple[str, ...]
    """The cases' ids, by place."""
    metrics: dict[str, Paired]
    answers: Answers


def read_sides(report: Report, before: str, after: str) -> Sides:
    """Pair two targets of a report.

    Raises:
        UsageError: the report holds a cell twice.
    """
    both = {name: report.run.targets[name] for name in (before, after)}
    columns = read_columns(replace(report, run=replace(report.run, targets=both)))
    theirs, ours = columns.targets[before].columns, columns.targets[after].columns
    places = range(len(columns.cases))
    metrics = {name: _paired(metric, theirs[name], ours[name], places) for name, metric in report.metrics.items()}
    return Sides(columns.cases, tuple(report.cases), metrics, _answers(report, before, after))


def passes(given: Sequence[Reading], metric: Metric) -> bool | None:
    """Whether every repeat passes; None where nothing says so of one."""
    states = [_passed(reading, metric) for reading in given]
    return None if None in states else all(states)


def agree(given: Sequence[Reading], metric: Metric) -> bool:
    """Whether all repeats pass, or none does."""
    return len({_passed(reading, metric) for reading in given}) == 1


def _passed(reading: Reading, metric: Metric) -> bool | None:
    if reading.passed is None and metric.kind is MetricKind.BOOL:
        return bool(reading.value) is (metric.direction is Direction.HIGHER)
    return reading.passed


def _paired(metric: Metric, before: Column, after: Column, places: Sequence[int]) -> Paired:
    found = Paired(metric)
    for place in places:
        pairs: list[tuple[Reading, Reading]] = []
        wanted = 0
        for theirs, ours in zip(before.cells(place), after.cells(place), strict=True):
            if theirs is ours is LackKind.SKIPPED:
                continue
            wanted += 1
            if isinstance(theirs, Reading) and isinstance(ours, Reading):
                pairs.append((theirs, ours))
            for side, cell in ((BEFORE, theirs), (AFTER, ours)):
                if isinstance(cell, LackKind):
                    found.lacking[side, cell] += 1
        if pairs:
            first, second = zip(*pairs, strict=True)
            found.pairs.append(Pair(place, first, second))
        if len(pairs) < wanted:
            found.missing.append(place)
    return found


def _answers(report: Report, before: str, after: str) -> Answers:
    """Texts are held as hashes: a run may have a hundred thousand."""
    texts: dict[tuple[str, int], int] = {}
    for record in report.of_target(before):
        if record.output is not None:
            texts[record.cell.case, record.cell.repeat] = hash(record.output.whole_text)
    same = cells = 0
    for record in report.of_target(after):
        other = texts.get((record.cell.case, record.cell.repeat))
        if record.output is not None and other is not None:
            cells += 1
            same += other == hash(record.output.whole_text)
    return Answers(same=same, cells=cells)


def _mean(given: Sequence[Reading]) -> float:
    return sum(reading.value for reading in given) / len(given)
