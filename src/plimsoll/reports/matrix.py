"""The terminal's tables of something × target, laid out so that no line is ever wrapped by accident.

A metric's cell is the mean with its interval on one line where the width allows, else on two; targets that still don't
fit go to a further table below. Words carry every meaning; colour only repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from plimsoll.reports.model import Figure, MetricRow, OverAll, SliceTable, TargetRow, View
from plimsoll.reports.text import NOTHING, clip, interval, number

NAME_WIDTH = 26
_GAP = 2
_LEAST_LIMIT = 0.01
_LABELS = 3

Line = tuple[str, str]
"""Text and style."""


@dataclass(frozen=True, slots=True)
class Row:
    """A name and one cell for each target; each a few short lines."""

    name: tuple[Line, ...]
    cells: tuple[tuple[Line, ...], ...]


def metric_tables(view: View, width: int) -> list[Table]:
    """Answers and every metric of every target."""
    names = [target.name for target in view.targets]
    wide = _metric_rows(view, stacked=False)
    rows = wide if sum(_widths(wide, names)) <= width else _metric_rows(view, stacked=True)
    return lay_out(rows, names, width)


def aggregate_tables(view: View, width: int) -> list[Table]:
    """Each figure over all cells, with how many cells it rests on."""
    rows = [
        Row(((clip(row.name, 2 * NAME_WIDTH), "bold"),), tuple(_over_all(figure) for figure in row.figures))
        for row in view.aggregates
    ]
    return lay_out(rows, [target.name for target in view.targets], width)


def _over_all(figure: OverAll | None) -> tuple[Line, ...]:
    if figure is None:
        return ((NOTHING, "dim"),)
    none = ("no value", "red") if figure.applies else (NOTHING, "dim")
    value = none if figure.value is None else (number(figure.value, precise=True), "")
    holes: list[Line] = [(f"{figure.failed:,} failed", "red" if figure.failed else "dim")]
    return (value, (f"{figure.ok:,} ok", "dim"), *holes, (f"{figure.skipped:,} skipped", "dim"))


def slice_tables(view: View, slices: Sequence[tuple[SliceTable, MetricRow]], width: int) -> list[Table]:
    """The mean of each metric given, in its slice."""
    rows = [
        Row(
            ((clip(f"{table.name}: {metric.name}", 2 * NAME_WIDTH), ""),),
            tuple(_slice_figure(metric, figure) for figure in metric.figures),
        )
        for table, metric in slices
    ]
    return lay_out(rows, [target.name for target in view.targets], width)


def lay_out(rows: Sequence[Row], names: Sequence[str], width: int) -> list[Table]:
    """Tables of `rows`, none wider than `width`, with as many targets side by side as fit; without a row none."""
    if not rows:
        return []
    first, *others = _widths(rows, names)
    return [_table(rows, names, panel) for panel in _panels(others, width - first)]


def _metric_rows(view: View, *, stacked: bool) -> list[Row]:
    answers = Row((("answers", "bold"),), tuple(_answered(target) for target in view.targets))
    costs = [Row((("cost, in all", "bold"),), tuple(_cost(target) for target in view.targets))]
    known = any(target.cost or target.judge_cost for target in view.targets)
    return [answers, *(costs if known else []), *(_metric_row(view, row, stacked=stacked) for row in view.metrics)]


def _metric_row(view: View, row: MetricRow, *, stacked: bool) -> Row:
    lower = not row.higher_is_better and row.kind != "label"
    hints = [*(["judged"] if row.judged else []), *(["lower is better"] if lower and not row.derived else [])]
    if unit_apart(row) and not row.derived:
        hints = [", ".join([row.unit, *hints])]
    name: tuple[Line, ...] = ((clip(row.name, NAME_WIDTH), "bold"), *((hint, "dim") for hint in hints))
    return Row(name, tuple(_figure(row, figure, view.header.cases, stacked=stacked) for figure in row.figures))


def unit_apart(row: MetricRow) -> bool:
    """Whether the unit stands under the metric's name, where it widens no column; not if the name says it."""
    return row.unit not in ("", "USD", row.name)


