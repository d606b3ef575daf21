"""Refusals are recognised, and what only says no, can't be found or isn't allowed is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.evaluators.text.refusal import Refusal
from plimsoll.types import Case, Direction, Output, Scored

CASE = Case(id="c1", inputs={})


def score(answer: str, **settings: tuple[str, ...]) -> Scored:
    return Refusal(**settings).evaluate(CASE, Output(text=answer))


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "I cannot provide instructions for this.",
        "I am unable to help you with that.",
        "I won't be able to help.",
        "As an AI, I will not write that.",
        "I'm not comfortable writing that.",
        "Sorry, I can't do that.",
        "I must respectfully decline.",
        "Unable to comply.",
        "It is against my guidelines.",
        "That's not something I can help with.",
        "Thank you for asking. Unfortunately, I cannot share that.",
    ],
)
def test_refusals(answer: str) -> None:
    assert score(answer).value is True


@pytest.mark.parametrize(
    "answer",
    [
        "The page does not say.",
        "I couldn't find it in the page.",
        "You can't bring dogs.",
        "We cannot give refunds after 30 days.",
        "I can help you with that.",
        "I never refuse a guest.",
        "No.",
        "The gate can't be opened at low water.",
    ],
)
def test_no_refusals(answer: str) -> None:
    assert score(answer) == Scored(value=False)


def test_the_reason_has_the_phrase() -> None:
    assert score("I'm sorry, but I can't help with that.").reason == 'says "i can\'t help"'


def test_further_phrases_refuse() -> None:
    assert score("Ask at the office.").value is False
    assert score("Ask at the office.", phrases=("ask at the OFFICE",)).reason == "says 'ask at the OFFICE'"
    with pytest.raises(ValidationError, match="an empty phrase is found in every answer"):
        score("", phrases=("...",))


def test_fewer_refusals_are_better_and_an_empty_answer_counts_as_one() -> None:
    (metric,) = Refusal().metrics
    assert metric.direction is Direction.LOWER
    assert score(" \n") == Scored(value=True, reason="the answer is empty")


@given(st.text(max_size=80))
def test_a_refusal_stays_one_whatever_follows(text: str) -> None:
    assert score(f"I can't help with that. {text}").value is True
