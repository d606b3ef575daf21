"""The language of an answer: named, by a field, or another text's; and what can't be told is not guessed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError
from plimsoll.evaluators.text.language import Language
from plimsoll.types import Case, Output, Scored, Skipped

ENGLISH = "The gate opens two hours before high water, and closes after it."
GERMAN = "Das Tor öffnet zwei Stunden vor Hochwasser und schließt danach."


def score(answer: str, inputs: dict[str, Any] | None = None, **settings: Any) -> Scored | Skipped:
    return asyncio.run(Language(**settings).evaluate(Case(id="c1", inputs=inputs or {}), Output(text=answer)))


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("en", ENGLISH),
        ("en-GB", ENGLISH),
        ("de_AT", GERMAN),
        ("fr", "La porte ouvre deux heures avant la marée haute."),
        ("nb", "Porten åpner to timer før høyvann, og lukker etterpå."),
        ("ja", "門は満潮の2時間前に開きます。"),
        ("uk", "Ворота відкриваються за дві години до припливу."),
    ],
)
def test_the_named_language(code: str, answer: str) -> None:
    assert score(answer, language=code) == Scored(value=True)


def test_another_language_is_named_in_the_reason() -> None:
    assert score(GERMAN, language="en") == Scored(value=False, reason="is de, not en")


def test_a_field_may_name_the_language_or_be_written_in_it() -> None:
    assert score(GERMAN, {"wanted": "de"}, field="wanted") == Scored(value=True)
    assert score(GERMAN, {"question": "Wann öffnet das Tor am Morgen?"}, same_as="question") == Scored(value=True)
    assert score(ENGLISH, {"question": "Wann öffnet das Tor am Morgen?"}, same_as="question").value is False  # type: ignore[union-attr]  # is Scored
    assert Language(field="wanted").requires == frozenset({"wanted"})
    assert Language(language="en").requires == frozenset()


@pytest.mark.parametrize("answer", ["42", "£3.50", "12:30", ":", "London", "print(1)"])
def test_what_can_t_be_told_is_skipped(answer: str) -> None:
    assert score(answer, language="en") == Skipped(reason="the language of the answer can't be told")


def test_a_question_whose_language_can_t_be_told_is_skipped() -> None:
    assert score(ENGLISH, {"question": "12 × 3?"}, same_as="question") == Skipped(
        reason="the language of question can't be told"
    )


def test_an_empty_answer_is_in_no_language() -> None:
    assert score(" \n", language="en") == Scored(value=False, reason="the answer is empty")


@pytest.mark.parametrize(
    "settings", [{}, {"language": "en", "field": "wanted"}, {"language": "english"}, {"language": ""}]
)
def test_settings_that_name_no_one_language_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"give one of language, field, same_as|no language known by the code"):
        Language(**settings)


@pytest.mark.parametrize("wanted", ["english", 7])
def test_a_field_without_a_code_fails(wanted: Any) -> None:
    with pytest.raises(CellError, match="the case's 'wanted' is no language's code"):
        score(ENGLISH, {"wanted": wanted}, field="wanted")


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=60))
def test_any_text_is_in_the_language_or_not_or_can_t_be_told(text: str) -> None:
    found = score(text, language="en")
    assert isinstance(found, Skipped) or isinstance(found.value, bool)
