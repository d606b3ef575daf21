"""A comparison on a terminal: what each metric says, the slices that say something else, the flips, what was left out.

Promises that no line is wider than the terminal; that a filter changes what is shown and no figure; and that whatever
could be taken for signal and is none says so in words.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console

from plimsoll.reports.compare_model import (
    ChangedCase,
    ChangeRow,
    Comparison,
    EquivalenceRow,
    FlipCount,
    Likeness,
    Measure,
    Side,
    Signal,
)
from plimsoll.reports.flip_model import Way
from plimsoll.reports.matrix import NAME_WIDTH, Line, Row, lay_out
from plimsoll.reports.printing import (
    FLIPS_SHOWN_BETTER,
    FLIPS_SHOWN_WORSE,
    SIDE_WIDTH,
    more,
    print_flip,
    print_notes,
    say,
    title,
)
from plimsoll.reports.text import NOTHING, clip, count, fold, interval, number

SLICES_SHOWN = 6
_LEAST_P = 0.001
_STYLES: dict[str, str] = {
    Signal.BETTER: "bold green",
    Signal.WORSE: "bold red",
    Likeness.EQUIVALENT: "bold green",
    Likeness.DIFFERENT: "bold red",
}
_SIGNAL = (Signal.BETTER, Signal.WORSE)


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a comparison is shown; no figure depends on it."""

    metrics: Collection[str] = ()
    """Only these; none is all."""
    slice: str | None = None
    """Instead of all cases."""

    def rows(self, rows: Iterable[ChangeRow]) -> list[ChangeRow]:
        """Those of its metrics."""
        return [row for row in rows if not self.metrics or row.metric in self.metrics]

    def cases(self, cases: Iterable[ChangedCase]) -> list[ChangedCase]:
        """Those of its slice that flipped by its metrics."""
        return [
            case
            for case in cases
            if (self.slice is None or self.slice in case.slices)
            and (not self.metrics or any(metric.metric in self.metrics for metric in case.row.metrics))
        ]


def render_compare(comparison: Comparison, console: Console, shown: Shown | None = None) -> None:
    """Both sides of every metric, the paired difference, what it says, and the cases that flipped."""
    wanted = shown or Shown()
    rows = wanted.rows(comparison.rows if wanted.slice is None else comparison.of_slice(wanted.slice))
    _print_head(comparison, wanted, console)
    if not rows:
        say(console, "no case has a value on both sides", "red")
    for table in lay_out([_row(row) for row in rows], _columns(comparison), console.width):
        console.print()
        console.print(table)
    _print_legend(rows, comparison, wanted, console)
    _print_equivalence(wanted.rows(comparison.rows), "" if wanted.slice is None else ", over all cases", console)
    if wanted.slice is None:
        _print_slices(comparison, wanted, console)
    _print_flips(comparison, wanted, console)
    print_notes(comparison.notes, console)


def _print_head(comparison: Comparison, shown: Shown, console: Console) -> None:
    before, after = comparison.before, comparison.after
    where = "" if shown.slice is None else f" on {shown.slice}"
    say(console, f"{after.name} against {before.name}{where}", "bold")
    runs = [f"run {after.run}"] if before.run == after.run else [f"run {before.run}", f"run {after.run}"]
    groups = f" in {count(comparison.groups, 'group')}" if comparison.groups else ""
    facts = [
        f"suite {comparison.suite}",
        *runs,
        count(comparison.cases, "case") + groups,
        *([f"{comparison.repeats} repeats"] if comparison.repeats > 1 else []),
        f"{comparison.confidence:.0%} intervals of paired differences",
    ]
    if comparison.answers.cells:
        facts.append(f"the same answer in {comparison.answers.same:,} of {count(comparison.answers.cells, 'cell')}")
    say(console, fold(facts, console.width), "dim")


def _columns(comparison: Comparison) -> list[str]:
    return [_short(comparison.before), _short(comparison.after), "difference", "flips", "says"]


def _short(side: Side) -> str:
    # Two long names would push the words that count out of sight; the head has them in full.
    return clip(side.name, 12)


