"""The real autoevals against a real endpoint, with each of its traps."""

import json

import pytest
from tests.evaluators.adapters.library import one_library
from tests.evaluators.adapters.parts import kind, needs

from plimsoll.testing import Reply
from plimsoll.types import Scored

needs("autoevals")

VALUES = {"input": "How much?", "output": "It is £12.", "expected": "£12", "context": ["Price: £12", "Hours: 9–5"]}
SCHEMA = {"type": "object", "required": ["price"]}


@pytest.fixture(scope="module")
def autoevals(tmp_path_factory):
    with one_library("autoevals", tmp_path_factory.mktemp("home")) as found:
        yield found


def called(**arguments):
    """A model's answer by whatever function it was given."""
    function = {"name": "select_choice", "arguments": json.dumps(arguments)}
    return Reply(text=None, tool_calls=[{"id": "1", "type": "function", "function": function}])


@pytest.mark.parametrize(
    ("scorer", "output", "expected", "value"),
    [
        ("ExactMatch", "£12", "£12", 1),
        ("ExactMatch", "£12", "£13", 0),
        ("Levenshtein", "abc", "abd", pytest.approx(2 / 3)),
        ("Levenshtein", "abc", ["abd"], pytest.approx(2 / 3)),
        ("NumericDiff", "105", 100, pytest.approx(1 - 5 / 205)),
        ("NumericDiff", "-3", "3", 0),
        ("JSONDiff", '{"a": "x", "b": 1}', {"a": "x", "b": 1}, 1),
        ("JSONDiff", '{"a": "x"}', {"b": "x"}, 0),
        ("ListContains", '["a", "b"]', ["a", "b", "c"], pytest.approx(2 / 3)),
    ],
)
def test_heuristics_compare_text_numbers_lists_and_json(autoevals, scorer, output, expected, value):
    assert autoevals.value(scorer, {"output": output, "expected": expected}) == value


@pytest.mark.parametrize(
    ("scorer", "output", "expected"),
    [
        ("Levenshtein", "abc", ["abd", "abe"]),
        ("NumericDiff", "about five", 5),
        ("NumericDiff", "nan", 5),
        ("NumericDiff", "5", "Infinity"),
        ("ListContains", "abc", ["a", "b", "c"]),
    ],
)
def test_what_a_heuristic_can_not_compare_is_no_score(autoevals, scorer, output, expected):
    assert "compares" in autoevals.failure(scorer, {"output": output, "expected": expected})


@pytest.mark.parametrize(("output", "value"), [('{"price": 1}', 1), ('{"cost": 1}', 0), ("no JSON", 0)])
def test_the_schema_of_valid_json_is_held_against_the_answer(autoevals, output, value):
    assert autoevals.value("ValidJSON", {"output": output}, schema=SCHEMA) == value


def test_a_judge_scores_by_its_choice_with_its_rationale(autoevals):
    found = autoevals.judged("Factuality", VALUES, called(reasons="The same sum.", choice="C"))
    assert found == {"value": 1, "reason": "The same sum."}
    asked = autoevals.requests[-1]
    assert asked.path == "/v1/chat/completions", "gpt-5 too is asked by chat completions"
    assert "It is £12." in asked.json["messages"][0]["content"]


@pytest.mark.parametrize("answer", [called(reasons="", choice="Z"), called(reasons=""), "C, so 1.0", Reply(text=None)])
def test_a_judge_without_a_choice_is_no_score(autoevals, answer):
    assert "failed" in autoevals.judged("Factuality", VALUES, answer)


def test_a_full_rate_limit_is_not_waited_for_by_the_library(autoevals):
    """Its own loop waits a hundred times, ever longer."""
    full = Reply(status=429, body={"error": {"message": "slow down"}})
    assert "slow down" in autoevals.failure("Factuality", VALUES, full)


def test_every_variable_of_a_prompt_is_required(autoevals):
    assert autoevals.described("ClosedQA")["fields"] == {
        "criteria": "criteria",
        "input": "question",
        "output": "output",
    }
    assert autoevals.described("Battle")["fields"]["instructions"] == "question"


