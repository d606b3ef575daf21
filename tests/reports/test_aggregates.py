"""Aggregates in every report: each figure with what it rests on, and a figure that isn't one with the reason."""

from __future__ import annotations

import io
import json

import pytest
from msgspec.structs import replace
from rich.console import Console

from plimsoll.errors import ExitCode, FailureKind
from plimsoll.reports.html import render_html
from plimsoll.reports.jsonform import encode, run_document, run_form
from plimsoll.reports.model import View
from plimsoll.reports.terminal import render_run
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report
from plimsoll.tracking.records import metrics_of
from plimsoll.types import Aggregate, Failure, Report

NAN = Failure(kind=FailureKind.BAD_SCORE, message=f"f1 is not finite: nan {HOSTILE_TEXTS[0]}", remedy="mend it")
UNASKED = "it applies to no cell: 24 skipped"
RAISED = Failure(kind=FailureKind.EVALUATOR, message="aggregate of 'tone': KeyError: 'curt'", remedy="mend it")
AGGREGATES = {
    "v1": {
        "relevance": Aggregate(figures={"f1": 0.7512, "corpus": 12.5}, ok=20, failed=3, skipped=1),
        "like_v1": Aggregate(unasked=UNASKED, skipped=24),
    },
    "v2": {
        "relevance": Aggregate(figures={"f1": NAN, "corpus": 14.0}, ok=24),
        "tone": Aggregate(failure=RAISED, ok=22, failed=1, skipped=1),
    },
}


@pytest.fixture(scope="module")
def aggregated() -> Report:
    return replace(example_report(), aggregates=AGGREGATES)


@pytest.fixture(scope="module")
def seen(aggregated: Report) -> View:
    return build_view(aggregated, summarise(aggregated))


def printed(view: View, width: int) -> str:
    stream = io.StringIO()
    render_run(view, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 100, 200])
def test_the_terminal_shows_each_figure_with_its_cells_and_why_one_is_missing(seen: View, width: int) -> None:
    text = printed(seen, width)
    told = " ".join(text.split())
    assert "Over all cells" in text
    for part in ("relevance.f1", "0.751", "relevance.corpus", "20 ok", "3 failed", "1 skipped", "no value"):
        assert part in told
    assert "tone, v2: aggregate of 'tone': KeyError: 'curt'" in told
    assert all(len(line) <= width for line in text.splitlines())


def test_what_applies_to_no_cell_is_told_and_lacks_no_value(seen: View) -> None:
    (row,) = (row for row in seen.aggregates if row.name == "like_v1")
    told = row.figures[0]
    assert told is not None
    assert (told.value, told.why, told.applies, row.figures[1]) == (None, UNASKED, False, None)
    assert f"like_v1, v1: {UNASKED}" in printed(seen, 100)
    html = render_html(seen)
    assert f'–<span class="note">{UNASKED}</span>' in html
    assert html.count("no value</span>") == 2, "of f1 and of tone"


def test_html_shows_them_and_escapes_what_they_say(seen: View) -> None:
    html = render_html(seen)
    for part in ("relevance.f1", "0.751", "20 ok, 3 failed, 1 skipped", "24 ok, 0 failed, 0 skipped"):
        assert part in html
    assert "<script>alert" not in html


def test_json_gives_null_with_the_reason_for_what_is_no_figure(aggregated: Report) -> None:
    form = run_form(aggregated, summarise(aggregated))
    targets = json.loads(encode(run_document([form], ExitCode.PASS)))["suites"][0]["targets"]
    assert targets["v1"]["aggregates"]["relevance"] == {
        "figures": {"f1": 0.7512, "corpus": 12.5},
        "reasons": {},
        "ok": 20,
        "failed": 3,
        "skipped": 1,
    }
    assert targets["v2"]["aggregates"]["relevance"]["figures"] == {"f1": None, "corpus": 14.0}
    assert targets["v2"]["aggregates"]["relevance"]["reasons"] == {"f1": NAN.message}
    assert targets["v2"]["aggregates"]["tone"]["reasons"] == {"": RAISED.message}
    assert targets["port"]["aggregates"] == {}


def test_mlflow_gets_each_figure_that_is_one_and_the_cells_that_it_rests_on(aggregated: Report) -> None:
    targets = summarise(aggregated).targets
    found = {name: value for name, value in metrics_of(targets["v1"]).items() if "aggregate" in name}
    assert {name: value for name, value in found.items() if name.startswith("like_v1/")} == {
        "like_v1/aggregate_ok": 0,
        "like_v1/aggregate_failed": 0,
        "like_v1/aggregate_skipped": 24,
    }
    assert {name: value for name, value in found.items() if name.startswith("relevance/")} == {
        "relevance/aggregate.f1": 0.7512,
        "relevance/aggregate.corpus": 12.5,
        "relevance/aggregate_ok": 20,
        "relevance/aggregate_failed": 3,
        "relevance/aggregate_skipped": 1,
    }
    assert "relevance/aggregate.f1" not in metrics_of(targets["v2"])


def test_a_run_without_aggregates_says_nothing_of_them() -> None:
    report = example_report()
    view = build_view(report, summarise(report))
    for text in (printed(view, 100), render_html(view)):
        assert "over all cells" not in text.lower()
