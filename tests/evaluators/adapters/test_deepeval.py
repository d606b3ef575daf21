"""The real deepeval against a real endpoint, with each of its traps."""

import json

import pytest
from tests.evaluators.adapters.library import one_library
from tests.evaluators.adapters.parts import kind, needs

from plimsoll.testing import Reply
from plimsoll.types import Scored

needs("deepeval")

VALUES = {
    "input": "How much?",
    "actual_output": "It is £12.",
    "expected_output": "£12",
    "context": ["Price: £12", "Hours: 9–5"],
    "retrieval_context": ["Price: £12", "Hours: 9–5"],
}
WHY = {"reason": "So it is."}
STEPS = {"evaluation_steps": ["Compare the sums."]}
RUBRIC = [{"score_range": [0, 5], "expected_outcome": "bad"}, {"score_range": [6, 10], "expected_outcome": "good"}]
OWN = """
from deepeval.metrics import BaseMetric, GEval
from deepeval.test_case import SingleTurnParams


class Once(BaseMetric):
    def __init__(self, model, factor=1):
        self.model, self.factor = model, factor

    async def a_measure(self, test_case, *_, **__):
        asked = await self.model.a_generate(test_case.expected_output)
        self.score = float(asked) * self.factor if self.score is None else 0.0
        return self.score


class Deaf(GEval):
    async def a_measure(self, *args, **kwargs):
        try:
            return await super().a_measure(*args, **kwargs)
        except Exception:
            return self.score


KEPT = []


def kept(model):
    params = [SingleTurnParams.ACTUAL_OUTPUT]
    KEPT.append(Deaf(name="kept", evaluation_params=params, evaluation_steps=["Compare."], model=model))
    KEPT[0].model = model
    return KEPT[0]
"""


@pytest.fixture(scope="module")
def deepeval(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "metrics.py").write_text(OWN, encoding="utf-8")
    with one_library("deepeval", home) as found:
        yield found


def verdicts(*given):
    return {"verdicts": [{"verdict": each, "reason": "r", "statement": "s"} for each in given]}


YES, NO, BOTH = verdicts("yes"), verdicts("no"), verdicts("yes", "no")
SUMMARY = {"truths": ["t"], "claims": ["c"], "questions": ["a?", "b?"], "answers": ["yes", "yes"], **YES, **WHY}
"""One answer for all of its requests, which run at once."""


@pytest.mark.parametrize(
    ("metric", "answers", "arguments", "value"),
    [
        ("AnswerRelevancyMetric", [{"statements": ["a", "b"]}, BOTH, WHY], {}, 0.5),
        ("FaithfulnessMetric", [{"truths": ["t"], "claims": ["a", "b"]}] * 2 + [BOTH, WHY], {}, 0.5),
        ("ContextualPrecisionMetric", [BOTH, WHY], {}, 1),
        ("ContextualRecallMetric", [BOTH, WHY], {}, 0.5),
        ("ContextualRelevancyMetric", [YES, NO, WHY], {}, 0.5),
        ("HallucinationMetric", [BOTH, WHY], {}, 0.5),
        ("PromptAlignmentMetric", [BOTH, WHY], {"prompt_instructions": ["Be short.", "Be kind."]}, 0.5),
        ("SummarizationMetric", [SUMMARY] * 7, {}, 1),
        ("GEval", [{"reason": "r", "score": 8}], STEPS, 0.8),
        ("GEval", [{"reason": "r", "score": 8}], {**STEPS, "rubric": RUBRIC}, 0.8),
        ("GEval", [{"steps": ["Compare."]}, {"reason": "r", "score": 7}], {"criteria": "The same sum."}, 0.7),
    ],
)
def test_metrics_of_a_question_and_an_answer(deepeval, metric, answers, arguments, value):
    assert deepeval.value(metric, VALUES, *answers, **arguments) == value


@pytest.mark.parametrize(
    ("metric", "found", "arguments"),
    [
        ("BiasMetric", "opinions", {}),
        ("ToxicityMetric", "opinions", {}),
        ("PIILeakageMetric", "extracted_pii", {}),
        ("MisuseMetric", "misuses", {"domain": "finance"}),
        ("NonAdviceMetric", "advices", {"advice_types": ["medical"]}),
        ("RoleViolationMetric", "role_violations", {"role": "clerk"}),
    ],
)
def test_of_what_should_not_be_there_one_is_the_best(deepeval, metric, found, arguments):
    assert deepeval.described(metric, **arguments)["metrics"][0]["direction"] == "higher"
    assert deepeval.value(metric, VALUES, {found: ["something"]}, YES, WHY, **arguments) == 0
    assert deepeval.value(metric, VALUES, {found: ["something"]}, NO, WHY, **arguments) == 1


def test_the_best_of_hallucination_is_none(deepeval):
    assert deepeval.value("HallucinationMetric", VALUES, verdicts("yes", "yes"), WHY) == 1


@pytest.mark.parametrize(
    ("metric", "answers"),
    [
        ("AnswerRelevancyMetric", [{"statements": ["a", "b"]}, YES, WHY]),
        ("AnswerRelevancyMetric", [{"statements": []}, WHY]),
        ("FaithfulnessMetric", [{"truths": ["t"], "claims": []}] * 2 + [WHY]),
        ("FaithfulnessMetric", [{"truths": ["t"], "claims": ["a", "b"]}] * 2 + [verdicts(), WHY]),
        ("BiasMetric", [{"opinions": ["a"]}, verdicts(), WHY]),
        ("HallucinationMetric", [verdicts(), WHY]),
        ("ContextualPrecisionMetric", [YES, WHY]),
        ("ContextualRecallMetric", [verdicts(), WHY]),
        ("ContextualRelevancyMetric", [verdicts(), verdicts(), WHY]),
        ("ContextualRelevancyMetric", [YES, verdicts(), WHY]),
        ("SummarizationMetric", [{**SUMMARY, "answers": ["no", "no"]}] * 7),
    ],
)
def test_other_verdicts_than_there_are_things_to_judge_are_no_score(deepeval, metric, answers):
    """deepeval makes 1 or 0 of no verdict at all, and a share of however many there are."""
    failure = deepeval.failure(metric, VALUES, *answers)
    assert "the judge" in failure
    assert "deepeval's score was" in failure


