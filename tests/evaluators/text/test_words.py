"""How a text is parted: words, content words, sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluators.text.sentences import sentences
from plimsoll.evaluators.text.words import content_words, normalise, words


def test_normalise_is_squads() -> None:
    assert normalise("  The  U.S. «Open», an  event ") == "us «open» event"


def test_figures_with_separators_are_one_word() -> None:
    assert words("At 13:30, 1,250 boats of 12.5 m; x2 «naïve» 中文") == [
        *("at", "13:30", "1250", "boats", "of", "12.5", "m", "x2", "naïve", "中", "文")
    ]


def test_content_words_of_a_text_without_any_are_its_words() -> None:
    assert content_words("It is the berth") == ["berth"]
    assert content_words("It is.") == ["it", "is"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It opens. It closes!", ["It opens.", "It closes!"]),
        ("It costs £3.50, e.g. for a boat of 2.5 m.", ["It costs £3.50, e.g. for a boat of 2.5 m."]),
        ("«Why?» «No.» he said.", ["«Why?»", "«No.» he said."]),
        ("- one\n- two\n\n3", ["- one", "- two", "3"]),
        ("门开了。好的！", ["门开了。", "好的！"]),
        ("... !!", []),
        ("", []),
    ],
)
def test_sentences_end_at_a_mark_or_a_line_s_end(text: str, wanted: list[str]) -> None:
    assert sentences(text) == wanted


@given(st.text(max_size=60))
def test_sentences_have_the_text_s_words_in_their_order(text: str) -> None:
    found = [letter for sentence in sentences(text) for letter in sentence if letter.isalnum()]
    assert found == [letter for letter in text if letter.isalnum() and words(letter)]
