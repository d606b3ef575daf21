"""The decision: a report and a policy become a verdict. Pure, and never open.

Whatever was not measured can't make it pass: it asks for every planned cell, and tells the three answers apart:
measured and good, measured and bad, not measured well enough to tell.
"""

from __future__ import annotations

from datetime import UTC, datetime

from plimsoll.calibration import Certificates
from plimsoll.config import GatePolicy
from plimsoll.gates.check import claims_of
from plimsoll.gates.evidence import gather
from plimsoll.gates.rules import find, result_of
from plimsoll.gates.words import counted
from plimsoll.stats import holm
from plimsoll.types import Decision, Report, RuleResult, Verdict

_WORST_FIRST = (Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS)


NO_CERTIFICATES = Certificates({}, datetime.max.replace(tzinfo=UTC))


def decide(
    report: Report,
    challenger: str,
    baseline: str | None,
    policy: GatePolicy,
    first: bool = False,
    *,
    certificates: Certificates = NO_CERTIFICATES,
) -> Verdict:
    """Hold a challenger against a policy.

    Args:
        report: The cells of both targets; `with_baseline` brings a baseline in from another run.
        challenger: A target of the report.
        baseline: Another one. None with `first`, or where the policy compares with none.
        policy: The rules.
        first: There is no champion yet: absolute rules only, at least one; the others are named as not applied.
        certificates: The judges' own, and the time by which they must not have expired.

    Raises:
        PolicyError: a target, metric or slice that doesn't exist, a rule that doesn't fit its metric, a judged metric
            where the policy takes none, or certified ones only and its judge has no certificate that holds, or no rule
            to decide on. A `UsageError`.
    """
    claims, left_out = claims_of(report, challenger, baseline, policy, first=first, certificates=certificates)
    findings = [
        find(claim, gather(report, challenger, baseline, claim), policy, complete=report.run.complete)
        for claim in claims
    ]
    improvements = [place for place, claim in enumerate(claims) if claim.rule.kind == "better_than"]
    corrected = dict(zip(improvements, holm([findings[place].p_value for place in improvements]), strict=True))
    results = tuple(
        result_of(finding, policy, baseline, corrected.get(place)) for place, finding in enumerate(findings)
    )
    outcome = next(decision for decision in _WORST_FIRST if any(result.outcome is decision for result in results))
    targets = report.run.targets
    return Verdict(
        outcome=outcome,
        suite=report.run.suite,
        run=report.run.id,
        target=challenger,
        baseline=baseline,
        rules=results,
        reasons=_reasons(results, outcome),
        target_digest=targets[challenger].digest,
        baseline_digest=None if baseline is None else targets[baseline].digest,
        confidence=policy.confidence,
        first=first,
        not_applied=tuple(f"{rule.metric}, {rule.words}" for rule in left_out),
    )


def _reasons(results: tuple[RuleResult, ...], outcome: Decision) -> tuple[str, ...]:
    if outcome is Decision.PASS:
        return (f"{counted(len(results), 'rule')} of the policy, all passed",)
    order = sorted(results, key=lambda result: _WORST_FIRST.index(result.outcome))
    return tuple(
        f"{result.metric}{f' on {result.slice}' if result.slice else ''}, {result.rule}: {result.reason}"
        for result in order
        if result.outcome is not Decision.PASS
    )
