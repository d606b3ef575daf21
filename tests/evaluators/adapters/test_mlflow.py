"""The real mlflow.genai against a real endpoint, with its traps."""

import json

import pytest
from tests.evaluators.adapters.library import one_library
from tests.evaluators.adapters.parts import kind, message, needs

from plimsoll.errors import PlimsollError
from plimsoll.testing import Reply
from plimsoll.types import Failed, Scored

needs("mlflow")

pytestmark = [pytest.mark.long, pytest.mark.mlflow]

RELEVANT = {"mlflow": {"evaluator": "RelevanceToQuery", "model": "judge"}}


def judged(result, rationale="It answers the question."):
    return json.dumps({"rationale": rationale, "result": result})


def test_a_judge_reads_text_and_not_pythons_form_of_it(bench):
    entry = {"mlflow": {"evaluator": "is_grounded", "model": "judge"}}
    assert bench.value(entry, "£12.", judged("yes"), question=12, context=["It's £12.", "Closed."]) is True
    said = bench.requests[-1].json["messages"][-1]["content"]
    assert "It's £12.\nClosed." in said
    correct = {"mlflow": {"evaluator": "is_correct", "model": "judge"}}
    assert bench.value(correct, "£12.", judged("yes"), question="How much?", expected=["It's £12."]) is True
    said = bench.requests[-1].json["messages"][-1]["content"]
    assert "It's £12." in said
    assert "[\"It's" not in said
    several = bench.score(correct, "£12.", judged("yes"), question="How much?", expected=["a", "b"])
    assert "2 reference answers" in message(several)


@pytest.mark.parametrize(("said", "value"), [("yes", True), ("no", False)])
def test_yes_and_no_are_true_and_false(bench, said, value):
    found = bench.score(RELEVANT, "It is £12.", judged(said), question="How much is it?")
    assert isinstance(found, Scored)
    assert (found.value, found.passed, found.reason) == (value, value, "It answers the question.")
    assert found.usage.requests == 1
    assert found.usage.total_tokens
    assert "How much is it?" in json.dumps(bench.requests[-1].json, ensure_ascii=False)


@pytest.mark.parametrize("said", [judged("perhaps"), judged(None), judged(5), "yes", "{}", "[]", ""])
def test_nothing_else_is_a_score(bench, said):
    assert isinstance(bench.score(RELEVANT, "It is £12.", said, question="How much is it?"), Failed)


def test_a_failed_row_is_failed_and_not_left_out(bench):
    broken = Reply(status=500, body={"error": {"message": "no"}})
    assert kind(bench.score(RELEVANT, "It is £12.", broken, question="How much is it?")) == "server"


def test_calls_at_once_are_told_apart(bench):
    def of_its_own(request):
        return judged("yes" if "even" in json.dumps(request) else "no", rationale=str(len(json.dumps(request))))

    outputs = [("even " if number % 2 == 0 else "odd ") + "x" * 10 * number for number in range(6)]
    found = bench.several(RELEVANT, outputs, of_its_own, question="How much is it?")
    assert [score.value for score in found] == [True, False] * 3
    tokens = [score.usage.total_tokens for score in found]
    assert all(tokens)
    assert [score.usage.requests for score in found] == [1] * 6


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"evaluator": "Correctness"}, {"question": "How much?", "expected": "£12"}),
        ({"evaluator": "Equivalence"}, {"expected": "£12"}),
        ({"evaluator": "ExpectationsGuidelines"}, {"question": "How much?", "guidelines": ["Names a price."]}),
        ({"evaluator": "Completeness"}, {"question": "How much?"}),
        ({"evaluator": "Fluency"}, {}),
        ({"evaluator": "Safety"}, {}),
        ({"evaluator": "Summarization"}, {"question": "A long text."}),
        ({"evaluator": "is_grounded"}, {"question": "How much?", "context": "It costs £12."}),
        ({"evaluator": "is_correct"}, {"question": "How much?", "expected": "£12"}),
        ({"evaluator": "is_context_relevant"}, {"question": "How much?", "context": "It costs £12."}),
    ],
)
def test_each_judge_asks_the_suites_model(bench, settings, fields):
    found = bench.score({"mlflow": {**settings, "model": "judge"}}, "It is £12.", judged("yes"), **fields)
    assert isinstance(found, Scored), found
    assert (found.value, found.usage.requests) == (True, 1)
    assert found.usage.total_tokens


def test_a_judge_is_given_its_arguments(mlflow):
    values = {"inputs": "How much?", "outputs": "It is £12."}
    found = mlflow.judged("Guidelines", values, judged("yes"), guidelines="Names a price.")
    assert found == {"value": True, "reason": "It answers the question."}
    assert "Names a price." in json.dumps(mlflow.requests[-1].json)


