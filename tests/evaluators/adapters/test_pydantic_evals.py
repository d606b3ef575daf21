"""The real pydantic-evals against a real endpoint."""

import json

import pytest
from tests.evaluators.adapters.library import one_library
from tests.evaluators.adapters.parts import kind, needs

from plimsoll.errors import PlimsollError
from plimsoll.testing import Reply
from plimsoll.types import Output, Scored

pytestmark = pytest.mark.long

needs("pydantic_evals")


def graded(**values):
    """A judge's answer as this library asks for it: a call of its only tool."""

    def answer(request):
        (tool,) = request["tools"]
        wanted = tool["function"]["parameters"]["properties"]
        arguments = {"reason": "It names the price.", "pass": True, "score": 0.8, **values}
        arguments = {name: value for name, value in arguments.items() if name in wanted}
        call = {"name": tool["function"]["name"], "arguments": json.dumps(arguments)}
        return Reply(text=None, tool_calls=[{"id": "1", "type": "function", "function": call}])

    return answer


def test_a_plain_evaluator_asks_no_model(bench):
    entry = {"pydantic_evals": {"evaluator": "Contains", "arguments": {"value": "£12"}}}
    assert bench.value(entry, "It is £12.") is True
    found = bench.score(entry, "It is £13.")
    assert (found.value, found.passed) == (False, False)
    assert "does not contain" in found.reason
    assert not bench.requests


def test_a_structured_answer_is_read_where_the_suite_says_so(bench):
    entry = {
        "pydantic_evals": {
            "evaluator": "Contains",
            "arguments": {"value": {"price": 12}},
            "fields": {"output": "value"},
        }
    }
    assert bench.value(entry, Output(text="{}", value={"price": 12, "per": "month"})) is True
    assert bench.value(entry, Output(text="price")) == "missing_field"


def test_what_it_compares_with_is_required(bench):
    assert bench.value({"pydantic_evals": "EqualsExpected"}, "12", expected="12") is True
    assert bench.value({"pydantic_evals": "EqualsExpected"}, "12") == "missing_field"


def test_a_judge_asks_the_suites_model(bench):
    entry = {"pydantic_evals": {"evaluator": "LLMJudge", "model": "judge", "arguments": {"rubric": "Names the price."}}}
    found = bench.score(entry, "It is £12.", graded())
    assert isinstance(found, Scored)
    assert (found.value, found.passed, found.reason) == (True, True, "It names the price.")
    assert found.usage.requests == 1
    assert kind(bench.score(entry, "It is £12.", Reply(status=500, body={"error": {"message": "no"}}))) == "server"


@pytest.mark.parametrize(("score", "value"), [(0.8, 0.8), (8, "bad_score"), (-1, "bad_score")])
def test_a_score_off_its_scale_is_no_score(bench, score, value):
    arguments = {"rubric": "Names the price.", "score": {"include_reason": True}, "assertion": False}
    entry = {"pydantic_evals": {"evaluator": "LLMJudge", "model": "judge", "arguments": arguments}}
    assert bench.value(entry, "It is £12.", graded(score=score)) == value


def test_both_of_its_values_are_parts(bench):
    arguments = {"rubric": "Names the price.", "score": {}, "include_expected_output": True}
    entry = {"pydantic_evals": {"evaluator": "LLMJudge", "model": "judge", "arguments": arguments, "name": "price"}}
    found = bench.scores(entry, "It is £12.", graded(), expected="£12")
    assert {name: score.value for name, score in found.items()} == {
        "price.LLMJudge_score": 0.8,
        "price.LLMJudge_pass": True,
    }
    assert sum(score.usage.requests for score in found.values()) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"evaluator": "Contains"}, "needs `arguments: {value: …}`"),
        ({"evaluator": "Contains", "value": "x", "case": 1}, "no argument of Contains named 'case'"),
        ({"evaluator": "LLMJudge", "rubric": "x", "model": "gpt"}, "filled by the harness"),
        ({"evaluator": "HasMatchingSpan", "query": {}}, "reads how a task ran"),
    ],
)
def test_settings_that_do_not_fit_are_told(pydantic_evals, settings, told):
    assert told in pydantic_evals.refusal(**settings)


def test_a_library_that_has_no_such_evaluator_tells_it_to_who_builds_the_suite(bench):
    with pytest.raises(PlimsollError, match="did you mean 'Contains'"):
        bench.build({"pydantic_evals": {"evaluator": "Contain", "arguments": {"value": "x"}}})


OWN = """
from dataclasses import dataclass

from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext


@dataclass
class AtMost(Evaluator):
    words: int

    async def evaluate(self, ctx: EvaluatorContext) -> bool:
        return len(ctx.output.split()) <= self.words


@dataclass
class Counts(Evaluator):
    def evaluate(self, ctx: EvaluatorContext):
        found = {"words": len(ctx.output.split())}
        return found if ctx.inputs is None else {**found, "asked": EvaluationReason(value=ctx.inputs, reason="given")}
"""


FILE = "evaluators/own_pydantic.py"


def write_own(root):
    (root / FILE).parent.mkdir(exist_ok=True)
    (root / FILE).write_text(OWN)


@pytest.fixture
def own(bench):
    write_own(bench.root)
    return lambda which, **more: {"pydantic_evals": {"evaluator": f"{FILE}:{which}", **more}}


@pytest.fixture(scope="module")
def pydantic_evals(tmp_path_factory):
    """One worker for what asks the library itself: the bench starts one to describe each evaluator."""
    home = tmp_path_factory.mktemp("home")
    write_own(home)
    with one_library("pydantic_evals", home) as found:
        yield found


def test_a_subclass_of_ones_own_runs_as_it_is(pydantic_evals):
    assert pydantic_evals.value(f"{FILE}:AtMost", {"output": "one two"}, words=2) is True
    assert pydantic_evals.value(f"{FILE}:AtMost", {"output": "one two three"}, words=2) is False


def test_what_it_is_not_given_it_does_not_see_and_a_value_that_is_missing_is_failed(bench, own):
    metrics = {"words": {"range": [0, None]}, "asked": {"kind": "label"}}
    given = bench.scores(own("Counts", metrics=metrics, fields={"inputs": "question"}), "one two", question="Why?")
    assert (given["Counts.words"].value, given["Counts.asked"].value) == (2, "Why?")
    assert given["Counts.asked"].reason == "given"
    alone = bench.scores(own("Counts", metrics=metrics), "one two", question="Why?")
    assert alone["Counts.words"].value == 2
    assert kind(alone["Counts.asked"]) == "bad_score"
