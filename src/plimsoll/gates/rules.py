"""One rule at a time: from evidence to its outcome, figures and reason.

A rule passes where the whole interval lies on the good side of its line, fails where the whole of it lies on the bad
side, and is inconclusive in between, and wherever something is missing: a hole never helps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from msgspec.structs import replace

from plimsoll.config import GatePolicy
from plimsoll.gates.check import Claim
from plimsoll.gates.correction import Correction
from plimsoll.gates.evidence import Evidence
from plimsoll.gates.figures import as_people_would, correction_of, interval_of, line_of, mirrored, p_better
from plimsoll.gates.flips import failing, flips
from plimsoll.gates.looks import CERTAIN, Drawn, widened
from plimsoll.gates.words import advice, compared, counted, measured, percent, shown
from plimsoll.stats import Estimate, detectable, p_value_above
from plimsoll.stats.estimate import Interval
from plimsoll.types import Decision, RuleResult

MIN_UNITS = 10
"""Pairs, or groups of them, below which no interval is believed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule with its evidence, before claims of improvement are corrected for each other."""

    claim: Claim
    evidence: Evidence
    hindrance: str | None
    """Why it can't be decided, whatever the figures."""
    interval: Interval | None
    """None for all_pass, and without a single value. Overall confidence → estimate, corrected where a judge was."""
    judged: Interval | None = None
    """The same as it was measured."""
    drawn: Drawn | None = None
    """Of a sequential run: how far it had come."""

    def confidence(self, overall: float) -> float:
        """Of the limits, where `overall` is to hold over all looks."""
        return overall if self.drawn is None else self.drawn.confidence(overall, self.claim)

    @property
    def corrected(self) -> Correction | None:
        """By which the figures are corrected."""
        return correction_of(self.claim)

    @property
    def p_value(self) -> float:
        """Of a claim of improvement, two-sided; 1 where it can't be decided."""
        if self.interval is None or self.hindrance is not None:
            return 1.0
        direct = None if self.corrected else p_better(self.claim, self.evidence)
        if direct is None:
            return p_value_above(self.interval if self.claim.higher_is_better else mirrored(self.interval), 0.0)
        return direct if self.drawn is None else self.drawn.overall(direct, self.claim)


def find(
    claim: Claim, evidence: Evidence, policy: GatePolicy, *, hindrance: str | None = None, drawn: Drawn | None = None
) -> Finding:
    """Look at the evidence of one rule.

    Args:
        claim: The rule.
        evidence: What there is on it.
        policy: For the coverage.
        hindrance: Why nothing can be decided, whatever the evidence.
        drawn: Of a sequential run: how far it had come.
    """
    everyone = claim.rule.kind == "all_pass"
    hindrance = _hole(evidence, 1.0 if everyone else policy.coverage) or hindrance or _too_many(evidence, policy)
    if hindrance is None and not everyone and evidence.units < MIN_UNITS:
        what = "group" if evidence.units < len(evidence.pairs) else "pair" if claim.rule.relative else "case"
        hindrance = f"{counted(evidence.units, what)}, and fewer than {MIN_UNITS} tell nothing"
    judged = None if everyone or not evidence.pairs else interval_of(claim, evidence)
    interval = judged if judged is None else as_people_would(claim, judged)
    if interval is not None and drawn is not None:
        interval = widened(interval, lambda overall: drawn.confidence(overall, claim))
    return Finding(claim, evidence, hindrance, interval, judged, drawn)


def result_of(finding: Finding, policy: GatePolicy, adjusted: float | None = None) -> RuleResult:
    """What the rule found.

    Args:
        finding: The rule and its evidence.
        policy: For the confidence.
        adjusted: Of a claim of improvement, its p-value corrected for all of them.
    """
    if finding.claim.rule.kind == "all_pass":
        return _every_case(finding)
    if finding.interval is None:
        return _result(finding, Decision.INCONCLUSIVE, finding.hindrance or "nothing was scored")
    estimate, confidence = finding.interval(policy.confidence), finding.confidence(policy.confidence)
    outcome, reason = _judge(finding, estimate, policy.confidence, adjusted)
    said = measured(finding.claim, finding.evidence, estimate, confidence) + _by_judge(finding)
    result = _result(finding, outcome, f"{said}: {reason}", estimate, detectable(estimate, confidence))
    found = None if finding.judged is None or finding.corrected is None else finding.judged(policy.confidence).value
    return replace(result, confidence=_rounded(confidence), measured=_rounded(found))


