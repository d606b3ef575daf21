from __future__ import annotations

from typing import Any

import pytest

from plimsoll.errors import FailureKind
from plimsoll.tracking.trace_spans import Step, steps_of
from plimsoll.types import Failure, Output, Span, Usage

CALL = ({"id": "1", "type": "function", "function": {"name": "fare", "arguments": "{}"}},)
ASKED = ({"role": "user", "content": "Open?"},)


def steps(outcome: Output | Failure) -> list[Step]:
    return steps_of("v1", None, outcome, {"id": "one"})


def test_a_prompts_request_has_the_form_that_the_chat_view_reads() -> None:
    usage = Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=4)
    output = Output(text="yes", messages=ASKED, tool_calls=CALL, finish="tool_calls", model="m-1", usage=usage)
    whole, call = steps(output)
    assert (whole.parent, call.parent, call.kind, call.span.name) == (None, 0, "CHAT_MODEL", "m-1")
    assert call.span.inputs == {"messages": list(ASKED)}
    (choice,) = call.span.output["choices"]
    assert choice["message"] == {"role": "assistant", "content": "yes", "tool_calls": list(CALL)}
    assert call.attributes == {
        "mlflow.message.format": "openai",
        "mlflow.llm.model": "m-1",
        "mlflow.chat.tokenUsage": {
            "input_tokens": 5,
            "output_tokens": 2,
            "total_tokens": 7,
            "cache_read_input_tokens": 4,
        },
    }


def test_a_models_call_is_inside_the_one_node_that_ran_around_it() -> None:
    spans = (
        Span(name="search", start=0.0, seconds=1.0),
        Span(name="answer", start=1.0, seconds=2.0),
        Span(name="small", kind="model", start=1.5, seconds=1.0, inputs=list(ASKED), output=["yes", list(CALL)]),
    )
    whole, search, answer, call = steps(Output(text="a", spans=spans))
    assert [step.parent for step in (whole, search, answer, call)] == [None, 0, 0, 2]
    assert call.span.inputs == {"messages": list(ASKED)}
    assert [choice["message"]["content"] for choice in call.span.output["choices"]] == ["yes", None]
    assert call.span.output["choices"][1]["message"]["tool_calls"] == list(CALL)


def test_where_two_nodes_ran_around_a_call_nobody_knows_whose_it_was() -> None:
    around = [Span(name=name, start=0.0, seconds=2.0) for name in ("left", "right")]
    call = Span(name="small", kind="model", start=0.5, seconds=1.0, inputs=[], output=None)
    assert [step.parent for step in steps(Output(text="a", spans=(*around, call)))] == [None, 0, 0, 0]


def test_a_call_that_says_its_tokens_and_model_shows_them() -> None:
    completion = {"model": "m-2", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    spans = (Span(name="small", kind="model", inputs={"messages": []}, output=completion),)
    _, call = steps(Output(text="a", spans=spans))
    assert call.attributes["mlflow.llm.model"] == "m-2"
    assert call.attributes["mlflow.chat.tokenUsage"]["total_tokens"] == 4


def test_passages_that_a_node_found_are_shown_as_documents() -> None:
    found = [{"id": 7, "text": "Carrow: 5 crowns", "score": 0.9}, {"page_content": "b", "metadata": {"page": 2}}]
    _, node = steps(Output(text="a", spans=(Span(name="search", output=found),)))
    assert node.kind == "RETRIEVER"
    assert node.span.output == [
        {"page_content": "Carrow: 5 crowns", "metadata": {"score": 0.9}, "id": "7"},
        {"page_content": "b", "metadata": {"page": 2}},
    ]


@pytest.mark.parametrize("output", [[], "text", [{"text": 1}], [{"role": "user", "content": "a"}], [{"text": "a"}, 2]])
def test_other_outputs_are_left_as_they_are(output: Any) -> None:
    _, node = steps(Output(text="a", spans=(Span(name="search", output=output),)))
    assert (node.kind, node.span.output) == ("TASK", output)


def test_a_failure_is_the_whole_step_and_further_outputs_are_beside_the_answer() -> None:
    (whole,) = steps(Failure(kind=FailureKind.TIMEOUT, message="no answer", remedy="wait"))
    assert whole.span.error == "timeout: no answer"
    (whole,) = steps(Output(text="a", extra={"sources": ["b"]}))
    assert whole.attributes == {"plimsoll.extra": {"sources": ["b"]}}
