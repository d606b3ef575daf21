"""Calls of tools against the expected ones: names, arguments, order."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.form.tool_calls import ToolCalls
from plimsoll.types import Case, MetricKind, Output, Scored

SEARCH = ("search", {"city": "Ely", "nights": 2})
BOOK = ("book", {"id": 7})
PAY = ("pay", {"amount": 9.5})


def call(name: Any, arguments: Any) -> dict[str, Any]:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": written}}


def wanted(*calls: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "arguments": arguments} for name, arguments in calls]


def score(made: list[Any], expected: Any, **keys: Any) -> Scored:
    output = Output(text="", finish="tool_calls", tool_calls=tuple(call(*each) for each in made))
    case = Case(id="c1", inputs={"expected_tools": expected})
    return asyncio.run(ToolCalls(**keys).evaluate(case, output))


@pytest.mark.parametrize(
    ("made", "expected", "right"),
    [
        # made, expected → exact, ordered, unordered, subset
        ([SEARCH, BOOK], [SEARCH, BOOK], (True, True, True, True)),
        ([BOOK, SEARCH], [SEARCH, BOOK], (False, False, True, True)),
        ([SEARCH, PAY, BOOK], [SEARCH, BOOK], (False, True, False, True)),
        ([BOOK, PAY, SEARCH], [SEARCH, BOOK], (False, False, False, True)),
        ([SEARCH], [SEARCH, BOOK], (False, False, False, False)),
        ([SEARCH, SEARCH], [SEARCH], (False, True, False, True)),
        ([SEARCH], [SEARCH, SEARCH], (False, False, False, False)),
        ([], [], (True, True, True, True)),
        ([PAY], [], (False, True, False, True)),
        ([], [PAY], (False, False, False, False)),
    ],
)
def test_the_ways_to_match(made: list[Any], expected: list[Any], right: tuple[bool, ...]) -> None:
    modes = ("exact", "ordered", "unordered", "subset")
    assert tuple(score(made, wanted(*expected), match=mode).value for mode in modes) == right


@pytest.mark.parametrize(
    ("made", "keys", "reason"),
    [
        ([SEARCH, BOOK], {}, None),
        ([], {}, 'not called: search({"city": "Ely", "nights": 2}); not called: book({"id": 7})'),
        ([SEARCH, BOOK, PAY], {}, 'called and not expected: pay({"amount": 9.5})'),
        ([BOOK, SEARCH], {}, "called out of order"),
        ([SEARCH, ("book", {"id": 8})], {}, "book: id is 8, not 7"),
        ([SEARCH, ("book", {"id": "7"})], {}, "book: id is '7', not 7"),
        ([SEARCH, ("book", {})], {}, "book: 'id' is missing"),
        ([SEARCH, ("book", {"id": 7, "fast": True})], {}, "book: 'fast' is not expected"),
        ([SEARCH, ("book", {"id": 7, "fast": True})], {"ignore": ["fast"]}, None),
        ([SEARCH, ("book", {"id": 7.0})], {}, None),
        ([SEARCH, ("book", {"id": 8})], {"absolute": 1}, None),
        ([SEARCH, ("book", {"id": 8})], {"arguments": "ignore"}, None),
        ([SEARCH, ("book", '{"id": 7')], {}, "book: its arguments are not JSON"),
        ([SEARCH, ("book", '{"id": 7, "id": 7}')], {}, "occurs twice"),
        ([SEARCH, ("book", "[7]")], {}, "book: its arguments are no JSON object"),
        ([SEARCH, ("book", "[" * 100_000)], {}, "nested too deeply"),
        ([SEARCH, (None, {"id": 7})], {}, "not called: book"),
    ],
)
def test_arguments_and_reasons(made: list[Any], keys: dict[str, Any], reason: str | None) -> None:
    scored = score(made, wanted(SEARCH, BOOK), **keys)
    assert scored.value is (reason is None)
    assert (scored.reason is None) if reason is None else (reason in str(scored.reason))


def test_a_name_alone_accepts_any_arguments_that_can_be_read() -> None:
    assert score([SEARCH], ["search"]).value is True
    assert score([SEARCH], [{"name": "search"}]).value is True
    assert score([("search", "{")], ["search"]).value is False
    assert score([SEARCH], [{"name": "search", "arguments": {}}]).value is False


def test_openai_s_form_is_accepted_for_expected_calls() -> None:
    assert score([SEARCH], [call(*SEARCH)]).value is True


def test_blank_arguments_are_none() -> None:
    assert score([("now", "")], [{"name": "now", "arguments": {}}]).value is True


def test_a_call_that_accepts_any_arguments_leaves_the_others_theirs() -> None:
    # The first that fits would give the only fitting call of the second expectation to the first.
    expected = ["search", {"name": "search", "arguments": {"city": "Ely"}}]
    made = [("search", {"city": "Ely"}), ("search", {"city": "Rye"})]
    assert score(made, expected, match="unordered").value is True


@pytest.mark.parametrize("match", ["exact", "unordered", "subset"])
def test_thousands_of_calls_are_compared(match: Any) -> None:
    made = [("search", {"page": page}) for page in range(3000)]
    assert score(made, wanted(*made), match=match).value is True
    assert score(made, ["search"] * 3000, match=match).value is True
    scored = score([*made[:1499], *made[1500:]], wanted(*made), match=match)
    assert (scored.value, scored.reason) == (False, 'not called: search({"page": 1499})')


def test_more_calls_alike_than_can_be_compared_are_wrong() -> None:
    made = [("search", {"page": page}) for page in range(3000)]
    scored = score(made, wanted(*made[:200]), match="subset", absolute=1e6)
    assert (scored.value, scored.reason) == (False, "the answer has too many items that are alike within the tolerance")
    assert score(made, wanted(*made[:200]), match="unordered", score="f1", absolute=1e6).value == 0.0


def test_arguments_nested_deeply_are_compared() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    assert score([("search", {"a": deep})], wanted(("search", {"a": deep}))).value is True
    assert score([("search", {"a": [deep]})], wanted(("search", {"a": deep}))).value is False


@pytest.mark.parametrize(
    ("made", "expected", "match", "f1"),
    [
        ([SEARCH, BOOK], [SEARCH, BOOK], "exact", 1.0),
        ([BOOK, SEARCH], [SEARCH, BOOK], "exact", 1 / 2),
        ([BOOK, SEARCH], [SEARCH, BOOK], "unordered", 1.0),
        ([SEARCH, BOOK, PAY], [SEARCH, BOOK], "exact", 4 / 5),
        ([SEARCH], [SEARCH, BOOK, PAY], "exact", 2 / 4),
        ([], [], "exact", 1.0),
        ([PAY], [], "exact", 0.0),
        ([], [PAY], "exact", 0.0),
    ],
)
def test_f1(made: list[Any], expected: list[Any], match: Any, f1: float) -> None:
    assert score(made, wanted(*expected), match=match, score="f1").value == pytest.approx(f1)


def test_the_metric_is_of_the_kind_that_is_asked_for() -> None:
    assert ToolCalls().metrics[0].kind is MetricKind.BOOL
    (metric,) = ToolCalls(score="f1", pass_if=">= 0.5").metrics
    assert (metric.kind, metric.low, metric.high, metric.pass_if) == (MetricKind.NUMERIC, 0.0, 1.0, ">= 0.5")


def test_f1_needs_a_match_that_counts_every_call() -> None:
    with pytest.raises(ValidationError, match="set match to exact or unordered"):
        ToolCalls(score="f1", match="subset")


def test_the_expected_calls_of_every_case_may_stand_in_the_suite() -> None:
    evaluator = ToolCalls(calls=())
    assert evaluator.requires == frozenset()
    assert score([PAY], None, calls=()).value is False
    with pytest.raises(ValidationError, match="a call is a tool's name"):
        ToolCalls(calls=(5,))


@pytest.mark.parametrize(
    "expected", ["search", [5], [{"arguments": {}}], [{"name": "a", "arguments": 5}], {"name": "a"}]
)
def test_expected_calls_that_can_t_be_read_are_no_score(expected: Any) -> None:
    with pytest.raises(CellError, match="the case's 'expected_tools'") as caught:
        score([SEARCH], expected)
    assert caught.value.kind is FailureKind.EVALUATOR


calls = st.lists(
    st.tuples(st.sampled_from("ab"), st.dictionaries(st.sampled_from("xy"), st.integers(0, 1))), max_size=4
)


@settings(deadline=None)
@given(calls, calls)
def test_the_modes_agree_with_each_other(made: list[Any], expected: list[Any]) -> None:
    modes = ("exact", "ordered", "unordered", "subset")
    right = {mode: score(made, wanted(*expected), match=mode).value is True for mode in modes}
    assert right["exact"] is (made == expected)
    assert right["exact"] <= right["ordered"] <= right["subset"]
    assert right["exact"] <= right["unordered"] <= right["subset"]
    in_order, in_any = (
        float(score(made, wanted(*expected), match=mode, score="f1").value) for mode in ("exact", "unordered")
    )
    assert 0 <= in_order <= in_any <= 1
    assert (in_order == 1) is right["exact"]
    assert (in_any == 1) is right["unordered"]


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_text_in_a_call_is_scored(name: str, arguments: str) -> None:
    assert isinstance(score([(name, arguments)], wanted(SEARCH)).value, bool)


@pytest.mark.parametrize("odd", [{}, {"function": None}, {"function": "f"}, {"function": {"name": 5, "arguments": 5}}])
def test_a_call_of_no_known_form_is_wrong_and_no_error(odd: dict[str, Any]) -> None:
    case = Case(id="c1", inputs={"expected_tools": ["search"]})
    assert asyncio.run(ToolCalls().evaluate(case, Output(text="", tool_calls=(odd,)))).value is False
