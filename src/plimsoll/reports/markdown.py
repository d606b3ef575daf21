"""A verdict as Markdown, for the reviewer of a change: the decision and why in the first line, the evidence folded.

Promises that a model's text can't take over the comment: it stands in code blocks that it can't close, or inline with
every sign escaped that Markdown, HTML or a forge (mentions, issue numbers, links) gives meaning to; and that the whole
fits a forge's comment, saying what was left out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from plimsoll.reports.model import Figure, FlipRow, MetricRow, OverAll, RuleRow, TargetRow, VerdictSection, View
from plimsoll.reports.phrases import (
    baseline_text,
    coverage_text,
    estimate_text,
    failing_text,
    flip_groups,
    flip_text,
    over_all_text,
)
from plimsoll.reports.text import NOTHING, clip, count, interval, number, one_line, seconds

SIZE_LIMIT = 60_000
"""Characters; GitHub takes 65,536 in a comment."""
FLIPS_SHOWN = 20
_ANSWER_LIMIT = 600
_MEANING = re.compile(
    r"(?P<html>[<>&])"
    r"|(?P<sign>[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"
    # A backslash does not stop a forge from seeing a mention, an issue's number or an address; a comment does.
    r"|(?P<reference>[@#]|:(?=//)|\bwww(?=\.)|\bGH(?=-\d))",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?P<sign>[-+=])|(?P<reference>\d+(?=[.)](?:\s|$)))")
"""What makes a list or a heading of a line that it begins."""


def render_markdown(view: View) -> str:
    """Every verdict of the view, one after the other; without a verdict, how the targets did."""
    shown = FLIPS_SHOWN
    while True:
        text = "\n".join(_document(view, shown)).rstrip() + "\n"
        if len(text) <= SIZE_LIMIT:
            return text
        if shown == 0:
            cut = text[: text.rfind("\n", 0, SIZE_LIMIT - 100)]
            return f"{cut}\n\nThe rest is too long for a comment; see the HTML report.\n"
        shown //= 2


def escape(text: str) -> str:
    """`text` on one line, meaning only itself in Markdown, in a table, and on a forge; not at a line's start."""
    return _MEANING.sub(_escaped, one_line(text))


def escape_line(text: str) -> str:
    """`text` as a line, or a list's item, of its own."""
    line = one_line(text)
    opening = _OPENING.match(line)
    # Not `escape`, which would cut the space after the opening.
    return _escaped(opening) + _MEANING.sub(_escaped, line[opening.end() :]) if opening else escape(line)


def _escaped(match: re.Match[str]) -> str:
    if match.lastgroup == "html":
        return html.escape(match[0])
    return f"\\{match[0]}" if match.lastgroup == "sign" else f"{match[0]}<!-- -->"