def test_an_argument_fixes_a_variable_for_all_cases(autoevals):
    assert "criteria" not in autoevals.described("ClosedQA", criteria="Is it short?")["fields"]
    found = autoevals.value(
        "ClosedQA", VALUES, called(reasons="", choice="Y"), criteria="Is it short?", temperature=0.5
    )
    assert found == 1
    asked = autoevals.requests[-1].json
    assert "Is it short?" in asked["messages"][0]["content"]
    assert asked["temperature"] == 0.5


def test_text_in_an_answer_is_no_template(autoevals):
    autoevals.value("Factuality", {**VALUES, "output": "{{expected}} <b>"}, called(reasons="", choice="A"))
    assert "{{expected}} <b>" in autoevals.requests[-1].json["messages"][0]["content"]


def test_a_classifier_written_in_the_suite(autoevals):
    written = {
        "prompt_template": "Is {{output}} polite to {{who}}?",
        "choice_scores": {"yes": 1, "partly": 0.4, "no": 0},
    }
    described = autoevals.described("LLMClassifier", **written)
    assert described["fields"] == {"output": "output", "who": "who"}
    assert (
        autoevals.value("LLMClassifier", {**VALUES, "who": "us"}, called(reasons="", choice="partly"), **written) == 0.4
    )


def of_statements(count):
    return called(statements=[f"statement {number}" for number in range(count)])


def verdicts(*given):
    return called(faithfulness=[{"statement": "", "reason": "", "verdict": each} for each in given])


def test_faithfulness_counts_verdicts(autoevals):
    assert autoevals.value("Faithfulness", VALUES, of_statements(2), verdicts(1, 0)) == 0.5


@pytest.mark.parametrize(
    "answers",
    [
        (of_statements(2), verdicts(1)),
        (of_statements(1), verdicts(0.5)),
        (of_statements(1), verdicts(7)),
        (of_statements(0), verdicts()),
    ],
)
def test_faithfulness_of_other_verdicts_than_it_asked_for_is_no_score(autoevals, answers):
    assert "failed" in autoevals.judged("Faithfulness", VALUES, *answers)


@pytest.mark.parametrize(
    ("scorer", "answers"),
    [
        ("ContextRecall", [called(statements=[])]),
        ("ContextRecall", [called(statements=[{"attributed": 0.5}])]),
        ("ContextPrecision", [called(verdict=0.5)]),
        ("ContextRelevancy", [called(sentences=[{"sentence": "never in the context" * 9}])]),
        ("ContextEntityRecall", [called(entities=[]), called(entities=["a"])]),
    ],
)
def test_an_answer_that_autoevals_would_make_a_score_of_is_none(autoevals, scorer, answers):
    assert "the judge" in autoevals.failure(scorer, VALUES, *answers)


def test_correctness_without_embeddings(autoevals):
    classed = called(TP=["a"], FP=[], FN=["b"])
    assert autoevals.value("AnswerCorrectness", VALUES, classed, answer_similarity_weight=0) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("scorer", "arguments", "told"),
    [
        ("Factualty", {}, "did you mean 'Factuality'"),
        ("EmbeddingSimilarity", {}, "needs embeddings"),
        ("AnswerCorrectness", {}, "answer_similarity_weight: 0"),
        ("Moderation", {}, "moderation endpoint"),
        ("Levenshtein", {"scale": 2}, "don't fit"),
        ("Factuality", {"model": "gpt-4o"}, "under `model:`"),
        ("LLMClassifier", {}, "needs `prompt_template`"),
        ("LLMClassifier", {"prompt_template": "{{output}}", "choice_scores": {"a": 5}}, "between 0 and 1"),
    ],
)
def test_settings_that_can_not_work_are_refused_with_a_remedy(autoevals, scorer, arguments, told):
    assert told in autoevals.refusal(scorer, **arguments)


def test_in_a_suite(bench):
    entry = {"autoevals": {"evaluator": "Factuality", "pass_if": ">= 0.6"}}
    found = bench.score(entry, "It is £12.", called(reasons="Less.", choice="A"), question="How much?", expected="£12")
    assert isinstance(found, Scored)
    assert (found.value, found.passed, found.reason, found.usage.requests) == (0.4, False, "Less.", 1)
    assert kind(bench.score(entry, "It is £12.", "", question="How much?", expected=None)) == "missing_field"
    broken = bench.score(entry, "It is £12.", Reply(status=503), question="How much?", expected="£12")
    assert kind(broken) not in ("bad_score", "evaluator")
