"""What a rule can decide with so many cases, before anything runs: how often it is inconclusive, and what would help.

A rule is told of where two equal targets, or a target that is a bit better than asked, would leave it inconclusive more
often than not. What is not known is assumed, and said to be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from plimsoll.gates.check import DEFAULT_MARGIN, Claim
from plimsoll.gates.figures import factor_of, line_of
from plimsoll.gates.rules import MIN_UNITS
from plimsoll.gates.words import counted, limit_needs, percent, rounded_up, shown
from plimsoll.stats import cases_for_margin, cases_needed, chance_to_find, margin_power, smallest_detectable
from plimsoll.stats.power import POWER

DISCORDANT = 0.10
"""Share of the cases of two equal targets whose truth value differs by chance, where nothing was measured."""
DEVIATION = 0.10
"""Standard deviation of paired differences as a share of the metric's range, likewise."""
_MORE_OFTEN_THAN_NOT = 0.5
_STEP = 0.01
_WIDEST = 0.5


@dataclass(frozen=True, slots=True)
class Size:
    """How much a rule has to decide on."""

    cases: int
    units: int
    """Independent ones: groups, and cases without a group."""
    repeats: int = 1

    @property
    def words(self) -> str:
        """`60 cases`, `60 cases in 12 groups`."""
        grouped = f" in {counted(self.units, 'group')}" if self.units < self.cases else ""
        return counted(self.cases, "case") + grouped


@dataclass(frozen=True, slots=True)
class Seen:
    """What an earlier run tells of a rule's values: the challenger's own, or paired differences."""

    where: str
    """`between v1 and v2 in run …`."""
    mean: float
    """Of the values; for a ratio, of the baseline's."""
    deviation: float
    """Standard deviation between cases."""
    discordant: float | None = None
    """Of truth values, the share of pairs that differ."""


def outlook(claim: Claim, size: Size, confidence: float, seen: Seen | None = None) -> str | None:
    """Why the rule can hardly be decided, with what would help; None where it can be.

    Args:
        claim: The rule.
        size: What it would be decided on.
        confidence: Of the policy, two-sided.
        seen: What was measured before; without it changes by chance are assumed.
    """
    if claim.rule.kind == "all_pass":
        return None
    if size.units < MIN_UNITS:
        return f"{size.words}, and fewer than {MIN_UNITS} decide nothing"
    if claim.percentile is not None:
        return _percentile(claim, size, confidence)
    if claim.rule.relative:
        told = {"not_worse_than": _margin, "better_than": _improvement}.get(claim.rule.kind, _ratio)
        return told(claim, size, confidence, seen)
    return _share(claim, size, confidence) if claim.truth else _bound(claim, size, confidence, seen)


def _percentile(claim: Claim, size: Size, confidence: float) -> str | None:
    assert claim.percentile is not None, "asked of percentiles only"
    needed = limit_needs(claim.percentile, confidence, relative=claim.rule.relative)
    if size.units >= needed:
        return None
    return f"{size.words} leave it inconclusive always: a limit of the percentile takes {needed}"


def _margin(claim: Claim, size: Size, confidence: float, seen: Seen | None) -> str | None:
    margin = claim.rule.margin
    assert margin is not None, "claims have a margin"
    if claim.truth and size.repeats == 1:
        if margin >= 1:
            return None
        share, why = _discordant(seen)
        left = 1 - margin_power(size.units, margin, discordant=share, confidence=confidence).passes
        needed = cases_for_margin(margin, discordant=share, confidence=confidence)
        wider = _share_margin(size.units, share, confidence)
    else:
        deviation, why = _deviation(claim, seen)
        if not deviation:
            return None
        left = 1 - chance_to_find(margin, deviation, size.units, confidence)
        needed = cases_needed(deviation, margin, confidence)
        wider = smallest_detectable(deviation / math.sqrt(size.units), size.units - 1, confidence)
    if left <= _MORE_OFTEN_THAN_NOT:
        return None
    instead = "" if wider is None else f", or a margin of {shown(wider)}"
    return (
        f"{size.words} leave two equal targets inconclusive {percent(round(left, 2))} of the time ({why}); "
        f"{_about(needed, size)} would decide it{instead}"
    )


def _share_margin(units: int, discordant: float, confidence: float) -> float | None:
    steps = range(1, round(_WIDEST / _STEP) + 1)
    margins = (step * _STEP for step in steps)
    return next(
        (m for m in margins if margin_power(units, m, discordant=discordant, confidence=confidence).passes >= POWER),
        None,
    )


