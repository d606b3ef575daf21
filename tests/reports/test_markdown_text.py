import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml

from plimsoll.reports.markdown_text import escape, escape_line, fenced, in_html, verbatim
from plimsoll.reports.text import one_line, plain

GITHUB = MarkdownIt("gfm-like", {"linkify": False})
SIGNS = '-+=*#>_|`~[]()!<&@:/w.1)a$%" \\'
ACTING = (
    "@everyone",
    "see #12",
    "https://example.org",
    "www.example.org",
    "GH-7",
    "GL-7",
    "[issue:3]",
    "*iteration:4",
    "a@b.org",
    "!12",
    "%1",
    '%"next"',
    "~bug",
    "$3",
    "&5",
    ":tada:",
)
"""What GitHub, GitLab or Azure DevOps makes something of, wherever it stands."""


class Seen(HTMLParser):
    """What a browser shows of a piece of HTML, and the elements in it."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.text += "\n" if tag == "br" else ""

    def handle_data(self, data):
        self.text += data


@given(st.text(st.characters(), max_size=50).filter(one_line) | st.text(SIGNS, min_size=1).filter(one_line))
def test_an_escaped_line_means_only_itself(text):
    shown = GITHUB.render(escape_line(text)).replace("<!-- -->", "")
    assert shown == f"<p>{escapeHtml(one_line(text))}</p>\n"


@given(st.text(SIGNS, min_size=1).filter(one_line))
def test_escaped_text_inside_a_line_means_only_itself(text):
    shown = GITHUB.render(f"so: {escape(text)}").replace("<!-- -->", "")
    assert shown == f"<p>so: {escapeHtml(one_line(text))}</p>\n"


@given(st.text(alphabet="`~a\n ", max_size=40))
def test_a_fence_is_never_closed_from_inside(text):
    tokens = GITHUB.parse(fenced(text))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == f"{text}\n"


@pytest.mark.parametrize("text", ACTING)
def test_a_forge_sees_no_mention_number_label_emoji_or_address(text):
    assert "<!-- -->" in escape(text)


@pytest.mark.parametrize("text", ["/merge", "/close now", "- item", "1. so"])
def test_a_line_begins_no_command_and_no_list(text):
    assert escape_line(text)[0] in "\\1"
    assert GITHUB.render(escape_line(text)).replace("<!-- -->", "") == f"<p>{text}</p>\n"


def test_a_figure_is_no_numbered_list():
    assert escape("0.9583 worse") == escape_line("0.9583 worse") == "0.9583 worse"
    assert escape("1. so") == "1. so"
    assert escape_line("1. so") == "1<!-- -->. so"


@given(st.text(st.characters(), max_size=60) | st.text(SIGNS + "\n\r\t", max_size=60))
def test_an_answer_in_a_table_is_shown_as_it_is_and_ends_nothing(text):
    cell = verbatim(text)
    assert "\n" not in cell
    seen = Seen(GITHUB.render(f"<table>\n<tr><td>{cell}</td></tr>\n</table>\n\nafter"))
    if text.strip():
        assert seen.tags == ["table", "tr", "td", "code", *["br"] * plain(text).strip("\n").count("\n"), "p"]
        assert seen.text.replace("\n", "") == f"{plain(text)}after".replace("\n", "")
    else:
        assert "empty" in seen.text


@pytest.mark.parametrize("sign", ["@", "#", "<", "\n"])
def test_no_sign_that_a_forge_looks_for_is_in_the_text_of_a_cell(sign):
    assert sign not in re.sub("<br>|<code>|</code>", "", verbatim("a @everyone <b> see #12 &#35; \n done"))
    assert "&num;" in verbatim("#1")


@pytest.mark.parametrize("text", ACTING)
def test_a_title_mentions_nobody_either(text):
    """A forge looks for mentions in what is shown, where `&commat;` is the sign itself."""
    page = f"<details><summary>{in_html(text)}</summary>\n\ninside\n\n</details>"
    assert "<!-- -->" in page
    seen = Seen(GITHUB.render(page))
    assert seen.tags == ["details", "summary", "p"]
    assert seen.text.replace("\n", "") == f"{text}inside"
