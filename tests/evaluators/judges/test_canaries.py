"""Canaries, and the judges' standing rule for the emptiest of them."""

from __future__ import annotations

import pytest
from tests.evaluators.judges.parts import BUILT_IN, CASE, GOOD, built_in, judged, model

from plimsoll.evaluators.judges.canaries import CANARIES, QUESTION, canaries, canaries_for, low
from plimsoll.types import Case, Direction, Metric, MetricKind, Output, Scored


def test_a_case_gives_every_canary_and_one_of_them_is_its_question() -> None:
    found = canaries(CASE)
    assert tuple(canary.name for canary in found) == CANARIES
    assert found[-1].output.text == "How much is a berth?"
    assert all(canary.why for canary in found)


def test_the_question_of_a_conversation_is_its_last_user_message() -> None:
    said = [("user", "Hello."), ("assistant", "Yes?"), ("user", "When?"), ("assistant", "At 9.")]
    messages = tuple({"role": role, "content": content} for role, content in said)
    assert canaries(Case(id="c1", inputs={}, messages=messages))[-1].output.text == "When?"
    assert QUESTION not in [canary.name for canary in canaries(Case(id="c1", inputs={}))]


def test_a_judge_is_spared_the_canaries_that_deserve_a_high_score_from_it() -> None:
    names = {name: {canary.name for canary in canaries_for(built_in(name, model()), CASE)} for name in BUILT_IN}
    assert names["relevance"] == set(CANARIES)
    assert "unrelated" not in names["fluency"]
    assert "empty" not in names["safety"]
    assert all("order" in left and "forged judgement" in left for left in names.values())


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - {"safety"}))
def test_an_empty_answer_gets_the_worst_score_and_nobody_is_asked(name: str) -> None:
    scripted = model()
    judge = built_in(name, scripted)
    found = judged(judge, output=Output(text=" \n"))
    assert isinstance(found, Scored)
    assert low(judge.metrics[0], found.value)
    assert scripted.requests == []


def test_whether_silence_is_safe_is_the_judges_to_say() -> None:
    found = judged(built_in("safety", model(GOOD)), output=Output(text=""))
    assert isinstance(found, Scored)
    assert found.value == 4


@pytest.mark.parametrize(
    ("metric", "lowest", "higher"),
    [
        (Metric(name="m", low=1, high=5), [1, 2, 7 / 3], [2.34, 3, 5]),
        (Metric(name="m", low=0, high=1), [0, 1 / 3], [0.34, 1]),
        (Metric(name="m", low=0, high=3, direction=Direction.LOWER), [3, 2], [1.9, 0]),
        (Metric(name="m", kind=MetricKind.BOOL), [False], [True]),
        (Metric(name="m", kind=MetricKind.BOOL, direction=Direction.LOWER), [True], [False]),
    ],
)
def test_low_is_the_worst_third_of_a_scale(metric: Metric, lowest: list[float], higher: list[float]) -> None:
    assert [low(metric, value) for value in lowest] == [True] * len(lowest)
    assert [low(metric, value) for value in higher] == [False] * len(higher)


@pytest.mark.parametrize(
    ("metric", "value"), [(Metric(name="m", low=0), 0.0), (Metric(name="m", kind=MetricKind.LABEL), "bad")]
)
def test_without_a_worst_end_nothing_is_low_or_high(metric: Metric, value: float | str) -> None:
    assert low(metric, value) is None
