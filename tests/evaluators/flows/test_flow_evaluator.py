"""Evaluation flows in their worker. Starting promptflow takes seconds: each flow runs once, over all that is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from plimsoll.config import Document
from plimsoll.errors import CellError, ConfigError, FailureKind
from plimsoll.evaluators import BuildContext, Evaluator, build_evaluators, discover, evaluator_info, score
from plimsoll.evaluators.aggregation import aggregated
from plimsoll.evaluators.traits import aggregate_of, closing, models_of, time_limit
from plimsoll.testing import ScriptedModel
from plimsoll.types import (
    Aggregate,
    Case,
    CaseScores,
    ChatRequest,
    Failed,
    Failure,
    Metric,
    MetricKind,
    Output,
    Score,
    Scored,
)

pytestmark = [
    pytest.mark.promptflow,
    pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)"),
]

ROOT = Path(__file__).parent
GRADE = {
    "flow": "flows/grade",
    "name": "grade",
    "inputs": {"reference": "${data.expected}", "reply": "output"},
    "arguments": {"strictness": "mild"},
    "metrics": {"closeness": {"range": [0, 5]}, "verdict": {"kind": "label"}},
    "reason": "verdict",
    "model": "judge",
}
TALK = {
    "flow": "flows/talk",
    "inputs": {"reply": "output"},
    "metrics": {"brief.short": {"kind": "bool"}},
    "reason": "why",
    "init": {"limit": 2},
}


def answer(request: ChatRequest) -> str:
    """What the judge says: the word after «Grade»; asked to fail, it does."""
    said = str(request.messages[-1]["content"]).split()[1]
    if said == "down":
        raise CellError(FailureKind.RATE_LIMIT, "too many requests", requests=3)
    return said


def build(settings: Mapping[str, Any], model: ScriptedModel | None = None) -> Evaluator:
    context = BuildContext(ROOT, {"judge": model or ScriptedModel(answer, name="judge")})
    (found,) = build_evaluators([{"flow": settings}], discover(None), context, Document("s.yaml", None, {(): 1}))
    return found


def case(number: int, expected: Any = "right") -> Case:
    return Case(id=f"c{number}", inputs={}, expected=expected)


@dataclass
class Ran:
    """What an evaluator made of some answers, in its order, and of all of them together."""

    evaluator: Evaluator
    scores: list[dict[str, Score]]
    aggregate: Aggregate
    first_alone: Aggregate
    """The aggregate over nothing but the first answer."""
    model: ScriptedModel


async def over(settings: Mapping[str, Any], answers: list[str], expected: Any = "right") -> Ran:
    model = ScriptedModel(answer, name="judge")
    evaluator = build(settings, model)
    async with closing([evaluator]):
        cases = [case(number, expected) for number in range(len(answers))]
        scores = list(
            await asyncio.gather(
                *(score(evaluator, one, Output(text=text)) for one, text in zip(cases, answers, strict=True))
            )
        )
        every = cells(cases, scores, evaluator)
        whole, alone = await aggregated(evaluator, every), await aggregated(evaluator, every[:1])
        return Ran(evaluator, scores, whole, alone, model)


def cells(cases: list[Case], scores: list[dict[str, Score]], evaluator: Evaluator) -> list[CaseScores]:
    names = [metric.name for metric in evaluator.metrics]
    return [
        CaseScores(case=one, repeat=0, output=None, scores=tuple(found[name] for name in names))
        for one, found in zip(cases, scores, strict=True)
    ]


@pytest.fixture(scope="module")
def graded() -> Ran:
    return asyncio.run(over(GRADE, ["4", "2.5", "9", "none", "nan", "crash", "down", "well", "1"]))


def closeness(ran: Ran, place: int) -> Score:
    return ran.scores[place]["grade.closeness"]


def failure(given: Score) -> Failure:
    assert isinstance(given, Failed), given
    return given.failure


def test_several_outputs_are_several_metrics_with_what_the_settings_say_of_them(graded: Ran) -> None:
    assert graded.evaluator.metrics == (
        Metric(name="grade.closeness", low=0, high=5, judged=True),
        Metric(name="grade.verdict", kind=MetricKind.LABEL, judged=True),
    )
    first = graded.scores[0]["grade.closeness"]
    assert isinstance(first, Scored)
    assert (first.value, first.reason) == (4.0, "mild: 4")
    assert graded.scores[0]["grade.verdict"] == Scored(value="mild: 4", reason="mild: 4")


def test_a_line_costs_what_it_asked_of_the_suites_model_once(graded: Ran) -> None:
    usages = [one.usage.requests for one in graded.scores[0].values() if isinstance(one, Scored)]
    assert usages == [1, 0]
    assert {request.messages[-1]["content"] for request in graded.model.requests} >= {"Grade 4 against right."}


@pytest.mark.parametrize(
    ("place", "kind", "words"),
    [
        (2, FailureKind.BAD_SCORE, "outside [0, 5]"),
        (3, FailureKind.BAD_SCORE, "the flow gave no value"),
        (4, FailureKind.BAD_SCORE, "the flow gave no value"),
        (5, FailureKind.EVALUATOR, "nothing to grade"),
        (6, FailureKind.RATE_LIMIT, "too many requests"),
        (7, FailureKind.BAD_SCORE, "is a number, not 'well'"),
    ],
)
def test_a_line_without_a_value_has_failed_with_the_kind_of_what_failed(
    graded: Ran, place: int, kind: FailureKind, words: str
) -> None:
    found = failure(closeness(graded, place))
    assert found.kind is kind
    assert words in found.message


def test_the_requests_of_a_line_that_failed_are_counted(graded: Ran) -> None:
    found = closeness(graded, 6)
    assert isinstance(found, Failed)
    assert found.usage.requests == 3


def test_the_aggregation_gets_the_lines_that_gave_every_metric_and_the_others_are_counted(graded: Ran) -> None:
    figures = dict(graded.aggregate.figures)
    refused = figures.pop("weight")
    assert figures == {"mean": 2.5, "lines": 3.0, "longest": 5.0}
    assert isinstance(refused, Failure)
    assert "weight is not finite" in refused.message
    assert (graded.aggregate.ok, graded.aggregate.failed, graded.aggregate.skipped) == (3, 6, 0)


def test_what_an_aggregation_returns_beside_numbers_is_no_figure(graded: Ran, talked: Ran) -> None:
    for found in (graded.aggregate.figures, talked.aggregate.figures):
        assert not {"note", "unset", "sure", "listed"} & found.keys()


def test_scores_that_were_kept_as_json_count_in_an_aggregation_that_ran_no_line(graded: Ran) -> None:
    async def again() -> Aggregate:
        stored = msgspec.json.decode(msgspec.json.encode(graded.scores[:2]), type=list[dict[str, Score]])
        evaluator = build(GRADE)
        async with closing([evaluator]):
            return await aggregated(evaluator, cells([case(0), case(1)], stored, evaluator))

    assert asyncio.run(again()).figures["mean"] == 3.25


@pytest.fixture(scope="module")
def talked() -> Ran:
    return asyncio.run(over(TALK, ["yes", "no it is not"]))


def test_a_flex_class_scores_by_a_value_inside_an_output_and_aggregates(talked: Ran) -> None:
    assert evaluator_info(talked.evaluator).aggregates
    assert not models_of(talked.evaluator)
    assert talked.evaluator.metrics == (Metric(name="talk", kind=MetricKind.BOOL),)
    found = [one["talk"] for one in talked.scores]
    assert [(one.value, one.reason, one.passed) for one in found if isinstance(one, Scored)] == [
        (True, "1 words", True),
        (False, "4 words", False),
    ]
    assert talked.aggregate.figures == {"longest": 4.0}


def test_an_aggregation_that_raises_has_failed_with_its_own_words(talked: Ran) -> None:
    found = talked.first_alone.failure
    assert found is not None
    assert found.kind is FailureKind.EVALUATOR
    assert "one line is no crowd" in found.message


def test_a_case_without_a_field_that_fills_an_input_fails_though_the_flow_has_a_default() -> None:
    evaluator = build(GRADE)
    assert evaluator.requires == {"expected"}
    found = asyncio.run(score(evaluator, case(0, expected=None), Output(text="4")))
    assert failure(found["grade.closeness"]).kind is FailureKind.MISSING_FIELD


def test_an_input_that_nothing_names_is_a_field_of_the_case_and_required() -> None:
    evaluator = build({**GRADE, "inputs": {"reply": "output"}, "arguments": {}})
    assert evaluator.requires == {"reference", "strictness"}


def test_identity_is_the_flows_files_its_model_and_settings_and_not_the_threshold() -> None:
    own = build(GRADE).identity()
    assert set(own["files"]) == {"ask.jinja2", "flow.dag.yaml", "overall.py", "score.py"}
    assert own["promptflow-core"]
    assert build({**GRADE, "pass_if": {"closeness": ">= 3"}, "sample": 3, "timeout": 9}).identity() == own
    other = ScriptedModel(answer, name="judge", identity={"model": "another"})
    for changed in (build(GRADE, other), build({**GRADE, "arguments": {"strictness": "hard"}})):
        assert changed.identity() != own


def test_the_suites_models_are_told_and_the_worker_keeps_the_time() -> None:
    evaluator = build(GRADE)
    assert [model.name for model in models_of(evaluator)] == ["judge"]
    assert time_limit(evaluator) is None
    assert aggregate_of(evaluator) is not None


@pytest.mark.parametrize("field", ["conversation", "messages"])
def test_a_flow_may_score_a_whole_conversation_by_both_sides_of_it(field: str) -> None:
    evaluator = build({**TALK, "inputs": {"reply": field}, "turns": "conversation"})
    assert evaluator.requires == {field}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flow": "flows/grad"}, "no such flow"),
        ({"inputs": {"replyy": "output"}}, "has no input 'replyy'"),
        ({"inputs": {"reply": "expected"}}, "no input of"),
        ({"inputs": {"reply": "messages"}}, "no input of"),
        ({"inputs": {"reply": "output", "strictness": "tone"}}, "under inputs and under arguments"),
        ({"model": "juge"}, "the model 'juge' is not among"),
        ({"model": None}, "its node ask asks a model"),
        ({"variant": "score.x"}, "has no variant"),
        ({"init": {"limit": 3}}, "`init` is for flex classes"),
        ({"pass_if": ">= 3"}, "has several metrics"),
        ({"pass_if": {"closenes": ">= 3"}}, "has no metric 'closenes'"),
        ({"metrics": {"closeness": {"range": [5, 1]}}}, "is not below"),
        ({"name": "a b"}, "should match pattern"),
    ],
)
def test_a_setting_that_does_not_fit_the_flow_is_a_mistake_before_anything_runs(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build({**GRADE, **changes})
    assert words in str(caught.value)