def _row(row: ChangeRow, *, sliced: bool = False) -> Row:
    pairs = count(row.pairs, "pair")
    below = f"{clip(row.slice, NAME_WIDTH - len(pairs) - 2)}, {pairs}" if sliced and row.slice is not None else pairs
    titled: list[Line] = [(clip(row.metric, NAME_WIDTH), "bold"), (below, "dim")]
    if row.missing:
        titled.append((f"{row.missing:,} missing", "red"))
    unit = "" if row.unit == row.metric else row.unit
    labels = row.measure is Measure.LABELS
    figures: list[Line] = [(f"{row.changed:,} changed", "")] if labels else []
    if not labels and row.pairs:
        figures = [
            (number(row.difference, unit, signed=True, precise=True), "bold"),
            (interval(row.low, row.high, signed=True, precise=True), "dim"),
        ]
        if row.signal is Signal.NONE and row.detectable is not None:
            figures.append((f"sees from {number(row.detectable, precise=True)}", "dim"))
    return Row(
        tuple(titled),
        (
            ((number(row.before, unit), ""),),
            ((number(row.after, unit), ""),),
            tuple(figures) or ((NOTHING, "dim"),),
            _flip_lines(row.flips),
            _says(row),
        ),
    )


def _says(row: ChangeRow) -> tuple[Line, ...]:
    lines: list[Line] = [(row.signal.value, _STYLES.get(row.signal, ""))]
    if row.adjusted is not None:
        lines.append((f"p {_p(row.adjusted)}", "dim"))
    if row.opposite:
        lines.append(("opposite", "red"))
    return tuple(lines)


def _flip_lines(flips: FlipCount | None) -> tuple[Line, ...]:
    if flips is None:
        return ((NOTHING, "dim"),)
    if not flips.gained and not flips.lost:
        return (("none", "dim"),)
    lines: list[Line] = [
        (f"{flips.lost:,} lost", "red" if flips.lost else "dim"),
        (f"{flips.gained:,} gained", "green" if flips.gained else "dim"),
    ]
    if flips.steady_gained is not None and flips.steady_lost is not None:
        lines.append((f"{flips.steady_lost + flips.steady_gained:,} steady", "dim"))
    lines.append((f"p {_p(flips.p_value if flips.adjusted is None else flips.adjusted)}", "dim"))
    return tuple(lines)


def _p(value: float) -> str:
    return f"<{_LEAST_P}" if value < _LEAST_P else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _print_legend(rows: Sequence[ChangeRow], comparison: Comparison, shown: Shown, console: Console) -> None:
    tests = sum(row.tested for row in (comparison.rows if shown.slice is None else comparison.slices))
    over = f"{tests} metrics" if shown.slice is None else f"{tests} pairs of slice and metric"
    told = [f"says and p: corrected over {over} (Holm)"] if tests > 1 else []
    if any(row.flips is not None and (row.flips.gained or row.flips.lost) for row in rows):
        told.append("p under flips: do gains and losses balance (McNemar)?")
    if any(row.signal is Signal.NONE and row.detectable is not None for row in rows):
        told.append("sees from: the smallest difference that so many pairs show")
    if told:
        say(console, fold(told, console.width, "; "), "dim")
    _print_reasons([(row.metric, row.why) for row in rows if row.why and row.pairs], console)


def _print_reasons(reasons: Sequence[tuple[str, str]], console: Console) -> None:
    """Why something can't be told: metrics with the same reason together."""
    alike: dict[str, list[str]] = {}
    for metric, why in reasons:
        alike.setdefault(why, []).append(metric)
    for why, metrics in alike.items():
        say(console, f"{', '.join(metrics)}: {why}", "dim")


