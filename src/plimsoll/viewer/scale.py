"""What a label may be: pass or fail, a number on a scale, or one of some labels; and from what was typed to it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from plimsoll.config.suite import NAME_PATTERN
from plimsoll.types import EXPECTED, Direction, Metric, MetricKind, ScoreValue
from plimsoll.viewer.contract import Refused

_POINTS = 11
"""A scale of whole numbers with at most so many points has a button for each."""
_KEYS = "1234567890"
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
"""A thousand to some, one to others."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One button."""

    text: str
    note: str
    value: str
    """What the button sends."""
    key: str
    """Presses it; empty for none."""
    label: ScoreValue
    tone: str = ""


def new_metric(name: str, kind: str, low: str, high: str, labels: str) -> Metric:
    """A metric that no evaluator of the run gives, as it was described.

    Raises:
        Refused: it can't be one.
    """
    if name == EXPECTED or not re.fullmatch(NAME_PATTERN, name):
        raise Refused(400, f"{name!r} can't be a metric's name", "letters, digits, _ . and -, with a letter first")
    try:
        found = MetricKind(kind)
    except ValueError:
        message = f"the run has no metric {name}: what is a label of it?"
        raise Refused(400, message, "say whether it is pass or fail, a number, or one of some labels") from None
    if found is MetricKind.LABEL:
        known = tuple(dict.fromkeys(part.strip() for part in labels.split(",") if part.strip()))
        if len(known) < 2:
            raise Refused(400, f"{name} needs two labels at least", "write them with commas between: good, fair, bad")
        return Metric(name=name, kind=found, labels=known)
    if found is MetricKind.BOOL:
        return Metric(name=name, kind=found)
    bounds = [_bound(low), _bound(high)]
    if None not in bounds and not bounds[0] < bounds[1]:  # type: ignore[operator]  # both are known
        raise Refused(400, f"a scale from {low} to {high} has no points", "give the smaller number first")
    return Metric(name=name, low=bounds[0], high=bounds[1])


def as_labelled(metric: Metric, kind: str) -> Metric:
    """A metric of the run as it is labelled: in its own terms, or a number's by pass or fail.

    Raises:
        Refused: a pass can't be told from a fail that way.
    """
    if kind != MetricKind.BOOL or metric.kind is MetricKind.BOOL:
        return metric
    if metric.kind is MetricKind.LABEL or metric.direction is Direction.LOWER:
        raise Refused(400, f"{metric.name} is not labelled with pass or fail", "label it in its own terms")
    return Metric(name=metric.name, kind=MetricKind.BOOL)


def choices(metric: Metric, seen: Iterable[str] = ()) -> tuple[Choice, ...]:
    """The buttons for a metric; none where a number has to be typed.

    Args:
        metric: What is labelled.
        seen: Labels that were given or scored so far, for a metric that does not list its own.
    """
    if metric.kind is MetricKind.BOOL:
        good = metric.direction is Direction.HIGHER
        # Where more is worse, a pass is easily taken for the other value.
        notes = ("", "") if good else (f"{metric.name} is false", f"{metric.name} is true")
        return (
            Choice("Pass", notes[0], "pass", "p", good, "good"),
            Choice("Fail", notes[1], "fail", "f", not good, "bad"),
        )
    if metric.kind is MetricKind.LABEL:
        names = metric.labels or tuple(sorted(set(seen)))
        return tuple(Choice(name, "", name, _KEYS[place : place + 1], name) for place, name in enumerate(names))
    points = _points(metric)
    keys = {point: str(point) for point in points} if all(0 <= point <= 9 for point in points) else {}
    return tuple(Choice(str(point), "", str(point), keys.get(point, ""), float(point)) for point in points)


def label_of(written: str, metric: Metric, buttons: Iterable[Choice]) -> ScoreValue:
    """The label that a button or a field sent.

    Raises:
        Refused: it is none of the metric's.
    """
    pressed = next((choice for choice in buttons if choice.value == written), None)
    if pressed is not None:
        return pressed.label
    if metric.kind is MetricKind.BOOL:
        raise Refused(400, f"{metric.name} is labelled with pass or fail, not {written!r}")
    if metric.kind is MetricKind.LABEL:
        if metric.labels or not written.strip():
            raise Refused(400, f"{written!r} is none of the labels of {metric.name}", ", ".join(metric.labels))
        return written.strip()
    number = _number(written)
    if number is None:
        raise Refused(400, f"{written!r} is no number", "write it without marks between thousands, for example 1000.5")
    if (metric.low is not None and number < metric.low) or (metric.high is not None and number > metric.high):
        raise Refused(400, f"{written} lies outside {metric.name}'s scale", range_text(metric))
    return number


def expected_of(written: str, reference: Any) -> Any:
    """The reference answer that was typed, in the form of the one that the case has; None where nothing was.

    Raises:
        Refused: the case's is structured, and this is no JSON.
    """
    if not written.strip():
        return None
    if reference is None or isinstance(reference, str):
        return written
    try:
        return msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(400, f"the reference answer is no JSON: {error}", "the case's own is JSON too") from None


def range_text(metric: Metric) -> str:
    """`from 1 to 5`, `at least 0`; empty where any number will do."""
    low, high = metric.low, metric.high
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}" if high is not None else ""


def _points(metric: Metric) -> tuple[int, ...]:
    low, high = metric.low, metric.high
    # From 0 to 1 is a share, not two points.
    if low is None or high is None or low % 1 or high % 1 or not 2 <= high - low < _POINTS or metric.unit:
        return ()
    return tuple(range(int(low), int(high) + 1))


def _bound(written: str) -> float | None:
    if not written.strip():
        return None
    number = _number(written)
    if number is None:
        raise Refused(400, f"{written!r} is no end of a scale", "a number, or nothing")
    return number


def _number(written: str) -> float | None:
    """A number, with a point or a comma before its fraction; None where it is none.

    Raises:
        Refused: the comma may also stand between thousands.
    """
    written = written.strip()
    if _GROUPED.fullmatch(written):
        one, other = written.replace(",", ""), written.replace(",", ".")
        raise Refused(400, f"{written!r} may be {one} or {other}", "write it without a comma")
    if not _NUMBER.fullmatch(written):
        return None
    number = float(written.replace(",", "."))
    return number if math.isfinite(number) else None
