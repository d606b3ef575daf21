"""A certified judge's figures as people would have given them: the judge's own error is in the interval.

What the certificate measured (sensitivity and specificity of a judge that says good or not, the mean error of one that
gives numbers on people's own scale) corrects the estimate, and its uncertainty widens the limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from plimsoll.calibration import Certificate
from plimsoll.calibration.figures import Figure
from plimsoll.stats import Estimate, Method, clopper_pearson, corrected_difference, corrected_rate
from plimsoll.stats.estimate import Interval, t_quantile
from plimsoll.types import Direction, Metric, MetricKind

_STEPS = 50


@dataclass(frozen=True, slots=True)
class Correction:
    """How one metric's figures are corrected, by the certificate of its judge."""

    certificate: Certificate
    truth: bool
    """The judge says good or not; else it gives numbers."""
    falling: bool
    """Of a truth value: less of it is better, so true is what does not pass."""

    @classmethod
    def of(cls, metric: Metric, certificate: Certificate) -> Correction:
        """The correction of a metric's figures."""
        falling = metric.kind is MetricKind.BOOL and metric.direction is Direction.LOWER
        return cls(certificate, metric.kind is not MetricKind.NUMERIC, falling)

    def why_not(self, *, difference: bool) -> str | None:
        """Why figures stay as the judge gave them; None where they are corrected.

        Args:
            difference: They are a difference of two sides.
        """
        found = self.certificate.figures.agreement
        if self.truth:
            return None
        if difference:
            return "a judge that errs alike on both sides errs in neither's favour"
        return None if found.bias else "its certificate was measured on another scale, so its mean error is not known"

    def rate(self, interval: Interval) -> Interval:
        """A share, or a mean, as people would have given it."""
        return self._shares(interval) if self.truth else self._shifted(interval)

    def difference(self, interval: Interval) -> Interval:
        """A difference of two shares as people would have found it. Where true is what doesn't pass, it turns alike."""

        def corrected(confidence: float) -> Estimate:
            return corrected_difference(interval(confidence), self.informedness(confidence))

        return corrected

    def informedness(self, confidence: float) -> Estimate:
        """Sensitivity + specificity − 1, its limits made of theirs (MOVER: Zou and Donner 2008)."""
        one, two = self._share("sensitivity", confidence), self._share("specificity", confidence)
        assert one.low is not None
        assert two.low is not None
        assert one.high is not None
        assert two.high is not None
        value = one.value + two.value - 1
        return replace(
            one,
            value=value,
            low=max(-1.0, value - math.hypot(one.value - one.low, two.value - two.low)),
            high=min(1.0, value + math.hypot(one.high - one.value, two.high - two.value)),
            method=Method.MOVER,
        )

    @property
    def words(self) -> str:
        """By what it is corrected."""
        found = self.certificate.figures.agreement
        labels = f"on {found.compared} labelled answers"
        if not self.truth:
            assert found.bias is not None
            return f"corrected for the judge's mean error, {found.bias.value:+.2g} {labels}"
        assert found.sensitivity is not None
        assert found.specificity is not None
        one, two = found.sensitivity.value, found.specificity.value
        return f"corrected for the judge's sensitivity {one:.2f} and specificity {two:.2f} {labels}"

    def _shares(self, interval: Interval) -> Interval:
        def corrected(confidence: float) -> Estimate:
            judged = interval(confidence)
            one, two = self._share("sensitivity", confidence), self._share("specificity", confidence)
            return (
                _turned(corrected_rate(_turned(judged), one, two)) if self.falling else corrected_rate(judged, one, two)
            )

        return corrected

    def _shifted(self, interval: Interval) -> Interval:
        return lambda confidence: _sum(interval(confidence), self._bias(confidence))

    @property
    def _stated(self) -> float:
        """The confidence of the certificate's own limits."""
        return float(self.certificate.policy["confidence"])

    def _bias(self, confidence: float) -> Estimate:
        """The certificate's mean error; its limits moved to another confidence by Student's t."""
        found = self.certificate.figures.agreement.bias
        assert found is not None
        low, high = found.low, found.high
        if found.units > 1 and low is not None and high is not None:
            degrees = found.units - 1
            scale = t_quantile(degrees, confidence) / t_quantile(degrees, self._stated)
            low, high = found.value - scale * (found.value - low), found.value + scale * (high - found.value)
        return Estimate(found.value, low, high, found.n, found.units, found.units, Method.T)

    def _share(self, name: str, confidence: float) -> Estimate:
        figure = getattr(self.certificate.figures.agreement, name)
        assert isinstance(figure, Figure)
        cases = _answers_worth(figure, self._stated)
        low, high = clopper_pearson(figure.value * cases, cases, confidence)
        return Estimate(figure.value, low, high, figure.n, figure.units, cases, Method.EXACT)


def _sum(judged: Estimate, bias: Estimate) -> Estimate:
    """The sum of two independent estimates, its limits made of theirs (MOVER: Zou and Donner 2008)."""
    value, low, high = judged.value + bias.value, None, None
    if judged.low is not None and bias.low is not None:
        low = value - math.hypot(judged.value - judged.low, bias.value - bias.low)
    if judged.high is not None and bias.high is not None:
        high = value + math.hypot(judged.high - judged.value, bias.high - bias.value)
    return replace(judged, value=value, low=low, high=high, method=Method.CORRECTED)


def _turned(share: Estimate) -> Estimate:
    """The share of the others."""
    return replace(
        share,
        value=1 - share.value,
        low=None if share.high is None else 1 - share.high,
        high=None if share.low is None else 1 - share.low,
    )


def _answers_worth(figure: Figure, confidence: float) -> float:
    """How many single answers would give the figure's own exact limits: fewer than `n` where they come in groups."""
    if figure.units >= figure.n or figure.low is None or figure.high is None:
        return float(figure.n)
    width, (low, high) = figure.high - figure.low, (1.0, float(figure.n))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below, above = clopper_pearson(figure.value * middle, middle, confidence)
        if above - below > width:
            low = middle
        else:
            high = middle
    return low
