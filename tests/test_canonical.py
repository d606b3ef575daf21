"""Canonical bytes and atomic files."""

import json
import math
import sys
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll import canonical

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


def _reversed_keys(value):
    if isinstance(value, dict):
        return {key: _reversed_keys(value[key]) for key in reversed(list(value))}
    if isinstance(value, list):
        return [_reversed_keys(item) for item in value]
    return value


@given(json_values)
def test_the_order_of_keys_does_not_change_a_digest(value):
    assert canonical.digest(_reversed_keys(value)) == canonical.digest(value)


@given(json_values, json_values)
def test_equal_bytes_mean_equal_values(a, b):
    if canonical.dumps(a) == canonical.dumps(b):
        assert a == b or (isinstance(a, float) and math.isclose(a, b))


def as_python_writes_it(value):
    """The bytes that digests have always been over."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


@given(json_values)
def test_the_bytes_are_those_of_pythons_own_encoder(value):
    assert canonical.dumps(value) == as_python_writes_it(value)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(1e-5, 1e17) | st.floats(-1e-3, 1e-3))
def test_a_float_has_pythons_own_form(number):
    assert canonical.dumps([number]) == as_python_writes_it([number])


@pytest.mark.parametrize("number", [0.0, -0.0, 1e-4, 9.999e-5, 9999999999999998.0, 1e16, 5e-324, 2**64, -(10**30)])
def test_a_number_at_the_edge_of_a_form_has_pythons_own(number):
    assert canonical.dumps({"n": number}) == as_python_writes_it({"n": number})


def test_every_character_is_escaped_as_by_python_and_sorted_by_code_point():
    letters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    assert canonical.dumps("".join(letters)) == as_python_writes_it("".join(letters))
    some = dict.fromkeys(reversed(letters[::97]), 1)
    assert canonical.dumps(some) == as_python_writes_it(some)


class Colour(StrEnum):
    RED = "red"


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize("value", [Colour.RED, {Name("b"): 1, "a": 2}, [Name("x")], (1, (2.5, None))])
def test_a_kind_of_text_or_list_is_written_as_what_it_is(value):
    assert canonical.dumps(value) == as_python_writes_it(value)


@pytest.mark.parametrize("value", [b"x", {1, 2}, object(), {"a": [b"x"]}])
def test_a_value_without_a_json_form_is_refused(value):
    with pytest.raises(TypeError, match="not JSON serializable"):
        canonical.dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": [float("-inf")]}])
def test_a_number_that_is_not_finite_has_no_canonical_form(value):
    with pytest.raises(ValueError, match="Out of range"):
        canonical.dumps(value)


def test_a_key_that_is_not_text_is_refused_at_any_depth():
    with pytest.raises(TypeError, match="string keys only"):
        canonical.dumps({"a": [{1: "x"}]})


def test_a_lone_surrogate_is_refused():
    with pytest.raises(ValueError, match="surrogates"):
        canonical.dumps("\ud800")


def test_a_digest_names_its_algorithm_and_is_that_of_the_bytes():
    assert canonical.digest({"b": 1, "a": "é"}) == canonical.digest_bytes('{"a":"é","b":1}'.encode())
    assert canonical.digest_bytes(b"") == ("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "deep" / "file.json"
    canonical.write_atomic(path, b"old")
    with pytest.raises(TypeError):
        canonical.write_atomic(path, "not bytes")  # type: ignore[arg-type]  # the mistake under test
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]


def test_files_are_named_by_their_relative_path_in_sorted_order(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.txt").write_bytes(b"x")
    (tmp_path / "a.txt").write_bytes(b"a")
    found = canonical.digest_files(tmp_path, [tmp_path / "b" / "x.txt", tmp_path / "a.txt"])
    assert list(found) == ["a.txt", "b/x.txt"]
    assert found["a.txt"] == canonical.digest_bytes(b"a")
