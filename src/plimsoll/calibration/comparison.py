"""How a judge's values and people's labels are compared: which of them say that an answer is good.

A truth value or a number in the metric's own terms is read like the judge's value, by the same condition. Labels of
another kind need a condition of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from plimsoll.calibration.labels import LabelKind, Labels
from plimsoll.config import Condition, parse_condition
from plimsoll.errors import UsageError
from plimsoll.evaluators.base import misfit
from plimsoll.types import Direction, Metric, MetricKind, ScoreValue


class Task(StrEnum):
    """What is asked of the judge."""

    VERDICT = "verdict"
    """Good or not."""
    SCALE = "scale"
    """How good: people gave numbers, and the judge does."""
    CATEGORY = "category"
    """Which label: people and judge choose among the same."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rules of one comparison."""

    metric: Metric
    task: Task
    threshold: Condition | None
    """On the judge's value; None where nothing says which pass."""
    label_passes: Condition | None
    """On people's label; None is a truth value that says itself whether the answer is good."""
    same_scale: bool
    """A label can be held against the judge's value as it is."""

    @property
    def verdicts(self) -> bool:
        """Whether both sides say which answers are good."""
        return self.threshold is not None

    def judged_good(self, value: ScoreValue) -> bool:
        """Whether the judge passes the answer; asked only with a threshold."""
        assert self.threshold is not None
        return self.threshold.holds(value)

    def people_good(self, label: ScoreValue) -> bool:
        """Whether people do; likewise."""
        return label is True if self.label_passes is None else self.label_passes.holds(label)

    @property
    def rising(self) -> bool:
        """Whether a higher value of the judge means a better answer."""
        return self.metric.direction is Direction.HIGHER


def compare_by(
    metric: Metric, labels: Labels, *, threshold: str | None = None, label_passes: str | None = None
) -> Comparison:
    """The comparison of a metric with labels.

    Args:
        metric: The judge's.
        labels: What people said.
        threshold: The condition on the judge's value; default: the metric's own.
        label_passes: The condition on a label where it is not in the metric's terms.

    Raises:
        UsageError: nothing says which answers are good, or a condition doesn't fit.
    """
    own = _condition("--threshold", threshold) if threshold else _own_threshold(metric)
    unfit = misfit(metric, own) if own is not None else None
    if unfit is not None:
        raise UsageError(unfit.replace("pass_if", "the threshold"))
    said = _condition("--label-passes", label_passes) if label_passes else None
    task, same = _task(metric, labels.kind), _same_scale(metric, labels)
    if said is None and own is not None and labels.kind is not LabelKind.TRUTH:
        if not same:
            raise UsageError(
                f"people's labels are {labels.kind.value} that are not on the scale of {metric.name}",
                remedy="say which mean a good answer: --label-passes '>= 4', or --label-passes LABEL",
            )
        said = own
    if labels.kind is LabelKind.TRUTH and metric.kind is MetricKind.BOOL:
        said = said or own
    if task is Task.VERDICT and own is None:
        raise UsageError(
            f"people say good or not, and nothing says which values of {metric.name} are good",
            remedy="--threshold '>= 4', or give the judge a pass_if",
        )
    return Comparison(metric, task, own, said, same)


def _condition(flag: str, text: str) -> Condition:
    try:
        return parse_condition(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _own_threshold(metric: Metric) -> Condition | None:
    if metric.pass_if is not None:
        return parse_condition(metric.pass_if)
    return Condition("==", metric.direction is Direction.HIGHER) if metric.kind is MetricKind.BOOL else None


def _task(metric: Metric, kind: LabelKind) -> Task:
    if metric.kind is MetricKind.NUMERIC and kind is LabelKind.NUMBER:
        return Task.SCALE
    return Task.CATEGORY if metric.kind is MetricKind.LABEL and kind is LabelKind.TEXT else Task.VERDICT


def _same_scale(metric: Metric, labels: Labels) -> bool:
    given = [label for row in labels.rows for label in row.labels if label is not None]
    if metric.kind is MetricKind.NUMERIC and labels.kind is LabelKind.NUMBER:
        low, high = metric.low, metric.high
        return all((low is None or float(label) >= low) and (high is None or float(label) <= high) for label in given)
    if metric.kind is MetricKind.LABEL and labels.kind is LabelKind.TEXT:
        return not metric.labels or set(given) <= set(metric.labels)
    return metric.kind is MetricKind.BOOL and labels.kind is LabelKind.TRUTH
