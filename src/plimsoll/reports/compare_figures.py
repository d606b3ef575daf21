"""The figures of one metric over pairs: difference, interval, p-values, flips, equivalence. Pure.

One test for each metric, chosen by its kind before anything is seen: the one that the metric's interval inverts, as at
the gate. The flips have a test of their own (McNemar's), which asks something else of a metric with a condition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from plimsoll.reports.compare_model import MIN_UNITS, EquivalenceRow, FlipCount, Likeness, Measure
from plimsoll.reports.pairing import DIGITS, Pair, Paired, agree, passes
from plimsoll.stats import (
    Estimate,
    Method,
    Range,
    cases_needed,
    equivalence,
    mcnemar_exact,
    mean_interval,
    rate_interval,
)
from plimsoll.stats.columns import CaseColumns
from plimsoll.stats.estimate import t_quantile
from plimsoll.stats.means import p_above
from plimsoll.types import MetricKind

_BEYOND_REACH = 100
"""More than so many times the cases at hand is no advice."""
_ALPHA = 0.05
"""The error of each side of an equivalence."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One metric's pairs as numbers."""

    measure: Measure
    before: float | None
    after: float | None
    estimate: Estimate | None
    """None without a pair; of labels, the share that changed."""
    p_value: float | None
    """Two-sided, of no difference; None where it can't be stated."""
    units: int
    changed: int


def contrast(paired: Paired, cases: CaseColumns, confidence: float) -> Contrast:
    """What the pairs say of the difference."""
    measure, pairs = measure_of(paired), paired.pairs
    changed = sum(pair.labels_changed if measure is Measure.LABELS else pair.change != 0 for pair in pairs)
    if not pairs:
        return Contrast(measure, None, None, None, None, 0, 0)
    weights, groups = _weights(pairs, cases), _groups(pairs, cases)
    units = len({cases.units[pair.place] for pair in pairs})
    if measure is Measure.LABELS:
        other = [float(pair.labels_changed) for pair in pairs]
        share = rate_interval(other, confidence, exact=True, weights=weights, groups=groups)
        return Contrast(measure, None, None, share, None, units, changed)
    values, span, truth = [pair.change for pair in pairs], _span(paired), _truth(paired)
    estimate = mean_interval(values, confidence, span=span, truth=truth, weights=weights, groups=groups)
    whole = math.fsum(weights)
    before, after = (
        round(math.fsum(weight * pair.means[side] for weight, pair in zip(weights, pairs, strict=True)) / whole, DIGITS)
        for side in (0, 1)
    )
    p_value = None
    if units >= MIN_UNITS and (estimate.low is not None or estimate.high is not None):
        above = p_above(values, 0.0, span=span, truth=truth, weights=weights, groups=groups)
        mirrored = [-value for value in values]
        below = p_above(mirrored, 0.0, span=span.flipped(), truth=truth, weights=weights, groups=groups)
        p_value = min(1.0, 2 * min(above, below))
    # Shares of thirds don't sum to zero exactly; a difference of 1e-18 is none.
    estimate = replace(estimate, value=round(estimate.value, DIGITS) + 0.0)
    return Contrast(measure, before, after, estimate, p_value, units, changed)


def measure_of(paired: Paired) -> Measure:
    """What of the metric can be compared."""
    if paired.metric.kind is not MetricKind.LABEL:
        return Measure.MEAN
    return Measure.LABELS if paired.metric.pass_if is None else Measure.PASSES


def turn_of(pair: Pair, paired: Paired) -> int | None:
    """−1 where the case passed and no longer does, 1 the other way, else 0; None where nothing says what passes."""
    before, after = passes(pair.before, paired.metric), passes(pair.after, paired.metric)
    return None if before is None or after is None else int(after) - int(before)


def is_steady(pair: Pair, paired: Paired) -> bool:
    """Whether the repeats of each side agree, where there are several."""
    return len(pair.before) > 1 and agree(pair.before, paired.metric) and agree(pair.after, paired.metric)


def count_flips(paired: Paired, cases: CaseColumns, repeats: int) -> FlipCount | None:
    """Gained and lost; None where nothing says what passes. `adjusted` is not known yet."""
    turns = [(turn, pair) for pair in paired.pairs if (turn := turn_of(pair, paired)) is not None]
    if not turns:
        return None
    # Cases of one group are not independent: each group counts once, by what it gains or loses over all its cases.
    net: dict[int, int] = {}
    for turn, pair in turns:
        unit = cases.units[pair.place]
        net[unit] = net.get(unit, 0) + turn
    p_value = mcnemar_exact(sum(turn > 0 for turn in net.values()), sum(turn < 0 for turn in net.values()))
    steady = [turn for turn, pair in turns if turn and is_steady(pair, paired)]
    return FlipCount(
        gained=sum(turn > 0 for turn, _ in turns),
        lost=sum(turn < 0 for turn, _ in turns),
        steady_gained=steady.count(1) if repeats > 1 else None,
        steady_lost=steady.count(-1) if repeats > 1 else None,
        p_value=p_value,
        adjusted=None,
    )


