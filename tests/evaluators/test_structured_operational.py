"""JSON validity, latency, tokens and cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evaluators.form.json_valid import JsonValid
from plimsoll.evaluators.operational import Cost, Latency, Tokens
from plimsoll.runs.identity import Keys
from plimsoll.types import Case, Output, Scored, Skipped, Usage

CASE = Case(id="c1", inputs={})


@pytest.mark.parametrize(
    ("answer", "type_", "reason"),
    [
        ('{"a": 1}', "any", None),
        (" [1, 2]\n", "array", None),
        ("5", "any", None),
        ("5", "object", "the JSON is of type number, not object"),
        ("[]", "object", "the JSON is of type array, not object"),
        ("", "any", "the answer is empty"),
        ('```json\n{"a": 1}\n```', "any", "the answer is wrapped in a code fence"),
        ('{"a": 1} Done.', "any", "not JSON: extra data at line 1, column 10"),
        ('{"a": NaN}', "any", "not JSON: NaN is no JSON number"),
        ('{"a": 1, "a": 2}', "any", "not JSON: the key 'a' occurs twice in one object"),
        ("[" * 100_000, "any", "not JSON: nested too deeply"),
    ],
)
def test_json_valid(answer: str, type_: Any, reason: str | None) -> None:
    score = JsonValid(type=type_).evaluate(CASE, Output(text=answer))
    assert (score.value, score.reason) == (reason is None, reason)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(json_values)
def test_what_json_writes_is_valid(value: Any) -> None:
    assert JsonValid().evaluate(CASE, Output(text=json.dumps(value))).value is True


@settings(deadline=None)
@given(st.text())
def test_json_valid_gives_true_or_false_for_any_text(text: str) -> None:
    assert isinstance(JsonValid().evaluate(CASE, Output(text=text)).value, bool)


def test_latency_is_the_models() -> None:
    score = Latency().evaluate(CASE, Output(text="x", latency=0.25))
    assert isinstance(score, Scored)
    assert score.value == 0.25


def test_a_cached_output_has_no_latency() -> None:
    assert Latency().evaluate(CASE, Output(text="x")) == Skipped(reason="cached")
    assert not Latency().reusable


@pytest.mark.parametrize(("count", "wanted"), [("total", 12.0), ("prompt", 9.0), ("completion", 3.0)])
def test_tokens_as_the_endpoint_counted_them(count: Any, wanted: float) -> None:
    output = Output(text="x", usage=Usage(prompt_tokens=9, completion_tokens=3, requests=1))
    score = Tokens(count=count).evaluate(CASE, output)
    assert isinstance(score, Scored)
    assert score.value == wanted


def test_unknown_tokens_are_skipped_not_zero() -> None:
    score = Tokens().evaluate(CASE, Output(text="x", usage=Usage(prompt_tokens=9)))
    assert score == Skipped(reason="no token count: the endpoint gives none, or no model was asked")


def test_less_is_better() -> None:
    assert [metric.direction for metric in (*Latency().metrics, *Tokens().metrics)] == ["lower", "lower"]


def test_cost_is_what_the_answer_took() -> None:
    score = Cost().evaluate(CASE, Output(text="x", usage=Usage(requests=1, cost=0.0021)))
    assert isinstance(score, Scored)
    assert score.value == 0.0021


def test_an_unknown_cost_is_skipped_and_one_of_nothing_is_not() -> None:
    assert isinstance(Cost().evaluate(CASE, Output(text="x", usage=Usage(requests=1))), Skipped)
    free = Cost().evaluate(CASE, Output(text="x", usage=Usage(requests=1, cost=0.0)))
    assert isinstance(free, Scored)
    assert free.value == 0.0


def test_a_score_of_another_cost_is_another_score() -> None:
    cheap, dear = (Output(text="x", usage=Usage(cost=cost)) for cost in (0.001, 0.002))
    keys = Keys()
    assert keys.score(Cost(), CASE, cheap) != keys.score(Cost(), CASE, dear)
