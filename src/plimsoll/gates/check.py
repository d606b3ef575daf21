"""What a policy asks of a report, checked before anything is decided: every mistake at once, none of them a verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from plimsoll.calibration import Certificate, Certificates
from plimsoll.config import GatePolicy, Rule
from plimsoll.config.policy import NO_BASELINE
from plimsoll.config.quantities import parse_condition
from plimsoll.errors import Mistake, UsageError, near_match
from plimsoll.gates.correction import Correction
from plimsoll.stats import PERCENTILES, slice_counts
from plimsoll.types import Case, Direction, Metric, MetricKind, Report

DEFAULT_MARGIN = 0.05
"""Share of a metric's range that it may get worse by, where a rule names no margin: about 340 cases decide it where
10% of them change by chance."""


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
    """The metric whose scores are read; a label's values are whether it passes, so more is better. Of a truth value
    with a condition, better is what passes."""
    percentile: float | None = None
    """Which percentile of the metric the rule is about; None is its mean."""
    against: str | None = None
    """The target that it compares with, by its name in the report; None for an absolute rule."""
    anchored: bool = False
    """It compares with the anchor, not with the baseline."""
    correction: Correction | None = None
    """Of a certified judge's figures."""

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
        """The rule in words, without its metric."""
        return self.rule.words.replace("baseline", "anchor") if self.anchored else self.rule.words

    def counts(self, case: Case) -> bool:
        """Whether a case is one that the rule is about."""
        return self.rule.slice is None or self.rule.slice in case.slices


def claims_of(
    report: Report,
    challenger: str,
    baseline: str | None,
    policy: GatePolicy,
    *,
    first: bool,
    anchor: str | None = None,
    certificates: Certificates | None = None,
) -> tuple[tuple[Claim, ...], tuple[Rule, ...]]:
    """The rules that apply, each with its metric, and those that don't because there is no champion yet.

    What may not get worse than the baseline may not get worse than the anchor either: one more claim for each.
    Whether a judge is certified is not looked at where `certificates` is None: before anything runs, that is asked
    apart (`certificate_mistake`).

    Raises:
        PolicyError: a target, metric or slice doesn't exist; a rule doesn't fit its metric; nothing is left to decide.
    """
    mistakes = _target_mistakes(report, (challenger, baseline, anchor), policy, first=first)
    applied = tuple(rule for rule in policy.rules if not (first and rule.relative))
    if not applied:
        message = "the first champion needs at least one absolute rule" if first else "the policy has no rules"
        mistakes.append(Mistake(message, remedy="add a rule with at_least, at_most or all_pass"))
    found = [_claim(report, rule, policy, baseline if rule.relative else None) for rule in applied]
    mistakes += [result for result in found if isinstance(result, Mistake)]
    if mistakes:
        raise PolicyError(mistakes)
    claims = tuple(result for result in found if isinstance(result, Claim))
    if anchor is not None and anchor != baseline:
        guarded = (claim for claim in claims if claim.rule.kind == "not_worse_than")
        claims += tuple(dataclasses.replace(claim, against=anchor, anchored=True) for claim in guarded)
    if certificates is not None:
        _refuse_uncertified(report, claims, policy, certificates)
        claims = tuple(_corrected(claim, policy, certificates) for claim in claims)
    return claims, tuple(rule for rule in policy.rules if rule not in applied)


def _corrected(claim: Claim, policy: GatePolicy, certificates: Certificates) -> Claim:
    """The claim with the correction of its judge, where the policy takes certified ones."""
    if policy.judges != "certified" or not claim.metric.judged:
        return claim
    correction = Correction.of(claim.metric, certificates.by_metric[claim.rule.metric])
    return dataclasses.replace(claim, correction=correction)


def certificate_mistake(
    report: Report, rule: Rule, policy: GatePolicy, certificates: Certificates, *, known: bool = True
) -> Mistake | None:
    """Why a rule's judge is not to be believed; None where it is, is no judge, or the policy does not ask.

    Args:
        report: With the evaluators' digests.
        rule: The rule.
        policy: The policy.
        certificates: Those that there are.
        known: Whether the digests are the judges' own; before the models are known they are not.
    """
    metric = report.metrics.get(rule.metric)
    if policy.judges != "certified" or metric is None or not metric.judged:
        return None
    digests = [info.digest for info in report.run.evaluators.values() if metric in info.metrics]
    refusal = certificates.refusal(rule.metric, digests[0] if known else None)
    return refusal or _unfit_certificate(metric, rule, certificates.by_metric[rule.metric])


def _unfit_certificate(metric: Metric, rule: Rule, certificate: Certificate) -> Mistake | None:
    """Where a certificate measured something else than what the rule counts."""
    again = f"plimsoll judge calibrate {metric.name} --labels FILE"
    if metric.kind is MetricKind.NUMERIC and rule.kind != "all_pass":
        return None
    passes = _passes(metric)
    if passes is not None and certificate.threshold != passes:
        message = f"the judge of {metric.name!r} is certified for {certificate.threshold}, and passes by {passes}"
        return Mistake(message, remedy=again)
    found = certificate.figures.agreement
    if rule.kind != "all_pass" and (found.sensitivity is None or found.specificity is None):
        message = f"the certificate of {metric.name!r} tells no sensitivity and specificity to correct its judge by"
        return Mistake(message, remedy=f"label good and bad answers; {again}")
    return None


def _passes(metric: Metric) -> str | None:
    """What makes a case pass, as a certificate writes it."""
    if metric.pass_if is not None:
        return str(parse_condition(metric.pass_if))
    return f"== {str(metric.direction is Direction.HIGHER).lower()}" if metric.kind is MetricKind.BOOL else None


