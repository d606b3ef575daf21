"""A gate's verdict as a section of the view: how it ended and why, its rules, each flipped case with both answers."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from plimsoll.canonical import short
from plimsoll.errors import ExitCode, first_that_applies
from plimsoll.reports.figures import figure_at
from plimsoll.reports.flips import flip_rows, is_conditional, is_worse, metric_of, worth_listing
from plimsoll.reports.looks import level_text
from plimsoll.reports.model import Problem, RuleRow, VerdictSection
from plimsoll.reports.spent import spent
from plimsoll.reports.text import one_line, plain
from plimsoll.stats import Summary
from plimsoll.types import Decision, Direction, Report, RuleResult, Verdict

DECIDING = {Decision.FAIL: 0, Decision.INCONCLUSIVE: 1, Decision.PASS: 2}
"""Which rules decide before which."""
_HEADLINES = {
    Decision.PASS: "may be promoted",
    Decision.FAIL: "may not be promoted: it was measured, and is not good enough",
    Decision.INCONCLUSIVE: "may not be promoted: too little was measured to tell",
}
_STOPPED = "may not be promoted: the run did not end as it should"
_RECORDED = "was not asked: only recorded outputs are shown, and nothing is decided"
_UNSEALED = "is good enough by these rules, but not for a promotion"
"""Of what passed, where the verdict is no evidence."""


def headline(verdict: Verdict, problem: Problem | None = None) -> str:
    """Whether the target may be promoted, in words.

    Args:
        verdict: By the rules.
        problem: Why the run does not end as done.
    """
    if verdict.recorded:
        return f"{plain(verdict.target)} {_RECORDED}"
    if stops(problem, verdict):
        return f"{plain(verdict.target)} {_STOPPED}"
    unsealed = verdict.outcome is Decision.PASS and verdict.unsealed is not None
    return f"{plain(verdict.target)} {_UNSEALED if unsealed else _HEADLINES[verdict.outcome]}"


def stops(problem: Problem | None, verdict: Verdict) -> bool:
    """Whether a gate ends with what stopped its run, and not with its verdict."""
    return problem is not None and _code(verdict, problem) is not verdict.outcome.exit_code


def _code(verdict: Verdict, problem: Problem | None) -> ExitCode:
    return first_that_applies([verdict.outcome.exit_code, *([problem.exit_code] if problem else [])])


def unsealed_note(verdict: Verdict) -> str | None:
    """Why no promotion can rest on a verdict, in a sentence; None where one can."""
    if verdict.unsealed is None:
        return None
    return one_line(f"this verdict is no evidence for a promotion: {verdict.unsealed}")


def verdict_section(
    verdict: Verdict, report: Report, summary: Summary, course: str = "", problem: Problem | None = None
) -> VerdictSection:
    """The verdict as shown, with both sides' answers out of the report's cells.

    Args:
        verdict: By the rules.
        report: The run.
        summary: Of the same report.
        course: As `course_text` has it.
        problem: Why the run does not end as done.
    """
    deciding = sorted(verdict.rules, key=lambda rule: DECIDING[rule.outcome])
    # What changed since the anchor is not shown beside the baseline's answers.
    beside = [rule for rule in deciding if rule.against in (None, verdict.baseline)]
    listed = [replace(rule, flipped=worth_listing(rule, report, verdict.target)) for rule in beside]
    return VerdictSection(
        outcome=verdict.outcome,
        code=_code(verdict, problem),
        problem=one_line(problem.message) if problem is not None and stops(problem, verdict) else "",
        suite=plain(verdict.suite),
        run=plain(verdict.run),
        target=plain(verdict.target),
        baseline=None if verdict.baseline_words is None else plain(verdict.baseline_words),
        baseline_digest=None if verdict.baseline_digest is None else short(verdict.baseline_digest),
        first=verdict.first,
        confidence=verdict.confidence,
        levels=level_text(verdict),
        course=course,
        headline=headline(verdict, problem),
        reasons=tuple(_reasons(verdict)),
        rules=tuple(rule_row(rule, report, summary, verdict) for rule in verdict.rules),
        flips=flip_rows(listed, report, verdict.baseline, verdict.target),
        not_applied=tuple(one_line(rule) for rule in verdict.not_applied),
        spent=tuple(
            spent(report, summary, name) for name in (verdict.baseline, verdict.target) if name in summary.targets
        ),
        gone=tuple(one_line(case) for case in verdict.gone),
        quarantined=tuple(dict.fromkeys(one_line(entry.case) for entry in verdict.quarantine)),
    )


def rule_row(rule: RuleResult, report: Report, summary: Summary, verdict: Verdict) -> RuleRow:
    """The rule as shown."""
    target = verdict.target
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
        before=figure_at(summary, rule.against or verdict.baseline, rule.metric, rule.slice),
        after=figure_at(summary, target, rule.metric, rule.slice),
    )


def _reasons(verdict: Verdict) -> Iterator[str]:
    """What decided: rules by name, whose figures stand with the rules; and what no rule tells, as it is."""
    for outcome, what in ((Decision.FAIL, "failed"), (Decision.INCONCLUSIVE, "can't tell")):
        decided = [one_line(rule.name) for rule in verdict.rules if rule.outcome is outcome]
        if decided:
            yield f"{what}: {'; '.join(decided)}"
    told = [rule.reason for rule in verdict.rules if rule.outcome is not Decision.PASS]
    yield from (one_line(reason) for reason in verdict.reasons if not any(part in reason for part in told))
