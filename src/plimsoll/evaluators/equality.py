"""When two values of JSON are the same: numbers by value, within a tolerance where one is given; nothing by luck."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeGuard

from pydantic import Field

from plimsoll.config import Strict

Number = int | float | Fraction


class ToleranceSettings(Strict):
    """The two keys of evaluators that compare numbers."""

    absolute: float = Field(0.0, ge=0, allow_inf_nan=False, description="How far a number may be off.")
    relative: float = Field(
        0.0, ge=0, lt=1, allow_inf_nan=False, description="How far it may be off, as a share of the reference."
    )

    @property
    def tolerance(self) -> Tolerance:
        """Both; a number is right by the wider one."""
        return Tolerance(self.absolute, self.relative)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be off its reference, both bounds included; right by either is right."""

    absolute: float = 0.0
    relative: float = 0.0
    """A share of the reference's size."""

    def covers(self, given: Number, wanted: Number) -> bool:
        """Whether |given - wanted| <= max(absolute, relative · |wanted|), computed without rounding.

        A number that is infinite or not a number is never right.
        """
        if not (_finite(given) and _finite(wanted)):
            return False
        if given == wanted:
            return True
        if not (self.absolute or self.relative):
            return False
        exact = _exact(wanted)
        return abs(_exact(given) - exact) <= max(_exact(self.absolute), _exact(self.relative) * abs(exact))

    def __str__(self) -> str:
        parts = [f"{self.absolute:g}"] if self.absolute else []
        return " or ".join([*parts, f"{self.relative:.4g} of it"] if self.relative else parts)


EXACT = Tolerance()


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number of JSON. Python's True is one of its own, JSON's is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same_json(given: Any, wanted: Any, tolerance: Tolerance = EXACT) -> bool:
    """Whether two values of JSON are equal: objects by their keys in any order, lists in order."""
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        return given.keys() == wanted.keys() and all(same_json(given[key], wanted[key], tolerance) for key in wanted)
    if isinstance(given, list | tuple) and isinstance(wanted, list | tuple):
        return len(given) == len(wanted) and all(
            same_json(*pair, tolerance) for pair in zip(given, wanted, strict=True)
        )
    if is_number(given) and is_number(wanted):
        return tolerance.covers(given, wanted)
    return type(given) is type(wanted) and bool(given == wanted)


def _finite(value: Number) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _exact(value: Number) -> Fraction:
    # As it is written: 0.1 is a tenth, not the float beside it.
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
