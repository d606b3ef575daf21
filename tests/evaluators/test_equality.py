"""When values of JSON are equal, and numbers near enough."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluators.equality import Tolerance, same_json

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("given_", "wanted", "tolerance", "covered"),
    [
        (1.1, 1, Tolerance(absolute=0.1), True),
        (0.3, 0.1, Tolerance(absolute=0.2), True),
        (1.1000001, 1, Tolerance(absolute=0.1), False),
        (110, 100, Tolerance(relative=0.1), True),
        (90, 100, Tolerance(relative=0.1), True),
        (100, 90, Tolerance(relative=0.1), False),
        (-110, -100, Tolerance(relative=0.1), True),
        (0.001, 0, Tolerance(relative=0.1), False),
        (105, 100, Tolerance(absolute=1, relative=0.1), True),
        (10**400, 10**400 + 1, Tolerance(absolute=1), True),
        (10**400, 0.5, Tolerance(relative=0.5), False),
        (2**53, float(2**53), Tolerance(), True),
        (2**53 + 1, float(2**53), Tolerance(), False),
    ],
)
def test_a_tolerance_has_both_its_ends_and_no_rounding(
    given_: float, wanted: float, tolerance: Tolerance, covered: bool
) -> None:
    assert tolerance.covers(given_, wanted) is covered


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_right(odd: float) -> None:
    wide = Tolerance(absolute=1e300, relative=0.9)
    assert not wide.covers(odd, odd)
    assert not wide.covers(odd, 1)
    assert not wide.covers(1, odd)


@given(numbers, st.floats(0, 1e6), st.floats(0, 0.9))
def test_a_number_is_itself_whatever_the_tolerance(number: float, absolute: float, relative: float) -> None:
    assert Tolerance(absolute, relative).covers(number, number)


@given(numbers, numbers, st.floats(0, 1e6))
def test_an_absolute_tolerance_has_no_direction(one: float, other: float, absolute: float) -> None:
    tolerance = Tolerance(absolute)
    assert tolerance.covers(one, other) is tolerance.covers(other, one)
    assert tolerance.covers(one, other) is (
        abs(Fraction(repr(one)) - Fraction(repr(other))) <= Fraction(repr(absolute))
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}, True),
        ([1, 2], [2, 1], False),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        (1, True, False),
        (0, False, False),
        (0, None, False),
        ("1", 1, False),
        ((1, 2), [1, 2], True),
        (None, None, True),
    ],
)
def test_json_is_compared_by_value_and_by_type(one: Any, other: Any, same: bool) -> None:
    assert same_json(one, other) is same
    assert same_json(other, one) is same


def test_the_tolerance_reaches_inside() -> None:
    assert same_json({"a": [1.05]}, {"a": [1]}, Tolerance(absolute=0.1))
    assert not same_json({"a": ["1.05"]}, {"a": ["1"]}, Tolerance(absolute=0.1))
