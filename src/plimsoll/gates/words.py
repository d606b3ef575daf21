"""What a rule found, in plain words with the figures, and what would decide where it can't tell yet."""

from __future__ import annotations

import math

from plimsoll.gates.check import Claim
from plimsoll.gates.evidence import Evidence
from plimsoll.gates.figures import Line, factor_of
from plimsoll.gates.noise import Noise
from plimsoll.stats import Estimate, Method, cases_needed
from plimsoll.stats.estimate import t_quantile
from plimsoll.types import Decision

_HOPELESS = 100
"""More than so many times the cases at hand is no advice."""


def shown(value: float) -> str:
    """A measured figure with at most three decimals, fewer as it grows; what is below 1 is never rounded to it."""
    size, sign = abs(value), "−" if value < 0 else ""
    if size >= 10:
        return f"{sign}{size:.{0 if size >= 100 else 1}f}"
    if 0 < size < 0.01:
        return f"{sign}{size:.2g}"
    if size < 1 <= round(size, 3):
        return f"{sign}0.999"
    return f"{sign}{size:.3f}".rstrip("0").rstrip(".")


def written(value: float) -> str:
    """A threshold as the policy writes it, with the sign that figures have."""
    return f"{'−' if value < 0 else ''}{abs(value):.6g}"


def percent(share: float) -> str:
    """A share as a percentage; never rounded to the whole that it isn't."""
    text = f"{100 * share:.1f}".rstrip("0").rstrip(".")
    return f"{'under ' if share < 1 and text == '100' else ''}{text}%"


def counted(number: int, what: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def measured(claim: Claim, evidence: Evidence, estimate: Estimate, confidence: float) -> str:
    """The estimate with its interval, `0.03 worse than v1 (difference −0.03, 95% interval −0.08 to 0.02, 60 pairs)`."""
    low = "unknown" if estimate.low is None else shown(estimate.low)
    high = "unknown" if estimate.high is None else shown(estimate.high)
    what = "pair" if claim.rule.relative else "case"
    basis = f"{percent(confidence)} interval {low} to {high}, {counted(len(evidence.pairs), what)}"
    if any(pair.group is not None for pair in evidence.pairs):
        basis += f" in {counted(evidence.units, 'group')}"
    if evidence.quarantined:
        basis += f", {counted(evidence.quarantined, 'case')} quarantined"
    if not claim.rule.relative:
        unit = f" {claim.metric.unit}" if claim.metric.unit else ""
        return f"{shown(estimate.value)}{unit} ({basis})"
    factor = factor_of(claim)
    if claim.rule.at_least or claim.rule.at_most:
        return f"challenger − {factor:g} × {claim.against} is {shown(estimate.value)} ({basis})"
    if estimate.value == 0:
        return f"the same as {claim.against} on average (difference 0, {basis})"
    better = (estimate.value > 0) == claim.higher_is_better
    how = "better" if better else "worse"
    return f"{shown(abs(estimate.value))} {how} than {claim.against} (difference {shown(estimate.value)}, {basis})"


def compared(line: Line, outcome: Decision) -> str:
    """How the interval lies to the line."""
    near, far = ("lower", "upper") if line.above else ("upper", "lower")
    side = "below" if line.above else "above"
    if outcome is Decision.PASS:
        return f"the {near} limit is not {side} {written(line.at)}"
    if outcome is Decision.FAIL:
        return f"even the {far} limit is {side} {written(line.at)}"
    return f"the interval holds {written(line.at)}, so it can't be told"


def advice(claim: Claim, evidence: Evidence, estimate: Estimate, line: Line, confidence: float) -> str:
    """About how many more cases, or repeats of each, would decide if the estimate stays as it is."""
    if estimate.method is Method.ORDER_STATISTIC:
        return _percentile_advice(claim, evidence, estimate, line, confidence)
    near = estimate.low if line.above else estimate.high
    if near is None or estimate.width is None:
        return (
            f"no limit can be stated: too few values differ, and {claim.metric.name} declares no range; "
            "give its evaluator a least and a greatest value"
        )
    distance, current, error = abs(estimate.value - line.at), estimate.effective, None
    if estimate.method is Method.EXACT and not claim.truth:
        needed = current * abs(estimate.value - near) / distance if distance else math.inf
    else:
        error = estimate.width / 2 / t_quantile(estimate.degrees, confidence)
        needed = cases_needed(error * math.sqrt(current), distance, confidence)
    more = (needed - current) * len(evidence.pairs) / estimate.units
    hopeless = not math.isfinite(more) or more > _HOPELESS * len(evidence.pairs)
    noise = None if error is None else Noise.of(claim, evidence, error)
    repeats = None if noise is None or not math.isfinite(needed) else noise.repeats_for(current / needed)
    kind = "differences" if claim.rule.relative else "values"
    ways = ([] if hopeless else [f"{rounded_up(more)} more cases"]) + (
        [f"{repeats} repeats of each case (now {noise.repeats})"] if noise is not None and repeats is not None else []
    )
    if not ways:
        return "it lies so near that more cases alone will hardly decide"
    told = f"about {' or '.join(ways)} would decide (80% power, if their {kind} are like these)"
    if noise is not None and repeats is None:
        told += "; more repeats of these cases would hardly"
    elif noise is None and error is not None and more > len(evidence.pairs):
        told += "; whether repeats would too, one answer to each case can't tell"
    return told


def _percentile_advice(claim: Claim, evidence: Evidence, estimate: Estimate, line: Line, confidence: float) -> str:
    near = estimate.low if line.above else estimate.high
    if near is not None or claim.percentile is None:
        return "more cases would narrow it"
    needed = limit_needs(claim.percentile, confidence, relative=claim.rule.relative)
    more = (needed / estimate.effective - 1) * len(evidence.pairs)
    return f"a limit needs {needed} cases that don't depend on each other; about {rounded_up(more)} more"


def limit_needs(percentile: float, confidence: float, *, relative: bool) -> int:
    """How many values that don't depend on each other a percentile's limit takes."""
    # The extreme order statistic is a limit once it misses the percentile rarely enough, on both sides of a comparison.
    tail = (1 - confidence) / (4 if relative else 2)
    return math.ceil(math.log(tail) / math.log(1 - min(percentile, 1 - percentile)))


def rounded_up(number: float) -> int:
    """To two digits: it is a guess."""
    if number < 10:
        return max(1, math.ceil(number))
    unit = int(10 ** (math.floor(math.log10(number)) - 1))
    return math.ceil(number / unit) * unit
