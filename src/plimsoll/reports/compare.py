"""Two targets side by side, paired case by case: what changed, by how much, and whether that is signal.

Everything that is looked at is corrected together, whatever of it is shown: all metrics over all cases are one family,
all slices with all metrics a second, the flips of each a third and fourth (Holm in each). So one of twenty metrics
doesn't look like signal by chance, and asking for one slice or metric alone makes nothing signal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from plimsoll.reports.compare_figures import (
    Contrast,
    contrast,
    count_flips,
    few_units,
    is_steady,
    likeness,
    measure_of,
    no_limits,
    turn_of,
)
from plimsoll.reports.compare_model import MIN_UNITS, ChangedCase, ChangeRow, Comparison, Measure, Side, Signal
from plimsoll.reports.flip_model import FlipRow, Way
from plimsoll.reports.flips import flip_rows
from plimsoll.reports.pairing import Paired, Sides, read_sides
from plimsoll.reports.text import plain
from plimsoll.stats import detectable, holm
from plimsoll.types import Direction, Flip, Metric, Report

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Margin:
    """What is small enough not to matter, and of which metrics that is asked."""

    size: float
    """In each metric's own unit."""
    metrics: Collection[str] | None = None
    """Their names; None is every one on a scale from 0 to 1."""

    def asks(self, metric: Metric, measure: Measure) -> bool:
        """Whether it is asked of a metric."""
        if measure is Measure.LABELS:
            return False
        if self.metrics is not None:
            return metric.name in self.metrics
        return measure is Measure.PASSES or metric.kind == "bool" or (metric.low, metric.high) == (0.0, 1.0)


class _Flips(Struct, frozen=True, kw_only=True):
    metric: str
    flipped: tuple[Flip, ...]


