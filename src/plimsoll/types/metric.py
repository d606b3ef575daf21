"""What a score means: the metric it is a value of."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class MetricKind(StrEnum):
    """What values a metric takes."""

    NUMERIC = "numeric"
    BOOL = "bool"
    LABEL = "label"


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Metric(Struct, frozen=True, kw_only=True):
    """One number, truth value or label that an evaluator gives to each cell."""

    name: str
    kind: MetricKind = MetricKind.NUMERIC
    direction: Direction = Direction.HIGHER
    low: float | None = None
    """Least possible value; None is unbounded."""
    high: float | None = None
    """Greatest possible value; None is unbounded."""
    unit: str = ""
    """`s`, `tokens`, `USD`; empty where the value has none."""
    labels: tuple[str, ...] = ()
    """The labels allowed, of a label metric; empty allows any."""
    of_today: bool = False
    """It tells of the provider on the day (latency, cost): an answer of another day is no evidence for it."""
    judged: bool = False
    """A model gave the value: it needs calibration before it is believed."""
    pass_if: str | None = None
    """The condition that makes a case pass, e.g. `>= 0.6`; without one a bool metric passes when
    it is what its direction calls better: true, or false where lower is better."""
