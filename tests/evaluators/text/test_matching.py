"""Evaluators that look for given texts: what they accept, and that nothing empty ever passes."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.scoring import score
from plimsoll.evaluators.text.contains import Contains, StartsWith
from plimsoll.evaluators.text.exact_match import ExactMatch
from plimsoll.evaluators.text.regex import Regex
from plimsoll.types import Case, Failed, Output, Score, Scored

texts = st.text(max_size=60)


def case(expected: Any = None, **inputs: Any) -> Case:
    return Case(id="c1", inputs=inputs, expected=expected)


def passes(evaluator: Any, answer: str, expected: Any = None, value: Any = None) -> bool:
    score = given_score(evaluator, case(expected), Output(text=answer, value=value))
    assert isinstance(score.value, bool)
    return score.value


def given_score(evaluator: Any, asked: Case, output: Output) -> Any:
    """What an evaluator gives; some answer later where the machine is slow."""

    async def awaited(score: Any) -> Any:
        return await score

    score = evaluator.evaluate(asked, output)
    return asyncio.run(awaited(score)) if inspect.isawaitable(score) else score


@pytest.mark.parametrize(
    ("settings", "expected", "answer", "wanted"),
    [
        ({}, "5 working days", "5 working days", True),
        ({}, "5 working days", " 5 working days\n", True),
        ({}, "5 working days", "5 Working Days", False),
        ({"ignore_case": True}, "STRASSE", "straße", True),
        ({"normalise": True}, "The 5 working days.", "5 working days", True),
        ({}, "Zo\u00eb", "Zoe\u0308", True),
        ({}, ["red", "crimson"], "crimson", True),
        ({}, ["red", "crimson"], "redcrimson", False),
        ({}, 12, "12.0", True),
        ({}, 12, "12 metres", False),
        ({}, 0, "0", True),
        ({}, True, "true", True),
        ({}, True, "1", False),
        ({}, {"a": [1, 2]}, '{"a": [1, 2.0]}', True),
        ({}, {"a": 1}, '{"a": true}', False),
        ({}, {"a": 1}, "a is 1", False),
        # Articles alone normalise to nothing: two nothings are not the same answer.
        ({"normalise": True}, "the", "a", False),
        ({"normalise": True}, "STRASSE", "Straße!", False),
        ({"normalise": True, "ignore_case": True}, "STRASSE", "Straße!", True),
        ({"value": "N/A"}, None, "N/A", True),
        ({"value": "N/A"}, None, "N/A.", False),
        ({"any": ["yes", "no"], "ignore_case": True}, None, "No", True),
        ({"any": ["yes", "no"]}, None, "maybe", False),
        ({"negate": True}, "half", "all of it", True),
        ({"negate": True}, "half", "half", False),
        ({"negate": True}, ["half", "all"], "all", False),
    ],
)
def test_exact_match(settings: dict[str, Any], expected: Any, answer: str, wanted: bool) -> None:
    assert passes(ExactMatch(**settings), answer, expected) is wanted


def test_exact_match_compares_an_object_with_the_structured_answer() -> None:
    assert passes(ExactMatch(), "{}", {"a": 1}, value={"a": 1})
    assert not passes(ExactMatch(), '{"a": 1}', {"a": 1}, value={"a": 2})


def test_exact_match_says_what_was_expected() -> None:
    score = ExactMatch().evaluate(case(["a", "b", "c", "d"]), Output(text="x"))
    assert score.reason == "expected 'a', 'b', 'c' and 1 more"


@pytest.mark.parametrize(
    ("settings", "expected", "answer", "wanted"),
    [
        ({}, "£12", "It is £12 in all.", True),
        ({}, "£12", "It is £13 in all.", False),
        ({}, ["two", "2"], "It takes 2 hours.", True),
        ({"value": "Berth"}, None, "the berth", False),
        ({"value": "Berth", "ignore_case": True}, None, "the berth", True),
        ({"any": ["red", "blue"]}, None, "a blue tap", True),
        ({"all": ["red", "blue"]}, None, "a blue tap", False),
        ({"all": ["red", "blue"]}, None, "a blue and a red tap", True),
        ({"value": "sorry", "negate": True}, None, "It is £12.", True),
        ({"value": "sorry", "negate": True}, None, "I am sorry.", False),
        ({"whole_words": True}, "£12", "It is £120.", False),
        ({"whole_words": True}, "£12", "It is £12.", True),
        ({"whole_words": True}, "3", "at 13:30", False),
        ({"whole_words": True}, "3", "2.3 metres", False),
        ({"whole_words": True}, "30", "at 13:30", False),
        ({"whole_words": True}, "3", "3, or 4", True),
        ({"whole_words": True}, "art", "a cart", False),
        ({"whole_words": True, "value": "(a)"}, None, "see(a)here", True),
        ({"value": " art "}, None, "an art form", True),
        ({"value": " art "}, None, "a cart", False),
        ({"value": "U.S. Open", "normalise": True}, None, "It is the US open!", True),
        ({"value": "the berth", "normalise": True}, None, "Each berth is free.", True),
        ({"all": ["red", "blue"], "negate": True}, None, "a blue tap", True),
        ({"all": ["red", "blue"], "negate": True}, None, "a blue and a red tap", False),
        ({"value": "ZOË", "ignore_case": True}, None, "ask Zoe\u0308", True),
    ],
)
def test_contains(settings: dict[str, Any], expected: Any, answer: str, wanted: bool) -> None:
    assert passes(Contains(**settings), answer, expected) is wanted


def test_contains_says_what_is_missing_or_what_was_found() -> None:
    reason = Contains(all=["red", "blue"]).evaluate(case(), Output(text="a blue tap")).reason
    assert reason == "does not contain 'red'"
    reason = Contains(any=["red", "blue"], negate=True).evaluate(case(), Output(text="a blue tap")).reason
    assert reason == "contains 'blue'"


@pytest.mark.parametrize("settings", [{"value": ""}, {"any": ["a", " "]}, {"all": []}, {"value": "a", "any": ["b"]}])
def test_contains_refuses_settings_that_would_hold_for_every_answer(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Contains(**settings)


@pytest.mark.parametrize(
    ("settings", "expected", "answer", "wanted"),
    [
        ({}, "Yes", "Yes, it does.", True),
        ({}, "Yes", " \nYes", True),
        ({}, "Yes", "Oh yes. Yes!", False),
        ({}, ["Yes", "No"], "No.", True),
        ({"value": "yes", "ignore_case": True}, None, "YES", True),
        ({"value": "Yes"}, None, "Yesterday", True),
        ({"value": "Yes", "whole_words": True}, None, "Yesterday", False),
        ({"value": "12", "whole_words": True}, None, "12.5 m", False),
        ({"any": ["yes", "no"], "normalise": True}, None, "«No», they say", False),
        ({"any": ["yes", "no"], "normalise": True}, None, '"No", they say', True),
        ({"value": "Sorry", "negate": True}, None, "It is £12. Sorry!", True),
        ({"value": "Sorry", "negate": True}, None, "Sorry, no.", False),
    ],
)
def test_starts_with(settings: dict[str, Any], expected: Any, answer: str, wanted: bool) -> None:
    assert passes(StartsWith(**settings), answer, expected) is wanted


def test_starts_with_says_why_not() -> None:
    assert StartsWith(value="Yes").evaluate(case(), Output(text="No")).reason == "does not start with 'Yes'"
    assert StartsWith(value="No", negate=True).evaluate(case(), Output(text="No")).reason == "starts with 'No'"


def test_only_contains_wants_all_of_several() -> None:
    for evaluator in (ExactMatch, StartsWith):
        with pytest.raises(ValidationError, match="all"):
            evaluator.model_validate({"all": ["a", "b"]})


@pytest.mark.parametrize(
    ("settings", "answer", "wanted"),
    [
        ({"pattern": r"\d+:\d\d"}, "at 13:30", True),
        ({"any": ["a+", "b+"]}, "bb", True),
        ({"any": ["a+", "b+"]}, "cc", False),
        ({"all": ["a+", "b+"]}, "bb", False),
        ({"all": ["a+", "b+"]}, "bab", True),
        ({"all": ["a+", "b+"], "negate": True}, "bb", True),
        ({"any": ["a+", "b+"], "negate": True}, "bb", False),
        ({"pattern": r"\d+:\d\d", "full": True}, "at 13:30", False),
        ({"pattern": r"\d+:\d\d", "full": True}, " 13:30 ", True),
        ({"pattern": "PIER"}, "the pier", False),
        ({"pattern": "PIER", "ignore_case": True}, "the pier", True),
        ({"pattern": "pier", "negate": True}, "the pier", False),
        ({"pattern": "quay", "negate": True}, "the pier", True),
    ],
)
def test_regex(settings: dict[str, Any], answer: str, wanted: bool) -> None:
    assert passes(Regex(**settings), answer) is wanted


@pytest.mark.parametrize("settings", [{}, {"pattern": "a", "any": ["b"]}, {"any": [""]}, {"pattern": "("}, {"all": []}])
def test_regex_refuses_settings_that_match_nothing_or_everything(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Regex(**settings)


def test_a_pattern_that_takes_too_long_fails_the_score_and_holds_nobody_up() -> None:
    async def beside_another() -> tuple[Score, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        other = asyncio.create_task(tick())
        (found,) = (await score(Regex(pattern=r"^(a|aa)+\$"), case(), Output(text="a" * 60))).values()
        other.cancel()
        return found, ticks

    failed, ticks = asyncio.run(beside_another())
    assert isinstance(failed, Failed)
    assert failed.failure.kind is FailureKind.TIMEOUT
    assert "the pattern took too long" in failed.failure.message
    # A turn or two are its own start and end.
    assert ticks > 10


def test_regex_says_what_did_not_match_or_what_did() -> None:
    none, found = Regex(all=["a", "b", "c"]), Regex(pattern="b+", negate=True)
    assert given_score(none, case(), Output(text="b")) == Scored(value=False, reason="no match of a, c")
    assert given_score(found, case(), Output(text="abb")) == Scored(value=False, reason="matches 'bb'")


@pytest.mark.parametrize(
    "evaluator",
    [
        ExactMatch(),
        ExactMatch(normalise=True),
        Contains(),
        ExactMatch(negate=True),
        Contains(value="x", negate=True),
        Contains(all=["x", "y"], negate=True),
        StartsWith(),
        StartsWith(value="x", negate=True),
        Regex(pattern="x", negate=True),
        Regex(pattern=".*"),
    ],
    ids=lambda evaluator: repr(evaluator)[:60],
)
@pytest.mark.parametrize("blank", ["", " \n\t", "\u3000"])
def test_an_empty_answer_never_passes(evaluator: Any, blank: str) -> None:
    assert passes(evaluator, blank, "x") is False
    assert evaluator.evaluate(case("x"), Output(text=blank)).reason == "the answer is empty"


@pytest.mark.parametrize("evaluator", [ExactMatch(), Contains(), StartsWith()], ids=["exact", "contains", "starts"])
@pytest.mark.parametrize("expected", [[], ["a", ""], ["a", None]])
def test_a_reference_that_is_empty_is_missing_not_matched(evaluator: Any, expected: Any) -> None:
    with pytest.raises(CellError, match="'expected' holds no reference answer, or an empty one") as caught:
        evaluator.evaluate(case(expected), Output(text="a"))
    assert caught.value.kind is FailureKind.MISSING_FIELD


@settings(deadline=None)
@given(texts)
def test_what_is_contained_whole_is_contained(text: str) -> None:
    if text.strip():
        assert passes(Contains(), f"so {text} it is", text)


@settings(deadline=None)
@given(texts.filter(str.strip), texts)
def test_what_an_answer_starts_with_it_contains(start: str, rest: str) -> None:
    text = start + rest
    assert passes(StartsWith(), text, start)
    assert passes(Contains(), text, start)


@settings(deadline=None)
@given(texts.filter(str.strip), texts.filter(str.strip), st.booleans(), st.booleans())
def test_of_an_evaluator_and_its_negation_one_holds(answer: str, wanted: str, fold: bool, normalise: bool) -> None:
    for kind in (ExactMatch, Contains, StartsWith):
        options = {"ignore_case": fold, "normalise": normalise}
        assert passes(kind(**options), answer, wanted) is not passes(kind(**options, negate=True), answer, wanted)