def likeness(paired: Paired, cases: CaseColumns, margin: float) -> EquivalenceRow:
    """Whether the difference is within ± `margin`, with about how many more cases would decide where it can't be told.

    Args:
        paired: Of a metric whose measure is no plain label.
        cases: For weights and groups.
        margin: In the metric's own unit.
    """
    confidence = 1 - 2 * _ALPHA
    if not paired.pairs:
        return EquivalenceRow(
            outcome=Likeness.UNDECIDED,
            margin=margin,
            low=None,
            high=None,
            confidence=confidence,
            p_value=None,
            more=None,
            why="no case has a value on both sides",
        )
    values = [pair.change for pair in paired.pairs]
    weights, groups = _weights(paired.pairs, cases), _groups(paired.pairs, cases)
    span, truth = _span(paired), _truth(paired)
    found = equivalence(values, margin, _ALPHA, span=span, truth=truth, weights=weights, groups=groups)
    outcome, estimate = Likeness.UNDECIDED, found.estimate
    why, more = _hindrance(paired, estimate), None
    if not why and found.outcome != "undecided":
        outcome = Likeness.EQUIVALENT if found.outcome == "equivalent" else Likeness.DIFFERENT
    elif not why:
        more = _more(estimate, margin, confidence, len(values))
        why = "the interval holds the margin"
        if more is None:
            why += ", and the difference lies so near it that more cases alone will hardly decide"
    elif not paired.missing and estimate.units < MIN_UNITS:
        least = math.ceil((MIN_UNITS - estimate.units) * len(values) / estimate.units)
        more = max(least, _more(estimate, margin, confidence, len(values)) or 0)
    return EquivalenceRow(
        outcome=outcome,
        margin=margin,
        low=estimate.low,
        high=estimate.high,
        confidence=confidence,
        p_value=found.p_value,
        more=more,
        why=why,
    )


def _hindrance(paired: Paired, estimate: Estimate) -> str:
    """Why nothing can be told, whatever the figures."""
    if paired.missing:
        cases = len({pair.place for pair in paired.pairs}.union(paired.missing))
        return f"{len(paired.missing)} of {cases} cases have no whole pair of values"
    return few_units(estimate.units, len(paired.pairs)) or no_limits(paired, estimate)


def few_units(units: int, pairs: int) -> str:
    """That there are too few of them; empty where there are enough."""
    if units >= MIN_UNITS:
        return ""
    what = "group" if units < pairs else "pair"
    return f"{units} {what}{'' if units == 1 else 's'}, and fewer than {MIN_UNITS} tell nothing"


def no_limits(paired: Paired, estimate: Estimate) -> str:
    """That the interval is open on a side; empty where it is not."""
    if estimate.low is not None and estimate.high is not None:
        return ""
    return f"too few values differ, and {paired.metric.name} declares no range: give its evaluator a low and a high"


def _more(estimate: Estimate, margin: float, confidence: float, pairs: int) -> int | None:
    """About how many more cases decide with 80% power, would they be like these."""
    width = estimate.width
    distance = abs(margin - abs(estimate.value))
    if width is None or distance == 0 or estimate.degrees <= 0:
        return None
    if estimate.method is Method.EXACT:
        # No unit differs: the limit is the share that may differ unseen, times how far the range goes.
        reach = width / 2 / (1 - _ALPHA ** (1 / estimate.effective))
        needed = math.log(_ALPHA) / math.log1p(-distance / reach) if distance < reach else 0.0
    else:
        error = width / 2 / t_quantile(estimate.degrees, confidence)
        needed = cases_needed(error * math.sqrt(estimate.effective), distance, confidence)
    more = (needed - estimate.effective) * pairs / estimate.units
    return max(1, math.ceil(more)) if more <= _BEYOND_REACH * pairs else None


def _weights(pairs: Sequence[Pair], cases: CaseColumns) -> list[float]:
    return [cases.weights[pair.place] for pair in pairs]


def _groups(pairs: Sequence[Pair], cases: CaseColumns) -> list[int] | None:
    return cases.groups_of(pair.place for pair in pairs)


def _truth(paired: Paired) -> bool:
    return paired.metric.kind is not MetricKind.NUMERIC


def _span(paired: Paired) -> Range:
    """What differences are possible."""
    if _truth(paired):
        return Range(-1.0, 1.0)
    return Range(paired.metric.low, paired.metric.high).contrast()
