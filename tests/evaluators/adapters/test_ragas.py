"""The real ragas against a real endpoint, with each of its traps."""

import json

import pytest
from tests.evaluators.adapters.library import one_library
from tests.evaluators.adapters.parts import kind, needs

from plimsoll.testing import Reply
from plimsoll.types import Scored

needs("ragas")

VALUES = {
    "user_input": "How much?",
    "response": "It is twelve pounds in all",
    "reference": "It is twelve pounds in total",
    "retrieved_contexts": ["Price: £12", "Hours: 9–5"],
    "reference_contexts": ["Price: £12", "Hours: 9–5"],
    "rubrics": {"score1_description": "bad", "score2_description": "good"},
}
LEVELS = {"score1_description": "bad", "score2_description": "fair", "score3_description": "good"}
CLASSED = {"statement": "s", "reason": "r"}
UNUSABLE = ["no JSON"] * 4
"""Its client asks for an answer of the right form three times more."""


@pytest.fixture(scope="module")
def ragas(tmp_path_factory):
    with one_library("ragas", tmp_path_factory.mktemp("home")) as found:
        yield found


def statements(count):
    return {"statements": [f"statement {number}" for number in range(count)]}


def claims(count):
    return {"claims": [f"claim {number}" for number in range(count)]}


def verdicts(*given):
    return {"statements": [{**CLASSED, "verdict": each} for each in given]}


def attributed(*given):
    return {"classifications": [{**CLASSED, "attributed": each} for each in given]}


def classes(positive, false, missed):
    names = zip(("TP", "FP", "FN"), (positive, false, missed), strict=True)
    return {name: [{**CLASSED} for _ in range(count)] for name, count in names}


@pytest.mark.parametrize(
    ("metric", "answers", "arguments", "value"),
    [
        ("Faithfulness", [statements(2), verdicts(1, 0)], {}, 0.5),
        ("FactualCorrectness", [claims(1), verdicts(1), claims(2), verdicts(1, 0)], {}, 0.67),
        (
            "AnswerCorrectness",
            [statements(1), statements(1), classes(1, 0, 1)],
            {"weights": [1, 0]},
            pytest.approx(2 / 3),
        ),
        ("AnswerAccuracy", [{"rating": 4}, {"rating": 2}], {}, 0.75),
        ("ContextRecall", [attributed(1, 0)], {}, 0.5),
        ("ContextPrecision", [{"reason": "r", "verdict": 0}, {"reason": "r", "verdict": 1}], {}, pytest.approx(0.5)),
        ("ContextRelevance", [{"rating": 2}, {"rating": 1}], {}, 0.75),
        ("ContextEntityRecall", [{"entities": ["a", "b"]}, {"entities": ["a"]}], {}, pytest.approx(0.5)),
        ("ResponseGroundedness", [{"rating": 2}, {"rating": 2}], {}, 1),
        ("RubricsScoreWithReference", [{"feedback": "f", "score": 4}], {}, 4),
        ("RubricsScoreWithoutReference", [{"feedback": "f", "score": 3}], {"rubrics": LEVELS}, 3),
        ("InstanceSpecificRubrics", [{"feedback": "f", "score": 2}], {}, 2),
        ("DiscreteMetric", [{"reason": "r", "value": "pass"}], {"prompt": "Polite? {response}"}, "pass"),
        ("NumericMetric", [{"reason": "r", "value": 7}], {"prompt": "{response}?", "allowed_values": [1, 10]}, 7),
    ],
)
def test_metrics_with_a_judge(ragas, metric, answers, arguments, value):
    assert ragas.value(metric, VALUES, *answers, **arguments) == value


def test_the_judges_reason_is_kept(ragas):
    assert ragas.judged("RubricsScoreWithReference", VALUES, {"feedback": "Nearly.", "score": 4})["reason"] == "Nearly."


def test_the_parameters_of_the_model_are_the_suites(ragas):
    """ragas asks for 1,024 tokens at most, which cuts a judge's answer off, and for a temperature."""
    ragas.value("RubricsScoreWithReference", VALUES, {"feedback": "f", "score": 4})
    assert not {"max_tokens", "top_p"} & set(ragas.requests[-1].json)


@pytest.mark.parametrize(
    ("metric", "answers", "arguments"),
    [
        ("Faithfulness", [statements(0)], {}),
        ("Faithfulness", [statements(2), verdicts(1)], {}),
        ("Faithfulness", [statements(1), verdicts(7)], {}),
        ("FactualCorrectness", [claims(0)], {}),
        ("FactualCorrectness", [claims(1), verdicts(1), claims(2), verdicts(1)], {}),
        ("AnswerCorrectness", [statements(0)], {"weights": [1, 0]}),
        ("AnswerCorrectness", [statements(1), statements(1), classes(0, 0, 0)], {"weights": [1, 0]}),
        ("ContextRecall", [attributed(2)], {}),
        ("ContextPrecision", [{"reason": "r", "verdict": 5}], {}),
        ("ContextEntityRecall", [{"entities": []}, {"entities": ["a"]}], {}),
        ("SummaryScore", [{"keyphrases": ["k"]}, {"questions": ["a?", "b?"]}, {"answers": ["1"]}], {}),
        ("DiscreteMetric", [{"reason": "r", "value": "great"}] * 4, {"prompt": "Polite? {response}"}),
        ("Faithfulness", UNUSABLE, {}),
    ],
)
def test_an_answer_that_ragas_would_make_a_score_of_is_none(ragas, metric, answers, arguments):
    assert "the judge" in ragas.failure(metric, VALUES, *answers, **arguments)


