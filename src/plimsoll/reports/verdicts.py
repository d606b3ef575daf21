"""A gate's verdict as a section of the view: rules that decided first, and each flipped case with both answers."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.canonical import short
from plimsoll.reports.cases import expected_text, short_input, told_answer
from plimsoll.reports.model import FlipRow, RuleRow, VerdictSection
from plimsoll.reports.text import one_line, plain
from plimsoll.stats import PERCENTILES
from plimsoll.types import CellRecord, Decision, Direction, Flip, Metric, Report, RuleResult, Verdict

_DECIDING = {Decision.FAIL: 0, Decision.INCONCLUSIVE: 1, Decision.PASS: 2}
_HEADLINES = {
    Decision.PASS: "may be promoted",
    Decision.FAIL: "may not be promoted: it was measured, and is not good enough",
    Decision.INCONCLUSIVE: "may not be promoted: too little was measured to tell",
}


def verdict_section(verdict: Verdict, report: Report) -> VerdictSection:
    """The verdict as shown, with both sides' answers out of the report's cells."""
    rules = sorted(verdict.rules, key=lambda rule: _DECIDING[rule.outcome])
    target = plain(verdict.target)
    return VerdictSection(
        outcome=verdict.outcome,
        suite=plain(verdict.suite),
        run=plain(verdict.run),
        target=target,
        baseline=None if verdict.baseline is None else plain(verdict.baseline),
        baseline_digest=None if verdict.baseline_digest is None else short(verdict.baseline_digest),
        first=verdict.first,
        confidence=verdict.confidence,
        headline=f"{target} {_HEADLINES[verdict.outcome]}",
        reasons=tuple(one_line(reason) for reason in verdict.reasons),
        rules=tuple(rule_row(rule, report) for rule in rules),
        flips=flip_rows(rules, report, verdict.baseline, verdict.target),
        not_applied=tuple(one_line(rule) for rule in verdict.not_applied),
    )


def flip_rows(
    rules: Sequence[RuleResult], report: Report, baseline: str | None, challenger: str
) -> tuple[FlipRow, ...]:
    """Every flip of every rule with both answers: those for the worse first, otherwise as the rules have them."""
    before = {} if baseline is None else _first_answers(report, baseline)
    after = _first_answers(report, challenger)
    rows = [
        _flip_row(flip, rule, report, before.get(flip.case), after.get(flip.case))
        for rule in rules
        for flip in rule.flipped
    ]
    return tuple(sorted(rows, key=lambda row: not row.worse))


def metric_of(name: str, report: Report) -> Metric:
    """The metric that a rule or a summary names, also where it is a percentile of a declared one."""
    declared = report.metrics
    base, _ = PERCENTILES.get(name, (name, 0.0))
    return declared.get(name) or declared.get(base) or Metric(name=name)


def is_worse(flip: Flip, metric: Metric) -> bool:
    """Whether the case changed for the worse."""
    return flip.change < 0 if metric.direction is Direction.HIGHER else flip.change > 0


def rule_row(rule: RuleResult, report: Report) -> RuleRow:
    """The rule as shown."""
    metric = metric_of(rule.metric, report)
    worse = sum(is_worse(flip, metric) for flip in rule.flipped)
    return RuleRow(
        metric=plain(rule.metric),
        slice=None if rule.slice is None else plain(rule.slice),
        rule=one_line(rule.rule),
        outcome=rule.outcome,
        relative="baseline" in rule.rule,
        higher_is_better=metric.direction is Direction.HIGHER,
        unit=plain(metric.unit),
        estimate=rule.estimate,
        low=rule.low,
        high=rule.high,
        n=rule.n,
        missing=rule.missing,
        detectable=rule.detectable,
        reason=one_line(rule.reason),
        worse=worse,
        better=len(rule.flipped) - worse,
        failing=tuple(plain(case) for case in rule.failing),
    )


def _flip_row(
    flip: Flip, rule: RuleResult, report: Report, before: CellRecord | None, after: CellRecord | None
) -> FlipRow:
    case = report.cases.get(flip.case)
    return FlipRow(
        case=plain(flip.case),
        metric=plain(rule.metric),
        slice=None if rule.slice is None else plain(rule.slice),
        worse=is_worse(flip, metric_of(rule.metric, report)),
        baseline=flip.baseline,
        challenger=flip.challenger,
        short=short_input(case) if case else "",
        expected=expected_text(case) if case else None,
        before=told_answer(before),
        after=told_answer(after),
    )


def _first_answers(report: Report, target: str) -> dict[str, CellRecord]:
    """Case → record of the first repeat that there is."""
    found: dict[str, CellRecord] = {}
    for record in sorted(report.of_target(target), key=lambda record: record.cell.repeat):
        found.setdefault(record.cell.case, record)
    return found
