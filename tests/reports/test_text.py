import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.reports.differences import differences
from plimsoll.reports.text import apart, clip, excerpt, fold, interval, number, one_line, plain, seconds

ANY_TEXT = st.text(st.characters(), max_size=60)


@given(ANY_TEXT)
def test_plain_text_has_no_character_that_acts(text):
    shown = plain(text)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]", shown
    )
    shown.encode("utf-8")


def test_what_acts_is_shown_by_its_code_point():
    assert plain("a\x1b[31m\u202eb\ud800") == "a⟨U+001B⟩[31m⟨U+202E⟩b⟨U+D800⟩"


def test_line_feeds_tabs_and_other_scripts_are_kept():
    text = "one\n\ttwo שלום مرحبا 你好 👩‍🚀"
    assert plain(text) == text


@given(ANY_TEXT, st.integers(1, 30))
def test_one_line_has_one_line_and_fits(text, limit):
    shown = one_line(text, limit)
    assert "\n" not in shown
    assert len(shown) <= limit


def test_an_excerpt_says_how_much_it_left_out():
    assert excerpt("x" * 1500, 100) == "x" * 100 + "\n… 1,400 more characters"
    assert excerpt("short", 100) == "short"


def test_clipping_keeps_what_fits():
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (0.0, "0"),
        (0.5, "0.50"),
        (-0.125, "−0.12"),
        (0.0042, "0.0042"),
        (0.00001, "1e-05"),
        (12.34, "12.3"),
        (1234567.0, "1,234,567"),
        (1.0, "1.00"),
    ],
)
def test_a_figure_as_people_read_it(value, shown):
    assert number(value) == shown


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_nothing_but_one_and_zero_is_rounded_to_them(value):
    assert number(value) not in ("1.00", "0.00", "0", "1")


def test_units_and_signs():
    assert number(1.5, "s") == "1.50 s"
    assert number(0.0123, "USD") == "$0.01"
    assert number(0.04, signed=True, precise=True) == "+0.040"


def test_an_interval_whose_limit_is_unknown_says_so():
    assert interval(0.25, 0.75) == "0.25–0.75"
    assert interval(-0.02, 0.11) == "−0.02 to 0.11"
    assert interval(0.25, None) == "from 0.25"
    assert interval(None, 0.75, "s") == "up to 0.75 s"
    assert interval(None, None) == "–"


def test_seconds_in_their_natural_unit():
    assert [seconds(value) for value in (0.44, 83.4, 725, 7380)] == ["0.4 s", "83 s", "12 min 5 s", "2 h 3 min"]


def test_folding_breaks_only_between_parts():
    assert fold(["one two", "three", "four"], 16) == "one two · three\nfour"


@given(ANY_TEXT, ANY_TEXT)
def test_differences_give_both_texts_back(expected, answer):
    pieces = differences(expected, answer)
    if pieces is not None:
        assert "".join(text for kind, text in pieces if kind != "lacking") == answer
        assert "".join(text for kind, text in pieces if kind != "extra") == expected


def test_differences_mark_words():
    assert differences("It costs 5 crowns.", "It may cost 5 crowns.") == (
        ("same", "It "),
        ("lacking", "costs"),
        ("extra", "may cost"),
        ("same", " 5 crowns."),
    )


@pytest.mark.parametrize(("expected", "answer"), [(None, "x"), ("a b c d", "e f g h"), ("x", ""), ("a " * 500, "a")])
def test_no_differences_where_comparing_says_nothing(expected, answer):
    assert differences(expected, answer) is None


def test_texts_that_differ_late_are_cut_where_they_differ():
    same = "The ferry leaves the quay at Ostrava every morning of the week at "
    first, second = apart(same + "6:15, but not on Sundays.", same + "7:45.", 40)
    assert (len(first) <= 40, first[0], "6:15" in first) == (True, "…", True)
    assert first[:14] == second[:14]
    assert second.endswith("7:45.")


@given(ANY_TEXT, ANY_TEXT, st.integers(1, 60))
def test_texts_held_apart_are_short_and_those_with_room_are_whole(one, other, limit):
    shown = apart(one, other, limit)
    assert max(map(len, shown)) <= limit
    whole = one_line(one), one_line(other)
    if max(map(len, whole)) <= limit:
        assert shown == whole
    if limit >= 10 and whole[0] != whole[1]:
        assert shown[0] != shown[1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a ##vso[task.setvariable variable=PATH]x", "a ⟨U+0023⟩#vso[task.setvariable variable=PATH]x"),
        ("##[error]x", "⟨U+0023⟩#[error]x"),
        ("  ::add-mask::abc", "  ⟨U+003A⟩:add-mask::abc"),
        ("::Error file=a,line=1::x", "⟨U+003A⟩:Error file=a,line=1::x"),
        ("## Heading, std::vector::size, a[::-1]", "## Heading, std::vector::size, a[::-1]"),
    ],
)
def test_no_text_commands_the_job_in_whose_log_it_stands(text, shown):
    assert plain(text) == shown
