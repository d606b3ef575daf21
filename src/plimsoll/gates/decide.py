"""The decision: a report and a policy become a verdict. Pure, and never open.

Whatever was not measured can't make it pass: it asks for every planned cell, and tells the three answers apart:
measured and good, measured and bad, not measured well enough to tell.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property

from plimsoll.config import GatePolicy
from plimsoll.gates.check import Claim, claims_of
from plimsoll.gates.evidence import Cells, gather
from plimsoll.gates.grounds import Grounds
from plimsoll.gates.looks import Drawn
from plimsoll.gates.rules import Finding, find, result_of
from plimsoll.gates.words import counted, percent
from plimsoll.stats import holm
from plimsoll.types import Decision, Quarantined, Report, RuleResult, Verdict, rule_name

_WORST_FIRST = (Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS)
_NOTHING = Grounds()


def decide(
    report: Report,
    challenger: str,
    baseline: str | None,
    policy: GatePolicy,
    first: bool = False,
    *,
    anchor: str | None = None,
    grounds: Grounds = _NOTHING,
) -> Verdict:
    """Hold a challenger against a policy.

    Args:
        report: The cells of both targets; `with_baseline` brings a baseline in from another run.
        challenger: A target of the report.
        baseline: Another one. None with `first`, or where the policy compares with none.
        policy: The rules.
        first: There is no champion yet: absolute rules only, at least one; the others are named as not applied.
        anchor: A third one, below which nothing may fall that may not fall below the baseline.
        grounds: The judges' certificates, the quarantine, and how far a sequential run had come.

    Raises:
        PolicyError: a target, metric or slice that doesn't exist, a rule that doesn't fit its metric, a judged metric
            where the policy takes none, or certified ones only and its judge has no certificate that holds, or no rule
            to decide on. A `UsageError`.
        UsageError: a sequential run has no such look.
    """
    claims, left_out = claims_of(
        report, challenger, baseline, policy, first=first, anchor=anchor, certificates=grounds.certificates
    )
    cells = Cells(report, [claim.metric for claim in claims])
    case = _Case(report, cells, challenger, baseline, policy, grounds)
    findings = [case.finding(claim) for claim in claims]
    improvements = [place for place, claim in enumerate(claims) if claim.rule.kind == "better_than"]
    corrected = dict(zip(improvements, holm([findings[place].p_value for place in improvements]), strict=True))
    results = tuple(result_of(finding, policy, corrected.get(place)) for place, finding in enumerate(findings))
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
        not_applied=tuple(rule_name(rule.metric, rule.slice, rule.words) for rule in left_out),
        anchor=anchor,
        anchor_digest=None if anchor is None else targets[anchor].digest,
        quarantine=case.quarantine,
        gone=grounds.gone,
        look=grounds.look,
        attempts=grounds.attempts,
    )


@dataclass(frozen=True)
class _Case:
    """One decision, with all that it rests on."""

    report: Report
    cells: Cells
    challenger: str
    baseline: str | None
    policy: GatePolicy
    grounds: Grounds

    @cached_property
    def drawn(self) -> Drawn | None:
        return Drawn.of(self.report, self.grounds.look)

    @cached_property
    def _due(self) -> frozenset[str] | None:
        """Of a sequential run, the cases of the blocks that it had come to; and any that the plan does not know."""
        if self.drawn is None:
            return None
        known = self.report.cases
        return self.drawn.ids.union(record.cell.case for record in self.report.cells if record.cell.case not in known)

    @cached_property
    def _begun(self) -> frozenset[str] | None:
        """The same with the cases that were run beyond those blocks, for what every case must pass."""
        if self._due is None:
            return None
        return self._due.union(record.cell.case for record in self.report.of_target(self.challenger))

    @cached_property
    def quarantine(self) -> tuple[Quarantined, ...]:
        return tuple(
            entry for entry in self.grounds.in_force if entry.case in self.report.cases or entry.case in self._gone
        )

    @cached_property
    def _gone(self) -> frozenset[str]:
        return frozenset(self.grounds.gone)

    @cached_property
    def _hindrance(self) -> str | None:
        return self._too_many() or self._cut_short()

    def finding(self, claim: Claim) -> Finding:
        """A rule with its evidence."""
        names = {None, claim.rule.metric, claim.metric.name}
        everyone = claim.rule.kind == "all_pass"
        evidence = gather(
            self.report,
            self.cells,
            self.challenger,
            claim.against or self.baseline,
            claim,
            without={entry.case for entry in self.quarantine if entry.metric in names},
            # An interval rests on whole random blocks; what is asked of every case, on whatever was run.
            only=self._begun if everyone else self._due,
            gone=self._gone,
        )
        hindrance = self._hindrance or (self._not_begun(claim, names) if everyone else None)
        return find(claim, evidence, self.policy, hindrance=hindrance, drawn=self.drawn)

    def _not_begun(self, claim: Claim, metrics: Container[str | None]) -> str | None:
        """Why it can't be told of every case yet; None where all were run."""
        if self._begun is None:
            return None
        aside = {entry.case for entry in self.quarantine if entry.metric in metrics}
        rows = self.report.cases.items()
        waiting = sum(claim.counts(row) for case, row in rows if case not in self._begun and case not in aside)
        return f"{counted(waiting, 'case')} of it had not been run when the run was decided" if waiting else None

    def _too_many(self) -> str | None:
        left_out, cases = len({entry.case for entry in self.quarantine}), len(self.report.cases)
        if left_out <= self.policy.max_quarantined * cases:
            return None
        return (
            f"{left_out} of {counted(cases, 'case')} are quarantined, and the policy takes at most "
            f"{percent(self.policy.max_quarantined)}"
        )

    def _cut_short(self) -> str | None:
        if self.report.run.complete:
            return None
        if self.drawn is None:
            return "the run is not complete; run it again: what is finished is taken from the cache"
        return "the run was cut short before it was decided; gate again: what is finished is taken from the cache"


def _reasons(results: tuple[RuleResult, ...], outcome: Decision) -> tuple[str, ...]:
    if outcome is Decision.PASS:
        return (f"{counted(len(results), 'rule')} of the policy, all passed",)
    order = sorted(results, key=lambda result: _WORST_FIRST.index(result.outcome))
    return tuple(f"{result.name}: {result.reason}" for result in order if result.outcome is not Decision.PASS)
