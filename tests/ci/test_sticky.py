"""The text of the comment, before any forge is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.ci.sticky import comment_text
from plimsoll.reports.markdown import carries, marker

KEY = "gate"
MARK = marker(KEY)


def test_a_text_with_the_mark_keeps_its_first_line_first():
    text = f"**FAIL** desk: worse\n{MARK}\n\n| a |\n"
    assert comment_text(text, KEY, 60_000) == text
    assert comment_text("| a |\n|---|\n", KEY, 60_000) == f"{MARK}\n| a |\n|---|\n"


def test_another_key_s_mark_does_not_stand_for_this_one():
    for before in (f"{marker('night')}\nall well\n", f"all well\n{marker('night')}\n"):
        text = comment_text(before, KEY, 60_000)
        assert carries(text, KEY)
        assert marker("night") not in text


@pytest.mark.parametrize("line", ["/merge", "  /approve", "\t/close", "/label ~bug"])
@pytest.mark.parametrize("before", ["", "```\n", f"**PASS**\n{MARK}\n"])
def test_no_line_is_a_command(before: str, line: str):
    text = comment_text(f"{before}{line}\nend", KEY, 60_000)
    assert not [shown for shown in text.splitlines() if shown.strip().startswith("/")]
    assert line.strip()[1:] in text


def test_a_verdict_that_is_itself_a_command_is_none():
    assert not comment_text(f"/merge\n{MARK}\n", KEY, 60_000).startswith("/")


def test_what_a_stranger_s_job_wrote_says_so_mentions_nobody_and_bears_no_other_mark():
    text = comment_text(
        f"**PASS** ping @team\n{MARK}\n<!-- other-bot:sticky -->\n@<!-- -->kim\n", KEY, 60_000, foreign=True
    )
    first, second = text.splitlines()[:2]
    assert first == MARK
    assert "fork" in second
    assert "@team" not in text
    assert "@kim" not in text
    assert text.count("<!--") == 1


@pytest.mark.parametrize("sign", ["@", "&#64;", "&#0064", "&#x40;", "&#X0040;", "&commat;"])
def test_a_strangers_text_mentions_nobody_however_the_sign_is_written(sign: str):
    text = comment_text(f"**PASS**\n{MARK}\n\n{sign}octocat", KEY, 60_000, foreign=True)
    assert text.endswith("\n@\u200boctocat\n")


def test_a_long_text_is_cut_at_a_line_and_closed():
    lines = "\n".join(f"line {n}" for n in range(20_000))
    text = comment_text(
        f"**FAIL**\n{MARK}\n<details><summary>cases</summary>\n\n````text\n{lines}\n````\n</details>", KEY, 65_536
    )
    assert len(text) <= 65_536
    assert text.rstrip().endswith("see the report.")
    assert text.splitlines()[-4:-2] == ["````", "</details>"]


@given(st.text(), st.sampled_from([400, 1000]), st.booleans())
def test_whatever_the_text_it_fits_and_is_found_again(text: str, limit: int, foreign: bool):
    posted = comment_text(text * 50, KEY, limit, foreign=foreign)
    assert len(posted.encode("utf-16-le", "surrogatepass")) // 2 <= limit
    assert carries(posted, KEY)
