"""The real openevals against a real endpoint, with each of its traps."""

import json

import pytest
from tests.evaluators.adapters.library import one_library
from tests.evaluators.adapters.parts import kind, needs

from plimsoll.types import Scored

needs("openevals")

VALUES = {"inputs": "How much?", "outputs": "It is £12.", "reference_outputs": "£12", "context": ["a", "b"]}
RUBRIC = {"aggregator": "average", "rubric": {"a": "the same town", "b": "the same sum"}}
RECORDS = {"outputs": '{"a": "x", "b": "y", "c": 1}', "reference_outputs": {"a": "X", "b": "Y", "c": 1}}


@pytest.fixture(scope="module")
def openevals(tmp_path_factory):
    with one_library("openevals", tmp_path_factory.mktemp("home")) as found:
        yield found


def judged(score, reasoning="Both say £12."):
    return {"reasoning": reasoning, "score": score}


def test_a_prompt_of_the_library_is_a_judge(openevals):
    described = openevals.described("CORRECTNESS_PROMPT")
    assert described["fields"] == {"inputs": "question", "outputs": "output", "reference_outputs": "expected"}
    assert openevals.judged("CORRECTNESS_PROMPT", VALUES, judged(True)) == {"value": True, "reason": "Both say £12."}
    assert "It is £12." in openevals.requests[-1].json["messages"][0]["content"]


@pytest.mark.parametrize(
    ("prompt", "direction"),
    [("CORRECTNESS_PROMPT", "higher"), ("TOXICITY_PROMPT", "lower"), ("LAZINESS_PROMPT", "lower")],
)
def test_where_true_is_bad_lower_is_better(openevals, prompt, direction):
    assert openevals.described(prompt)["metrics"][0]["direction"] == direction


def test_a_scale_or_choices_in_place_of_a_verdict(openevals):
    (scale,) = openevals.described("CORRECTNESS_PROMPT", continuous=True)["metrics"]
    assert (scale["kind"], scale["low"], scale["high"]) == ("numeric", 0, 1)
    (choices,) = openevals.described("CORRECTNESS_PROMPT", choices=[1, 3, 5])["metrics"]
    assert (choices["low"], choices["high"]) == (1, 5)
    assert openevals.value("CORRECTNESS_PROMPT", VALUES, judged(3), choices=[1, 3, 5]) == 3


@pytest.mark.parametrize(
    ("answer", "arguments"),
    [
        (judged(50), {}),
        (judged("true"), {}),
        (judged(1), {}),
        (judged(True), {"continuous": True}),
        (judged(2), {"choices": [1, 3, 5]}),
        ({"score": True}, {}),
        ({**judged(True), "verdict": False}, {}),
        (json.dumps(judged(True)) + " So: true", {}),
        ("true", {}),
        ("", {}),
    ],
)
def test_an_answer_off_its_schema_is_no_score(openevals, answer, arguments):
    assert "the judge" in openevals.failure("CORRECTNESS_PROMPT", VALUES, answer, **arguments)


def test_a_prompt_of_the_suites_own(openevals):
    prompt = 'Is {outputs} polite to {who}? Answer as {{"score": …}}.'
    assert openevals.described("llm_as_judge", prompt=prompt)["fields"] == {"outputs": "output", "who": "who"}
    assert openevals.value("llm_as_judge", {**VALUES, "who": "us"}, judged(False), prompt=prompt) is False
    assert 'polite to us? Answer as {"score"' in openevals.requests[-1].json["messages"][0]["content"]


def test_braces_in_an_answer_are_no_template(openevals):
    openevals.value("CORRECTNESS_PROMPT", {**VALUES, "outputs": "{inputs} {0}"}, judged(True))
    assert "{inputs} {0}" in openevals.requests[-1].json["messages"][0]["content"]


def test_passages_are_shown_as_text(openevals):
    openevals.value("RAG_GROUNDEDNESS_PROMPT", VALUES, judged(True))
    assert "a\n\nb" in openevals.requests[-1].json["messages"][0]["content"]