def _refuse_uncertified(
    report: Report, claims: Sequence[Claim], policy: GatePolicy, certificates: Certificates
) -> None:
    asked = (certificate_mistake(report, claim.rule, policy, certificates) for claim in claims)
    mistakes = [mistake for mistake in asked if mistake is not None]
    if mistakes:
        raise PolicyError(list(dict.fromkeys(mistakes)))


def _target_mistakes(
    report: Report, sides: tuple[str, str | None, str | None], policy: GatePolicy, *, first: bool
) -> list[Mistake]:
    targets, (challenger, baseline, anchor) = report.run.targets, sides
    mistakes = [
        Mistake(f"the run has no target named {name!r}", remedy=near_match(name, targets))
        for name in dict.fromkeys(sides)
        if name is not None and name not in targets
    ]
    if baseline == challenger:
        mistakes.append(Mistake(f"{challenger!r} can't be its own baseline", remedy="name another baseline"))
    if anchor == challenger:
        mistakes.append(Mistake(f"{challenger!r} can't be its own anchor", remedy="name another anchor"))
    if policy.anchor is not None and anchor is None and not first:
        mistakes.append(Mistake(f"there is no anchor: the policy names {policy.anchor!r}", remedy="--anchor none"))
    if first and anchor is not None:
        mistakes.append(Mistake("the first champion has no anchor", remedy="leave --first or the anchor out"))
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


def _no_metric(report: Report, name: str, known: Iterable[str]) -> Mistake:
    """A rule names something else: nothing at all, or a figure of an aggregate (which ones there are, a run tells)."""
    infos = report.run.evaluators.values()
    info = next((info for info in infos if info.aggregates and name.startswith(f"{info.name}.")), None)
    if info is None:
        return Mistake(f"no evaluator of the suite gives the metric {name!r}", remedy=near_match(name, known))
    message = f"{name!r} is no metric: an aggregate has no value for each case, so no interval of it can be stated"
    own = ", ".join(metric.name for metric in info.metrics)
    return Mistake(message, remedy=f"name what {info.name} gives for each case: {own}")


def _claim(report: Report, rule: Rule, policy: GatePolicy, against: str | None) -> Claim | Mistake:
    metrics = report.metrics
    derived = {name for name, (base, _) in PERCENTILES.items() if base in metrics}
    base, percentile = PERCENTILES[rule.metric] if rule.metric in derived else (rule.metric, None)
    metric = metrics.get(base)
    if metric is None:
        return _no_metric(report, rule.metric, metrics.keys() | derived)
    mistake = _misfit(report, rule, policy, metric, percentile)
    if mistake is not None:
        return mistake
    if metric.kind is MetricKind.LABEL:
        metric = replace(metric, direction=Direction.HIGHER, low=0.0, high=1.0)
    elif metric.kind is MetricKind.BOOL:
        metric = replace(metric, direction=_direction(metric), low=0.0, high=1.0)
    return _with_margin(Claim(rule, metric, percentile, against))


def _direction(metric: Metric) -> Direction:
    """Of a truth value: its condition goes before its own direction."""
    if metric.pass_if is None:
        return metric.direction
    condition = parse_condition(metric.pass_if)
    passes, fails = condition.holds(True), condition.holds(False)
    if passes == fails:
        return metric.direction
    return Direction.HIGHER if passes else Direction.LOWER


def _misfit(report: Report, rule: Rule, policy: GatePolicy, metric: Metric, percentile: float | None) -> Mistake | None:
    """Why a rule can't be asked of its metric; None where it can."""
    slices = slice_counts(report.cases.values())
    if rule.slice is not None and rule.slice not in slices:
        return Mistake(f"no case is in the slice {rule.slice!r}", remedy=near_match(rule.slice, slices))
    if metric.judged and policy.judges == "none":
        return Mistake(
            f"the metric {rule.metric!r} is a model's judgement, and the policy takes none",
            remedy="decide on another metric, or calibrate the judge and write judges: certified",
        )
    ratio = rule.at_least or rule.at_most
    if metric.judged and policy.judges == "certified" and ratio is not None and ratio.of_baseline:
        message = f"a ratio of {rule.metric!r} can't be corrected for its judge's errors"
        return Mistake(message, remedy="write not_worse_than: baseline, with a margin")
    if percentile is not None and rule.kind == "all_pass":
        return Mistake(f"{rule.metric!r} is no case's value: all_pass can't be asked of it", remedy="write at_most")
    # A truth value passes when true, unless less of it is better: then somebody has to say so.
    plain_truth = metric.kind is MetricKind.BOOL and metric.direction is Direction.HIGHER
    if metric.pass_if is None and not plain_truth and (metric.kind is MetricKind.LABEL or rule.kind == "all_pass"):
        return Mistake(f"nothing says which values of {rule.metric!r} pass", remedy="give its evaluator a pass_if")
    return None


def _with_margin(claim: Claim) -> Claim | Mistake:
    """The claim with the default margin, where it has to have one and its rule names none."""
    rule, low, high = claim.rule, claim.metric.low, claim.metric.high
    if rule.kind != "not_worse_than" or rule.margin is not None:
        return claim
    if low is None or high is None or claim.percentile is not None:
        message = f"{rule.metric!r} has no range to take a margin from"
        return Mistake(message, remedy="write the margin, in the metric's own unit")
    return dataclasses.replace(claim, rule=rule.model_copy(update={"margin": DEFAULT_MARGIN * (high - low)}))