def fenced(text: str) -> str:
    """`text` in a code block with a fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _document(view: View, flips_shown: int) -> Iterator[str]:
    if not view.verdicts:
        yield from _no_verdict(view)
    for section in view.verdicts:
        yield from _section(section, view, flips_shown)
    yield from _notes(view.notes)
    yield from _commands(view)


def _section(section: VerdictSection, view: View, flips_shown: int) -> Iterator[str]:
    why = f": {escape(section.reasons[0])}" if section.reasons else ""
    yield f"**{section.outcome.upper()}** {escape(section.suite)}: {escape(section.headline.split(':')[0])}{why}"
    yield ""
    for reason in section.reasons[1:]:
        yield f"- {escape_line(reason)}"
    if section.reasons[1:]:
        yield ""
    yield from _rules(section.rules)
    yield from _flips(section, flips_shown)
    for rule in section.not_applied:
        yield f"- not applied, since there is no champion yet: {escape(rule)}"
    if section.not_applied:
        yield ""
    told = f"{escape(baseline_text(section))}; {section.levels}; {_coverage(view)}"
    told += f"; {_dollars(view.header.cost)} spent on models" if view.header.cost else ""
    yield f"Run `{_code(section.run)}`; {told}."
    yield ""


def _coverage(view: View) -> str:
    told = f"{count(view.header.cases, 'case')}, {coverage_text(view.header)}"
    return told if view.header.whole else f"**{view.header.state}**: {told}"


def _rules(rules: Sequence[RuleRow]) -> Iterator[str]:
    yield "| outcome | metric | rule | estimate | n | missing | detectable | why |"
    yield "|---|---|---|---|--:|--:|--:|---|"
    for rule in rules:
        metric = escape(rule.metric) + (f" on {escape(rule.slice)}" if rule.slice else "")
        failing = failing_text(rule)
        why = escape(rule.reason) + (f"; {escape(failing)}" if failing else "")
        cells = [
            f"**{rule.outcome}**" if rule.outcome != "pass" else rule.outcome.value,
            metric,
            escape(rule.rule),
            estimate_text(rule),
            f"{rule.n:,}",
            f"{rule.missing:,}",
            number(rule.detectable, rule.unit, precise=True),
            why,
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _flips(section: VerdictSection, shown: int) -> Iterator[str]:
    for group in flip_groups(section.flips):
        told = f"{count(len(group.rows), 'case')} {group.title}"
        told += f", showing {shown}" if shown < len(group.rows) else ""
        yield f"<details><summary>{told}</summary>"
        yield ""
        for flip in group.rows[:shown]:
            yield from _flip(flip, section.target)
        yield "</details>"
        yield ""


def _flip(flip: FlipRow, after: str) -> Iterator[str]:
    yield f"`{_code(flip.case)}`: {escape(flip_text(flip))}"
    yield ""
    for name, text in (("case", flip.short), ("expected", flip.expected)):
        if text:
            yield f"{name}:\n{fenced(clip(text, _ANSWER_LIMIT))}"
    for name, answer in (("baseline", flip.before), (after, flip.after)):
        told = escape_line(name)
        yield f"{told}: not at hand" if answer is None else f"{told}:\n{fenced(clip(answer, _ANSWER_LIMIT))}"
    yield ""


def _no_verdict(view: View) -> Iterator[str]:
    header = view.header
    yield f"{escape_line(header.suite)}: {_coverage(view)}, in {seconds(header.seconds)}; no gate was asked"
    yield ""
    yield f"| metric | {' | '.join(escape(target.name) for target in view.targets)} |"
    yield f"|---|{'---|' * len(view.targets)}"
    yield f"| answers | {' | '.join(_answered(target) for target in view.targets)} |"
    yield from _costs(view.targets)
    for row in view.metrics:
        cells = [_figure(row, figure) for figure in row.figures]
        yield f"| {escape(row.name)} | {' | '.join(cells)} |"
    for over_all in view.aggregates:
        cells = [_over_all(figure) for figure in over_all.figures]
        yield f"| {escape(over_all.name)}, over all cells | {' | '.join(cells)} |"
    yield ""


def _over_all(figure: OverAll | None) -> str:
    if figure is None:
        return NOTHING
    none = f"{'no value' if figure.applies else NOTHING}: {escape(figure.why)}"
    told = number(figure.value, precise=True) if figure.value is not None else none
    return f"{told} ({over_all_text(figure)})"


def _costs(targets: Sequence[TargetRow]) -> Iterator[str]:
    if not any(target.cost or target.judge_cost for target in targets):
        return
    yield f"| cost of the answers | {' | '.join(_dollars(target.cost) for target in targets)} |"
    if any(target.judge_cost != 0 for target in targets):
        yield f"| cost of judging | {' | '.join(_dollars(target.judge_cost) for target in targets)} |"


def _dollars(cost: float | None) -> str:
    return "unknown" if cost is None else number(cost, "USD")


def _figure(row: MetricRow, figure: Figure) -> str:
    missing = f", {figure.lacking:,} missing" if figure.lacking else ""
    if figure.labels:
        return ", ".join(f"{escape(label)} {amount:,}" for label, amount in figure.labels) + missing
    if figure.mean is None:
        return f"no value{missing}"
    return f"{number(figure.mean, row.unit)} ({interval(figure.low, figure.high)}){missing}"


def _answered(target: TargetRow) -> str:
    return f"{target.answered:,} of {target.planned:,}"


def _notes(notes: Sequence[str]) -> Iterator[str]:
    for note in notes:
        yield f"- {escape_line(note)}"
    if notes:
        yield ""


def _commands(view: View) -> Iterator[str]:
    if view.commands:
        yield "<details><summary>How to reproduce</summary>"
        yield ""
        yield fenced("\n".join(view.commands)).replace("text\n", "sh\n", 1)
        yield ""
        yield "</details>"


def _code(text: str) -> str:
    """For a code span: the one sign that could end it, and what would end a table's cell, replaced."""
    return one_line(text).replace("`", "'").replace("|", "¦")