def _print_equivalence(rows: Sequence[ChangeRow], where: str, console: Console) -> None:
    asked = [(row, row.equivalence) for row in rows if row.equivalence is not None]
    if not asked:
        return
    title(console, f"Equivalent within ±{number(asked[0][1].margin, precise=True)}{where}?")
    table = [
        Row(
            ((clip(row.metric, NAME_WIDTH), "bold"),),
            (
                ((found.outcome.value, _STYLES.get(found.outcome, "bold yellow")),),
                ((interval(found.low, found.high, signed=True, precise=True), ""),),
                ((NOTHING if found.p_value is None else _p(found.p_value), ""),),
            ),
        )
        for row, found in asked
    ]
    for part in lay_out(table, ["", f"{asked[0][1].confidence:.0%} interval", "p"], console.width):
        console.print(part)
    _print_reasons([(row.metric, _why(found)) for row, found in asked if found.why], console)


def _why(found: EquivalenceRow) -> str:
    if found.more is None:
        return found.why
    return f"{found.why}; about {count(found.more, 'more case')} would decide, if they are like these"


def _print_slices(comparison: Comparison, shown: Shown, console: Console) -> None:
    every, telling = shown.rows(comparison.slices), shown.rows(comparison.telling)
    if not every:
        return
    whole = {row.metric: row.signal for row in comparison.rows}
    news = [row for row in telling if row.opposite or row.signal is not whole[row.metric]]
    names = ", ".join(dict.fromkeys(row.slice for row in every if row.slice is not None))
    tests = sum(row.tested for row in comparison.slices)
    if not tests:
        title(console, "By slice: too few cases in each to tell")
        say(console, fold([f"of {names}", "one in detail: --slice NAME"], console.width, "; "), "dim")
        return
    title(console, "By slice" if news else "By slice: none says otherwise than all cases")
    news.sort(key=lambda row: (not row.opposite, 1.0 if row.adjusted is None else row.adjusted))
    rows = [_row(row, sliced=True) for row in news[:SLICES_SHOWN]]
    for table in lay_out(rows, _columns(comparison), console.width):
        console.print(table)
    more(console, len(news) - SLICES_SHOWN, "row", "`--slice NAME` or `--json`")
    alike: dict[str, list[str]] = {}
    for row in telling:
        if row not in news:
            alike.setdefault(f"{row.metric} {row.signal}", []).append(row.slice or "")
    if alike:
        found = [f"{what} on {', '.join(slices)}" for what, slices in alike.items()]
        say(console, fold(["as over all cases:", *found], console.width, "  "))
    corrected = f"corrected over {count(tests, 'pair')} of slice and metric that have enough cases (Holm)"
    say(console, fold([f"of {names}", corrected, "one in detail: --slice NAME"], console.width, "; "), "dim")


def _print_flips(comparison: Comparison, shown: Shown, console: Console) -> None:
    cases = shown.cases(comparison.flips)
    if not cases:
        return
    names = (clip(comparison.before.name, SIDE_WIDTH), clip(comparison.after.name, SIDE_WIDTH))
    for way, noisy in itertools.product(Way, (False, True)):
        group = [case for case in cases if case.row.way is way and (case.noisy and comparison.repeats > 1) is noisy]
        if not group:
            continue
        which = "" if comparison.repeats == 1 else ", within the noise of repeats" if noisy else ", in every repeat"
        title(console, f"{way.capitalize()}{which} ({count(len(group), 'case')})")
        limit = FLIPS_SHOWN_BETTER if way is Way.BETTER else FLIPS_SHOWN_WORSE
        for case in group[:limit]:
            print_flip(case.row, names, console)
        more(console, len(group) - limit, "case", "`--json` lists all")
    console.print()
    say(console, _trust(comparison, cases), "dim")


def _trust(comparison: Comparison, cases: Sequence[ChangedCase]) -> str:
    if comparison.repeats == 1:
        return (
            "One answer a case: a single flip can't be told from chance, only their surplus can. Which flips are "
            f"steady: `plimsoll run {comparison.suite} --repeats 3`, then compare again."
        )
    steady = sum(not case.noisy for case in cases)
    return (
        f"{steady:,} of {count(len(cases), 'flipped case')} steady: all {comparison.repeats} repeats of either side "
        "agree. The others are within the noise of repeats."
    )
