import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from msgspec.structs import replace

from plimsoll.reports.markdown import SIZE_LIMIT, escape, escape_line, fenced, render_markdown
from plimsoll.reports.text import one_line
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report, example_verdict
from plimsoll.types import Decision

GITHUB = MarkdownIt("gfm-like", {"linkify": False})


def made(report, *verdicts):
    return build_view(report, summarise(report), verdicts)


def test_a_verdict(view, snapshot):
    assert render_markdown(view) == snapshot


def test_a_run_without_a_gate(report, snapshot):
    assert render_markdown(made(report)) == snapshot


@pytest.mark.parametrize("outcome", list(Decision))
def test_the_first_line_is_the_verdict_and_why(report, outcome):
    verdict = example_verdict(report, outcome)
    first = render_markdown(made(report, verdict)).split("\n")[0]
    assert first.startswith(f"**{outcome.upper()}** ferry-desk: port ")
    decided = {
        "fail": "failed: token_f1 on fares, not worse",
        "inconclusive": "can't tell: token_f1 on fares, not worse",
    }
    assert escape(decided.get(outcome, verdict.reasons[0])) in first


@given(
    st.text(st.characters(), max_size=50).filter(one_line)
    | st.text("-+=*#>_|`~[]()!<&@:/w.1)a \\", min_size=1).filter(one_line)
)
def test_an_escaped_line_means_only_itself(text):
    shown = GITHUB.render(escape_line(text)).replace("<!-- -->", "")
    assert shown == f"<p>{escapeHtml(one_line(text))}</p>\n"


@given(st.text(alphabet="`~a\n ", max_size=40))
def test_a_fence_is_never_closed_from_inside(text):
    tokens = GITHUB.parse(fenced(text))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == f"{text}\n"


@pytest.mark.parametrize("text", ["@everyone", "see #12", "https://example.org", "www.example.org", "GH-7", "a@b.org"])
def test_a_forge_sees_no_mention_number_or_address(text):
    assert "<!-- -->" in escape(text)


def test_hostile_text_does_not_leave_its_place():
    bad = " ".join(HOSTILE_TEXTS)
    report = example_report(24)
    cases = {name: replace(case, inputs={"question": bad}, expected=bad) for name, case in report.cases.items()}
    cells = tuple(replace(c, outcome=replace(c.outcome, text=bad)) if c.output else c for c in report.cells)
    verdict = example_verdict(report)
    rules = tuple(replace(rule, reason=bad, slice=bad) for rule in verdict.rules)
    text = render_markdown(
        made(replace(report, cases=cases, cells=cells), replace(verdict, rules=rules, reasons=(bad,)))
    )
    html = GITHUB.render(text)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert html.count("<details>") == html.count("</details>") == 3
    assert html.count("<tr>") == 3


def test_a_huge_verdict_fits_a_comment_and_says_what_it_left_out():
    report = example_report(200, targets=("v1", "v2"))
    long = "`word` | " * 300
    cells = tuple(replace(c, outcome=replace(c.outcome, text=long)) if c.output else c for c in report.cells)
    verdict = example_verdict(report)
    flip = verdict.rules[1].flipped[0]
    flips = tuple(replace(flip, case=case) for case in report.cases)
    rules = (replace(verdict.rules[1], flipped=flips),)
    text = render_markdown(made(replace(report, cells=cells), replace(verdict, rules=rules)))
    assert len(text) <= SIZE_LIMIT
    assert "200 cases flipped for the worse, showing 20" in text
    endless = replace(verdict, rules=(replace(rules[0], reason="why " * 40_000),))
    assert len(render_markdown(made(report, endless))) <= SIZE_LIMIT


@given(st.text("-+=*#>_|`~[]()!<&@:/w.1)a \\", min_size=1).filter(one_line))
def test_escaped_text_inside_a_line_means_only_itself(text):
    shown = GITHUB.render(f"so: {escape(text)}").replace("<!-- -->", "")
    assert shown == f"<p>so: {escapeHtml(one_line(text))}</p>\n"


def test_a_figure_is_no_numbered_list():
    assert escape("0.9583 worse") == escape_line("0.9583 worse") == "0.9583 worse"
    assert escape("1. so") == "1. so"
    assert escape_line("1. so") == "1<!-- -->. so"
