"""Keys see what a cell depends on and nothing else; parts say which of it changed, and hold no content."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_canonical import json_values

from plimsoll.runs.identity import Keys, cell_name, output_digest
from plimsoll.types import Case, CellId, Metric, MetricKind, Output, Usage

MODEL = {"provider": "openai", "base_url": "http://h/v1", "model": "m", "parameters": {"temperature": 0.0}}
GENERATION = {"messages": [{"role": "user", "content": "a secret"}], "parameters": {}, "model": MODEL}
CASE = Case(id="c", inputs={"question": "q", "note": "n"}, expected="e")
OUTPUT = Output(text="answer", usage=Usage(requests=1), latency=1.0)


@dataclass(frozen=True)
class Evaluator:
    """One that reads the expected answer."""

    name: str = "exact"
    settings: dict[str, Any] = field(default_factory=dict)
    metrics = (Metric(name="exact", kind=MetricKind.BOOL),)
    requires = frozenset({"expected"})
    reusable = True

    def identity(self):
        return {"evaluator": self.name, "settings": self.settings}

    def evaluate(self, case, output):
        return output.text == case.expected


def changed(before, now):
    return {part for part in {*before, *now} if before.get(part) != now.get(part)}


@pytest.mark.parametrize(
    ("other", "parts"),
    [
        ({"messages": [{"role": "user", "content": "other"}]}, {"messages"}),
        ({"parameters": {"seed": 1}}, {"parameters.seed"}),
        ({"model": {**MODEL, "model": "n"}}, {"model.model"}),
        ({"model": {**MODEL, "parameters": {"temperature": 0}}}, {"model.parameters.temperature"}),
        ({"model": {**MODEL, "parameters": {}}}, {"model.parameters.temperature"}),
    ],
)
def test_what_changes_a_generations_key_is_a_part_of_its_own(other, parts):
    keys, now = Keys(), {**GENERATION, **other}
    assert keys.generation(now, 0) != keys.generation(GENERATION, 0)
    assert changed(keys.generation_parts(GENERATION, 0), keys.generation_parts(now, 0)) == parts


def test_repeat_and_epoch_are_in_the_key_and_among_the_parts():
    one, other = Keys(), Keys("night")
    assert len({one.generation(GENERATION, 0), one.generation(GENERATION, 1), other.generation(GENERATION, 0)}) == 3
    assert changed(one.generation_parts(GENERATION, 0), one.generation_parts(GENERATION, 1)) == {"repeat"}
    assert changed(one.generation_parts(GENERATION, 0), other.generation_parts(GENERATION, 0)) == {"epoch"}


def test_the_epoch_is_a_judges_and_no_other_evaluators():
    @dataclass(frozen=True)
    class Judge(Evaluator):
        metrics = (Metric(name="kind", kind=MetricKind.NUMERIC, judged=True),)

    def keys(evaluator):
        return {Keys(epoch).score(evaluator, CASE, OUTPUT) for epoch in ("", "one night", "another")}

    parts = [Keys(epoch).score_parts(Judge(), CASE, OUTPUT) for epoch in ("", "night")]
    assert (len(keys(Evaluator())), len(keys(Judge()))) == (1, 3)
    assert changed(*parts) == {"epoch"}


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), json_values, max_size=4))
def test_what_a_case_says_is_in_no_part(values):
    parts = Keys().generation_parts({"target": "sha256:t", "values": values}, 0)
    told = {part: value for part, value in parts.items() if part.startswith("values.")}
    assert told.keys() == {f"values.{name}" for name in values}
    assert all(value.startswith("sha256:") and len(value) == len("sha256:") + 12 for value in told.values())


def test_a_long_setting_is_told_by_its_digest_and_a_short_one_in_clear():
    tools = [{"name": "x" * 100}]
    parts = Keys().generation_parts({"parameters": {"tools": tools, "seed": 7}}, 0)
    assert parts["parameters.seed"] == "7"
    assert parts["parameters.tools"].startswith("sha256:")


@pytest.mark.parametrize(
    ("evaluator", "case", "output", "parts"),
    [
        (Evaluator(settings={"ignore_case": True}), CASE, OUTPUT, {"evaluator.settings.ignore_case"}),
        (Evaluator(), Case(id="c", inputs={}, expected="other"), OUTPUT, {"fields.expected"}),
        (Evaluator(), CASE, Output(text="other"), {"output"}),
    ],
)
def test_what_changes_a_scores_key_is_a_part_of_its_own(evaluator, case, output, parts):
    keys, before = Keys(), Evaluator()
    assert keys.score(evaluator, case, output) != keys.score(before, CASE, OUTPUT)
    assert changed(keys.score_parts(before, CASE, OUTPUT), keys.score_parts(evaluator, case, output)) == parts


def test_a_field_that_is_not_read_a_condition_and_a_latency_leave_a_scores_key_as_it_is():
    keys = Keys()
    other = Case(id="d", inputs={"question": "another"}, expected="e", pass_if={"exact": "false"})
    again = Output(text="answer", usage=Usage(requests=3), latency=None)
    assert keys.score(Evaluator(), other, again) == keys.score(Evaluator(), CASE, OUTPUT)


def test_keys_are_the_same_in_whatever_order_they_are_asked_for():
    outputs, evaluators = [OUTPUT, Output(text="b")], [Evaluator(), replace(Evaluator(), name="b")]
    keys = Keys()
    mixed = [keys.score(one, CASE, output) for output in outputs for one in evaluators for _ in range(2)]
    assert mixed == [Keys().score(one, CASE, output) for output in outputs for one in evaluators for _ in range(2)]


def test_an_outputs_digest_is_over_what_an_evaluator_may_read():
    assert output_digest(OUTPUT) != output_digest(Output(text="answer", finish="length", usage=OUTPUT.usage))
    assert output_digest(OUTPUT) != output_digest(Output(text="answer", extra={"a": 1}))
    assert output_digest(OUTPUT) == output_digest(Output(text="answer", latency=None, model="m"))


def test_no_two_cells_have_one_name():
    cells = [CellId("t", "c#1", 0), CellId("t", "c", 1), CellId("t", "c", 0), CellId("t", "1/c", 0)]
    names = [cell_name("s", cell, evaluator) for cell in cells for evaluator in ("", "c", "1")]
    assert len(set(names)) == len(names)