def test_the_rating_of_one_of_two_judges_is_no_score(ragas):
    """ragas goes by the other alone, after five tries."""
    off = ragas.failure("AnswerAccuracy", VALUES, {"rating": 4}, *[{"rating": 3}] * 5)
    assert "rating is 3" in off
    assert "ragas' score was 1.0" in off


def test_a_rating_that_is_mended_counts(ragas):
    assert ragas.value("AnswerAccuracy", VALUES, {"rating": 4}, {"rating": 3}, {"rating": 2}) == 0.75


def test_a_model_that_fails_is_not_asked_again(ragas):
    """ragas makes NaN of ten failures, or goes by the judge that answered."""
    refused = Reply(status=400, body={"error": {"message": "too long [request 1]"}})
    assert "[request 1]" in ragas.failure("ContextRelevance", VALUES, {"rating": 2}, refused)


@pytest.mark.parametrize(
    ("metric", "arguments", "value"),
    [
        ("ExactMatch", {}, 0),
        ("StringPresence", {}, 0),
        ("NonLLMStringSimilarity", {"distance_measure": "levenshtein"}, pytest.approx(0.857, abs=0.01)),
        ("BleuScore", {}, pytest.approx(0.76, abs=0.01)),
        ("CHRFScore", {}, pytest.approx(0.79, abs=0.05)),
        ("RougeScore", {"rouge_type": "rouge1", "mode": "recall"}, pytest.approx(5 / 6)),
    ],
)
def test_metrics_without_a_judge(ragas, metric, arguments, value):
    assert ragas.value(metric, VALUES, **arguments) == value
    assert not ragas.described(metric, **arguments)["judged"]


@pytest.mark.parametrize("text", ["one two three four", "It opens at nine in the morning", "a b c d e f"])
def test_bleu_of_equal_texts_is_1(bench, text):
    """ragas' own is a hair more."""
    assert bench.value({"ragas": "BleuScore"}, text, expected=text) == 1


def test_bleu_of_several_sentences_is_no_score(ragas):
    """ragas takes each sentence of the reference for a reference: one of two, word for word, would be all of it."""
    values = {"response": "The shop is closed today", "reference": "The shop is closed today. It opens on Monday"}
    assert "use `bleu`" in ragas.failure("BleuScore", values)


def test_a_text_is_compared_with_one_reference(ragas):
    assert "compares with one" in ragas.failure("ExactMatch", {**VALUES, "reference": ["a", "b"]})


def test_what_a_metric_needs_and_gives(ragas):
    sources = {"user_input": "question", "response": "output", "retrieved_contexts": "context"}
    described = ragas.described("Faithfulness")
    assert described["fields"] == sources
    assert ragas.described("NoiseSensitivity")["metrics"][0]["direction"] == "lower"
    (levels,) = ragas.described("RubricsScoreWithoutReference", rubrics=LEVELS)["metrics"]
    assert (levels["low"], levels["high"]) == (1, 3)
    (labels,) = ragas.described("DiscreteMetric", prompt="{response}, {tone}", allowed_values=["a", "b"])["metrics"]
    assert (labels["kind"], labels["labels"]) == ("label", ["a", "b"])


@pytest.mark.parametrize(
    ("metric", "arguments", "told"),
    [
        ("Faithfullness", {}, "did you mean 'Faithfulness'"),
        ("AnswerRelevancy", {}, "needs embeddings"),
        ("AnswerCorrectness", {}, "weights=[1.0, 0.0]"),
        ("SemanticSimilarity", {}, "needs embeddings"),
        ("AspectCritic", {}, "DiscreteMetric"),
        ("ToolCallF1", {}, "a whole conversation"),
        ("DataCompyScore", {}, "datacompy is required"),
        ("DiscreteMetric", {}, "needs `prompt`"),
        ("NonLLMStringSimilarity", {"distance_measure": "jarro"}, "did you mean 'jaro'"),
        ("Faithfulness", {"llm": "gpt-4o"}, "`model:`"),
    ],
)
def test_settings_that_can_not_work_are_refused_with_a_remedy(ragas, metric, arguments, told):
    assert told in ragas.refusal(metric, **arguments)


def test_in_a_suite(bench):
    entry = {"ragas": {"evaluator": "RubricsScoreWithReference", "name": "rubric", "pass_if": ">= 4"}}
    asked = {"question": "How much?", "expected": "£12"}
    found = bench.score(entry, "It is £12.", json.dumps({"feedback": "Nearly.", "score": 3}), **asked)
    assert isinstance(found, Scored)
    assert (found.value, found.passed, found.reason, found.usage.requests) == (3, False, "Nearly.", 1)
    assert bench.value(entry, "It is £12.", json.dumps({"feedback": "", "score": 50}), **asked) == "bad_score"
    assert kind(bench.score(entry, "It is £12.", Reply(status=401), **asked)) == "auth"
