"""The share of a reference object's fields that an answer has right."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.form.json_fields import JsonFields
from plimsoll.types import Case, Output, Scored

ORDER = {"id": 7, "customer": {"name": "Ann", "city": "Ely"}, "lines": [{"sku": "a", "price": 2.5}]}


def score(answer: Any, expected: Any = ORDER, **keys: Any) -> Scored:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return of_output(Output(text=text), expected, **keys)


def of_output(output: Output, expected: Any, **keys: Any) -> Scored:
    return asyncio.run(JsonFields(**keys).evaluate(Case(id="c1", inputs={}, expected=expected), output))


def changed(**fields: Any) -> dict[str, Any]:
    return {**ORDER, **fields}


@pytest.mark.parametrize(
    ("answer", "keys", "share"),
    [
        (ORDER, {}, 1.0),
        (changed(id=8), {}, 4 / 5),
        (changed(id=7.0), {}, 1.0),
        (changed(id="7"), {}, 4 / 5),
        (changed(id=True), {}, 4 / 5),
        (changed(customer={"name": "Ann"}), {}, 4 / 5),
        (changed(customer="Ann"), {}, 3 / 5),
        (changed(lines=[]), {}, 3 / 5),
        ({}, {}, 0.0),
        ([], {}, 0.0),
        # What the reference lacks is a field more, and wrong.
        (changed(note="x"), {}, 5 / 6),
        (changed(note="x"), {"unexpected": "ignore"}, 1.0),
        (changed(lines=[*ORDER["lines"], {}]), {}, 5 / 6),  # type: ignore[misc]
        (changed(id=7.4), {"absolute": 0.5}, 1.0),
        (changed(customer={"name": "ANN ", "city": "ely"}), {"ignore_case": True}, 1.0),
        (changed(id=8), {"ignore": ["id"]}, 1.0),
        (changed(customer={}), {"ignore": ["customer"]}, 1.0),
        (changed(lines=[{"sku": "a", "price": 9}]), {"ignore": ["lines[].price"]}, 1.0),
        (changed(lines=[{"sku": "a", "price": 9}]), {"ignore": ["lines[0].price"]}, 1.0),
        (changed(customer={"name": "Ann"}), {"only": ["customer"]}, 1 / 2),
        (changed(id=9, note="x"), {"only": ["customer", "lines"]}, 1.0),
    ],
)
def test_the_share(answer: Any, keys: dict[str, Any], share: float) -> None:
    assert score(answer, **keys).value == pytest.approx(share)


def test_a_list_place_by_place_or_anywhere() -> None:
    assert score([1, 2, 3], [3, 2, 1]).value == pytest.approx(1 / 3)
    assert score([1, 2, 3], [3, 2, 1], lists="unordered").value == 1.0
    # Each item of the answer counts for one of the reference.
    assert score([1, 1], [1, 2], lists="unordered").value == pytest.approx(1 / 3)
    assert score([1, 1], [1, 2], lists="unordered", unexpected="ignore").value == pytest.approx(1 / 2)
    assert score([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], lists="unordered").value == 1.0


def test_as_many_items_of_a_list_as_can_be_right_are() -> None:
    # 1.05 fits both; it is left for 1.1, which 0.9 does not fit.
    assert score([1.05, 0.9], [1.0, 1.1], lists="unordered", absolute=0.1).value == 1.0
    # An item that is equal does not keep two others from being right.
    assert score([1.0, 1.1], [1.0, 0.9], lists="unordered", absolute=0.1).value == 1.0


LINES = {"lines": [{"price": 1, "x": 2}, {"price": 3, "x": {"y": 4}}]}


@pytest.mark.parametrize(
    ("lines", "keys", "share"),
    [
        ([{"price": 3, "x": 0}, {"price": 1, "x": 0}], {"ignore": ["lines[].x"]}, 1.0),
        ([{"price": 3}, {"price": 1}], {"ignore": ["lines[].x"]}, 1.0),
        ([{"price": 3, "x": {"y": 5}}, {"price": 1, "x": 2}], {"ignore": ["lines[].x.y"]}, 1.0),
        ([{"price": 3, "x": {"z": 5}}, {"price": 1, "x": 2}], {"ignore": ["lines[].x.y"]}, 1 / 3),
        ([{"price": 3, "x": 0}, {"price": 1, "x": 0}], {"only": ["lines[].price"]}, 1.0),
        ([{"price": 3, "note": 0}, {"price": 2}], {"only": ["lines[].price"]}, 1 / 3),
        # Of an item that holds nothing that counts, nothing is right or wrong.
        ([{"price": 3, "x": 0}, {"price": 1}, {"x": 9}], {"ignore": ["lines[].x"]}, 1.0),
    ],
)
def test_items_anywhere_are_compared_by_the_fields_that_count(lines: Any, keys: dict[str, Any], share: float) -> None:
    assert score({"lines": lines}, LINES, lists="unordered", **keys).value == pytest.approx(share)


def test_a_field_more_counts_where_something_in_it_does() -> None:
    assert score({"a": 1, "b": {"x": 1, "y": 2}}, {"a": 1}, only=["a", "b.x"]).value == pytest.approx(1 / 2)
    assert score({"a": 1, "b": {"x": 1}}, {"a": 1}, ignore=["b.x"]).value == 1.0
    assert score([{"x": 1}, {"x": 2}], [{"x": 1}], ignore=["[1].x"]).value == 1.0


def test_a_place_in_a_list_without_order_is_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"'lines\[0\].x': with lists: unordered no item has a place; 'lines\[\].x'"
    ):
        JsonFields(lists="unordered", ignore=("lines[0].x",))


def test_long_lists_in_any_order_are_compared() -> None:
    there = list(range(4000))
    assert score({"a": there[::-1]}, {"a": there}, lists="unordered").value == 1.0
    assert score({"a": there[::-1]}, {"a": there}, lists="unordered", absolute=0.5).value == 1.0
    assert score({"a": ["y"] * 20_000}, {"a": ["x"] * 50}, lists="unordered").value == 0.0


def test_more_items_alike_than_can_be_compared_are_the_answers_fault_or_the_datasets() -> None:
    wide = {"lists": "unordered", "absolute": 1e6}
    scored = score(list(range(20_000)), list(range(50)), **wide)
    assert (scored.value, scored.reason) == (0.0, "the answer has too many items that are alike within the tolerance")
    with pytest.raises(CellError, match="the case expects 1000 items alike") as caught:
        score(list(range(1000)), list(range(1000)), **wide)
    assert caught.value.kind is FailureKind.EVALUATOR


def test_the_reason_lists_what_is_wrong() -> None:
    wrong = changed(id=8, customer={"name": "Ann", "town": "Ely"})
    assert score(wrong).reason == (
        "3 of 6 fields are right; not: id is 8, not 7; customer.city is missing; customer.town is not in the reference"
    )
    assert (
        score([1], [2], lists="unordered").reason
        == "0 of 2 fields are right; not: the list lacks 2; the list has 1 too"
    )
    assert score(ORDER).reason is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "the answer is empty"),
        ("{", "not JSON: expecting property name enclosed in double quotes at line 1, column 2"),
        ('```\n{"id": 7}\n```', "the answer is wrapped in a code fence"),
        ('{"id": 7, "id": 8}', "not JSON: the key 'id' occurs twice in one object"),
    ],
)
def test_what_is_no_json_has_nothing_right(answer: str, reason: str) -> None:
    scored = score(answer)
    assert (scored.value, scored.reason) == (0.0, reason)


def test_the_structured_answer_goes_before_its_text() -> None:
    case = Case(id="c1", inputs={"wanted": '{"a": 1}'})
    scored = asyncio.run(JsonFields(expected="wanted").evaluate(case, Output(text="no", value={"a": 1})))
    assert scored.value == 1.0


@pytest.mark.parametrize(
    ("expected", "keys"), [("text", {}), (5, {}), ({"a": 1}, {"only": ["b"]}), ({"a": 1}, {"ignore": ["a"]})]
)
def test_a_reference_with_nothing_to_compare_is_no_score(expected: Any, keys: dict[str, Any]) -> None:
    with pytest.raises(CellError) as caught:
        score({"a": 1}, expected, **keys)
    assert caught.value.kind is FailureKind.MISSING_FIELD


def test_an_empty_object_or_list_is_a_value() -> None:
    assert score({"a": []}, {"a": []}).value == 1.0
    assert score({"a": [1]}, {"a": []}).value == 0.0
    assert score({"a": {}}, {"a": []}).value == 0.0


def test_numbers_without_bounds_are_wrong_and_no_error() -> None:
    assert score('{"a": 1e999}', {"a": 1}, relative=0.5).value == 0.0
    assert score('{"a": ' + "1" * 400 + "}", {"a": 0.5}, relative=0.5).value == 0.0
    assert score("[" * 100_000, [1]).reason == "not JSON: nested too deeply"


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
containers = st.lists(trees, min_size=1, max_size=3) | st.dictionaries(st.text(max_size=3), trees, min_size=1)


@settings(deadline=None)
@given(trees, containers, st.sampled_from(["ordered", "unordered"]), st.sampled_from(["wrong", "ignore"]))
def test_the_share_is_from_0_to_1_for_any_answer(answer: Any, expected: Any, lists: Any, unexpected: Any) -> None:
    share = of_output(Output(text="", value=answer or ""), expected, lists=lists, unexpected=unexpected).value
    assert isinstance(share, float)
    assert 0 <= share <= 1


finite = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), finite, min_size=1), st.sampled_from(["ordered", "unordered"]))
def test_a_reference_is_wholly_right_by_itself(reference: dict[str, Any], lists: Any) -> None:
    assert score(reference, reference, lists=lists).value == 1.0
