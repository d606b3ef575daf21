"""What an evaluation flow's settings mean, told before anything runs; promptflow is not needed to read a flow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.evaluators.flows.outputs import look_up, metrics_of, value_of
from plimsoll.evaluators.flows.settings import FlowSettings
from plimsoll.targets.flow_definition import read_flow
from plimsoll.types import Metric, MetricKind

FLOWS = Path(__file__).parent / "flows"
NUMBER, TRUTH, LABEL = (
    Metric(name="it", kind=kind) for kind in (MetricKind.NUMERIC, MetricKind.BOOL, MetricKind.LABEL)
)


def test_promptflows_own_mapping_is_read_as_ours() -> None:
    inputs = {"a": "${data.question}", "b": "${run.outputs.context}", "c": "${run.inputs.tone}", "d": "output"}
    settings = FlowSettings.model_validate({"flow": "f", "inputs": inputs})
    assert settings.inputs == {"a": "question", "b": "output.context", "c": "tone", "d": "output"}


@pytest.mark.parametrize("source", ["${target.x}", "${data.x", "${data.x} and ${data.y}"])
def test_another_expression_is_refused(source: str) -> None:
    with pytest.raises(ValidationError, match="are known"):
        FlowSettings.model_validate({"flow": "f", "inputs": {"a": source}})


def test_outputs_become_metrics_of_the_kind_that_is_declared() -> None:
    said = {"closeness": {"range": [1, 5]}, "verdict": {"kind": "label"}}
    settings = FlowSettings.model_validate({"flow": "f", "metrics": said})
    assert metrics_of(read_flow(FLOWS / "grade"), settings, judged=True) == (
        Metric(name="closeness", low=1, high=5, judged=True),
        Metric(name="verdict", kind=MetricKind.LABEL, judged=True),
    )


@pytest.mark.parametrize(
    ("flow", "metrics", "words"),
    [
        ("grade", {}, "its output 'details' is of type object"),
        ("grade", {"closenes": {}}, "no output 'closenes'"),
        ("talk", {}, "its YAML names none"),
    ],
)
def test_what_is_no_metric_is_told_with_how_to_say_it(flow: str, metrics: dict[str, Any], words: str) -> None:
    settings = FlowSettings.model_validate({"flow": "f", "metrics": metrics})
    with pytest.raises(UsageError, match=words) as caught:
        metrics_of(read_flow(FLOWS / flow), settings, judged=False)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("metric", "given", "value"),
    [
        (NUMBER, "5", 5.0),
        (NUMBER, " 4.5\n", 4.5),
        (NUMBER, 3, 3),
        (NUMBER, "5/5", "5/5"),
        (NUMBER, "1_0", "1_0"),
        (NUMBER, "٥", "٥"),
        (TRUTH, "True", True),
        (TRUTH, "false", False),
        (TRUTH, "yes", "yes"),
        (TRUTH, 1, 1),
        (LABEL, "5", "5"),
    ],
)
def test_text_is_read_as_what_is_declared_and_never_searched(metric: Metric, given: Any, value: Any) -> None:
    read = value_of(metric, {"it": given})
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("outputs", [{"it": None}, {"it": math.nan}, {}, {"other": 1}, 5, None])
def test_null_nan_and_an_output_that_is_not_there_are_failures(outputs: Any) -> None:
    with pytest.raises(CellError) as caught:
        value_of(NUMBER, outputs)
    assert caught.value.kind is FailureKind.BAD_SCORE


@given(st.text())
def test_a_text_that_is_read_as_a_number_is_that_number_whole(text: str) -> None:
    read = value_of(NUMBER, {"it": text})
    assert read is text or float(text) == read or math.isnan(read)


def test_an_output_is_found_by_its_name_or_inside_another() -> None:
    outputs = {"a": {"b": {"c": 1}}, "a.b": 2}
    assert (look_up("a.b", outputs), look_up("a.b.c", outputs)) == (2, 1)
    assert look_up("output", 7) == 7
