"""Quantities as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.config import parse_bound, parse_bytes, parse_condition, parse_seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2.5 s", 2.5), ("500 ms", 0.5), ("10 min", 600), ("7 d", 604800), (3, 3), ("1h", 3600), ("1.5", 1.5)],
)
def test_durations(written, seconds):
    assert parse_seconds(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["1.10 × baseline", "1.1 x baseline", "1.1*baseline"])
def test_a_ratio_to_the_baseline(written):
    bound = parse_bound(written)
    assert (bound.amount, bound.of_baseline) == (1.1, True)
    assert str(bound) == "1.1 × baseline"


def test_a_bound_that_is_neither_number_duration_nor_ratio_is_refused():
    with pytest.raises(ValueError, match="not a bound: 'much'"):
        parse_bound("much")


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (">= 0.6", 0.6, True),
        (">= 0.6", 0.59, False),
        ("≤ 3", 3, True),
        ("< 3", 3.0, False),
        ("true", True, True),
        ("true", False, False),
        ("== good", "good", True),
        ("!= good", "good", False),
        ("good", "bad", False),
        (0.5, 0.7, True),
        (True, True, True),
        (">= 0.5", "good", False),
        ("true", 1.0, False),
        (">= 1", True, True),
    ],
)
def test_conditions(condition, value, holds):
    assert parse_condition(condition).holds(value) is holds


def test_ordering_words_is_refused():
    with pytest.raises(ValueError, match=">= compares numbers, not 'good'"):
        parse_condition(">= good")


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([">=", "<=", ">", "<", "==", "!="]))
def test_a_condition_reads_back_from_its_own_text(number, operator):
    condition = parse_condition(f"{operator} {number!r}")
    assert parse_condition(str(condition)) == condition


@pytest.mark.parametrize(
    ("written", "size"),
    [("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("64 MiB", 2**26), ("10kb", 10_000), ("7 B", 7)],
)
def test_a_size_has_a_unit(written, size):
    assert parse_bytes(written) == size


@pytest.mark.parametrize("written", ["500", "MB", "1zb", "1.2.3 MB", "-5 MB", "0 MB", "0.1 B", "1 iB", ""])
def test_what_is_no_size_is_refused(written):
    with pytest.raises(ValueError, match="size"):
        parse_bytes(written)