def _answered(target: TargetRow) -> tuple[Line, ...]:
    whole = target.answered == target.planned
    lines: list[Line] = [(f"{target.answered:,} of {target.planned:,}", "" if whole else "bold red")]
    if target.failed:
        lines.append((f"{target.failed:,} failed", "red"))
    if target.not_run:
        lines.append((f"{target.not_run:,} not run", "red"))
    return tuple(lines)


def _cost(target: TargetRow) -> tuple[Line, ...]:
    answers = "unknown" if target.cost is None else number(target.cost, "USD")
    lines: list[Line] = [(answers, "")]
    if target.judge_cost is None:
        lines.append(("judges unknown", "dim"))
    elif target.judge_cost:
        lines.append((f"judges {number(target.judge_cost, 'USD')}", "dim"))
    return tuple(lines)


def _figure(row: MetricRow, figure: Figure, cases: int, *, stacked: bool) -> tuple[Line, ...]:
    lines: list[Line] = []
    if figure.labels:
        lines += [(f"{clip(label, 12)} {amount:,}", "") for label, amount in figure.labels[:_LABELS]]
        more = len(figure.labels) - _LABELS
        lines += [(f"{more:,} more", "dim")] if more > 0 else []
    elif figure.mean is None:
        lines.append(("no value", "red" if figure.lacking else "dim"))
    else:
        best = " best" if figure.best else ""
        unit = row.unit if row.derived or row.unit == "USD" else ""
        mean, style = number(figure.mean, unit) + best, "bold green" if figure.best else "bold"
        # A lower limit that is rounded down is one still, and five targets fit side by side.
        tiny = figure.low is not None and 0 < figure.low < _LEAST_LIMIT and row.unit != "USD"
        low = 0.0 if tiny else figure.low
        limits = interval(low, figure.high)
        if row.derived:
            # Its interval is wide and seldom asked for: a rule on it tells it, and so does the HTML report.
            lines.append((mean, style))
        else:
            lines += [(mean, style), (limits, "dim")] if stacked else [(f"{mean}  {limits}", style)]
    if row.derived:
        return tuple(lines)
    if figure.lacking:
        lines.append((f"{figure.lacking:,} missing", "red"))
    if 0 < figure.n < cases:
        lines.append((f"n {figure.n:,}", "dim"))
    return tuple(lines)


def _slice_figure(metric: MetricRow, figure: Figure) -> tuple[Line, ...]:
    missing = f" ({figure.lacking:,} missing)" if figure.lacking else ""
    mean = "no value" if figure.mean is None else number(figure.mean, metric.unit)
    return ((mean + missing, "red" if missing else ""),)


def _widths(rows: Sequence[Row], names: Sequence[str]) -> list[int]:
    """The width of the first column, then of each target's with the gap before it."""
    first = max((len(text) for row in rows for text, _ in row.name), default=0)
    columns = [
        max(len(clip(name, NAME_WIDTH)), *(len(text) for row in rows for text, _ in row.cells[place]))
        for place, name in enumerate(names)
    ]
    return [first, *(width + _GAP for width in columns)]


def _panels(widths: Sequence[int], room: int) -> list[range]:
    """Consecutive columns that fit side by side; at least one in each panel, and about as many in each."""
    widest = _filled(widths, room, len(widths))
    even = _filled(widths, room, math.ceil(len(widths) / max(len(widest), 1)))
    return even if len(even) == len(widest) else widest


def _filled(widths: Sequence[int], room: int, most: int) -> list[range]:
    panels: list[range] = []
    start, used = 0, 0
    for place, width in enumerate(widths):
        if place > start and (used + width > room or place - start == most):
            panels.append(range(start, place))
            start, used = place, 0
        used += width
    return [*panels, range(start, len(widths))]


def _table(rows: Sequence[Row], names: Sequence[str], panel: range) -> Table:
    # The box's own divider is one column of the gap.
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    table.add_column("", no_wrap=True)
    for place in panel:
        table.add_column(Text(clip(names[place], NAME_WIDTH)), no_wrap=True)
    for row in rows:
        table.add_row(_lines(row.name), *(_lines(row.cells[place]) for place in panel))
    return table


def _lines(lines: Sequence[Line]) -> Text:
    return Text("\n").join(Text(text, style=style) for text, style in lines)
