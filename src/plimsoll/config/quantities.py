"""Quantities as people write them: `2.5 s`, `500 ms`, `7 d`, `500 MB`, `1.10 × baseline`, `>= 0.6`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*([0-9.]+)\s*(ms|s|min|m|h|d)?\s*$")
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"^\s*([0-9.]+)\s*([kmg]?i?b)\s*$", re.IGNORECASE)
_RATIO = re.compile(r"^\s*([0-9.]+)\s*[x×*]\s*baseline\s*$")
_CONDITION = re.compile(r"^\s*(>=|<=|==|!=|>|<|≥|≤)\s*(.+?)\s*$")


def parse_seconds(value: Any) -> float:
    """Seconds, from a number or from text with a unit.

    Raises:
        ValueError: the value is neither, or not positive and finite.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        match = _DURATION.match(str(value))
        if not match:
            raise ValueError(f"not a duration: {value!r}; write for example 2.5 s, 500 ms, 10 min, 7 d")
        seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    if not math.isfinite(seconds) or seconds <= 0:
        raise ValueError(f"a duration is positive: {value!r}")
    return seconds


Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "examples": ["2.5 s", "500 ms"]}]}),
]


def parse_bytes(value: str) -> int:
    """Bytes, from text with a unit: MB is a million, MiB 2²⁰.

    Raises:
        ValueError: it is something else, or not positive.
    """
    match = _SIZE.match(value)
    unit = _BYTES.get(match[2].upper()) if match else None
    try:
        size = int(float(match[1]) * unit) if match and unit else None
    except ValueError:
        size = None
    if size is None:
        raise ValueError(f"not a size: {value!r}; write for example 500 MB, 2 GB, 64 MiB")
    if size <= 0:
        raise ValueError(f"a size is positive: {value!r}")
    return size


@dataclass(frozen=True, slots=True)
class Bound:
    """An upper or lower bound: an amount, or a multiple of the baseline's."""

    amount: float
    of_baseline: bool = False

    def __str__(self) -> str:
        return f"{self.amount:g} × baseline" if self.of_baseline else f"{self.amount:g}"


def parse_bound(value: Any) -> Bound:
    """A bound from a number, a duration, or `1.10 × baseline`.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, Bound):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError(f"a bound is a finite number: {value!r}")
        return Bound(float(value))
    ratio = _RATIO.match(str(value))
    if ratio:
        return Bound(float(ratio[1]), of_baseline=True)
    try:
        return Bound(parse_seconds(value))
    except ValueError:
        raise ValueError(f"not a bound: {value!r}; write a number, a duration (2.5 s), or 1.10 × baseline") from None


BoundField = Annotated[
    Bound,
    BeforeValidator(parse_bound),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "examples": ["2.5 s", "1.10 × baseline"]}]}),
]


@dataclass(frozen=True, slots=True)
class Condition:
    """What makes a value pass: a comparison with a number, a truth value or a label."""

    operator: str
    operand: float | bool | str

    def holds(self, value: float | bool | str) -> bool:
        """Whether `value` passes. A value of another kind than the operand never does."""
        if isinstance(self.operand, bool | str):
            same = type(value) is type(self.operand) and value == self.operand
            return same if self.operator == "==" else not same
        if isinstance(value, str):
            return False
        number = float(value)
        return {
            ">=": number >= self.operand,
            "<=": number <= self.operand,
            ">": number > self.operand,
            "<": number < self.operand,
            "==": number == self.operand,
            "!=": number != self.operand,
        }[self.operator]

    def __str__(self) -> str:
        shown = str(self.operand).lower() if isinstance(self.operand, bool) else f"{self.operand}"
        return f"{self.operator} {shown}"


def parse_condition(value: Any) -> Condition:
    """A condition from `>= 0.6`, `true`, or a label.

    Raises:
        ValueError: an ordering is asked of something that is not a number.
    """
    if isinstance(value, bool | int | float):
        return Condition("==" if isinstance(value, bool) else ">=", value)
    match = _CONDITION.match(str(value))
    if not match:
        return Condition("==", _operand(str(value)))
    operator = {"≥": ">=", "≤": "<="}.get(match[1], match[1])
    operand = _operand(match[2])
    if operator not in ("==", "!=") and not isinstance(operand, float):
        raise ValueError(f"{operator} compares numbers, not {match[2]!r}")
    return Condition(operator, operand)


def _operand(text: str) -> float | bool | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        return text.strip("'\"")
    if not math.isfinite(number):
        raise ValueError(f"a condition compares with a finite number, not {text!r}")
    return number
