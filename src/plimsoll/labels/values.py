"""What a person's value says in a metric's terms: pages have buttons and text fields, so one word comes in many forms.

Only what can be meant in one way is taken. A truth value about a number or about a label says whether the answer is
good, as `judge calibrate` reads it.
"""

from __future__ import annotations

import math
from typing import Any

from plimsoll.config import Condition, parse_condition
from plimsoll.types import Direction, Metric, MetricKind, ScoreValue

_YES, _NO = frozenset({"yes", "true"}), frozenset({"no", "false"})
_GOOD, _BAD = frozenset({"pass", "passed"}), frozenset({"fail", "failed"})


def read_value(metric: Metric | None, said: Any) -> ScoreValue:
    """The value that a person gave.

    Args:
        metric: What it is about; None where the run has no such metric: then it is taken as it is.
        said: As it was given.

    Returns:
        A value of the metric; of a metric that is no truth value also true or false: the answer is good, or it is not.

    Raises:
        ValueError: it can't be told what it says, and why.
    """
    word = said.strip() if isinstance(said, str) else None
    if isinstance(said, list | dict) or word == "":
        raise ValueError(f"{said!r} is no value of a metric")
    if metric is None:
        return word or (said if isinstance(said, bool) else float(said))
    if metric.kind is MetricKind.LABEL:
        return _label(metric, word, said)
    truth = _truth(metric, word.lower() if word is not None else said)
    if truth is not None:
        return truth
    if metric.kind is MetricKind.BOOL:
        raise ValueError(f"{metric.name} is true or false, not {said!r}")
    return _number(metric, said)


def is_failing(metric: Metric, value: ScoreValue) -> bool | None:
    """Whether a value of `read_value` says that the answer is not good; None where nothing tells which values are."""
    if isinstance(value, bool) and metric.kind is not MetricKind.BOOL:
        return not value
    condition = _condition(metric)
    return None if condition is None else not condition.holds(value)


def _condition(metric: Metric) -> Condition | None:
    if metric.pass_if is not None:
        return parse_condition(metric.pass_if)
    return Condition("==", metric.direction is Direction.HIGHER) if metric.kind is MetricKind.BOOL else None


def _truth(metric: Metric, said: Any) -> bool | None:
    """What a word or a truth value says of a metric that has no labels; None where it is neither."""
    if said in _GOOD or said in _BAD:
        good = said in _GOOD
        condition = _condition(metric)
        return good if metric.kind is not MetricKind.BOOL or condition is None else condition.holds(True) is good
    if metric.kind is MetricKind.BOOL and said in (0, 1):
        return bool(said)
    if not isinstance(said, bool) and said not in _YES | _NO:
        return None
    if metric.kind is MetricKind.NUMERIC and metric.direction is Direction.LOWER:
        raise ValueError(
            f"less {metric.name} is better: {said!r} may mean that it is there, or that the answer is good"
        )
    return said if isinstance(said, bool) else said in _YES


def _number(metric: Metric, said: Any) -> float:
    try:
        number = float(said)
    except (TypeError, ValueError):
        raise ValueError(f"{metric.name} is a number, not {said!r}") from None
    low = -math.inf if metric.low is None else metric.low
    high = math.inf if metric.high is None else metric.high
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"{metric.name} is a number from {low:g} to {high:g}, not {said!r}")
    return number


def _label(metric: Metric, word: str | None, said: Any) -> str:
    if word is None:
        raise ValueError(f"{metric.name} is a label, not {said!r}")
    if not metric.labels:
        return word
    meant = [label for label in metric.labels if label == word] or [
        label for label in metric.labels if label.casefold() == word.casefold()
    ]
    if len(meant) != 1:
        raise ValueError(f"{metric.name} is one of {', '.join(metric.labels)}, not {said!r}")
    return meant[0]
