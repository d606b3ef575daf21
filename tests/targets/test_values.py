import math
from enum import Enum

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll import canonical
from plimsoll.errors import CellError, FailureKind
from plimsoll.runs.identity import output_digest
from plimsoll.targets.values import bind, bind_conversation, checked, output_of
from plimsoll.types import Case, Output, Usage

CASE = Case(
    id="c1",
    inputs={"question": "Capital of France?", "context": ["Paris"]},
    expected="Paris",
    slices=("easy",),
    group="geography",
)
TALK = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "And"}, {"type": "image_url"}, {"type": "text", "text": "?"}],
    },
)


def failure(call, *args, **named):
    with pytest.raises(CellError) as caught:
        call(*args, **named)
    return caught.value


def test_inputs_go_by_their_own_name_and_mapped_ones_by_the_targets():
    assert bind(CASE, {"q": "question"}) == {**CASE.inputs, "q": "Capital of France?"}
    assert bind(CASE, {"question": "context"})["question"] == ["Paris"]


def test_the_reference_answer_goes_in_only_where_the_suite_maps_it():
    assert "Paris" not in bind(CASE, {}).values()
    assert "expected" not in bind_conversation(CASE, {})
    assert bind(CASE, {"hint": "expected"})["hint"] == "Paris"


@pytest.mark.parametrize("field", ["slices", "group", "id", "weight", "evaluators", "pass_if", "digest"])
def test_what_the_case_is_to_the_harness_can_not_be_mapped(field):
    error = failure(bind, CASE, {"x": field})
    assert error.kind is FailureKind.MISSING_FIELD
    assert error.message == f"case c1 has no field {field!r}"


def test_a_misspelt_field_gets_its_near_match():
    assert failure(bind, CASE, {"q": "qestion"}).remedy == "did you mean 'question'?"
    assert failure(bind, Case(id="e", inputs={}), {"q": "question"}).remedy == "the case has no fields"


def test_a_conversation_goes_whole_with_the_users_last_text_as_the_question():
    case = Case(id="c", inputs={"tone": "calm"}, messages=TALK)
    assert bind_conversation(case, {}) == {"tone": "calm", "messages": list(TALK), "question": "And\n?"}
    assert bind(case, {}) == {"tone": "calm"}


def test_a_question_of_the_cases_own_and_a_mapping_go_before_the_conversations():
    own = Case(id="c", inputs={"question": "mine"}, messages=TALK)
    assert bind_conversation(own, {})["question"] == "mine"
    assert bind_conversation(own, {"messages": "question"})["messages"] == "mine"
    assert bind_conversation(own, {"history": "messages"})["history"] == list(TALK)


def test_a_conversation_without_the_user_has_no_question():
    case = Case(id="c", inputs={}, messages=({"role": "assistant", "content": "Hi"},))
    assert "question" not in bind_conversation(case, {})


@pytest.mark.parametrize(
    ("value", "text", "kept", "extra"),
    [
        ("Paris", "Paris", None, {}),
        (0, "0", 0, {}),
        (False, "false", False, {}),
        ([], "[]", [], {}),
        (["é", 1], '["é", 1]', ["é", 1], {}),
        ({"answer": "Paris"}, "Paris", None, {}),
        ({"answer": {"city": "Paris"}}, '{"city": "Paris"}', {"city": "Paris"}, {}),
        ({"b": 1, "a": 2}, '{"a": 2, "b": 1}', {"a": 2, "b": 1}, {}),
        ((1, 2), "[1, 2]", [1, 2], {}),
        (np.float64(0.5), "0.5", 0.5, {}),
        (np.array([1, 2]), "[1, 2]", [1, 2], {}),
    ],
)
def test_a_plain_answer_is_an_output(value, text, kept, extra):
    output = output_of(value)
    assert (output.text, output.value, output.extra) == (text, kept, extra)


