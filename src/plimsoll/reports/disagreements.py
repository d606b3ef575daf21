"""A judge's calibration as one HTML page: its figures, and the answers on which it and people disagree, worst first.

Stands alone like a run's report, with the same style and the same bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from jinja2 import Template
from msgspec import Struct

from plimsoll.calibration import Certificate, Disagreement, Figure, outcome_of
from plimsoll.calibration.certify import shown
from plimsoll.reports.assets import page_assets, page_environment
from plimsoll.reports.text import any_text, excerpt, one_line, plain
from plimsoll.types import Decision, ScoreValue

ROWS_SHOWN = 300
TEXT_BUDGET = 2_000_000
"""Characters of all rows' texts together."""
_LONGEST = 20_000
_SHORT = 90
_TONES = {Decision.PASS: "good", Decision.FAIL: "bad", Decision.INCONCLUSIVE: "warn"}
NO_SCORE, KINDER, STRICTER, OTHER = "no score", "judge kinder", "judge stricter", "judge differs"


class RowView(Struct, frozen=True):
    """One disagreement, as it is shown."""

    place: int
    id: str
    standing: str
    short: str
    inputs: tuple[tuple[str, str], ...]
    answer: str
    people: str
    judge: str
    reason: str


def render_disagreements(certificate: Certificate, found: Sequence[Disagreement]) -> str:
    """The whole document.

    Args:
        certificate: With the figures.
        found: Every disagreement, worst first.
    """
    rows = list(_bounded(found))
    agreement = certificate.figures.agreement
    return _template().render(
        certificate=certificate,
        outcome=outcome_of(certificate.checks),
        rows=rows,
        total=len(found),
        standings=sorted({row.standing for row in rows}),
        figures=list(_figures(certificate)),
        people=sorted({cell.people for cell in agreement.confusion}),
        judge=sorted({cell.judge for cell in agreement.confusion}),
        cells={(cell.people, cell.judge): cell.answers for cell in agreement.confusion},
        **page_assets(),
    )


def _bounded(found: Sequence[Disagreement]) -> Iterator[RowView]:
    spent = 0
    for place, each in enumerate(found[:ROWS_SHOWN]):
        row = _row(each)
        spent += len(row.answer) + len(row.reason) + sum(len(text) for _, text in row.inputs)
        if place and spent > TEXT_BUDGET:
            return
        yield row


def _row(found: Disagreement) -> RowView:
    case = found.row.case
    others = [label for label in found.row.labels if label is not None]
    people = plain(_value(found.label))
    if len(others) > 1:
        people += f" (of {', '.join(plain(_value(label)) for label in others)})"
    return RowView(
        place=case.line,
        id=plain(case.id),
        standing=_standing(found),
        short=one_line(found.row.output.text, _SHORT),
        inputs=tuple((plain(name), excerpt(any_text(value), _LONGEST)) for name, value in case.fields().items()),
        answer=excerpt(found.row.output.text, _LONGEST),
        people=people,
        judge="–" if found.value is None else plain(_value(found.value)),
        reason=excerpt(found.reason, _LONGEST),
    )


def _standing(found: Disagreement) -> str:
    if found.value is None:
        return NO_SCORE
    return OTHER if found.kinder is None else KINDER if found.kinder else STRICTER


def _value(value: ScoreValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}"


def _figures(certificate: Certificate) -> Iterator[tuple[str, str, str, str]]:
    """Name, value, limits, what it rests on."""
    figures = certificate.figures
    agreement = figures.agreement
    graded = agreement.linear_kappa is not None
    for name, figure in (
        ("agreement with people", agreement.accuracy),
        ("Cohen's kappa, quadratic weights" if graded else "Cohen's kappa", agreement.kappa),
        ("Cohen's kappa, linear weights", agreement.linear_kappa),
        ("Krippendorff's alpha", agreement.alpha),
        ("Spearman's rho", agreement.spearman),
        ("area under the ROC curve", agreement.auc),
        ("sensitivity", agreement.sensitivity),
        ("specificity", agreement.specificity),
        ("sensitivity + specificity − 1", agreement.informedness),
        ("people among themselves (alpha)", figures.people.alpha),
        ("the judge with itself (alpha)", figures.stability.alpha),
        ("rank correlation with length, beyond labels", figures.length),
    ):
        if figure is not None:
            yield name, shown(figure.value), _limits(figure), f"{figure.n:,}"


def _limits(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return "unknown"
    return f"{shown(figure.low)} to {shown(figure.high)}"


@cache
def _template() -> Template:
    environment = page_environment()
    environment.globals.update(tone=_TONES.__getitem__, shown=shown)
    return environment.get_template("disagreements.html.jinja2")
