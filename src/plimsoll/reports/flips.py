"""Which cases changed between baseline and challenger, each told once, with every metric that changed and both answers.

A flip is a case that passed on one side and not on the other. Where nothing says what passes, nearly every case's
value differs a little: of such a metric only the few that changed most for the worse tell a reader something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from plimsoll.reports.cases import expected_text, passes_by, short_input, told_answer
from plimsoll.reports.closed import shown
from plimsoll.reports.flip_model import FlippedMetric, FlipRow, Way
from plimsoll.reports.text import plain
from plimsoll.stats import PERCENTILES
from plimsoll.types import (
    Case,
    CellId,
    CellRecord,
    Decision,
    Direction,
    Flip,
    Metric,
    MetricKind,
    Part,
    Report,
    RuleResult,
)

CHANGES_LISTED = 5
"""Of a metric without a condition."""


class Flipped(Protocol):
    """What flip rows are made of: a rule's result, or a metric of a comparison."""

    @property
    def metric(self) -> str:
        """Its name."""

    @property
    def flipped(self) -> Sequence[Flip]:
        """The cases that flipped by it."""


def flip_rows(rules: Sequence[Flipped], report: Report, baseline: str | None, challenger: str) -> tuple[FlipRow, ...]:
    """One row for each case that changed, by `Way`; within these as the rules, and the flips in a rule, have them."""
    report = shown(report)
    found: dict[str, dict[str, FlippedMetric]] = {}
    for rule in rules:
        conditional = bool(rule.flipped) and is_conditional(rule.metric, report, challenger)
        for flip in rule.flipped:
            # Two rules over one metric (one of them on a slice) tell the same of a case.
            change = _flipped(flip, metric_of(rule.metric, report), rule.metric, conditional=conditional)
            found.setdefault(flip.case, {}).setdefault(rule.metric, change)
    find = _nothing if report.run.part is Part.HELD_OUT else report.finder()
    rows = [
        _row(
            case,
            list(metrics.values()),
            report.cases.get(case),
            before=None if baseline is None else _first_answer(find, baseline, case, report.run.repeats),
            after=_first_answer(find, challenger, case, report.run.repeats),
        )
        for case, metrics in found.items()
    ]
    order = list(Way)
    return tuple(sorted(rows, key=lambda row: order.index(row.way)))


def worth_listing(rule: RuleResult, report: Report, target: str) -> tuple[Flip, ...]:
    """The rule's flips that a reader needs: all where something says what passes.

    Otherwise the worst few changes, and those only of a rule that did not pass.
    """
    if is_conditional(rule.metric, report, target):
        return rule.flipped
    if rule.outcome is Decision.PASS:
        return ()
    metric = metric_of(rule.metric, report)
    worse = [flip for flip in rule.flipped if is_worse(flip, metric)]
    return tuple(sorted(worse, key=lambda flip: -abs(flip.change))[:CHANGES_LISTED])


def is_conditional(name: str, report: Report, target: str) -> bool:
    """Whether something says what passes by the metric: its own condition, or a case's."""
    metric = metric_of(name, report)
    if metric.pass_if is not None or metric.kind is MetricKind.BOOL:
        return True
    scores = (record.scores.get(metric.name) for record in report.of_target(target))
    return any(score is not None and passes_by(score, metric) is not None for score in scores)


def metric_of(name: str, report: Report) -> Metric:
    """The metric that a rule or a summary names, also where it is a percentile of a declared one."""
    declared = report.metrics
    base, _ = PERCENTILES.get(name, (name, 0.0))
    return declared.get(name) or declared.get(base) or Metric(name=name)


def is_worse(flip: Flip, metric: Metric) -> bool:
    """Whether the case changed for the worse."""
    return flip.change < 0 if metric.direction is Direction.HIGHER else flip.change > 0


def _flipped(flip: Flip, metric: Metric, name: str, *, conditional: bool) -> FlippedMetric:
    return FlippedMetric(
        metric=plain(name),
        kind=metric.kind,
        unit=plain(metric.unit),
        conditional=conditional,
        worse=is_worse(flip, metric),
        baseline=flip.baseline,
        challenger=flip.challenger,
    )


def _row(
    name: str,
    metrics: list[FlippedMetric],
    case: Case | None,
    *,
    before: CellRecord | None,
    after: CellRecord | None,
) -> FlipRow:
    return FlipRow(
        case=plain(name),
        metrics=tuple(sorted(metrics, key=lambda metric: (not metric.worse, not metric.conditional))),
        short=short_input(case) if case else "",
        expected=expected_text(case) if case else None,
        before=told_answer(before),
        after=told_answer(after),
    )


def _nothing(_: CellId) -> CellRecord | None:
    """Answers to held-out cases are not shown."""
    return None


def _first_answer(
    find: Callable[[CellId], CellRecord | None], target: str, case: str, repeats: int
) -> CellRecord | None:
    """The record of the first repeat that there is."""
    records = (find(CellId(target, case, repeat)) for repeat in range(max(1, repeats)))
    return next((record for record in records if record is not None), None)
