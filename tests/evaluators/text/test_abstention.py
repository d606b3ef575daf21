"""Abstentions: recognised by phrases, and right only where there is no answer."""

from __future__ import annotations

import pytest

from plimsoll.evaluators.text.abstention import Abstention, abstains, claims
from plimsoll.evaluators.text.words import words
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
        "Not stated.",
        "Opening hours are not mentioned.",
        "Unfortunately, the price of a day ticket is not mentioned in the text.",
        "Information about refunds is not provided in the context.",
        "Based on the context, I cannot tell.",
        "As an AI model, I do not have that information.",
        "No information is given about parking.",
        "There is not enough information in the context to answer.",
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
        "Refunds are not given after 30 days.",
        "Refunds are not given.",
        "Water damage is not covered.",
        "Parking is not provided.",
        "Lunch is not provided, bring your own.",
        "No details are stored after 90 days.",
        "No information is shared with third parties.",
        "We do not give refunds.",
        "We cannot provide parking.",
        "The late fee is £9999 and the deposit £400 which is not stated elsewhere.",
        "Refunds take ninety days, as is not mentioned in the passage.",
    ],
)
def test_answers_are_not_taken_for_abstentions(text: str) -> None:
    assert not abstains(text)
    assert words(claims(text)) == words(text)


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("The price is £90. Opening hours are not mentioned.", "the price is £90."),
        ("The page does not say, but it is £5.", "it is £5."),
        ("The fee is ninety pounds, I don't know more.", "the fee is ninety pounds"),
    ],
)
def test_an_answer_that_claims_something_too_does_not_abstain(text: str, claimed: str) -> None:
    assert not abstains(text)
    assert words(claims(text)) == words(claimed)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I don't know. Please contact the office.",
        "I'm sorry for the confusion, but the help page does not mention that. You can ask at the gate.",
    ],
)
def test_regrets_and_advice_are_no_claim_beside_an_abstention(text: str) -> None:
    assert abstains(text)


@pytest.mark.parametrize(
    "text", ["I don't know why the fee is £9999.", "The help page does not say what a 12 m boat pays."]
)
def test_a_figure_stays_a_claim_in_an_answer_that_abstains(text: str) -> None:
    assert abstains(text)
    assert words(claims(text)) == words(text)


def test_a_further_phrase_abstains_for_its_clause_alone() -> None:
    assert abstains("Désolé que je ne sache pas", ("je ne sache pas",))
    assert not abstains("Je ne sais pas. Mais le prix est élevé.", ("je ne sais pas",))
    assert not abstains("The gate is red \0.", ("je ne sais pas",))


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
