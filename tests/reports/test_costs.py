"""Every renderer shows what was spent; an unknown cost is never shown as nothing."""

from __future__ import annotations

from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console
from tests.reports.parts import comment

from plimsoll.reports.html import render_html
from plimsoll.reports.model import View
from plimsoll.reports.terminal import render_run
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.types import Report


def shown(view: View) -> dict[str, str]:
    console = Console(file=StringIO(), width=120)
    render_run(view, console)
    assert isinstance(console.file, StringIO)
    return {"terminal": console.file.getvalue(), "html": render_html(view)}


@pytest.fixture
def plain(report: Report) -> View:
    return build_view(report, summarise(report))


@pytest.fixture
def priced(plain: View) -> View:
    """The first target and its judge cost something known, the others nobody knows what."""
    first, *others = plain.targets
    targets = (replace(first, cost=0.0345, judge_cost=0.0678), *(replace(other, judge_cost=None) for other in others))
    return replace(plain, header=replace(plain.header, cost=1.23), targets=targets)


@pytest.mark.parametrize("renderer", ["terminal", "html"])
def test_what_the_run_spent(priced: View, renderer: str) -> None:
    assert "$1.23" in shown(priced)[renderer]


@pytest.mark.parametrize("renderer", ["terminal", "html"])
def test_what_a_targets_answers_and_its_judges_cost(priced: View, renderer: str) -> None:
    assert "$0.03" in shown(priced)[renderer]
    assert "$0.07" in shown(priced)[renderer]
    assert "unknown" in shown(priced)[renderer]


def test_a_verdict_in_markdown_tells_what_its_run_spent(priced: View, view: View) -> None:
    assert "; $1.23 spent on models." in comment(replace(view, header=priced.header))


def test_where_nothing_is_known_no_room_is_taken_for_it(plain: View) -> None:
    rows = [line.strip(" |") for line in shown(plain)["terminal"].splitlines()]
    assert any(row.startswith("answers") for row in rows)
    assert not any(row.startswith(("cost", "unknown")) for row in rows)
    assert "$" not in shown(plain)["terminal"]
