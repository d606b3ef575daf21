"""A run as one HTML file that stands alone: no script to fetch, no font, no image, nothing sent anywhere.

Promises that a model's text is text (everything is escaped, and a content security policy lets only this file's own
script and style run), that the file says everything without its script too, and that its size stays bounded: the worst
cases are shown, and how many of how many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from jinja2 import Environment

from plimsoll.errors import ExitCode
from plimsoll.reports.assets import page_assets, page_environment
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
    over_all_text,
    why_texts,
)
from plimsoll.types import Decision

CASES_SHOWN = 300
FLIPS_SHOWN = 25
TEXT_BUDGET = 2_000_000
"""Characters of all cases' texts together."""
_TONES = {
    Decision.PASS: "good",
    Decision.FAIL: "bad",
    Decision.INCONCLUSIVE: "warn",
    ExitCode.PASS: "good",
    ExitCode.FAIL: "bad",
    ExitCode.INCONCLUSIVE: "warn",
    ExitCode.INFRASTRUCTURE: "bad",
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
    template = report_environment().get_template("report.html.jinja2")
    return template.render(
        view=view,
        cases=list(_worst(view.cases, cases_shown)),
        flips_shown=FLIPS_SHOWN,
        title_outcome=", ".join(section.word.lower() for section in view.verdicts) or "run",
        slice_places=lambda row: " ".join(str(slices[name]) for name in row.slices if name in slices),
        **page_assets(),
    )


def _worst(cases: Sequence[CaseRow], most: int) -> Iterator[CaseRow]:
    """The first cases, as many as the number and the text's budget allow; at least one."""
    spent = 0
    for place, case in enumerate(cases[:most]):
        spent += sum(len(text) for _, text in case.inputs) + len(case.expected or "")
        spent += sum(len(answer.text) + sum(len(score.note) for score in answer.scores) for answer in case.answers)
        spent += sum(len(turn.user) + len(turn.text) for answer in case.answers for turn in answer.turns)
        if place and spent > TEXT_BUDGET:
            return
        yield case


@cache
def report_environment() -> Environment:
    """What fills a run's templates. Made once: compiling them takes longer than filling them."""
    environment = page_environment()
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
        why_texts=why_texts,
        coverage_text=coverage_text,
        failing_text=failing_text,
        flip_groups=flip_groups,
        flip_text=flip_text,
        over_all_text=over_all_text,
    )
    return environment


def _worst_standing(answers: Sequence[AnswerView]) -> Standing:
    order = list(Standing)
    return min((answer.standing for answer in answers), key=order.index, default=Standing.NOT_RUN)
