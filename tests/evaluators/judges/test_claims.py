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
    own = ClaimsForm("Das weiß ich nicht.", phrases=("weiß ich nicht",))
    assert own.parse(said(abstains=True)).score == 1


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        (ANSWER, []),
        (ANSWER, [claim("Showers are free", True)]),
        ("I don't know.", [claim("I don't know", True)]),
        (said(abstains=True), []),
    ],
)
def test_an_abstention_has_no_claims_and_says_itself_that_it_abstains(
    answer: str, claims: list[dict[str, Any]]
) -> None:
    with pytest.raises(ValueError, match="abst"):
        ClaimsForm(answer).parse(said(*claims, abstains=True))


def test_a_claim_that_nothing_abstains_from_is_asked_for_again_and_then_failed() -> None:
    scripted = model(said(abstains=True), said(abstains=True))
    found = judged(built_in("groundedness", scripted))
    assert isinstance(found, Failed)
    assert (found.failure.kind, found.usage.requests) == (FailureKind.BAD_SCORE, 2)
    assert "calls the answer" not in str(scripted.requests[1].messages)
    assert "it calls an answer an abstention" in scripted.requests[1].messages[-1]["content"]


@pytest.mark.parametrize(
    ("claims", "score"),
    [
        ([("sky", True), ("sky is", True), ("The sky is", True), ("The fee is £90", False)], 1 / 2),
        ([("The fee is £90", False), ("fee is £90", True)], 0),
        ([("The fee is £90", True), ("fee is £90", False)], 0),
        ([("£90", False), ("The fee is £90", True), ("The sky is blue", True)], 1 / 2),
        ([("The sky is blue", True), ("sky", True), ("The fee is £90", True)], 1),
    ],
)
def test_a_quote_inside_another_is_no_claim_of_its_own_and_the_unsupported_one_counts(
    claims: list[tuple[str, bool]], score: float
) -> None:
    answer = said(*(claim(quote, supported) for quote, supported in claims))
    assert ClaimsForm("The sky is blue. The fee is £90.").parse(answer).score == pytest.approx(score)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["sky", "the sky", "sky is blue", "the sky is blue"]), st.booleans())))
def test_no_way_to_split_a_claim_outweighs_another(pieces: list[tuple[str, bool]]) -> None:
    form = ClaimsForm("The sky is blue. The fee is £90.")
    whole = [claim("The sky is blue", True), *(claim(quote, supported) for quote, supported in pieces)]
    found = form.parse(said(*whole, claim("The fee is £90", False)))
    assert found.score == (1 / 2 if all(supported for _, supported in pieces) else 0)


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("The fee is £90.", "e"),
        ("The fee is £90.", "he fee"),
        ("It costs -5 today.", "5"),
        ("It costs −£5 today.", "£5"),
        ("It costs $1.5 today.", "costs $1 5"),
        ("It costs $1.5 today.", "costs $15"),
        ("It costs 1,500.", "costs 1"),
        ("You can't park.", "you can"),
        ("दिन अच्छा है", "दान अच्छा है"),
        ("दिन अच्छा है", "दन अच्छा है"),
        ("मछली", "छल"),
    ],
)
def test_a_part_of_a_word_or_a_figure_is_no_quote(answer: str, quote: str) -> None:
    with pytest.raises(ValueError, match="does not stand in the judged answer"):
        ClaimsForm(answer).parse(said(claim(quote, True)))


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("You can’t park.", "YOU CAN'T"),
        ("Berths 10-15 are free.", "15 are free"),
        ("It costs **-£5** today.", "costs −£5"),
        ("'Free' it says.", "free"),
        ("दिन अच्छा है", "दिन"),
        ("天空是蓝色的。", "蓝色"),
        ("ท้องฟ้าเป็นสีฟ้า", "สีฟ้า"),
    ],
)
def test_whole_words_are_a_quote_in_any_script(answer: str, quote: str) -> None:
    assert ClaimsForm(answer).parse(said(claim(quote, True))).score == 1


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
