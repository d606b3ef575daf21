"""How a text is parted: words, content words, sentences."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluators.text.sentences import sentences
from plimsoll.evaluators.text.words import content_words, normalise, runs, words


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


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("हिन्दी में किताब", 3),
        ("আমার সোনার বাংলা", 3),
        ("தமிழ் மொழி", 2),
        ("كِتَابٌ جَدِيدٌ", 2),
        ("שָׁלוֹם עוֹלָם", 2),
        ("ภาษาไทย ที่นี่", 2),
        ("می\u200cخواهم بروم", 2),
    ],
)
def test_vowel_signs_and_joiners_are_part_of_the_word(text: str, count: int) -> None:
    assert len(words(text)) == len(runs(text)) == count


# Letters and vowel signs or points that no normalisation composes.
_SCRIPTS = {"कदन": "\u093e\u093f\u0940", "কদন": "\u09be\u09bf", "கதந": "\u0bbe\u0bbf"} | {
    "كتب": "\u064e\u064f\u0650",
    "שלמ": "\u05b8\u05b9\u05b5",
    "กดน": "\u0e34\u0e35\u0e48",
}


@given(st.sampled_from(sorted(_SCRIPTS)), st.data())
def test_texts_that_differ_in_their_marks_have_other_words(letters: str, data: st.DataObject) -> None:
    units = st.builds(str.__add__, st.sampled_from(letters), st.sampled_from(["", *_SCRIPTS[letters]]))
    texts = st.lists(units, min_size=1, max_size=5).map("".join)
    one, two = data.draw(texts), data.draw(texts)
    assert (words(one) == words(two)) is (one == two)
    assert words(f"{one} {two}") == runs(f"{one} {two}") == [one, two]


@given(st.text(max_size=40))
def test_a_mark_or_joiner_alone_is_no_word(text: str) -> None:
    assert not any(unicodedata.category(word[0]) in ("Mn", "Mc", "Me", "Cf") for word in words(text))
