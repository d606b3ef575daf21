"""What `compare --json` prints: every figure, slice and flip, unfiltered but for the metrics and slice that were named.

Promises what `jsonform` does: a figure that is unknown or not finite is null, never NaN and never 0.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import asdict, replace

from plimsoll.errors import ExitCode
from plimsoll.reports.compare_model import (
    Answers,
    ChangeRow,
    Comparison,
    EquivalenceRow,
    Likeness,
    Side,
    likeness_of,
)
from plimsoll.types import Decision


class FlippedForm(Struct, frozen=True, kw_only=True):
    """A metric by which a case flipped."""

    metric: str
    worse: bool
    steady: bool | None
    """All repeats of either side agree; null with a single repeat, where nobody can tell."""
    before: float
    """The mean over repeats; of a label 1 where it passes."""
    after: float


class FlippedCaseForm(Struct, frozen=True, kw_only=True):
    """A case that flipped."""

    case: str
    slices: tuple[str, ...]
    metrics: tuple[FlippedForm, ...]
    expected: str | None
    before: str | None
    """The answer of the first repeat; null where there is none at hand."""
    after: str | None


class CompareForm(Struct, frozen=True, kw_only=True):
    """Two targets, paired case by case."""

    suite: str
    before: Side
    after: Side
    confidence: float
    cases: int
    """Those of either side."""
    groups: int
    """Groups that cases share; 0 where none has one."""
    repeats: int
    """Of each side that are compared."""
    answers: Answers
    metrics: tuple[ChangeRow, ...]
    """Over all cases; `adjusted` is corrected over all metrics, shown or not."""
    slices: tuple[ChangeRow, ...]
    """Every slice and metric with a pair; `adjusted` is corrected over all of them."""
    flips: tuple[FlippedCaseForm, ...]
    """For the worse before for the better; within these the steady ones first."""
    notes: tuple[str, ...]
    """What was left out, and why."""


class CompareDocument(Struct, frozen=True, kw_only=True):
    """What `plimsoll compare --json` prints."""

    exit_code: int
    comparisons: tuple[CompareForm, ...] = ()
    """Of two runs one for each target that both have; absent where an error ended the command."""
    equivalence: Likeness | None = None
    """Of all that was asked; null where nothing was."""


def exit_code_of(comparisons: Sequence[Comparison]) -> ExitCode:
    """What the comparison ends with: 0, unless equivalence was asked and something is different or can't be told."""
    decisions = {
        Likeness.EQUIVALENT: Decision.PASS,
        Likeness.DIFFERENT: Decision.FAIL,
        Likeness.UNDECIDED: Decision.INCONCLUSIVE,
    }
    found = likeness_of(comparisons)
    return ExitCode.PASS if found is None else decisions[found].exit_code


def compare_document(
    comparisons: Sequence[Comparison], metrics: Collection[str] = (), slice_: str | None = None
) -> CompareDocument:
    """The whole object.

    Args:
        comparisons: All of them.
        metrics: Only these; none is all.
        slice_: Only this slice, beside all cases.
    """
    return CompareDocument(
        exit_code=int(exit_code_of(comparisons)),
        comparisons=tuple(_form(found, metrics, slice_) for found in comparisons),
        equivalence=likeness_of(comparisons),
    )


def _form(found: Comparison, metrics: Collection[str], slice_: str | None) -> CompareForm:
    def wanted(row: ChangeRow) -> bool:
        return (not metrics or row.metric in metrics) and (slice_ is None or row.slice in (None, slice_))

    return CompareForm(
        suite=found.suite,
        before=found.before,
        after=found.after,
        confidence=found.confidence,
        cases=found.cases,
        groups=found.groups,
        repeats=found.repeats,
        answers=found.answers,
        metrics=tuple(_finite_row(row) for row in found.rows if wanted(row)),
        slices=tuple(_finite_row(row) for row in found.slices if wanted(row)),
        flips=_flips(found, metrics, slice_),
        notes=found.notes,
    )


def _flips(found: Comparison, metrics: Collection[str], slice_: str | None) -> tuple[FlippedCaseForm, ...]:
    forms = []
    for case in found.flips:
        changed = tuple(
            FlippedForm(
                metric=metric.metric,
                worse=metric.worse,
                steady=metric.metric in case.steady if found.repeats > 1 else None,
                before=metric.baseline,
                after=metric.challenger,
            )
            for metric in case.row.metrics
            if not metrics or metric.metric in metrics
        )
        if changed and (slice_ is None or slice_ in case.slices):
            row = case.row
            forms.append(
                FlippedCaseForm(
                    case=row.case,
                    slices=case.slices,
                    metrics=changed,
                    expected=row.expected,
                    before=row.before,
                    after=row.after,
                )
            )
    return tuple(forms)


def _finite_row(row: ChangeRow) -> ChangeRow:
    figures = _finite(row)
    if row.equivalence is not None:
        figures["equivalence"] = replace(row.equivalence, **_finite(row.equivalence))
    return replace(row, **figures)


def _finite(figures: ChangeRow | EquivalenceRow) -> dict[str, object]:
    """The fields that JSON has no number for, as null."""
    values = asdict(figures).items()
    return {name: None for name, value in values if isinstance(value, float) and not math.isfinite(value)}
