"""When values of JSON are equal, and numbers near enough."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluators.equality import EXACT, Tolerance, normal_form, same_json

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
        (10**23, 1e23, Tolerance(), True),
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


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_value_with_a_number_that_is_not_finite_is_equal_to_none(odd: float) -> None:
    assert not same_json([odd], [odd])
    assert normal_form(odd) != normal_form(odd)


def test_values_nested_deeply_are_compared() -> None:
    one: Any = 1
    for _ in range(50_000):
        one = [one]
    assert same_json(one, one)
    assert not same_json(one, [one])


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2)
    | st.sampled_from([0.0, 1.0, 0.5])
    | st.sampled_from(["", "a", "list"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "object"]), inner, max_size=2),
    max_leaves=4,
)


@given(values, values)
def test_normal_forms_are_equal_exactly_where_the_values_are(one: Any, other: Any) -> None:
    assert (normal_form(one) == normal_form(other)) is _equal(one, other) is same_json(one, other, EXACT)


def _equal(one: Any, other: Any) -> bool:
    """Python's equality, for which True is 1, and for which no value here is a tuple."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other)


def test_texts_are_compared_as_they_are_made_to_be_and_keys_as_they_are() -> None:
    assert normal_form({"A": ["B"]}, str.lower) == normal_form({"A": ["b"]})
