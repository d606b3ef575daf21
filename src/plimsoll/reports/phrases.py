"""Sentences that more than one renderer says of the view's values, so that they say the same."""

from __future__ import annotations

from plimsoll.reports.model import CaseRow, Header, RuleRow, Standing, VerdictSection
from plimsoll.reports.text import count, interval, number

BAD = (Standing.ERROR, Standing.FAILED, Standing.NOT_RUN)
"""How a case stands that a reader has to look at."""
FAILING_NAMED = 5


def estimate_text(rule: RuleRow) -> str:
    """`difference −0.120 (−0.180 to −0.060)`, `0.667 (0.467–0.820)`, or that there is none."""
    if rule.estimate is None:
        return "no estimate"
    what = "difference " if rule.relative else ""
    limits = interval(rule.low, rule.high, signed=rule.relative, precise=True)
    return f"{what}{number(rule.estimate, rule.unit, signed=rule.relative, precise=True)} ({limits})"


def rule_figures(rule: RuleRow) -> tuple[str, ...]:
    """`n 22`, `2 missing`, `detectable 0.110`, `flipped 2 worse, 1 better`."""
    parts = [f"n {rule.n:,}", f"{rule.missing:,} missing"]
    if rule.detectable is not None:
        parts.append(f"detectable {number(rule.detectable, rule.unit, precise=True)}")
    if rule.worse or rule.better:
        parts.append(f"flipped {rule.worse:,} worse, {rule.better:,} better")
    return tuple(parts)


def failing_text(rule: RuleRow) -> str:
    """Which cases of an all_pass rule don't pass: a few by name, the others by number; empty where none."""
    named = ", ".join(rule.failing[:FAILING_NAMED])
    more = len(rule.failing) - FAILING_NAMED
    return f"does not pass: {named}" + (f" and {more:,} more" if more > 0 else "") if rule.failing else ""


def baseline_text(section: VerdictSection) -> str:
    """`baseline v1 (5b31c119509a)`, or why there is none."""
    if section.baseline is None:
        return "no baseline: the first champion" if section.first else "no baseline"
    return f"baseline {section.baseline}" + (f" ({section.baseline_digest})" if section.baseline_digest else "")


def coverage_text(header: Header) -> str:
    """`68 of 72 cells answered, 3 failed, 1 not run, 2 scores missing`."""
    parts = [f"{header.answered:,} of {header.planned:,} cells answered"]
    parts += [f"{header.failed:,} failed"] if header.failed else []
    parts += [f"{header.not_run:,} not run"] if header.not_run else []
    parts += [f"{count(header.unscored, 'score')} missing"] if header.unscored else []
    return ", ".join(parts)


def who(case: CaseRow) -> str:
    """Which targets failed the case, and at what: `error: port; did not pass: v1 (exact_match)`."""
    found: dict[Standing, dict[str, dict[str, None]]] = {standing: {} for standing in BAD}
    for answer in case.answers:
        if answer.standing in BAD:
            metrics = found[answer.standing].setdefault(answer.target, {})
            metrics |= dict.fromkeys(score.metric for score in answer.scores if score.passed is False)
    return "; ".join(
        f"{standing}: {', '.join(_with_metrics(name, list(metrics)) for name, metrics in targets.items())}"
        for standing, targets in found.items()
        if targets
    )


def _with_metrics(name: str, metrics: list[str]) -> str:
    return f"{name} ({', '.join(metrics)})" if metrics else name