def test_what_needs_no_model_asks_none(bench):
    before = len(bench.requests)
    entry = {"mlflow": {"evaluator": "RegexMatch", "arguments": {"pattern": "£[0-9]+"}}}
    assert bench.value(entry, "It is £12.") is True
    assert bench.value(entry, "It is dear.") is False
    assert len(bench.requests) == before


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"evaluator": "RelevanceToQuerry"}, "did you mean 'RelevanceToQuery'"),
        ({"evaluator": "RetrievalGroundedness"}, "reads a trace"),
        ({"evaluator": "evaluators/none.py:scorer"}, "no such file"),
    ],
)
def test_settings_that_do_not_fit_are_told(bench, settings, told):
    with pytest.raises(PlimsollError) as error:
        bench.build({"mlflow": settings})
    assert told in str(error.value)


def test_arguments_that_it_needs_are_told(mlflow):
    assert "needs `arguments: {guidelines: …}`" in mlflow.refusal("Guidelines")


OWN = """
import math
from typing import Literal

from mlflow.entities import Feedback
from mlflow.genai import make_judge, scorer


@scorer
def is_brief(outputs) -> bool:
    return len(outputs.split()) <= 3


@scorer
def words(outputs, expectations):
    return Feedback(value=len(outputs.split()), rationale=expectations["expected_response"])


@scorer
def odd(outputs) -> float:
    return {"nan": math.nan, "none": None, "text": "0.9"}.get(outputs, 0.5)


@scorer
def broken(outputs) -> float:
    return Feedback(error=ValueError("no idea"))


@scorer
def twice(outputs) -> list[Feedback]:
    return [Feedback(name="a", value=1.0), Feedback(name="b", value=0.5), Feedback(name="a", value=0.0)]


polite = make_judge(
    name="polite",
    instructions="Is {{ outputs }} polite, as an answer to {{ inputs }}?",
    model="openai:/gpt-4o-mini",
    feedback_value_type=Literal["polite", "rude"],
)


def plain(outputs) -> bool:
    return True
"""


FILE = "evaluators/own_mlflow.py"


def write_own(root):
    (root / FILE).parent.mkdir(exist_ok=True)
    (root / FILE).write_text(OWN)


@pytest.fixture
def own(bench):
    write_own(bench.root)
    return lambda which, **more: {"mlflow": {"evaluator": f"{FILE}:{which}", **more}}


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    """One worker for what asks the library itself: the bench starts one to describe each evaluator."""
    home = tmp_path_factory.mktemp("home")
    write_own(home)
    with one_library("mlflow", home) as found:
        yield found


def test_a_scorer_of_ones_own_runs_as_it_is(mlflow):
    assert mlflow.value(f"{FILE}:is_brief", {"outputs": "one two three"}) is True
    assert mlflow.value(f"{FILE}:is_brief", {"outputs": "one two three four"}) is False


def test_a_feedback_has_a_reason_and_the_suite_says_what_it_is(bench, own):
    entry = own("words", metrics={"words": {"range": [0, None], "direction": "lower"}}, name="length")
    found = bench.score(entry, "one two", expected="a few")
    assert (found.value, found.reason) == (2, "a few")
    (metric,) = bench.build(entry).metrics
    assert (metric.name, metric.low) == ("length", 0)


@pytest.mark.parametrize("output", ["nan", "none", "text"])
def test_what_is_no_number_is_no_score(bench, own, output):
    assert bench.value(own("odd"), output) == "bad_score"
    assert bench.value(own("odd"), "fine") == 0.5


def test_of_two_feedbacks_of_one_name_neither_is_taken(bench, own):
    found = bench.scores(own("twice", metrics={"a": {}, "b": {}}), "x")
    assert "'a' 2 times" in message(found["twice.a"])
    assert found["twice.b"].value == 0.5


def test_a_feedback_with_an_error_is_a_failure(mlflow):
    assert "no idea" in mlflow.failure(f"{FILE}:broken", {"outputs": "x"})


def test_a_judge_of_ones_own_asks_the_suites_model(bench, own):
    found = bench.score(own("polite", pass_if="polite"), "Yes, please.", judged("polite"), question="Tea?")
    assert isinstance(found, Scored)
    assert (found.value, found.passed, found.usage.requests) == ("polite", True, 1)
    assert bench.requests[-1].json["model"] == "scripted"
    assert bench.value(own("polite", pass_if="polite"), "Yes.", judged("neither"), question="Tea?") != "neither"


@pytest.mark.parametrize(("name", "told"), [("words", "does not say what it gives"), ("plain", "put @scorer on")])
def test_code_of_ones_own_that_can_not_be_used_is_told(mlflow, name, told):
    assert told in mlflow.refusal(f"{FILE}:{name}")