def build_comparison(
    report: Report,
    before: str,
    after: str,
    *,
    names: tuple[Side, Side] | None = None,
    margin: Margin | None = None,
    notes: Sequence[str] = (),
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Hold one target of a report against another, over every metric and slice.

    Args:
        report: It holds the cells of both; `with_baseline` brings one in from another run.
        before: A target of the report.
        after: Another one.
        names: How the sides are shown. Default: as targets of the report's run.
        margin: To ask for equivalence besides.
        notes: What was left out before, and why.
        confidence: Of the intervals; what is signal keeps an error of at most the rest, over all that is looked at.

    Raises:
        UsageError: the report holds a cell twice.
    """
    sides = read_sides(report, before, after)
    alpha = 1 - confidence
    rows = _family([_row(found, sides, report.run.repeats, confidence) for found in sides.metrics.values()], alpha)
    slices = [
        _row(found.within(frozenset(places)), sides, report.run.repeats, confidence, slice=name)
        for name, places in sides.cases.slices.items()
        for found in sides.metrics.values()
    ]
    whole = {row.metric: row for row in rows}
    in_slices = [_facing(row, whole[row.metric]) for row in _family([row for row in slices if row.pairs], alpha)]
    if margin is not None:
        rows = [_asked(row, sides, margin) for row in rows]
    first, second = names or (_side(report, before), _side(report, after))
    return Comparison(
        suite=plain(report.run.suite),
        before=first,
        after=second,
        confidence=confidence,
        cases=len(sides.names),
        groups=len({unit for unit in sides.cases.units if unit < 0}),
        repeats=report.run.repeats,
        answers=sides.answers,
        rows=tuple(rows),
        slices=tuple(in_slices),
        flips=_changed_cases(sides, report, before, after),
        notes=tuple(plain(note) for note in (*notes, *_unasked(rows, margin))),
    )


def _side(report: Report, target: str) -> Side:
    return Side(
        name=plain(target),
        target=plain(target),
        run=plain(report.run.id),
        digest=report.run.targets[target].digest,
        repeats=report.run.repeats,
    )


def _row(found: Paired, sides: Sides, repeats: int, confidence: float, slice: str | None = None) -> ChangeRow:  # noqa: A002
    metric, figures = found.metric, contrast(found, sides.cases, confidence)
    estimate = figures.estimate
    higher = figures.measure is Measure.PASSES or metric.direction is Direction.HIGHER
    compared = estimate is not None and figures.measure is not Measure.LABELS
    return ChangeRow(
        metric=plain(metric.name),
        slice=None if slice is None else plain(slice),
        kind=metric.kind,
        unit=plain(metric.unit),
        higher_is_better=higher,
        judged=metric.judged,
        measure=figures.measure,
        before=figures.before,
        after=figures.after,
        difference=None if estimate is None else estimate.value,
        low=None if estimate is None else estimate.low,
        high=None if estimate is None else estimate.high,
        p_value=figures.p_value,
        adjusted=None,
        signal=Signal.UNKNOWN,
        why=_why_not(found, figures),
        opposite=False,
        pairs=len(found.pairs),
        units=figures.units,
        missing=len(found.missing),
        lacking=found.told_lacking(),
        changed=figures.changed,
        detectable=detectable(estimate, confidence) if compared and estimate is not None else None,
        flips=count_flips(found, sides.cases, repeats) if figures.measure is not Measure.LABELS else None,
    )


def _why_not(found: Paired, figures: Contrast) -> str:
    """Why it can't be told which side is better; empty where it can."""
    if figures.estimate is None:
        return "no case has a value on both sides"
    if figures.measure is Measure.LABELS:
        return "nothing says which label is better: give its evaluator a pass_if"
    return few_units(figures.units, len(found.pairs)) or no_limits(found, figures.estimate)


def _family(rows: Sequence[ChangeRow], alpha: float) -> list[ChangeRow]:
    """The rows with their p-values corrected for each other, and what they say then.

    One that can't be told from its values counts as a test that found nothing. Labels without a condition, and what has
    too few units whatever its values, are no tests.
    """
    adjusted = iter(holm([1.0 if row.p_value is None else row.p_value for row in rows if row.tested]))
    flips = iter(holm([row.flips.p_value for row in rows if row.tested and row.flips is not None]))
    found = []
    for given in rows:
        row = given
        if row.tested:
            corrected = next(adjusted)
            counted = None if row.flips is None else replace(row.flips, adjusted=next(flips))
            row = replace(row, flips=counted, adjusted=None if row.p_value is None else corrected)
        found.append(replace(row, signal=_signal(row, alpha)))
    return found


def _signal(row: ChangeRow, alpha: float) -> Signal:
    if row.adjusted is not None and row.difference is not None and row.adjusted <= alpha:
        return Signal.BETTER if (row.difference > 0) is row.higher_is_better else Signal.WORSE
    return Signal.UNKNOWN if row.why else Signal.NONE


def _facing(row: ChangeRow, whole: ChangeRow) -> ChangeRow:
    """Of a slice's row: whether it points the other way than the whole, where one of the two is signal."""
    signal = {Signal.BETTER, Signal.WORSE}
    opposite = (row.difference or 0) * (whole.difference or 0) < 0 and bool({row.signal, whole.signal} & signal)
    # Of a handful of cases the direction says nothing.
    return replace(row, opposite=opposite and row.units >= MIN_UNITS and row.measure is not Measure.LABELS)


def _asked(row: ChangeRow, sides: Sides, margin: Margin) -> ChangeRow:
    found = next(paired for paired in sides.metrics.values() if plain(paired.metric.name) == row.metric)
    # What was named is asked whatever there is of it; else a metric that applies to no case says nothing either way.
    applies = found.pairs or found.missing or margin.metrics is not None
    if not applies or not margin.asks(found.metric, measure_of(found)):
        return row
    return replace(row, equivalence=likeness(found, sides.cases, margin.size))


def _unasked(rows: Sequence[ChangeRow], margin: Margin | None) -> Iterator[str]:
    """Which metrics are not asked whether they are equivalent, and why."""
    if margin is None or margin.metrics is not None:
        return
    left = [row for row in rows if row.equivalence is None and row.measure is not Measure.LABELS]
    nowhere = [row.metric for row in left if not row.pairs and not row.missing]
    if nowhere:
        yield f"equivalence is not asked of {', '.join(nowhere)}: it applies to no case"
    other = [row.metric for row in left if row.metric not in nowhere]
    if other:
        remedy = f"ask for one by --metric {other[0]} --equivalent with a margin in its unit"
        yield f"equivalence is not asked of {', '.join(other)}: not on a scale from 0 to 1; {remedy}"


def _changed_cases(sides: Sides, report: Report, before: str, after: str) -> tuple[ChangedCase, ...]:
    turns: dict[tuple[str, str], int] = {}
    steady: set[tuple[str, str]] = set()
    flipped = []
    for name, paired in sides.metrics.items():
        flips: list[Flip] = []
        for pair in paired.pairs if measure_of(paired) is not Measure.LABELS else ():
            turn = turn_of(pair, paired)
            if turn:
                case, (theirs, ours) = sides.names[pair.place], pair.means
                flips.append(Flip(case=case, baseline=theirs, challenger=ours))
                turns[plain(case), plain(name)] = turn
                if is_steady(pair, paired):
                    steady.add((plain(case), plain(name)))
        flips.sort(key=lambda flip: (-abs(flip.change), flip.case))
        flipped.append(_Flips(metric=name, flipped=tuple(flips)))
    rows = [_turned(row, turns) for row in flip_rows(flipped, report, before, after)]
    slices = {plain(name): report.cases[name].slices for name in {flip.case for it in flipped for flip in it.flipped}}
    cases = [
        ChangedCase(
            row=row,
            slices=tuple(plain(name) for name in slices[row.case]),
            steady=tuple(m.metric for m in row.metrics if (row.case, m.metric) in steady),
        )
        for row in rows
    ]
    order = list(Way)
    return tuple(sorted(cases, key=lambda case: (order.index(case.row.way), case.noisy)))


def _turned(row: FlipRow, turns: Mapping[tuple[str, str], int]) -> FlipRow:
    """The row with each metric's way by its condition: a value may have passed by falling."""
    metrics = [replace(m, conditional=True, worse=turns[row.case, m.metric] < 0) for m in row.metrics]
    return replace(row, metrics=tuple(sorted(metrics, key=lambda metric: not metric.worse)))