def _improvement(claim: Claim, size: Size, confidence: float, seen: Seen | None) -> str | None:
    low, high = claim.metric.low, claim.metric.high
    if low is None or high is None:
        return None
    if claim.truth and size.repeats == 1:
        share, why = _discordant(seen)
        deviation: float | None = math.sqrt(share)
    else:
        deviation, why = _deviation(claim, seen)
    if not deviation:
        return None
    smallest = smallest_detectable(deviation / math.sqrt(size.units), size.units - 1, confidence)
    wanted = DEFAULT_MARGIN * (high - low)
    if smallest <= wanted:
        return None
    needed = cases_needed(deviation, wanted, confidence)
    return (
        f"{size.words} show an improvement of {shown(smallest)} or more, a smaller one leaves it inconclusive ({why}); "
        f"{_about(needed, size)} would show one of {shown(wanted)}"
    )


def _ratio(claim: Claim, size: Size, confidence: float, seen: Seen | None) -> str | None:
    if seen is None or not seen.deviation:
        return None
    # How far a challenger that equals the baseline lies on the good side of the line.
    room = (1 - factor_of(claim)) * seen.mean * (1 if line_of(claim).above else -1)
    if room < 0:
        return None
    left = 1 - chance_to_find(room, seen.deviation, size.units, confidence) if room else 1.0
    if left <= _MORE_OFTEN_THAN_NOT:
        return None
    needed = (
        f"{_about(cases_needed(seen.deviation, room, confidence), size)} would decide it"
        if room
        else "no number decides it"
    )
    return (
        f"{size.words} leave two equal targets inconclusive {percent(round(left, 2))} of the time "
        f"(a standard deviation of {shown(seen.deviation)} {seen.where}); {needed}"
    )


def _share(claim: Claim, size: Size, confidence: float) -> str | None:
    """Of a share that has to lie above, or below, a bound: by the exact binomial interval."""
    line = line_of(claim)
    bound = line.at if line.above else 1 - line.at
    if bound <= 0:
        return None
    every = "all are true" if line.above else "none is true"
    if bound >= 1:
        return "no number of cases passes it: the limit of an interval stays short of the whole; write all_pass"
    least = math.ceil(math.log((1 - confidence) / 2) / math.log(bound))
    if size.units < least:
        return f"{size.words} can't pass it even where {every}; {least:,} can"
    better = (1 + bound) / 2
    chance = _share_passes(size.units, bound, better, confidence)
    if chance >= _MORE_OFTEN_THAN_NOT:
        return None
    truth = better if line.above else 1 - better
    return (
        f"{size.words} pass it {percent(round(chance, 2))} of the time if the truth is {shown(truth)}; "
        f"{_about(_share_needs(bound, better, confidence, least), size)} would"
    )


def _share_passes(units: int, bound: float, truth: float, confidence: float) -> float:
    import numpy as np
    from scipy.special import bdtrc

    good = np.arange(units + 1)
    # The exact lower limit reaches the bound where so many good ones would be rare under it.
    enough = bdtrc(good - 1.0, units, bound) <= (1 - confidence) / 2
    return float(bdtrc(float(good[enough][0]) - 1, units, truth)) if enough.any() else 0.0


def _share_needs(bound: float, truth: float, confidence: float, least: int) -> float:
    low, high = least, 2 * least
    while _share_passes(high, bound, truth, confidence) < POWER:
        low, high = high, 2 * high
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if _share_passes(middle, bound, truth, confidence) >= POWER else (middle, high)
    return float(high)


def _bound(claim: Claim, size: Size, confidence: float, seen: Seen | None) -> str | None:
    if seen is None or not seen.deviation:
        return None
    distance = abs(seen.mean - line_of(claim).at)
    left = 1 - chance_to_find(distance, seen.deviation, size.units, confidence) if distance else 1.0
    if left <= _MORE_OFTEN_THAN_NOT:
        return None
    return (
        f"{size.words} leave a target at {shown(seen.mean)} inconclusive {percent(round(left, 2))} of the time (as it "
        f"is {seen.where}, with a standard deviation of {shown(seen.deviation)}); "
        f"{_about(cases_needed(seen.deviation, distance, confidence), size)} would decide it"
    )


def _discordant(seen: Seen | None) -> tuple[float, str]:
    if seen is not None and seen.discordant is not None:
        return seen.discordant, f"{percent(round(seen.discordant, 3))} of the cases differ {seen.where}"
    return DISCORDANT, f"if {percent(DISCORDANT)} of the cases change by chance"


def _deviation(claim: Claim, seen: Seen | None) -> tuple[float | None, str]:
    if seen is not None and seen.deviation:
        return seen.deviation, f"a standard deviation of {shown(seen.deviation)} {seen.where}"
    low, high = claim.metric.low, claim.metric.high
    if low is None or high is None:
        return None, ""
    if claim.truth:
        return math.sqrt(DISCORDANT), f"if {percent(DISCORDANT)} of the cases change by chance, as with one answer each"
    assumed = DEVIATION * (high - low)
    return assumed, f"if differences have a standard deviation of {shown(assumed)}, a tenth of the range"


def _about(units: float, size: Size) -> str:
    """So many cases, of groups like these."""
    cases = units * size.cases / size.units
    return f"about {rounded_up(cases):,}" if math.isfinite(cases) else "no number of cases"
