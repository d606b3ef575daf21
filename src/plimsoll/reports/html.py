"""A run as one HTML file that stands alone: no script to fetch, no font, no image, nothing sent anywhere.

Promises that a model's text is text (everything is escaped, and a content security policy lets only this file's own
script and style run), that the file says everything without its script too, and that its size stays bounded: the worst
cases are shown, and how many of how many.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from plimsoll.reports.bars import bar, metric_scale, rule_scale
from plimsoll.reports.differences import differences
from plimsoll.reports.model import AnswerView, CaseRow, Standing, View
from plimsoll.reports.phrases import (
    baseline_text,
    coverage_text,
    estimate_text,
    failing_text,
    flip_groups,
    flip_text,
)
from plimsoll.reports.text import count, interval, number, seconds
from plimsoll.types import Decision

CASES_SHOWN = 300
FLIPS_SHOWN = 25
TEXT_BUDGET = 2_000_000
"""Characters of all cases' texts together."""
_TONES = {
    Decision.PASS: "good",
    Decision.FAIL: "bad",
    Decision.INCONCLUSIVE: "warn",
    Standing.PASSED: "good",
    Standing.FAILED: "bad",
    Standing.ERROR: "bad",
    Standing.NOT_RUN: "warn",
    Standing.UNJUDGED: "",
}
_SIGNS = {
    Standing.PASSED: "✓",
    Standing.FAILED: "✗",
    Standing.ERROR: "!",
    Standing.NOT_RUN: "?",
    Standing.UNJUDGED: "·",
}


def render_html(view: View, *, cases_shown: int = CASES_SHOWN) -> str:
    """The whole document."""
    slices = {table.name: place for place, table in enumerate(view.slices)}
    script, style = _asset("report.js"), _asset("report.css")
    template = _environment().get_template("report.html.jinja2")
    return template.render(
        view=view,
        cases=list(_worst(view.cases, cases_shown)),
        flips_shown=FLIPS_SHOWN,
        title_outcome=", ".join(section.outcome for section in view.verdicts) or "run",
        script=Markup(script),  # noqa: S704  # our own file, which the policy's hash is over
        style=Markup(style),  # noqa: S704  # the same
        script_hash=_hash(script),
        style_hash=_hash(style),
        slice_places=lambda row: " ".join(str(slices[name]) for name in row.slices if name in slices),
    )


def _worst(cases: Sequence[CaseRow], most: int) -> Iterator[CaseRow]:
    """The first cases, as many as the number and the text's budget allow; at least one."""
    spent = 0
    for place, case in enumerate(cases[:most]):
        spent += sum(len(text) for _, text in case.inputs) + len(case.expected or "")
        spent += sum(len(answer.text) + sum(len(score.note) for score in answer.scores) for answer in case.answers)
        if place and spent > TEXT_BUDGET:
            return
        yield case


@cache
def _environment() -> Environment:
    # Made once: compiling the templates takes longer than filling them.
    environment = Environment(
        loader=PackageLoader("plimsoll.reports", "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(number=number, interval=interval, seconds=seconds, count=count)
    environment.globals.update(
        tone=_TONES.__getitem__,
        sign=_SIGNS.__getitem__,
        worst=_worst_standing,
        metric_scale=metric_scale,
        rule_scale=rule_scale,
        place=bar,
        differences=differences,
        estimate_text=estimate_text,
        baseline_text=baseline_text,
        coverage_text=coverage_text,
        failing_text=failing_text,
        flip_groups=flip_groups,
        flip_text=flip_text,
    )
    return environment


def _worst_standing(answers: Sequence[AnswerView]) -> Standing:
    order = list(Standing)
    return min((answer.standing for answer in answers), key=order.index, default=Standing.NOT_RUN)


def _asset(name: str) -> str:
    return (files("plimsoll.reports") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
