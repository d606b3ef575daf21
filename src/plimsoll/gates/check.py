"""What a policy asks of a report, checked before anything is decided: every mistake at once, none of them a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from plimsoll.config import GatePolicy, Rule
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import Mistake, UsageError, near_match
from plimsoll.stats import PERCENTILES, slice_counts
from plimsoll.types import Direction, Metric, MetricKind, Report


class PolicyError(UsageError):
    """The policy asks for what the run does not have; one or many mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(mistakes[0].message, remedy=mistakes[0].remedy)
        self._mistakes = tuple(mistakes)

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """All of them, in the order of the policy's rules."""
        return self._mistakes


@dataclass(frozen=True, slots=True)
class Claim:
    """A rule together with the metric that it is about."""

    rule: Rule
    metric: Metric
    """The metric whose scores are read; a label's values are whether it passes, so more is better."""
    percentile: float | None = None
    """Which percentile of the metric the rule is about; None is its mean."""

    @property
    def higher_is_better(self) -> bool:
        """The direction of the metric."""
        return self.metric.direction is Direction.HIGHER

    @property
    def truth(self) -> bool:
        """Values are 0 or 1."""
        return self.metric.kind is not MetricKind.NUMERIC

    @property
    def words(self) -> str:
        """Metric, slice and rule in words."""
        where = f" on {self.rule.slice}" if self.rule.slice else ""
        return f"{self.rule.metric}{where}, {self.rule.words}"


def claims_of(
    report: Report, challenger: str, baseline: str | None, policy: GatePolicy, *, first: bool
) -> tuple[tuple[Claim, ...], tuple[Rule, ...]]:
    """The rules that apply, each with its metric, and those that don't because there is no champion yet.

    Raises:
        PolicyError: a target, metric or slice doesn't exist; a rule doesn't fit its metric; nothing is left to decide.
    """
    mistakes = _target_mistakes(report, challenger, baseline, policy, first=first)
    applied = tuple(rule for rule in policy.rules if not (first and rule.relative))
    if not applied:
        message = "the first champion needs at least one absolute rule" if first else "the policy has no rules"
        mistakes.append(Mistake(message, remedy="add a rule with at_least, at_most or all_pass"))
    found = [_claim(report, rule, policy) for rule in applied]
    mistakes += [result for result in found if isinstance(result, Mistake)]
    if mistakes:
        raise PolicyError(mistakes)
    claims = tuple(result for result in found if isinstance(result, Claim))
    return claims, tuple(rule for rule in policy.rules if rule not in applied)


def _target_mistakes(
    report: Report, challenger: str, baseline: str | None, policy: GatePolicy, *, first: bool
) -> list[Mistake]:
    targets = report.run.targets
    mistakes = [
        Mistake(f"the run has no target named {name!r}", remedy=near_match(name, targets))
        for name in (challenger, baseline)
        if name is not None and name not in targets
    ]
    if baseline == challenger:
        mistakes.append(Mistake(f"{challenger!r} can't be its own baseline", remedy="name another baseline"))
    if first and baseline is not None:
        remedy = "leave --first or the baseline out"
        mistakes.append(Mistake("the first champion is compared with nothing", remedy=remedy))
    if not first and baseline is None and policy.baseline != NO_BASELINE:
        mistakes.append(
            Mistake(f"there is no baseline: the policy names {policy.baseline!r}", remedy="gate the first with --first")
        )
    if not first and baseline is None:
        mistakes += [
            Mistake(f"the rule {rule.metric} {rule.words!r} needs a baseline")
            for rule in policy.rules
            if rule.relative and policy.baseline == NO_BASELINE
        ]
    return mistakes


def _claim(report: Report, rule: Rule, policy: GatePolicy) -> Claim | Mistake:
    metrics = report.metrics
    derived = {name for name, (base, _) in PERCENTILES.items() if base in metrics}
    base, percentile = PERCENTILES[rule.metric] if rule.metric in derived else (rule.metric, None)
    metric = metrics.get(base)
    if metric is None:
        remedy = near_match(rule.metric, metrics.keys() | derived)
        return Mistake(f"no evaluator of the suite gives the metric {rule.metric!r}", remedy=remedy)
    slices = slice_counts(report.cases.values())
    if rule.slice is not None and rule.slice not in slices:
        return Mistake(f"no case is in the slice {rule.slice!r}", remedy=near_match(rule.slice, slices))
    if metric.judged and policy.judges == "none":
        return Mistake(
            f"the metric {rule.metric!r} is a model's judgement, and the policy takes none",
            remedy="decide on another metric, or write judges: any",
        )
    if percentile is not None and rule.kind == "all_pass":
        return Mistake(f"{rule.metric!r} is no case's value: all_pass can't be asked of it", remedy="write at_most")
    # A truth value passes when true, unless less of it is better: then somebody has to say so.
    plain_truth = metric.kind is MetricKind.BOOL and metric.direction is Direction.HIGHER
    if metric.pass_if is None and not plain_truth and (metric.kind is MetricKind.LABEL or rule.kind == "all_pass"):
        return Mistake(f"nothing says which values of {rule.metric!r} pass", remedy="give its evaluator a pass_if")
    if metric.kind is MetricKind.LABEL:
        metric = replace(metric, direction=Direction.HIGHER, low=0.0, high=1.0)
    elif metric.kind is MetricKind.BOOL:
        metric = replace(metric, low=0.0, high=1.0)
    return Claim(rule, metric, percentile)
