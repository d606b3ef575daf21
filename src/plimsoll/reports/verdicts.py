"""A gate's verdict as a section of the view: rules that decided first, and each flipped case with both answers."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from plimsoll.canonical import short
from plimsoll.reports.flips import flip_rows, is_conditional, is_worse, metric_of, worth_listing
from plimsoll.reports.looks import level_text
from plimsoll.reports.model import RuleRow, VerdictSection
from plimsoll.reports.text import one_line, plain
from plimsoll.types import Decision, Direction, Report, RuleResult, Verdict

_DECIDING = {Decision.FAIL: 0, Decision.INCONCLUSIVE: 1, Decision.PASS: 2}
_HEADLINES = {
    Decision.PASS: "may be promoted",
    Decision.FAIL: "may not be promoted: it was measured, and is not good enough",
    Decision.INCONCLUSIVE: "may not be promoted: too little was measured to tell",
}


def verdict_section(verdict: Verdict, report: Report, course: str = "") -> VerdictSection:
    """The verdict as shown, with both sides' answers out of the report's cells; `course` as `course_text` has it."""
    rules = sorted(verdict.rules, key=lambda rule: _DECIDING[rule.outcome])
    # What changed since the anchor is not shown beside the baseline's answers.
    beside = [rule for rule in rules if rule.against in (None, verdict.baseline)]
    listed = [replace(rule, flipped=worth_listing(rule, report, verdict.target)) for rule in beside]
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
        levels=level_text(verdict),
        course=course,
        headline=f"{target} {_HEADLINES[verdict.outcome]}",
        reasons=tuple(_reasons(verdict)),
        rules=tuple(rule_row(rule, report, verdict.target) for rule in rules),
        flips=flip_rows(listed, report, verdict.baseline, verdict.target),
        not_applied=tuple(one_line(rule) for rule in verdict.not_applied),
    )


def rule_row(rule: RuleResult, report: Report, target: str) -> RuleRow:
    """The rule as shown."""
    metric = metric_of(rule.metric, report)
    worse = sum(is_worse(flip, metric) for flip in rule.flipped)
    return RuleRow(
        metric=plain(rule.metric),
        slice=None if rule.slice is None else plain(rule.slice),
        rule=one_line(rule.rule),
        outcome=rule.outcome,
        relative="baseline" in rule.rule or "anchor" in rule.rule,
        higher_is_better=metric.direction is Direction.HIGHER,
        unit=plain(metric.unit),
        estimate=rule.estimate,
        low=rule.low,
        high=rule.high,
        n=rule.n,
        missing=rule.missing,
        detectable=rule.detectable,
        reason=one_line(rule.reason),
        conditional=is_conditional(rule.metric, report, target),
        worse=worse,
        better=len(rule.flipped) - worse,
        failing=tuple(plain(case) for case in rule.failing),
        listed=tuple(plain(flip.case) for flip in worth_listing(rule, report, target) if is_worse(flip, metric)),
    )


def _reasons(verdict: Verdict) -> Iterator[str]:
    """What decided: rules by name, whose figures stand with the rules; and what no rule tells, as it is."""
    for outcome, what in ((Decision.FAIL, "failed"), (Decision.INCONCLUSIVE, "can't tell")):
        decided = [one_line(_name(rule)) for rule in verdict.rules if rule.outcome is outcome]
        if decided:
            yield f"{what}: {'; '.join(decided)}"
    told = [rule.reason for rule in verdict.rules if rule.outcome is not Decision.PASS]
    yield from (one_line(reason) for reason in verdict.reasons if not any(part in reason for part in told))


def _name(rule: RuleResult) -> str:
    return f"{rule.metric}{f' on {rule.slice}' if rule.slice else ''}, {rule.rule}"