def test_the_picked_entry_is_the_answer_and_the_others_are_kept_beside_it():
    output = output_of({"answer": "Paris", "documents": ("d1",), "score": 0.5}, pick="answer", latency=0.25)
    assert output == Output(text="Paris", extra={"documents": ["d1"], "score": 0.5}, latency=0.25)


def test_a_picked_entry_that_is_not_there_is_told_with_a_near_match():
    error = failure(output_of, {"answer": "x", "sources": []}, pick="anser")
    assert (error.kind, error.remedy) == (FailureKind.TARGET, "did you mean 'answer'?")


def test_an_answer_that_is_no_dict_is_not_taken_for_the_picked_entry():
    error = failure(output_of, "Paris", pick="answer")
    assert error.message == "the answer is no dict, so it has no output 'answer'"


@pytest.mark.parametrize("value", [None, "", " \n\t", {"answer": None}, {"answer": " "}])
def test_an_empty_answer_is_a_failure(value):
    assert failure(output_of, value).kind is FailureKind.EMPTY


LOOP: list[object] = []
LOOP.append(LOOP)


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "the answer is nan, which is not a number of JSON"),
        ({"a": 1, "b": [math.inf]}, "the answer.b[0] is inf, which is not a number of JSON"),
        (object(), "the answer is of type object, which has no JSON form"),
        ({"a": 1, "b": {2}}, "the answer.b is of type set, which has no JSON form"),
        ({1: "a", "b": 2}, "the answer has the key 1, which is not text"),
        ("half \ud800", "the answer holds a lone surrogate (\\ud800), which is half a character"),
        (LOOP, "it is nested too deeply"),
        (Colour.RED, "the answer is of type Colour, which has no JSON form"),
        (b"bytes", "the answer is of type bytes, which has no JSON form"),
        (10**5000, "the answer is an integer that is too long"),
    ],
    ids=["nan", "inf", "object", "set", "number as key", "surrogate", "in itself", "enum", "bytes", "long"],
)  # fmt: skip
def test_an_answer_without_a_json_form_is_a_failure_that_says_where(value, said):
    error = failure(output_of, value)
    assert (error.kind, error.message) == (FailureKind.TARGET, f"the answer has no JSON form: {said}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.none() | st.just("answer"))
def test_any_value_is_an_output_that_can_be_stored_and_digested_or_a_classified_failure(value, pick):
    try:
        output = output_of(value, pick=pick)
    except CellError as error:
        assert error.kind in (FailureKind.EMPTY, FailureKind.TARGET)  # noqa: PT017  # the other branch is the success
        return
    assert output.text.strip()
    assert output_digest(output).startswith(canonical.DIGEST_PREFIX)
    assert msgspec.json.decode(msgspec.json.encode(output), type=Output) == output


def test_an_output_of_the_targets_own_making_keeps_what_it_says():
    made = Output(
        text="Paris", value=(1, 2), usage=Usage(prompt_tokens=3, requests=1), extra={"score": np.float64(0.5)}
    )
    assert checked(made) == Output(
        text="Paris", value=[1, 2], usage=Usage(prompt_tokens=3, requests=1), extra={"score": 0.5}
    )
    called = Output(text="", tool_calls=({"id": "1"},))
    assert checked(called) == called


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (Output(text=""), FailureKind.EMPTY),
        (Output(text=7), FailureKind.TARGET),  # type: ignore[arg-type]  # the mistake that the test is about
        (Output(text="x", latency="quick"), FailureKind.TARGET),  # type: ignore[arg-type]  # the same
        (Output(text="x", extra={"score": math.nan}), FailureKind.TARGET),
        (Output(text="x", value=object()), FailureKind.TARGET),
        (Output(text="\ud800"), FailureKind.TARGET),
    ],
)
def test_an_output_of_the_targets_own_making_that_is_none_is_a_failure(made, kind):
    assert failure(checked, made).kind is kind
