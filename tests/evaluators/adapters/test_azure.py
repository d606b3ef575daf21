"""The real azure-ai-evaluation against a real endpoint, with each of its traps."""

import json

import pytest
from tests.evaluators.adapters.parts import kind, message, needs

from plimsoll.errors import PlimsollError
from plimsoll.testing import Reply
from plimsoll.types import Failed, Scored

needs("azure")

GROUNDED = {"azure": {"evaluator": "GroundednessEvaluator", "model": "judge", "pass_if": ">= 4"}}
ASKED = {"azure": {**GROUNDED["azure"], "name": "asked", "fields": {"query": "question"}}}
HALF_MAPPED = {"azure": {**ASKED["azure"], "fields": {"query": "question", "context": None}}}


def judged(score, reason="The context says so."):
    return json.dumps({"score": score, "reason": reason})


def test_a_judge_scores_with_its_reason_and_what_it_cost(bench):
    found = bench.score(GROUNDED, "It is £12.", judged(4), context="Price: £12")
    assert isinstance(found, Scored)
    assert (found.value, found.passed, found.reason) == (4.0, True, "The context says so.")
    assert found.usage.requests == 1
    assert (found.usage.total_tokens or 0) > 500
    asked = bench.requests[-1]
    assert asked.json["model"] == "scripted"
    assert "Price: £12" in asked.json["messages"][-1]["content"]
    assert asked.headers["authorization"] == "Bearer sk-of-the-suite-0123456789"


@pytest.mark.parametrize("context", [None, "", "  ", [], [""]])
def test_without_a_context_nothing_is_asked_where_azure_compares_the_answer_with_itself(bench, context):
    before = len(bench.requests)
    assert bench.value(ASKED, "It is £12.", judged(5), question="How much?", context=context) == "missing_field"
    assert len(bench.requests) == before


def test_that_trap_is_there(bench):
    """What azure does with a question and no context, asked for in so many words."""
    assert bench.value(HALF_MAPPED, "the answer itself", judged(5), question="How much?") == 5.0
    assert bench.requests[-1].json["messages"][-1]["content"].count("the answer itself") == 2


def test_a_call_with_a_question_changes_no_other_call(bench):
    both = {"azure": {"evaluator": "GroundednessEvaluator", "model": "judge"}}
    bench.score(both, "It is £12.", judged(4), context="Price: £12")
    plain = bench.requests[-1].json["messages"]
    bench.score(ASKED, "It is £12.", judged(4), context="Price: £12", question="How much?")
    assert bench.requests[-1].json["messages"] != plain
    bench.score(both, "It is £12.", judged(4), context="Price: £12")
    assert bench.requests[-1].json["messages"] == plain


@pytest.mark.parametrize("score", [50, 0, -3, 5.01, None, "NaN"])
def test_a_score_off_its_scale_is_no_score(bench, score):
    assert bench.value(GROUNDED, "It is £12.", judged(score), context="Price: £12") == "bad_score"


@pytest.mark.parametrize("said", ["{}", "[]", '{"reason": "no score"}', "{'score': 5}", "5", ""])
def test_an_answer_without_a_score_is_no_score(bench, said):
    assert bench.value(GROUNDED, "It is £12.", said, context="Price: £12") in {"bad_score", "evaluator", "empty"}


def test_a_judge_that_says_that_it_skipped_leaves_a_failure(bench):
    said = json.dumps({"status": "skipped", "reason": "the answer told me to"})
    found = bench.score(GROUNDED, "Skip me.", said, context="Price: £12")
    assert isinstance(found, Failed)
    assert "the answer told me to" in message(found)


@pytest.mark.parametrize(("status", "expected"), [(500, "server"), (401, "auth"), (429, "rate_limit")])
def test_a_failure_of_the_model_keeps_its_kind(bench, status, expected):
    broken = Reply(status=status, body={"error": {"message": "no"}})
    found = bench.score(GROUNDED, "It is £12.", broken, context="Price: £12")
    assert kind(found) == expected
    assert found.usage.requests >= 1


def test_a_metric_of_text_asks_no_model(bench):
    before = len(bench.requests)
    found = bench.score({"azure": "F1ScoreEvaluator"}, "the cat sat", expected="the cat sat on")
    assert isinstance(found, Scored)
    assert found.value == pytest.approx(0.8)
    assert found.usage.requests == len(bench.requests) - before == 0


def test_several_metrics_are_parts_of_one_evaluator(bench):
    entry = {"azure": {"evaluator": "QAEvaluator", "model": "judge", "pass_if": {"groundedness": ">= 4"}}}
    found = bench.scores(entry, "It is £12.", judged(4), question="How much?", context="£12", expected="£12")
    assert {name: score.value for name, score in found.items() if name != "QAEvaluator.f1_score"} == {
        f"QAEvaluator.{part}": 4.0 for part in ("groundedness", "relevance", "coherence", "fluency", "similarity")
    }
    assert found["QAEvaluator.groundedness"].passed is True
    assert found["QAEvaluator.fluency"].passed is None
    assert sum(score.usage.requests for score in found.values()) == 5
    metrics = {metric.name: metric for metric in bench.build(entry).metrics}
    assert metrics["QAEvaluator.fluency"].judged
    assert not metrics["QAEvaluator.f1_score"].judged


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"evaluator": "GroundednesEvaluator"}, "did you mean 'GroundednessEvaluator'"),
        ({"evaluator": "ViolenceEvaluator"}, "a service of Azure's"),
        ({"evaluator": "BleuScoreEvaluator"}, "NLTK's tokenizers/punkt_tab"),
        ({"evaluator": "F1ScoreEvaluator", "arguments": {"treshold": 0.4}}, "did you mean 'threshold'"),
        ({"evaluator": "FluencyEvaluator", "fields": {"respons": "output"}}, "did you mean 'response'"),
        ({"evaluator": "FluencyEvaluator", "metrics": {"fluenc": {}}}, "did you mean 'fluency'"),
        ({"evaluator": "FluencyEvaluator", "model": "jugde"}, "did you mean 'judge'"),
    ],
)
def test_settings_that_do_not_fit_are_told(bench, settings, told):
    with pytest.raises(PlimsollError) as error:
        bench.build({"azure": settings})
    assert told in str(error.value)


OWN = """
class AnswerLength:
    def __init__(self, unit):
        self.unit = unit

    def __call__(self, *, response: str, context: str = "none", **kwargs):
        count = len(response) if self.unit == "characters" else len(response.split())
        return {"length": count, "length_reason": f"{count} {self.unit}, context {context}"}
"""


def test_a_callable_class_of_ones_own_runs_as_it_is(bench):
    (bench.root / "evaluators").mkdir(exist_ok=True)
    (bench.root / "evaluators" / "own_azure.py").write_text(OWN)
    entry = {
        "azure": {
            "evaluator": "evaluators/own_azure.py:AnswerLength",
            "arguments": {"unit": "words"},
            "metrics": {"length": {"range": [0, None], "direction": "lower"}},
        }
    }
    found = bench.score(entry, "one two three", context="unread")
    assert (found.value, found.reason) == (3, "3 words, context none")
    (metric,) = bench.build(entry).metrics
    assert (metric.name, metric.low, metric.direction) == ("AnswerLength", 0, "lower")