def _judge(finding: Finding, estimate: Estimate, overall: float, adjusted: float | None) -> tuple[Decision, str]:
    if finding.hindrance is not None:
        return Decision.INCONCLUSIVE, finding.hindrance
    line = line_of(finding.claim)
    outcome = Decision.PASS if line.good(estimate) else Decision.FAIL if line.bad(estimate) else Decision.INCONCLUSIVE
    if adjusted is not None and outcome is not Decision.FAIL:
        outcome = Decision.PASS if adjusted <= 1 - overall else Decision.INCONCLUSIVE
        if outcome is Decision.PASS:
            return outcome, f"an improvement (p = {shown(adjusted)}, corrected over all claims of improvement)"
        if line.good(estimate):
            return (
                outcome,
                f"not enough beside the policy's other claims of improvement (corrected p = {shown(adjusted)})",
            )
    if outcome is not Decision.INCONCLUSIVE:
        return outcome, compared(line, outcome)
    return outcome, _open(finding, estimate, overall)


def _open(finding: Finding, estimate: Estimate, overall: float) -> str:
    """Why it can't be told, and what would tell."""
    confidence, line = finding.confidence(overall), line_of(finding.claim)
    if confidence >= CERTAIN:
        return "too few of its cases had been run to conclude anything at this look"
    reason = compared(line, Decision.INCONCLUSIVE)
    if finding.drawn is not None and not finding.drawn.last:
        # The cases of the looks to come are what would decide it.
        return reason
    return f"{reason}; {advice(finding.claim, finding.evidence, estimate, line, confidence)}"


def _by_judge(finding: Finding) -> str:
    """How a judge's errors are dealt with, in words; empty where none is asked about."""
    correction = finding.claim.correction
    if correction is None:
        return ""
    why_not = correction.why_not(difference=finding.claim.rule.relative)
    return f", {correction.words}" if why_not is None else f", as the judge gave it: {why_not}"


def _every_case(finding: Finding) -> RuleResult:
    evidence = finding.evidence
    bad = failing(evidence)
    if bad:
        # A case that was seen to fail stays failed, whatever is missing beside it.
        reason = f"{len(bad)} of {counted(len(evidence.pairs), 'case')} did not pass: {_some(bad)}"
        return _result(finding, Decision.FAIL, reason)
    if finding.hindrance is not None:
        return _result(finding, Decision.INCONCLUSIVE, finding.hindrance)
    total = counted(len(evidence.pairs), "case")
    return _result(finding, Decision.PASS, f"all of {total} passed{_aside(evidence)}")


def _result(
    finding: Finding, outcome: Decision, reason: str, estimate: Estimate | None = None, smallest: float | None = None
) -> RuleResult:
    claim, evidence = finding.claim, finding.evidence
    return RuleResult(
        metric=claim.rule.metric,
        rule=claim.words,
        outcome=outcome,
        reason=reason,
        estimate=None if estimate is None else _rounded(estimate.value),
        low=None if estimate is None else _rounded(estimate.low),
        high=None if estimate is None else _rounded(estimate.high),
        n=len(evidence.pairs),
        missing=len(evidence.missing),
        detectable=_rounded(smallest, 3),
        slice=claim.rule.slice,
        against=claim.against,
        flipped=flips(claim, evidence),
        failing=failing(evidence) if claim.rule.kind == "all_pass" else (),
    )


def _rounded(value: float | None, digits: int = 6) -> float | None:
    # A verdict is decided again elsewhere and must come out the same: the last digits are the platform's.
    return None if value is None else float(f"{value:.{digits}g}")


def _hole(evidence: Evidence, coverage: float) -> str | None:
    """Why the coverage does not do, if it does not."""
    if not evidence.planned:
        return f"there is no case to measure it on{_aside(evidence)}"
    if not evidence.scored:
        return f"nothing was scored: {_lacks(evidence)}"
    if evidence.coverage < coverage:
        return (
            f"{counted(len(evidence.missing), 'case')} without a value, {percent(evidence.coverage)} of the planned "
            f"cells scored and {percent(coverage)} needed: {_lacks(evidence)}"
        )
    return None


def _too_many(evidence: Evidence, policy: GatePolicy) -> str | None:
    """Why the quarantine is too large to decide the rule without its cases."""
    if evidence.quarantined <= policy.max_quarantined * evidence.asked:
        return None
    most = percent(policy.max_quarantined)
    return f"{evidence.quarantined} of its {counted(evidence.asked, 'case')} are quarantined, and {most} is the most"


def _aside(evidence: Evidence) -> str:
    said = f" (it does not apply to {counted(evidence.aside, 'case')})" if evidence.aside else ""
    return said + (f" ({counted(evidence.quarantined, 'case')} quarantined)" if evidence.quarantined else "")


def _lacks(evidence: Evidence) -> str:
    # Where the provider is down both sides lack the same. Never cut: half of a value is not found by who redacts it.
    found: dict[str, Counter[str]] = {}
    for (target, reason), count in sorted(evidence.lacks.items()):
        found.setdefault(reason, Counter())[target] += count
    common = sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))
    said = [
        f"{' and '.join(f'{count} on {target}' for target, count in counts.items())}: {reason}"
        for reason, counts in common[:3]
    ]
    if len(common) > 3:
        said.append("…")
    return "; ".join(said)


def _some(cases: tuple[str, ...]) -> str:
    return ", ".join(cases[:5]) + (", …" if len(cases) > 5 else "")
