"""The figures of agreement with their intervals; None where the figure is not defined.

Kappa, alpha, correlations and areas by the jackknife; sensitivity and specificity are shares (`rate_interval`), and
informedness is made of their limits.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from plimsoll.stats.agreement import (
    Level,
    Value,
    Weights,
    alpha_parts,
    auc,
    cohen_kappa,
    distance_of,
    kappa_parts,
    krippendorff_alpha,
    partial_spearman,
    spearman,
)
from plimsoll.stats.estimate import Estimate, Method
from plimsoll.stats.jackknife import Scale, jackknife
from plimsoll.stats.rates import rate_interval

Groups = Sequence[Hashable] | None
"""Of the cases: those of one group are one unit."""

_WHOLLY_TURNED = 6.0
"""1 − 6 Σd² ÷ (n³ − n): if a share u of the cases, half of them from each end, changed places, rho falls by 6 u."""


def kappa_interval(
    first: Sequence[Value],
    second: Sequence[Value],
    confidence: float,
    *,
    weights: Weights = Weights.NONE,
    groups: Groups = None,
) -> Estimate | None:
    """Cohen's kappa with its interval; the jackknife's standard error is that of Fleiss, Cohen and Everitt (1969)."""
    _, expected = kappa_parts(first, second, distance_of(weights))
    values = {*first, *second}
    farthest = max((distance_of(weights)(a, b) for a in values for b in values), default=0.0)
    return jackknife(
        lambda places: cohen_kappa([first[at] for at in places], [second[at] for at in places], weights),
        len(first),
        confidence,
        scale=Scale.BELOW_ONE,
        reach=farthest / expected if expected else 0.0,
        groups=groups,
    )


def alpha_interval(
    ratings: Sequence[Sequence[Value | None]], confidence: float, *, level: Level = Level.NOMINAL, groups: Groups = None
) -> Estimate | None:
    """Krippendorff's alpha with its interval. Cases with fewer than two ratings are left out."""
    told = [place for place, case in enumerate(ratings) if sum(value is not None for value in case) > 1]
    kept = [ratings[place] for place in told]
    _, expected = alpha_parts(kept, level)
    return jackknife(
        lambda places: krippendorff_alpha([kept[at] for at in places], level),
        len(kept),
        confidence,
        scale=Scale.BELOW_ONE,
        # Where all raters agree, a case they differ on adds the farthest distance there is, twice the mean one or more.
        reach=_farthest(kept, level) / expected if expected else 0.0,
        groups=None if groups is None else [groups[place] for place in told],
    )


def spearman_interval(
    first: Sequence[float],
    second: Sequence[float],
    confidence: float,
    *,
    given: Sequence[float] | None = None,
    groups: Groups = None,
) -> Estimate | None:
    """Spearman's rho, or its partial with a third value `given`, with its interval on Fisher's z."""

    def statistic(places: Sequence[int]) -> float | None:
        one, two = [first[at] for at in places], [second[at] for at in places]
        return spearman(one, two) if given is None else partial_spearman(one, two, [given[at] for at in places])

    return jackknife(statistic, len(first), confidence, scale=Scale.CORRELATION, reach=_WHOLLY_TURNED, groups=groups)


def auc_interval(
    scores: Sequence[float], truths: Sequence[bool], confidence: float, *, groups: Groups = None
) -> Estimate | None:
    """The area under the ROC curve with its interval, on the logit.

    For single cases the jackknife's standard error is, but for a factor near 1, that of DeLong, DeLong and
    Clarke-Pearson (1988).
    """
    rarer = min(sum(truths), len(truths) - sum(truths))
    return jackknife(
        lambda places: auc([scores[at] for at in places], [truths[at] for at in places]),
        len(scores),
        confidence,
        scale=Scale.SHARE,
        # If a share of the rarer class stood on the wrong side of all others, the area falls by that share.
        reach=1.0,
        groups=groups,
        rarest=rarer,
    )


@dataclass(frozen=True, slots=True)
class Detection:
    """How well a judge tells answers that people pass from those they don't."""

    sensitivity: Estimate | None
    """Of the answers that people pass, the share that the judge passes; None where there is none."""
    specificity: Estimate | None
    """Of the answers that people don't pass, the share that the judge does not pass either."""
    informedness: Estimate | None
    """Sensitivity + specificity − 1 (Youden 1950): 0 is a judge that does not look at the answer."""


def detection(judged: Sequence[bool], truths: Sequence[bool], confidence: float, *, groups: Groups = None) -> Detection:
    """Sensitivity and specificity with Clopper and Pearson's intervals, and informedness.

    Informedness' limits are made of theirs (MOVER: Newcombe 1998, method 10; Zou and Donner 2008), as of two
    independent shares.
    """
    sensitivity = _rate(judged, truths, True, confidence, groups)
    specificity = _rate(judged, truths, False, confidence, groups)
    both = None
    if sensitivity is not None and specificity is not None:
        both = _sum(sensitivity, specificity)
    return Detection(sensitivity, specificity, both)


def _rate(
    judged: Sequence[bool], truths: Sequence[bool], wanted: bool, confidence: float, groups: Groups
) -> Estimate | None:
    places = [place for place, truth in enumerate(truths) if truth is wanted]
    if not places:
        return None
    hits = [float(judged[place] is wanted) for place in places]
    return rate_interval(
        hits, confidence, exact=True, groups=None if groups is None else [groups[place] for place in places]
    )


def _sum(one: Estimate, two: Estimate) -> Estimate:
    value = one.value + two.value - 1
    low = high = None
    if one.low is not None and two.low is not None:
        low = max(-1.0, value - math.hypot(one.value - one.low, two.value - two.low))
    if one.high is not None and two.high is not None:
        high = min(1.0, value + math.hypot(one.high - one.value, two.high - two.value))
    method = Method.NONE if low is None else Method.MOVER
    units = one.units + two.units
    return Estimate(value, low, high, one.cases + two.cases, units, one.effective + two.effective, method)


def _farthest(ratings: Sequence[Sequence[Value | None]], level: Level) -> float:
    """The greatest disagreement of a case, in the units of `alpha_parts`."""
    values = [value for case in ratings for value in case if value is not None]
    if level is Level.NOMINAL:
        return 1.0
    if level is Level.INTERVAL:
        numbers = [float(value) for value in values]
        return (max(numbers) - min(numbers)) ** 2 if numbers else 0.0
    return float(len(values)) ** 2
