import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from plimsoll.reports.bars import Scale, bar, metric_scale
from plimsoll.reports.html import render_html
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report, example_verdict
from plimsoll.types import Output

VOID = {"meta", "input", "line", "circle", "path", "br", "link"}
FORBIDDEN = {"img", "iframe", "object", "embed", "form", "base", "link", "audio", "video"}


class Page(HTMLParser):
    """Elements, text and attributes of a document; fails on tags that don't match."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.attributes, self.texts, self.cases = [], [], [], [], 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.cases += tag == "details" and ("class", "case") in attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)


@pytest.fixture(scope="module")
def html(view):
    return render_html(view)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def rendered(report, **options):
    return render_html(build_view(report, summarise(report), [example_verdict(report)]), **options)


def hostile_report():
    """Every text of a report that a model, a dataset or an endpoint may write is hostile."""
    bad = " ".join(HOSTILE_TEXTS)
    report = example_report(30)
    cases = {
        name: replace(case, inputs={"question": bad, bad: bad}, expected=bad, group=bad, slices=(bad,))
        for name, case in report.cases.items()
    }
    cells = tuple(replace(cell, outcome=hostile_outcome(cell.outcome, bad)) for cell in report.cells)
    return replace(report, cases=cases, cells=cells, run=replace(report.run, dataset=bad, suite=bad))


def hostile_outcome(outcome, bad):
    if isinstance(outcome, Output):
        return replace(outcome, text=bad, finish=bad)
    return replace(outcome, message=bad, remedy=bad)


def test_the_document_is_well_formed_and_has_one_script_and_one_style(page):
    assert page.open == []
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1


def test_nothing_is_loaded_from_elsewhere(html, page):
    assert not FORBIDDEN & set(page.tags)
    addresses = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "action", "data")]
    assert [address for address in addresses if not address.startswith("#")] == []
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_allows_only_the_files_own_script_and_style(html):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in html or f"{tag}-src 'sha256-{digest}'" in html


def test_hostile_text_stays_text():
    calm = Page(rendered(example_report(30, hostile=False)))
    page = Page(rendered(hostile_report()))
    assert page.open == []
    assert page.tags.count("script") == 1
    assert set(page.tags) <= set(calm.tags) | {"ins", "del"}
    assert [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"] == []
    text = "".join(page.texts)
    assert "</script><script>alert(1)</script><img src=x onerror=alert(2)>" in text
    assert "{{ 7*7 }}" in text


def test_characters_that_act_are_shown_by_code_point():
    html = rendered(hostile_report())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert "⟨U+202E⟩" in html


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_every_field_a_label(html, page):
    assert page.tags.count("table") == page.tags.count("caption")
    assert page.tags.count("input") + page.tags.count("select") == page.tags.count("label")
    assert '<html lang="en">' in html


def test_references_inside_the_page_have_their_target(page):
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    wanted = {value.removeprefix("#") for _, name, value in page.attributes if name == "href"}
    assert wanted <= set(ids)


def contrast(one, other):
    def luminance(colour):
        digits = colour.removeprefix("#")
        digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
        parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_contrast_in_both_themes(html, theme):
    block = re.findall(r":root \{([^}]+)\}", html)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", block))
    pairs = [
        (ink, back) for ink in ("ink", "soft", "good", "bad", "warn", "accent") for back in ("page", "card", "deep")
    ]
    pairs += [(tone, f"{tone}-back") for tone in ("good", "bad", "warn", "idle")]
    pairs += [("ink", f"{tone}-back") for tone in ("good", "bad", "warn")]
    assert {
        pair: round(ratio, 2) for pair in pairs if (ratio := contrast(*(colours[name] for name in pair))) < 4.5
    } == {}


def test_the_page_says_everything_without_its_script(html):
    assert '<div class="tools" id="case-tools" hidden>' in html
    assert "429: too many requests" in html
    assert "may cost about" in html


def test_many_cases_are_capped_worst_first_and_it_says_so(view):
    many = tuple(replace(case, id=f"{case.id}-{copy}") for case in view.cases for copy in range(125))
    html = render_html(replace(view, cases=many))
    page = Page(html)
    assert page.cases == 300
    assert "Showing 300 of 3,000" in " ".join("".join(page.texts).split())
    assert len(html) < 3_000_000
    assert set(re.findall(r'data-standing="([^"]+)"', html)) == {"error"}


def test_long_texts_bound_the_size_too():
    report = example_report(350, targets=("v1",))
    long = tuple(
        replace(cell, outcome=replace(cell.outcome, text="word " * 5000) if cell.output else cell.outcome)
        for cell in report.cells
    )
    html = rendered(replace(report, cells=long))
    assert len(html) < 4_000_000
    assert "21,000 more characters" in html


def test_the_verdict_and_what_is_missing_stand_at_the_top(html):
    top = html[: html.index("<main")]
    assert "FAIL" in top
    assert "68 of 72 cells answered" in " ".join(top.split())


def test_bars_lie_on_the_metrics_own_scale(view):
    row = next(row for row in view.metrics if row.name == "token_f1")
    assert metric_scale(row) == Scale(0.0, 1.0)
    drawn = bar(0.25, 0.5, None, Scale(0.0, 1.0))
    assert drawn is not None
    assert (drawn.low, drawn.middle, drawn.high) == (42.5, 80.0, 155.0)
    assert bar(None, None, None, Scale(0.0, 1.0)) is None


def test_a_scale_of_one_value_has_width():
    assert Scale(0.5, 1.5).at(1.0) == 80.0
