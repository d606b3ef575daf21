"""What people would have said, from what a judge said and how often it errs.

A judge that passes some bad answers and fails some good ones shifts a rate and shrinks a difference, so an interval
around its own verdicts covers the wrong figure. The certificate of a judge holds its sensitivity, its specificity and
their sum − 1, informedness, each with limits from answers that people labelled. `corrected_rate` and
`corrected_difference` carry those limits into the interval; the gate decides on them. They assume that the answers
labelled are like those judged, and, for a difference, that the judge errs alike on both sides.

`rogan_gladen` and `ppi_mean` are the textbook's corrections, with normal intervals: for tables given as counts and for
many labels. They promise nothing at small counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from plimsoll.stats.estimate import Estimate, Method, z_quantile

_STEPS = 50
_Limit = Callable[[float], float]


def corrected_rate(rate: Estimate, sensitivity: Estimate, specificity: Estimate) -> Estimate:
    """The share of answers that people would pass, from the share that a judge passes.

    The judged share is p = θ·sensitivity + (1 − θ)·(1 − specificity) (Rogan and Gladen 1978). A limit is the θ at which
    the limit of p − θ·sensitivity − (1 − θ)·(1 − specificity) is 0: Fieller's way to a ratio, with the limits of the
    three shares in the place of standard errors (MOVER, Zou and Donner 2008), so that it holds with small counts.

    Args:
        rate: What the judge passed.
        sensitivity: Of the answers that people pass, the share that the judge passes.
        specificity: Of the answers that people don't pass, the share that the judge doesn't pass either. All three are
            two-sided at the same confidence and independent of each other.

    Returns:
        Within [0, 1]; cases and units are the judged ones. No limits where the lower limit of informedness is not above
        0 (it may not be a judge at all), and where no true share explains the judged one (the answers labelled can't be
        like these). A limit that rests on a missing one is None. The value is the judge's own where informedness is not
        above 0.
    """
    informedness = sensitivity.value + specificity.value - 1
    offset = rate.value + specificity.value - 1
    insensitive, unspecific = _below(sensitivity), _below(specificity)
    if not informedness > math.hypot(insensitive, unspecific):
        return _without_limits(rate, offset, informedness, 0.0)

    def least(share: float) -> float:
        slack = math.hypot(_below(rate), share * _above(sensitivity), (1 - share) * unspecific)
        return offset - share * informedness - slack

    def most(share: float) -> float:
        slack = math.hypot(_above(rate), share * insensitive, (1 - share) * _above(specificity))
        return offset - share * informedness + slack

    low = least if _known(_below(rate), _above(sensitivity)) else None
    high = most if _known(_above(rate), _above(specificity)) else None
    return _limited(rate, offset / informedness, 0.0, low, high)


def corrected_difference(difference: Estimate, informedness: Estimate) -> Estimate:
    """The difference that people would have found between two sides, from the one that a judge found.

    A judge that errs alike on both sides shrinks the difference of two shares by its informedness J = sensitivity +
    specificity − 1. A limit is the t at which the limit of difference − t·J is 0 (Fieller's way with MOVER limits, Zou
    and Donner 2008).

    Args:
        difference: Of the shares that the judge passes; paired or not.
        informedness: At the same two-sided confidence, from other answers.

    Returns:
        Within [−1, 1]; cases and units are those of the difference. No limits where the lower limit of informedness is
        not above 0, and where no true difference explains the judged one. A limit that rests on a missing one is None.
        The value is the judge's own where informedness is not above 0.
    """
    less, more = _below(informedness), _above(informedness)
    if not informedness.value > less:
        return _without_limits(difference, difference.value, informedness.value, -1.0)

    def least(true: float) -> float:
        shift = true * more if true > 0 else true * less
        return difference.value - true * informedness.value - math.hypot(_below(difference), shift)

    def most(true: float) -> float:
        shift = true * less if true > 0 else true * more
        return difference.value - true * informedness.value + math.hypot(_above(difference), shift)

    low = least if _known(_below(difference), more) else None
    high = most if _known(_above(difference), more) else None
    return _limited(difference, difference.value / informedness.value, -1.0, low, high)


def _below(estimate: Estimate) -> float:
    """From the value down to the lower limit; infinite where there is none."""
    return math.inf if estimate.low is None else estimate.value - estimate.low


def _above(estimate: Estimate) -> float:
    return math.inf if estimate.high is None else estimate.high - estimate.value


def _known(*distances: float) -> bool:
    return all(math.isfinite(distance) for distance in distances)


def _without_limits(judged: Estimate, offset: float, informedness: float, bottom: float) -> Estimate:
    value = min(1.0, max(bottom, offset / informedness)) if informedness > 0 else judged.value
    return replace(judged, value=value, low=None, high=None, method=Method.NONE)


def _limited(judged: Estimate, value: float, bottom: float, least: _Limit | None, most: _Limit | None) -> Estimate:
    """Limits between `bottom` and 1, where the falling functions `least` and `most` pass 0."""
    low = None if least is None else _passes_zero(least, bottom)[0]
    high = None if most is None else _passes_zero(most, bottom)[1]
    impossible = (least is not None and least(1.0) > 0) or (most is not None and most(bottom) < 0)
    if impossible or (low is None and high is None):
        return replace(judged, value=min(1.0, max(bottom, value)), low=None, high=None, method=Method.NONE)
    return replace(judged, value=min(1.0, max(bottom, value)), low=low, high=high, method=Method.CORRECTED)


def _passes_zero(falling: _Limit, bottom: float) -> tuple[float, float]:
    """The points just before and just after which a falling function is 0, within `bottom` and 1."""
    low, high = bottom, 1.0
    if falling(low) <= 0:
        return low, low
    if falling(high) >= 0:
        return high, high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return low, high


@dataclass(frozen=True, slots=True)
class NormalEstimate:
    """An estimate with its standard error and the normal interval: right for large counts only."""

    value: float
    error: float
    low: float
    high: float


def rogan_gladen(
    judged: tuple[float, float], sensitivity: tuple[float, float], specificity: tuple[float, float], confidence: float
) -> NormalEstimate:
    """Rogan and Gladen's corrected share (1978), with the delta method's variance. Not clipped to [0, 1].

    Args:
        judged: The share that the judge passes, and of how many.
        sensitivity: And of how many answers that people pass; infinitely many where it is known.
        specificity: And of how many answers that people don't pass; infinitely many where it is known.
        confidence: Two-sided.

    Raises:
        ValueError: sensitivity + specificity is not above 1.
    """
    informedness = sensitivity[0] + specificity[0] - 1
    if informedness <= 0:
        raise ValueError("sensitivity + specificity is not above 1: the judge says nothing about the answers")
    share = (judged[0] + specificity[0] - 1) / informedness
    parts = _variance(*judged) + share**2 * _variance(*sensitivity) + (1 - share) ** 2 * _variance(*specificity)
    return _normal(share, math.sqrt(parts) / informedness, confidence)


def ppi_mean(
    labels: Sequence[float],
    predictions: Sequence[float],
    unlabelled: Sequence[float],
    confidence: float,
    *,
    tuning: float | None = None,
) -> NormalEstimate:
    """The mean label, from few labels and many predictions of it: PPI++ (Angelopoulos, Duchi and Zrnic 2023).

    The predictions of unlabelled cases, plus what the labels say of the predictions' error. Predictions need not be
    truth values, nor be any good; poor ones are given little weight.

    Args:
        labels: What people said of the labelled cases.
        predictions: What the judge said of them, in the same order.
        unlabelled: What the judge said of the other cases.
        confidence: Two-sided.
        tuning: Weight of the predictions: 0 leaves the labels alone, 1 is the first prediction-powered inference.
            Default: `power_tuning`.

    Raises:
        ValueError: no labels, no unlabelled predictions, or not a prediction for each label.
    """
    weight = power_tuning(labels, predictions, unlabelled) if tuning is None else tuning
    errors = [label - weight * told for label, told in zip(labels, predictions, strict=True)]
    weighted = [weight * told for told in unlabelled]
    error = math.sqrt(_spread(errors) / len(errors) + _spread(weighted) / len(weighted))
    return _normal(_mean(weighted) + _mean(errors), error, confidence)


def power_tuning(labels: Sequence[float], predictions: Sequence[float], unlabelled: Sequence[float]) -> float:
    """The weight of the predictions, from 0 to 1, that makes the interval of `ppi_mean` narrowest.

    0 where they are all equal.

    Raises:
        ValueError: as `ppi_mean`.
    """
    if not labels or not unlabelled or len(labels) != len(predictions):
        raise ValueError("there has to be a label, a prediction for each label, and an unlabelled prediction")
    every = [*predictions, *unlabelled]
    spread = _spread(every) * len(every) / (len(every) - 1)
    if spread == 0:
        return 0.0
    middle, told = _mean(labels), _mean(predictions)
    together = _mean([(one - middle) * (two - told) for one, two in zip(labels, predictions, strict=True)])
    return min(1.0, max(0.0, together / ((1 + len(labels) / len(unlabelled)) * spread)))


def _normal(value: float, error: float, confidence: float) -> NormalEstimate:
    half = z_quantile(confidence) * error
    return NormalEstimate(value, error, value - half, value + half)


def _variance(share: float, of: float) -> float:
    return share * (1 - share) / of


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _spread(values: Sequence[float]) -> float:
    """The variance, divided by as many as there are: so the mean of truth values gets the usual share(1 − share)/n."""
    middle = _mean(values)
    return math.fsum((value - middle) ** 2 for value in values) / len(values)
