"""Text evaluators: what they accept, and that nothing empty ever passes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.text.matching import Contains, ExactMatch, Regex, TokenF1, token_f1
from plimsoll.evaluators.text.words import content_words, normalise, words
from plimsoll.types import Case, Output, Scored

texts = st.text(max_size=60)


def case(expected: Any = None, **inputs: Any) -> Case:
    return Case(id="c1", inputs=inputs, expected=expected)


def passes(evaluator: Any, answer: str, expected: Any = None, value: Any = None) -> bool:
    score = evaluator.evaluate(case(expected), Output(text=answer, value=value))
    assert isinstance(score.value, bool)
    return score.value


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
    ("settings", "answer", "wanted"),
    [
        ({"pattern": r"\d+:\d\d"}, "at 13:30", True),
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


@pytest.mark.parametrize(
    "evaluator",
    [
        ExactMatch(),
        ExactMatch(normalise=True),
        Contains(),
        Contains(value="x", negate=True),
        Regex(pattern="x", negate=True),
        Regex(pattern=".*"),
    ],
    ids=lambda evaluator: repr(evaluator)[:60],
)
@pytest.mark.parametrize("blank", ["", " \n\t", "\u3000"])
def test_an_empty_answer_never_passes(evaluator: Any, blank: str) -> None:
    assert passes(evaluator, blank, "x") is False
    assert evaluator.evaluate(case("x"), Output(text=blank)).reason == "the answer is empty"


@pytest.mark.parametrize("evaluator", [ExactMatch(), Contains(), TokenF1()], ids=["exact_match", "contains", "f1"])
@pytest.mark.parametrize("expected", [[], ["a", ""], ["a", None]])
def test_a_reference_that_is_empty_is_missing_not_matched(evaluator: Any, expected: Any) -> None:
    with pytest.raises(CellError, match="'expected' holds no reference answer, or an empty one") as caught:
        evaluator.evaluate(case(expected), Output(text="a"))
    assert caught.value.kind is FailureKind.MISSING_FIELD


# Counted by hand: shared words, words of the answer, words of the reference, after SQuAD normalisation.
@pytest.mark.parametrize(
    ("answer", "reference", "shared", "given_words", "wanted_words"),
    [
        ("5 working days", "5 working days", 3, 3, 3),
        ("up to 5 working days", "5 working days", 3, 5, 3),
        ("The berth is free.", "a free berth", 2, 3, 2),
        ("half", "the whole price", 0, 1, 2),
        ("red red red", "red", 1, 3, 1),
        ("red red blue", "red blue blue", 2, 3, 3),
        ("don't", "dont", 1, 1, 1),
        ("on the board, by the gate", "board by gate", 3, 4, 3),
        ("£3.50 a day", "£350 per day", 2, 2, 3),
        ("the", "a", 0, 1, 1),
        ("the", "THE", 1, 1, 1),
        ("...", "!!!", 0, 1, 1),
        ("", "half", 0, 0, 1),
    ],
)
def test_token_f1_against_words_counted_by_hand(
    answer: str, reference: str, shared: int, given_words: int, wanted_words: int
) -> None:
    if shared == 0:
        wanted = 0.0
    else:
        precision, recall = shared / given_words, shared / wanted_words
        wanted = 2 * precision * recall / (precision + recall)
    assert token_f1(answer, reference) == pytest.approx(wanted, abs=1e-12)


def test_of_several_references_the_best_counts() -> None:
    score = TokenF1().evaluate(case(["no", "5 days", "within 5 working days"]), Output(text="5 working days"))
    assert score.value == pytest.approx(2 * 3 / (3 + 4))


@settings(deadline=None)
@given(texts, texts)
def test_token_f1_is_symmetric_and_in_range(one: str, other: str) -> None:
    value = token_f1(one, other)
    assert value == token_f1(other, one)
    assert 0 <= value <= 1


@settings(deadline=None)
@given(texts)
def test_token_f1_of_a_text_with_itself_is_one_unless_it_is_blank(text: str) -> None:
    assert token_f1(text, text) == (1.0 if text.strip() else 0.0)


@settings(deadline=None)
@given(texts, texts.filter(lambda text: text.strip()))
def test_every_text_evaluator_gives_a_value_of_its_kind_for_any_text(answer: str, reference: str) -> None:
    for evaluator in (ExactMatch(), ExactMatch(normalise=True), Contains(whole_words=True), Regex(pattern="a+")):
        assert isinstance(evaluator.evaluate(case(reference), Output(text=answer)).value, bool)
    score = TokenF1().evaluate(case(reference), Output(text=answer))
    assert isinstance(score, Scored)
    assert isinstance(score.value, float)
    assert math.isfinite(score.value)
    assert 0 <= score.value <= 1


@settings(deadline=None)
@given(texts)
def test_what_is_contained_whole_is_contained(text: str) -> None:
    if text.strip():
        assert passes(Contains(), f"so {text} it is", text)


def test_normalise_is_squads() -> None:
    assert normalise("  The  U.S. «Open», an  event ") == "us «open» event"


def test_figures_with_separators_are_one_word() -> None:
    assert words("At 13:30, 1,250 boats of 12.5 m; x2 «naïve» 中文") == [
        *("at", "13:30", "1250", "boats", "of", "12.5", "m", "x2", "naïve", "中", "文")
    ]


def test_content_words_of_a_text_without_any_are_its_words() -> None:
    assert content_words("It is the berth") == ["berth"]
    assert content_words("It is.") == ["it", "is"]
