"""Abstentions: recognised by phrases, and right only where there is no answer."""

from __future__ import annotations

import pytest

from plimsoll.evaluators.text.abstention import Abstention, abstains, claims
from plimsoll.types import Case, Output


@pytest.mark.parametrize(
    "text",
    [
        "The help page does not say.",
        "The help page doesn’t mention a price.",
        "I do not know.",
        "I'm unable to answer that.",
        "We could not find it.",
        "There is no information about this.",
        "This is not mentioned in the text.",
        "The question cannot be answered from the context.",
        "I don't have enough information.",
        "Unknown.",
        "N/A",
    ],
)
def test_abstentions_are_recognised(text: str) -> None:
    assert abstains(text)
    assert not claims(text).strip()


@pytest.mark.parametrize(
    "text",
    [
        "5 working days",
        "The ticket does not include breakfast.",
        "No, you can't bring dogs.",
        "The number is unknown to most guests.",
        "You do not need to say when you leave.",
        "I don't have a boat.",
    ],
)
def test_answers_are_not_taken_for_abstentions(text: str) -> None:
    assert not abstains(text)


@pytest.mark.parametrize(
    ("expected", "answer", "wanted", "reason"),
    [
        ("The help page does not say.", "I don't know.", True, None),
        ("The help page does not say.", "£9", False, "answers the unanswerable"),
        ("£9", "£9", True, None),
        ("£9", "I don't know.", False, "abstains from a question that has an answer"),
        ("The help page does not say.", "", False, "the answer is empty"),
    ],
)
def test_abstention_is_right_only_where_there_is_no_answer(
    expected: str, answer: str, wanted: bool, reason: str | None
) -> None:
    score = Abstention().evaluate(Case(id="c1", inputs={}, expected=expected), Output(text=answer))
    assert (score.value, score.reason) == (wanted, reason)


def test_a_slice_may_say_which_cases_are_unanswerable() -> None:
    evaluator = Abstention(unanswerable="unanswerable")
    assert evaluator.requires == frozenset()
    assert not evaluator.reusable
    case = Case(id="c1", inputs={}, slices=("unanswerable",))
    assert evaluator.evaluate(case, Output(text="I don't know.")).value is True
    assert evaluator.evaluate(Case(id="c2", inputs={}), Output(text="I don't know.")).value is False