def test_a_schema_of_the_suites_own_gives_the_declared_metrics(openevals):
    schema = {
        "type": "object",
        "properties": {"language": {"type": "string"}, "reasoning": {"type": "string"}},
        "required": ["language", "reasoning"],
    }
    described = openevals.described("LANGUAGE_DETECTION_PROMPT", metrics=["language"], output_schema=schema)
    assert [metric["name"] for metric in described["metrics"]] == ["language"]
    assert "declare" in openevals.refusal("LANGUAGE_DETECTION_PROMPT", output_schema=schema)


@pytest.mark.parametrize(
    ("evaluator", "outputs", "expected", "value"),
    [
        ("exact_match", "a", "a", True),
        ("exact_match", "a", ["a"], True),
        ("exact_match", "a", "b", False),
        ("levenshtein_distance", "abc", "abd", pytest.approx(2 / 3)),
    ],
)
def test_comparisons_of_text(openevals, evaluator, outputs, expected, value):
    assert openevals.value(evaluator, {"outputs": outputs, "reference_outputs": expected}) == value


def test_several_references_are_not_compared_as_one(openevals):
    assert "compares with one" in openevals.failure("exact_match", {"outputs": "a", "reference_outputs": ["a", "b"]})


@pytest.mark.parametrize(("aggregator", "value"), [("average", 0.5), ("all", 0)])
def test_json_key_by_key(openevals, aggregator, value):
    values = {"outputs": '{"a": 1, "b": 2}', "reference_outputs": {"a": 1, "b": 3}}
    assert openevals.value("json_match", values, aggregator=aggregator) == value


@pytest.mark.parametrize(
    ("outputs", "expected", "arguments"),
    [
        ("no JSON", {"a": 1}, {}),
        ('["a"]', ["a"], {}),
        ("[]", [], {}),
        ('{"a": 1}', {"a": 1}, {"exclude_keys": ["a"]}),
    ],
)
def test_json_with_nothing_to_compare_is_no_score(openevals, outputs, expected, arguments):
    values = {"outputs": outputs, "reference_outputs": expected}
    assert "json_match" in openevals.failure("json_match", values, aggregator="average", **arguments)


def test_a_rubric_judges_single_keys(openevals):
    answer = {"a": judged(True), "b": judged(False)}
    assert openevals.value("json_match", RECORDS, answer, **RUBRIC) == pytest.approx(2 / 3)


@pytest.mark.parametrize("answer", [{"a": judged(True)}, {"a": judged(True), "b": judged(50)}, {}])
def test_a_rubric_without_a_verdict_for_each_key_is_no_score(openevals, answer):
    """openevals averages over the keys that the judge happened to name."""
    assert "the judge" in openevals.failure("json_match", RECORDS, answer, **RUBRIC)


@pytest.mark.parametrize(
    ("evaluator", "arguments", "told"),
    [
        ("correctness", {}, "did you mean 'CORRECTNESS_PROMPT'"),
        ("CORECTNESS_PROMPT", {}, "did you mean 'CORRECTNESS_PROMPT'"),
        ("llm_as_judge", {}, "needs `prompt`"),
        ("llm_as_judge", {"prompt": "Is {outputs"}, "written twice"),
        ("CORRECTNESS_PROMPT", {"prompt": "{outputs}"}, "llm_as_judge"),
        ("CORRECTNESS_PROMPT", {"scale": 5}, "don't fit"),
        ("CORRECTNESS_PROMPT", {"model": "gpt-4o"}, "`model:`"),
        ("LANGUAGE_DETECTION_PROMPT", {}, "output_schema"),
        ("AUDIO_QUALITY_PROMPT", {}, "pictures or sound"),
        ("json_match", {}, "aggregator"),
        ("exact_match", {"scale": 5}, "takes no arguments"),
    ],
)
def test_settings_that_can_not_work_are_refused_with_a_remedy(openevals, evaluator, arguments, told):
    assert told in openevals.refusal(evaluator, **arguments)


def test_in_a_suite(bench):
    entry = {"openevals": {"evaluator": "TOXICITY_PROMPT", "name": "toxic"}}
    found = bench.score(entry, "Go away.", json.dumps(judged(True, "Rude.")), question="How much?")
    assert isinstance(found, Scored)
    assert (found.value, found.passed, found.reason, found.usage.requests) == (True, False, "Rude.", 1)
    assert kind(bench.score(entry, "Go away.", json.dumps(judged(50)), question="How much?")) == "evaluator"
