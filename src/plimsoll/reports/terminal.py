"""A run, a verdict and a list of mistakes on a terminal of any width, with or without colour.

Promises that a reader sees first whether it is good, bad or incomplete; that words carry every meaning and colour only
repeats it; and that nothing in a model's text reaches the terminal as a command (texts of the view are plain, and
are printed as they are, never as markup).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from plimsoll.errors import Mistake, PlimsollError
from plimsoll.reports.changes import RunChanges, TargetChange
from plimsoll.reports.flip_model import FlipRow
from plimsoll.reports.matrix import aggregate_tables, metric_tables, slice_tables
from plimsoll.reports.model import FailureGroup, Header, RuleRow, VerdictSection, View
from plimsoll.reports.phrases import (
    BAD,
    baseline_text,
    change_text,
    compare_command,
    coverage_text,
    estimate_text,
    facts_beside,
    failing_text,
    flip_groups,
    rule_figures,
    who,
    why_texts,
)
from plimsoll.reports.printing import (
    FLIPS_SHOWN_BETTER,
    FLIPS_SHOWN_WORSE,
    SIDE_WIDTH,
    indented,
    more,
    print_flip,
    print_notes,
    say,
    title,
)
from plimsoll.reports.slices import telling_rows
from plimsoll.reports.text import clip, count, fold, number, plain, seconds
from plimsoll.types import Decision

CASES_SHOWN = 5
_OUTCOME_STYLES = {
    Decision.PASS: "bold green",
    Decision.FAIL: "bold red",
    Decision.INCONCLUSIVE: "bold yellow",
}
_OUTCOME_WIDTH = max(len(outcome) for outcome in Decision)


def render_run(view: View, console: Console) -> None:
    """What ran, how every target did, what failed, and the worst cases."""
    _print_header(view.header, console)
    for table in metric_tables(view, console.width):
        console.print()
        console.print(table)
    _print_legend(view, console)
    _print_aggregates(view, console)
    _print_slices(view, console)
    _print_failures(view.failures, console)
    _print_cases(view, console)
    print_notes(view.notes, console)


def render_verdict(view: View, console: Console, *, notes: bool = True) -> None:
    """Each gate's decision with its reasons, its rules, and the cases that flipped; the view's notes where asked."""
    for place, section in enumerate(view.verdicts):
        if place:
            console.print()
        _print_section(section, console)
    if notes:
        print_notes(view.notes, console)


def render_changes(changes: RunChanges, console: Console) -> None:
    """What flipped since the run before, target by target, with both answers; that nothing flipped is said too."""
    for target in changes.targets:
        console.print()
        console.print(Text.assemble((target.target, "bold"), ": ", Text(", ").join(_changed(target))))
        means = [change_text(metric) for metric in target.metrics]
        if means:
            indented(console, Text(fold(means, console.width - 2), style="dim"))
        hidden = target.worse + target.better
        for group in flip_groups(target.flips):
            shown = group.rows[: FLIPS_SHOWN_WORSE if group.worse else FLIPS_SHOWN_BETTER]
            hidden -= len(shown)
            for flip in shown:
                print_flip(flip, ("before", "after"), console, style="red" if group.worse else "green")
        more(console, hidden, "flipped cell", compare_command(changes, target.target))


def _changed(target: TargetChange) -> Iterator[Text]:
    if target.new:
        yield Text("new, so nothing to hold it against")
        return
    if not target.worse and not target.better:
        yield Text("nothing flipped")
    if target.worse:
        yield Text(f"{count(target.worse, 'cell')} flipped for the worse", style="red")
    if target.better:
        yield Text(f"{count(target.better, 'cell')} flipped for the better", style="green")
    for amount, words in (
        (target.answers, f"{count(target.answers, 'answer')} changed"),
        (target.lost, f"{count(target.lost, 'answer')} lost to a failure"),
        (target.won, f"{count(target.won, 'answer')} where there was none"),
    ):
        if amount:
            yield Text(words)


def render_mistakes(error: PlimsollError, console: Console) -> None:
    """Every mistake with its place and its remedy."""
    mistakes = error.mistakes
    if len(mistakes) == 1 and mistakes[0].where is None:
        say(console, f"error: {plain(mistakes[0].message)}", "bold red")
        _print_remedy(mistakes[0], console)
        return
    say(console, "error" if len(mistakes) == 1 else f"error: {count(len(mistakes), 'mistake')}", "bold red")
    for mistake in mistakes:
        if mistake.where:
            # Never wrapped: terminals and editors make a link of it.
            console.print(Text(plain(str(mistake.where)), style="bold"), soft_wrap=True)
        indented(console, Text(plain(mistake.message)))
        _print_remedy(mistake, console)


def _print_remedy(mistake: Mistake, console: Console) -> None:
    if mistake.remedy:
        indented(console, Text.assemble(("help: ", "green"), plain(mistake.remedy)))


def _print_header(header: Header, console: Console) -> None:
    console.print(Text.assemble((header.suite, "bold"), f"  run {header.run}"))
    word = header.state if header.whole else header.state.upper()
    say(console, f"{word}: {coverage_text(header)}", "green" if header.whole else "bold red")
    facts = [
        f"{count(header.cases, 'case')} of {header.dataset} ({header.dataset_digest})",
        *([f"{header.repeats} repeats"] if header.repeats > 1 else []),
        count(header.requests, "request"),
        *([number(header.cost, "USD")] if header.cost else []),
        *([f"{header.cached:,} cached"] if header.cached else []),
        seconds(header.seconds),
        *([f"commit {header.commit}{' with changes' if header.dirty else ''}"] if header.commit else []),
    ]
    say(console, fold(facts, console.width), "dim")


def _print_legend(view: View, console: Console) -> None:
    told = [f"each mean with its {view.confidence:.0%} interval"]
    if any(figure.best for row in view.metrics for figure in row.figures):
        told.append("best: its interval lies clear of all others")
    if any(row.judged for row in view.metrics):
        told.append("judged: a model gave the score")
    say(console, "; ".join(told), "dim")


def _print_aggregates(view: View, console: Console) -> None:
    if not view.aggregates:
        return
    title(console, "Over all cells")
    for table in aggregate_tables(view, console.width):
        console.print(table)
    for row in view.aggregates:
        for figure in row.figures:
            if figure is not None and figure.why:
                style = "red" if figure.applies else "dim"
                indented(console, Text(f"{row.name}, {figure.target}: {figure.why}", style=style))


def _print_slices(view: View, console: Console) -> None:
    found = telling_rows(view)
    if not found.rows and not found.hidden:
        return
    title(console, found.title)
    for place, table in enumerate(slice_tables(view, found.rows, console.width)):
        if place:
            console.print()
        console.print(table)
    more(console, found.hidden, "row")


def _print_failures(groups: Sequence[FailureGroup], console: Console) -> None:
    if not groups:
        return
    title(console, f"Failures ({sum(group.count for group in groups):,})")
    for group in groups:
        where = "no answer" if group.of == "answer" else f"no {group.of}"
        targets = ", ".join(f"{name} {amount:,}" if len(group.targets) > 1 else name for name, amount in group.targets)
        console.print(Text.assemble((f"{group.count:,} × {where}: {group.kind}", "red"), f" ({targets})"))
        for cell, message in group.examples[:1]:
            indented(console, Text(clip(f"e.g. {cell}: {message}", 2 * console.width - 20)))
        indented(console, Text.assemble(("help: ", "green"), group.remedy))


def _print_cases(view: View, console: Console) -> None:
    bad = sum(view.standings[standing] for standing in BAD)
    if not bad:
        return
    title(console, f"Cases that did not pass ({bad:,} of {len(view.cases):,}), worst first")
    for case in view.cases[: min(bad, CASES_SHOWN)]:
        line = Text.assemble((case.id, "bold"), f"  {case.short}")
        console.print(line, no_wrap=True, overflow="ellipsis")
        indented(console, Text(who(case), style="red"))
    more(console, bad - CASES_SHOWN, "case")


def _print_section(section: VerdictSection, console: Console) -> None:
    style = "bold red" if section.problem else _OUTCOME_STYLES[section.outcome]
    head = _beside(console)
    head.add_row(Text(section.word, style=style), Text(section.headline, style="bold"))
    for reason in why_texts(section):
        head.add_row("", Text(reason))
    facts = [
        f"suite {section.suite}",
        f"run {section.run}",
        baseline_text(section),
        section.levels,
        *([section.course] if section.course else []),
    ]
    head.add_row("", Text(fold(facts, console.width - _OUTCOME_WIDTH - 2), style="dim"))
    console.print(head)
    title(console, "Rules")
    rules = _beside(console)
    for rule in section.rules:
        rules.add_row(
            Text(rule.outcome, style=_OUTCOME_STYLES[rule.outcome]),
            _rule(rule, console.width - _OUTCOME_WIDTH - 2, tell=rule in section.telling),
        )
    for rule_text in section.not_applied:
        rules.add_row("not applied", Text(f"{rule_text}: there is no champion yet"))
    console.print(rules)
    _print_flips(section.flips, section.target, console)


def _rule(rule: RuleRow, width: int, *, tell: bool) -> Text:
    lines = [Text.assemble((rule.metric, "bold"), rule.name.removeprefix(rule.metric))]
    if rule.outcome is Decision.PASS and rule.estimate is not None:
        # What passed needs no sentence.
        lines.append(Text(fold([estimate_text(rule), *rule_figures(rule)], width)))
    else:
        # The reason names the estimate, its interval and what it rests on.
        reason = rule.reason if tell or rule.outcome is Decision.PASS else ""
        lines += [Text(reason), Text(fold(facts_beside(rule), width), style="dim")]
    lines.append(Text(failing_text(rule), style="red"))
    return Text("\n").join(line for line in lines if line)


def _print_flips(flips: Sequence[FlipRow], after: str, console: Console) -> None:
    for group in flip_groups(flips):
        title(console, f"{group.title.capitalize()} ({count(len(group.rows), 'case')})")
        shown = FLIPS_SHOWN_WORSE if group.worse else FLIPS_SHOWN_BETTER
        for flip in group.rows[:shown]:
            print_flip(flip, ("baseline", clip(after, SIDE_WIDTH)), console)
        more(console, len(group.rows) - shown, "case")


def _beside(console: Console) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=_OUTCOME_WIDTH)
    grid.add_column(max_width=max(console.width - _OUTCOME_WIDTH - 2, 20))
    return grid
