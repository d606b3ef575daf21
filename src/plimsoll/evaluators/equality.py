"""When two values of JSON are the same: numbers by value, within a tolerance where one is given; nothing by luck."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
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
        if not (is_finite(given) and is_finite(wanted)):
            return False
        low, high = self.bounds(exact(wanted))
        return low <= exact(given) <= high

    def bounds(self, wanted: Fraction) -> tuple[Fraction, Fraction]:
        """The least and the greatest number that is right."""
        reach = max(exact(self.absolute), exact(self.relative) * abs(wanted))
        return wanted - reach, wanted + reach

    def __str__(self) -> str:
        parts = [f"{self.absolute:g}"] if self.absolute else []
        return " or ".join([*parts, f"{self.relative:.4g} of it"] if self.relative else parts)


EXACT = Tolerance()


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number of JSON. Python's True is one of its own, JSON's is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Number) -> bool:
    """Whether a number is neither infinite nor NaN. 1e999 is read as infinite."""
    return not isinstance(value, float) or math.isfinite(value)


def exact(value: Number) -> Fraction:
    """A finite number as it is written: 0.1 is a tenth, not the float beside it."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


@dataclass(frozen=True, slots=True)
class NormalForm:
    """A value of JSON, flat and hashable: two are equal where the values are, whatever the order of keys."""

    shape: tuple[Hashable, ...]
    """Everything but the numbers' values."""
    numbers: tuple[Fraction, ...]

    def is_same(self, wanted: NormalForm, tolerance: Tolerance) -> bool:
        """Whether a value is the wanted one within a tolerance."""
        return self.shape == wanted.shape and all(map(tolerance.covers, self.numbers, wanted.numbers))


def normal_form(value: Any, text: Callable[[str], str] = str) -> NormalForm:
    """The normal form of a value of JSON, however deep. A number that is not finite makes it equal to no other.

    Args:
        value: The value.
        text: Done to every text in it, but not to keys.
    """
    shape: list[Hashable] = []
    numbers: list[Fraction] = []
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, Mapping):
            keys = sorted(each)
            shape.append(("object", *keys))
            pending += [each[key] for key in keys]
        elif isinstance(each, list | tuple):
            shape.append(("list", len(each)))
            pending += each
        elif is_number(each):
            shape.append(("number",) if is_finite(each) else object())
            numbers += [exact(each)] if is_finite(each) else []
        else:
            shape.append(text(each) if isinstance(each, str) else each)
    return NormalForm(tuple(shape), tuple(numbers))


def same_json(given: Any, wanted: Any, tolerance: Tolerance = EXACT) -> bool:
    """Whether two values of JSON are equal: objects by their keys in any order, lists in order."""
    return normal_form(given).is_same(normal_form(wanted), tolerance)
