"""What changed between two runs of a suite, cell by cell: the same target, case and repeat before and after.

A flip is a cell that passed by a metric and no longer does, or the other way round. A cell that has an answer in one of
the runs alone flips nothing: it is told as lost or as won.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct

from plimsoll.reports.cases import expected_text, passes_by, short_input, told_answer
from plimsoll.reports.flip_model import FlippedMetric, FlipRow, Way
from plimsoll.reports.text import plain
from plimsoll.stats import MetricSummary, Summary
from plimsoll.types import CellId, CellRecord, Metric, MetricKind, Report, Score, Scored

KEPT = 20
"""Flips of a target that are told with their answers, each way; the others are counted."""


class MetricChange(Struct, frozen=True, kw_only=True):
    """A metric's mean on both sides."""

    metric: str
    unit: str
    before: float | None
    after: float | None


class TargetChange(Struct, frozen=True, kw_only=True):
    """What changed of one target."""

    target: str
    new: bool
    """The run before did not have it."""
    metrics: tuple[MetricChange, ...]
    """Those of which something says what passes, and those whose mean changed."""
    worse: int
    """Cells that flipped for the worse, by whichever metric."""
    better: int
    """Cells that flipped for the better alone."""
    answers: int
    """Cells whose answer is another one."""
    lost: int
    """Cells that had an answer and have none."""
    won: int
    """Cells that had none and have one."""
    flips: tuple[FlipRow, ...]
    """For the worse first; at most `KEPT` each way."""


class RunChanges(Struct, frozen=True, kw_only=True):
    """A run held against the one before it."""

    suite: str
    before: str
    """The run's id."""
    after: str
    targets: tuple[TargetChange, ...]
    """Those of the run after, in its order."""


class Ended(NamedTuple):
    """A run with its figures."""

    report: Report
    summary: Summary


class _Trace(NamedTuple):
    """What is remembered of a cell: enough to see that it changed."""

    answer: int | None
    """The text's hash; None without an answer."""
    passed: tuple[bool | None, ...]
    """By each metric of the run before, in its order."""


class _Turn(NamedTuple):
    record: CellRecord
    metrics: tuple[str, ...]


def build_changes(before: Ended, after: Ended) -> RunChanges:
    """Hold a run against the one before it.

    Args:
        before: The earlier run of the suite.
        after: The later one. Metrics that only one of them has flip nothing.
    """
    metrics = [name for name in before.report.metrics if name in after.report.metrics]
    traces = {record.cell: _trace(record, metrics, before.report.metrics) for record in before.report.cells}
    found = {name: _Found(after.report, metrics) for name in after.report.run.targets}
    for record in after.report.cells:
        trace = traces.get(record.cell)
        if trace is not None:
            found[record.cell.target].compare(trace, record)
    old = _answers(before.report, {turn.record.cell for each in found.values() for turn in each.turns})
    return RunChanges(
        suite=plain(after.report.run.suite),
        before=before.report.run.id,
        after=after.report.run.id,
        targets=tuple(each.told(name, before, after, old) for name, each in found.items()),
    )


def _trace(record: CellRecord, metrics: Iterable[str], declared: Mapping[str, Metric]) -> _Trace:
    output = record.output
    answer = None if output is None else hash((output.whole_text, len(output.tool_calls)))
    return _Trace(answer, tuple(_passed(record, name, declared) for name in metrics))


def _passed(record: CellRecord, name: str, declared: Mapping[str, Metric]) -> bool | None:
    score = record.scores.get(name)
    return None if score is None else passes_by(score, declared[name])


def _answers(report: Report, wanted: set[CellId]) -> dict[CellId, CellRecord]:
    return {record.cell: record for record in report.cells if record.cell in wanted} if wanted else {}


class _Found:
    """Collects one target's changes."""

    def __init__(self, report: Report, metrics: list[str]) -> None:
        self._declared = report.metrics
        self._metrics = metrics
        self.answers = self.lost = self.won = 0
        self.turned = {Way.WORSE: 0, Way.BETTER: 0}
        self._kept: dict[Way, list[_Turn]] = {Way.WORSE: [], Way.BETTER: []}

    @property
    def turns(self) -> Iterator[_Turn]:
        for turns in self._kept.values():
            yield from turns

    def compare(self, before: _Trace, record: CellRecord) -> None:
        after = _trace(record, self._metrics, self._declared)
        if before.answer is None or after.answer is None:
            self.lost += after.answer is None and before.answer is not None
            self.won += before.answer is None and after.answer is not None
            return
        self.answers += before.answer != after.answer
        pairs = zip(self._metrics, before.passed, after.passed, strict=True)
        turned = [(name, old) for name, old, new in pairs if old is not None and new is not None and old is not new]
        if turned:
            way = Way.WORSE if any(old for _, old in turned) else Way.BETTER
            self.turned[way] += 1
            if len(self._kept[way]) < KEPT:
                self._kept[way].append(_Turn(record, tuple(name for name, _ in turned)))

    def told(self, name: str, before: Ended, after: Ended, old: Mapping[CellId, CellRecord]) -> TargetChange:
        new = name not in before.summary.targets
        return TargetChange(
            target=plain(name),
            new=new,
            metrics=tuple(_means(name, before.summary, after.summary)),
            worse=self.turned[Way.WORSE],
            better=self.turned[Way.BETTER],
            answers=self.answers,
            lost=self.lost,
            won=self.won,
            flips=tuple(self._row(turn, old[turn.record.cell], after.report) for turn in self.turns),
        )

    def _row(self, turn: _Turn, before: CellRecord, report: Report) -> FlipRow:
        cell = turn.record.cell
        case = report.cases.get(cell.case)
        flipped = [self._flipped(name, before, turn.record) for name in turn.metrics]
        return FlipRow(
            case=plain(cell.case) + (f" #{cell.repeat + 1}" if report.run.repeats > 1 else ""),
            metrics=tuple(sorted(flipped, key=lambda metric: not metric.worse)),
            short=short_input(case) if case else "",
            expected=expected_text(case) if case else None,
            before=told_answer(before),
            after=told_answer(turn.record),
        )

    def _flipped(self, name: str, before: CellRecord, after: CellRecord) -> FlippedMetric:
        metric = self._declared[name]
        values = [_value(record.scores[name]) for record in (before, after)]
        told = [value for value in values if value is not None]
        passed = bool(passes_by(after.scores[name], metric))
        kind = metric.kind
        if len(told) < len(values):
            # A label's values are no figures: whether it passes is.
            kind, told = MetricKind.BOOL, [float(not passed), float(passed)]
        return FlippedMetric(
            metric=plain(name),
            kind=kind,
            unit=plain(metric.unit),
            conditional=True,
            worse=not passed,
            baseline=told[0],
            challenger=told[1],
        )


def _value(score: Score) -> float | None:
    if not isinstance(score, Scored) or isinstance(score.value, str):
        return None
    return float(score.value)


def _means(target: str, before: Summary, after: Summary) -> Iterator[MetricChange]:
    old = before.targets[target].metrics if target in before.targets else {}
    for name, summary in after.targets[target].metrics.items():
        known = old.get(name)
        was = None if known is None else known.mean
        if summary.mean is not None and (_says_what_passes(summary) or was is None or was != summary.mean):
            yield MetricChange(metric=plain(name), unit=plain(summary.unit), before=was, after=summary.mean)


def _says_what_passes(summary: MetricSummary) -> bool:
    return summary.passed is not None
