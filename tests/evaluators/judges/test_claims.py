"""Groundedness by claims: what counts, what has to be quoted, and what an answer without claims is worth."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluators.judges.parts import OUTPUT, built_in, judged, model

from plimsoll.errors import FailureKind
from plimsoll.evaluators.judges.claims import ClaimsForm
from plimsoll.types import Case, Failed, Output, Scored

ANSWER = "A berth is **£30** a night. Showers are free. The harbour opens at 9:00."


def claim(quote: str, supported: bool, reason: str = "as the page says") -> dict[str, Any]:
    return {"quote": quote, "reason": reason, "supported": supported}


def said(*claims: dict[str, Any], abstains: Any = False) -> str:
    return json.dumps({"claims": claims, "abstains": abstains})


def test_the_score_is_the_share_of_supported_claims_and_the_others_are_named() -> None:
    answer = said(
        claim("A berth is £30 a night", True), claim("showers are free", False, "They cost £1."), claim("9:00", False)
    )
    found = ClaimsForm(ANSWER).parse(answer)
    assert found.score == pytest.approx(1 / 3)
    assert found.reason == (
        "1 of 3 claims supported; they quote 64% of the answer; not supported: «showers are free» (They cost £1.); "
        "«9:00» (as the page says)"
    )


def test_a_claim_that_is_listed_twice_counts_once_and_as_its_worse_half() -> None:
    repeated = [claim("Showers are free.", True)] * 20
    found = ClaimsForm(ANSWER).parse(said(claim("A berth is £30", True), *repeated, claim("Showers are FREE", False)))
    assert found.score == 0.5


def test_an_answer_without_claims_is_grounded_where_it_abstains_and_worthless_otherwise() -> None:
    assert ClaimsForm("I don't know.").parse(said(abstains=True)) == (1.0, "it claims nothing: it abstains")
    assert ClaimsForm(":").parse(said(abstains=False)) == (0.0, "it says nothing")
    assert ClaimsForm(ANSWER).parse(said(claim("Showers are free", False), abstains=True)).score == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (said(claim("Breakfast is free", True)), "which does not stand in the judged answer"),
        (said(claim("A berth … a night", True)), "which does not stand in the judged answer"),
        (said(claim("…", True)), "which does not stand in the judged answer"),
        (said(claim(" ", True)), "a claim's quote is not a text, or empty"),
        (said(claim("Showers are free", True, "")), "a claim's reason is not a text, or empty"),
        (said({"quote": "Showers are free", "supported": True}), "a claim has other keys"),
        (said({**claim("Showers are free", True), "score": 5}), "a claim has other keys"),
        (said({**claim("Showers are free", True), "supported": 1}), "neither true nor false"),
        (said(abstains="false"), "neither true nor false"),
        ('{"claims": {}, "abstains": true}', "its claims are not a list"),
        ('{"claims": [[]], "abstains": true}', "a claim has other keys"),
        ('{"claims": []}', "its keys are claims"),
        ('{"reason": "r", "score": 1}', "its keys are reason, score"),
    ],
)
def test_what_is_no_list_of_claims_about_the_answer_is_refused(answer: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClaimsForm(ANSWER).parse(answer)


def test_a_quote_may_differ_in_case_punctuation_and_markup_only() -> None:
    quoted = ["a berth is £30 a night", "“Showers are free”", "OPENS AT 9:00", "ﬁlm"]
    answer = f"{ANSWER} There is a film."
    assert ClaimsForm(answer).parse(said(*(claim(quote, True) for quote in quoted))).score == 1


fragments = st.sampled_from(
    ['{"claims": ', "[", "]", '{"quote": "free"', ', "reason": "r"', ', "supported": true', "}", ', "abstains": false']
)
claims = st.lists(st.builds(claim, st.sampled_from(["free", "a berth", "x"]), st.booleans()))


@settings(deadline=None)
@given(st.lists(fragments).map("".join) | claims.map(lambda found: said(*found)), st.text())
def test_no_answer_yields_a_share_outside_0_to_1(answer: str, judged_text: str) -> None:
    for text in (ANSWER, judged_text):
        try:
            found = ClaimsForm(text).parse(answer)
        except ValueError:
            continue
        assert 0 <= found.score <= 1
        assert found.reason


def test_groundedness_asks_for_claims_and_repairs_an_invented_one() -> None:
    invented, mended = said(claim("It is £12", True)), said(claim("A berth is £30", True))
    scripted = model(invented, mended)
    found = judged(built_in("groundedness", scripted))
    assert isinstance(found, Scored)
    assert (found.value, found.usage.requests) == (1.0, 2)
    asked = scripted.requests[0].parameters["response_format"]["json_schema"]["schema"]["properties"]
    assert list(asked["claims"]["items"]["properties"]) == ["quote", "reason", "supported"]
    assert "logprobs" not in scripted.requests[0].parameters
    assert (
        scripted.requests[1]
        .messages[-1]["content"]
        .startswith("That answer can't be used: a quote does not stand word for word in the answer.")
    )


def test_without_sources_nothing_is_graded_against_itself() -> None:
    scripted = model()
    found = judged(built_in("groundedness", scripted), Case(id="c1", inputs={"question": "q"}), OUTPUT)
    assert isinstance(found, Failed)
    assert found.failure.kind is FailureKind.MISSING_FIELD
    assert scripted.requests == []


def test_a_list_of_passages_is_sent_as_json() -> None:
    scripted = model(said(abstains=True))
    case = Case(id="c1", inputs={"context": ["Berths: £30.", 'A "quoted" one.']})
    judged(built_in("groundedness", scripted), case, Output(text="No idea."))
    assert '["Berths: £30.", "A \\"quoted\\" one."]' in scripted.requests[0].messages[1]["content"]
