"""From evidence to an estimate with its interval, and the line that the interval is held against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from plimsoll.gates.check import Claim
from plimsoll.gates.correction import Correction
from plimsoll.gates.evidence import Evidence
from plimsoll.stats import Estimate, Range, mean_interval, percentile_interval, rate_interval
from plimsoll.stats.estimate import Interval
from plimsoll.stats.means import p_above


@dataclass(frozen=True, slots=True)
class Line:
    """What an estimate must lie above, or below."""

    at: float
    above: bool

    def good(self, estimate: Estimate) -> bool:
        """The whole interval lies on the good side."""
        near = estimate.low if self.above else estimate.high
        return near is not None and (near >= self.at if self.above else near <= self.at)

    def bad(self, estimate: Estimate) -> bool:
        """The whole interval lies on the bad side."""
        near = estimate.high if self.above else estimate.low
        return near is not None and (near < self.at if self.above else near > self.at)


def line_of(claim: Claim) -> Line:
    """The line of any rule but all_pass."""
    rule = claim.rule
    if rule.at_least is not None:
        return Line(0.0 if rule.at_least.of_baseline else rule.at_least.amount, above=True)
    if rule.at_most is not None:
        return Line(0.0 if rule.at_most.of_baseline else rule.at_most.amount, above=False)
    if rule.margin is None:
        return Line(0.0, above=claim.higher_is_better)
    return Line(-rule.margin if claim.higher_is_better else rule.margin, above=claim.higher_is_better)


def factor_of(claim: Claim) -> float:
    """How many times the baseline is taken off the challenger: 0 for an absolute rule, 1 for a difference."""
    if not claim.rule.relative:
        return 0.0
    bound = claim.rule.at_least or claim.rule.at_most
    return 1.0 if bound is None else bound.amount


def interval_of(claim: Claim, evidence: Evidence) -> Interval:
    """The estimate of challenger − factor × baseline as a function of the confidence. Needs at least one pair."""
    factor = factor_of(claim)
    if claim.percentile is not None:
        return _percentiles(claim.percentile, evidence, factor if claim.rule.relative else None)
    span = Range(claim.metric.low, claim.metric.high)
    weights, groups = evidence.weights, evidence.groups
    if claim.rule.relative:
        values = [pair.challenger_mean - factor * pair.baseline_mean for pair in evidence.pairs]
        truth = claim.truth and factor == 1.0
        room = span.contrast(factor)
        # Groups may be lost whole: on the side that decides a pass, one that was not seen yet is reckoned with.
        guard: Literal["low", "high"] | None = ("low" if line_of(claim).above else "high") if truth else None
        return lambda confidence: mean_interval(
            values, confidence, span=room, truth=truth, weights=weights, groups=groups, guard=guard
        )
    values = [pair.challenger_mean for pair in evidence.pairs]

    def mean(confidence: float) -> Estimate:
        return mean_interval(values, confidence, span=span, weights=weights, groups=groups)

    def rate(confidence: float) -> Estimate:
        return rate_interval(values, confidence, exact=True, weights=weights, groups=groups)

    if not claim.truth:
        return mean
    single = evidence.units == len(values) and len(set(weights)) == 1 and all(value in (0.0, 1.0) for value in values)
    return rate if single else lambda confidence: _wider(rate(confidence), mean(confidence))


def p_better(claim: Claim, evidence: Evidence) -> float | None:
    """The two-sided p-value of a claim of improvement: the interval at 1 − p just touches 0. None of percentiles."""
    if claim.percentile is not None:
        return None
    sign = 1 if claim.higher_is_better else -1
    span = Range(claim.metric.low, claim.metric.high).contrast()
    return min(
        1.0,
        2
        * p_above(
            [sign * (pair.challenger_mean - pair.baseline_mean) for pair in evidence.pairs],
            0.0,
            span=span if sign == 1 else span.flipped(),
            truth=claim.truth,
            weights=evidence.weights,
            groups=evidence.groups,
            guarded=claim.truth,
        ),
    )


def _wider(one: Estimate, other: Estimate) -> Estimate:
    """The estimate with the outer one of two limits on either side.

    For shares of groups, each of the two intervals errs more than nominal on one side (in 3.9% and 4.0% of the runs, at
    shares of 0.9 and 0.95 in groups of five), and never both on the same.
    """
    lows, highs = (one.low, other.low), (one.high, other.high)
    return replace(
        one,
        low=None if None in lows else min(low for low in lows if low is not None),
        high=None if None in highs else max(high for high in highs if high is not None),
    )


def correction_of(claim: Claim) -> Correction | None:
    """The correction of a judge's figures; None where they stay as they are."""
    found = claim.correction
    return found if found is not None and found.why_not(difference=claim.rule.relative) is None else None


def as_people_would(claim: Claim, interval: Interval) -> Interval:
    """The figures as people would have given them, where a certificate says how the judge errs."""
    correction = correction_of(claim)
    if correction is None:
        return interval
    return correction.difference(interval) if claim.rule.relative else correction.rate(interval)


def _percentiles(share: float, evidence: Evidence, factor: float | None) -> Interval:
    ours = [reading.value for pair in evidence.pairs for reading in pair.challenger]
    groups = [pair.unit for pair in evidence.pairs for _ in pair.challenger]
    if factor is None:
        return lambda confidence: percentile_interval(ours, share, confidence, groups=groups)
    theirs = [reading.value for pair in evidence.pairs for reading in pair.baseline]

    def difference(confidence: float) -> Estimate:
        # Each side errs half as often, so that both hold together however they depend on each other.
        each = 1 - (1 - confidence) / 2
        mine = percentile_interval(ours, share, each, groups=groups)
        other = percentile_interval(theirs, share, each, groups=groups)
        return replace(
            mine,
            value=mine.value - factor * other.value,
            low=None if mine.low is None or other.high is None else mine.low - factor * other.high,
            high=None if mine.high is None or other.low is None else mine.high - factor * other.low,
        )

    return difference


def mirrored(interval: Interval) -> Interval:
    """The same of the negated value: where lower is better, better is above."""

    def negated(confidence: float) -> Estimate:
        found = interval(confidence)
        low = None if found.high is None else -found.high
        high = None if found.low is None else -found.low
        return replace(found, value=-found.value, low=low, high=high)

    return negated