@pytest.mark.parametrize(
    "answer",
    [
        "The score is 8.",
        'Fine: {"reason": "r", "score": 8}',
        {"reason": "r", "score": "8"},
        {"reason": "r", "score": True},
        {"reason": "r"},
        "",
    ],
)
def test_an_answer_that_is_not_wholly_what_was_asked_for_is_no_score(deepeval, answer):
    assert "not the JSON that it was asked for" in deepeval.failure("GEval", VALUES, answer, **STEPS)


def test_verdicts_in_other_words_are_no_score(deepeval):
    """deepeval drops those that it can't read, and of none left it makes 1."""
    maybe = deepeval.failure("AnswerRelevancyMetric", VALUES, {"statements": ["a"]}, verdicts("maybe"))
    assert "not the JSON" in maybe


def test_json_in_a_fence_is_json(deepeval):
    assert deepeval.value("GEval", VALUES, '```json\n{"reason": "r", "score": 7}\n```', **STEPS) == 0.7


def test_an_error_leaves_no_earlier_score_behind(deepeval):
    """One metric object keeps its last score; each call has its own."""
    assert deepeval.value("GEval", VALUES, {"reason": "r", "score": 9}, **STEPS) == 0.9
    refused = Reply(status=400, body={"error": {"message": "too long [request 1]"}})
    assert "[request 1]" in deepeval.failure("GEval", VALUES, refused, **STEPS)


def test_that_trap_is_there(deepeval):
    """One object for all calls, and nobody hears of its error: the score is that of the call before."""
    assert deepeval.value("metrics.py:kept", VALUES, {"reason": "r", "score": 9}) == 0.9
    assert deepeval.value("metrics.py:kept", VALUES, "no JSON") == 0.9


def test_a_metric_of_the_workspace_is_made_anew_for_each_call(deepeval):
    values = {**VALUES, "expected_output": "0.25"}
    for _ in range(2):
        evaluator = deepeval.described("metrics.py:Once", fields=["expected_output"], factor=2)
        assert evaluator["required"] == ["input", "actual_output", "expected_output"]
        assert deepeval.judged("metrics.py:Once", values, "0.25", fields=["expected_output"], factor=2)["value"] == 0.5


@pytest.mark.parametrize(("output", "value"), [("£12", 1), ("£13", 0)])
def test_metrics_without_a_judge(deepeval, output, value):
    assert deepeval.value("ExactMatchMetric", {**VALUES, "actual_output": output}) == value
    assert deepeval.value("PatternMatchMetric", {**VALUES, "actual_output": output}, pattern="£12") == value
    assert not deepeval.described("ExactMatchMetric")["judged"]


def test_g_eval_reads_the_parts_that_it_is_told_to(deepeval):
    described = deepeval.described("GEval", evaluation_params=["actual_output", "context"], **STEPS)
    assert described["fields"] == {"actual_output": "output", "context": "context"}


def test_nothing_is_written(deepeval):
    deepeval.value("GEval", VALUES, {"reason": "r", "score": 7}, **STEPS)
    assert sorted(path.name for path in deepeval.home.iterdir() if path.name != "__pycache__") == ["metrics.py"]


@pytest.mark.parametrize(
    ("metric", "arguments", "told"),
    [
        ("FaithfulnesMetric", {}, "did you mean 'FaithfulnessMetric'"),
        ("DAGMetric", {}, "FILE.py:FUNCTION"),
        ("TaskCompletionMetric", {}, "more than one question and answer"),
        ("BiasMetric", {"threshold": 0.5}, "pass_if"),
        ("BiasMetric", {"model": "gpt-4o"}, "`model:`"),
        ("BiasMetric", {"scale": 5}, "don't fit"),
        ("MisuseMetric", {}, "domain"),
        ("GEval", {}, "evaluation_steps"),
        ("GEval", {**STEPS, "evaluation_params": ["inputs"]}, "did you mean 'input'"),
    ],
)
def test_settings_that_can_not_work_are_refused_with_a_remedy(deepeval, metric, arguments, told):
    assert told in deepeval.refusal(metric, **arguments)


def test_in_a_suite(bench):
    entry = {"deepeval": {"evaluator": "GEval", "name": "same_sum", "arguments": STEPS}}
    found = bench.score(entry, "It is £12.", json.dumps({"reason": "r", "score": 7}), question="How much?")
    assert isinstance(found, Scored)
    assert (found.value, found.reason, found.usage.requests) == (0.7, "r", 1)
    for score in (50, -1):
        off = bench.value(entry, "It is £12.", json.dumps({"reason": "r", "score": score}), question="How much?")
        assert off == "bad_score"
    assert kind(bench.score(entry, "It is £12.", Reply(status=401), question="How much?")) == "auth"


def test_calls_at_once_keep_their_own_scores(bench):
    entry = {"deepeval": {"evaluator": "GEval", "name": "same_sum", "arguments": STEPS}}

    def by_its_answer(request):
        number = next(n for n in range(10) if f"Answer {n}." in str(request["messages"]))
        return json.dumps({"reason": "r", "score": number})

    found = bench.several(entry, [f"Answer {n}." for n in range(10)], by_its_answer, question="How much?")
    assert [score.value for score in found] == [n / 10 for n in range(10)]
