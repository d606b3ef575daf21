"""Preference: both orders, their mean, and what is said where they disagree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.evaluators.judges.parts import CASE, OUTPUT, build, built_in, judged, model

from plimsoll.errors import ConfigError
from plimsoll.evaluators.judges.pair import PairForm
from plimsoll.testing import ScriptedModel
from plimsoll.types import Case, ChatRequest, Failed, Output, Scored


def said(better: object, reason: str = "It names the price.") -> str:
    return json.dumps({"reason": reason, "better": better})


def prefers(wanted: str) -> ScriptedModel:
    """A judge that knows one answer wherever it stands."""

    def answer(request: ChatRequest) -> str:
        asked = request.messages[1]["content"]
        first = asked.index(wanted) < asked.index("<second ")
        return said("first" if first else "second")

    return ScriptedModel(answer)


def test_what_is_preferred_in_both_orders_scores_1_and_the_other_0() -> None:
    scripted = prefers(OUTPUT.text)
    found = judged(built_in("preference", scripted))
    assert isinstance(found, Scored)
    assert (found.value, found.usage.requests) == (1.0, 2)
    assert found.reason == (
        "preferred in both orders; in the first place: It names the price.; in the second place: It names the price."
    )
    asked = [request.messages[1]["content"] for request in scripted.requests]
    assert [text.index("It depends.") < text.index("A berth is £30.") for text in asked] == [False, True]
    found = judged(built_in("preference", prefers("It depends.")))
    assert isinstance(found, Scored)
    assert found.value == 0
    assert str(found.reason).startswith("the other answer is preferred in both orders; ")


@pytest.mark.parametrize(
    ("one", "other", "value", "told"),
    [
        ("first", "first", 0.5, "the two orders disagree (position bias): each prefers the answer in the first place"),
        ("second", "second", 0.5, "the two orders disagree (position bias): each prefers the answer in the second"),
        ("tie", "tie", 0.5, "a tie in both orders"),
        ("tie", "second", 0.75, "preferred in one order, a tie in the other"),
        ("second", "tie", 0.25, "the other answer is preferred in one order, a tie in the other"),
    ],
)
def test_both_orders_are_averaged_before_anything_is_decided(one: str, other: str, value: float, told: str) -> None:
    found = judged(built_in("preference", model(said(one), said(other))))
    assert isinstance(found, Scored)
    assert found.value == value
    assert str(found.reason).startswith(told)


def test_one_order_alone_is_no_preference() -> None:
    def answer(request: ChatRequest) -> str:
        asked = request.messages[1]["content"]
        return said("first") if asked.index(OUTPUT.text) < asked.index("<second ") else "first!"

    found = judged(built_in("preference", ScriptedModel(answer)))
    assert isinstance(found, Failed)
    assert found.usage.requests == 3


@pytest.mark.parametrize("better", ["First", "first ", "both", "", 1, True, None, ["first"], {"first": 1}])
def test_what_is_none_of_the_three_verdicts_is_refused(better: object) -> None:
    with pytest.raises(ValueError, match="not first, second or tie"):
        PairForm().parse(said(better))


def test_the_other_answer_is_a_field_of_the_case_that_has_to_be_there() -> None:
    judge = built_in("preference", model())
    assert judge.requires == {"question", "old"}
    found = judged(judge, Case(id="c1", inputs={"question": "q"}))
    assert isinstance(found, Failed)
    assert found.failure.message == "preference needs 'old', which the case lacks"


def test_an_empty_answer_loses_without_a_question() -> None:
    scripted = model()
    found = judged(built_in("preference", scripted), CASE, Output(text=" \n"))
    assert isinstance(found, Scored)
    assert (found.value, found.reason, scripted.requests) == (0.0, "the answer is empty", [])


def test_against_belongs_to_preference_and_is_needed_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"preference\.prompty compares two answers .*against: FIELD"):
        build("preference", [model()])
    with pytest.raises(ConfigError, match=r"against: the built-in relevance\.prompty judges one answer alone"):
        build({"relevance": {"against": "old"}}, [model()])
    with pytest.raises(ConfigError, match=r"range, integer: the built-in preference\.prompty gives a share"):
        build({"preference": {"against": "old", "range": [1, 5]}}, [model()])
    folder = tmp_path / "evaluators"
    folder.mkdir()
    (folder / "mine.prompty").write_text("---\ninputs: {first: {}}\n---\nsystem:\n{{first}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the inputs first and second are those of a judge that compares two answers"):
        build("mine", [model()], tmp_path)
