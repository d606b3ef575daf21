"""The parts of the comment over one suite: rules, what is missing, the prompt's difference, flips, cost, the way back.

Each block is whole in itself: what it folds or fences ends within it, so that any of them may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from plimsoll.errors import Mistake
from plimsoll.reports.diffs import Difference, Part
from plimsoll.reports.flip_model import FlipRow
from plimsoll.reports.markdown_text import code, escape, escape_line, fenced, in_html, verbatim
from plimsoll.reports.missing import alike, missing_cells
from plimsoll.reports.model import Figure, RuleRow, VerdictSection, View
from plimsoll.reports.phrases import (
    baseline_text,
    coverage_text,
    difference_text,
    flip_groups,
    flip_text,
    why_text,
)
from plimsoll.reports.review import Review
from plimsoll.reports.spent import Spent
from plimsoll.reports.text import NOTHING, clip, count, number, one_line, some
from plimsoll.reports.verdicts import DECIDING
from plimsoll.types import Decision


class Detail(NamedTuple):
    """How much is shown: most of it first, until the comment fits."""

    flips: int
    """Cases of each way to change."""
    answer: int
    """Characters of an answer."""
    lines: int
    """Of a file's difference."""
    rules: int
    named: int
    """Cases that something is missing of, notes, reasons, mistakes."""
    reason: int
    """Characters of a rule's reason."""


DETAILS = (
    Detail(flips=20, answer=600, lines=200, rules=200, named=50, reason=600),
    Detail(flips=10, answer=400, lines=100, rules=100, named=20, reason=400),
    Detail(flips=5, answer=300, lines=60, rules=50, named=10, reason=300),
    Detail(flips=3, answer=150, lines=20, rules=30, named=5, reason=200),
    Detail(flips=0, answer=0, lines=0, rules=20, named=3, reason=120),
    Detail(flips=0, answer=0, lines=0, rules=5, named=1, reason=60),
)
_NAMED_AT_ONCE = 5
"""Cases in a folded part's title."""
_NOTES_OPEN = 3
"""Notes that are not folded."""


def review_blocks(review: Review, detail: Detail) -> Iterator[str]:
    """What follows a suite's first line."""
    section, view = review.section, review.view
    if not review.as_decided or section is None:
        yield from _problems(review, detail)
    if view is None or section is None:
        yield from _again(review.again, ())
        return
    yield from _list(section.reasons[1:], detail)
    yield from _rules(section, detail)
    yield from _not_applied(section, detail)
    yield _measured(section, view)
    yield from _missing(section, view, detail)
    if review.difference is not None:
        yield from _difference(review.difference, detail)
    yield from _flips(section, detail)
    yield from _spent(section)
    yield from _notes(view.notes, detail)
    yield from _again(review.again, view.commands)


def _problems(review: Review, detail: Detail) -> Iterator[str]:
    """All that the first line has no room for."""
    shown = review.problems[: detail.named]
    if len(review.problems) > 1 or any(problem.where or problem.remedy for problem in shown):
        yield _items([_problem(problem, detail) for problem in shown], len(review.problems))
    if review.section is not None:
        section = review.section
        why = f": {escape(clip(section.reasons[0], detail.reason))}" if section.reasons else ""
        yield f"By the rules alone it is **{section.outcome}**{why}"


def _problem(problem: Mistake, detail: Detail) -> str:
    place = f"`{code(str(problem.where))}`: " if problem.where else ""
    # Each cut by itself: what to do is not to be lost behind a long message.
    short = replace(
        problem,
        message=clip(problem.message, detail.reason),
        remedy=problem.remedy and clip(problem.remedy, detail.reason),
    )
    return f"{place}{escape_line(short.told)}"


def _list(lines: Sequence[str], detail: Detail) -> Iterator[str]:
    if lines:
        yield _items([escape_line(clip(line, detail.reason)) for line in lines[: detail.named]], len(lines))


def _items(shown: Sequence[str], of: int) -> str:
    """A list's items, and how many more there are."""
    left = of - len(shown)
    return "\n".join(f"- {item}" for item in [*shown, *([f"and {left:,} more"] if left else [])])


def _rules(section: VerdictSection, detail: Detail) -> Iterator[str]:
    if not section.rules:
        return
    baseline = escape(clip(section.baseline, 60)) if section.baseline else "no baseline"
    lines = [
        f"| metric | {baseline} | {escape(section.target)} | difference | rule | cases | result |",
        "|---|--:|--:|--:|---|--:|---|",
    ]
    # Where not all are shown, those that decided.
    left = sorted(section.rules, key=lambda rule: DECIDING[rule.outcome])[detail.rules :]
    lines += [_rule(rule) for rule in section.rules if rule not in left]
    yield "\n".join(lines)
    if left:
        told = ", ".join(
            f"{amount:,} {outcome}"
            for outcome in dict.fromkeys(rule.outcome for rule in left)
            if (amount := sum(rule.outcome is outcome for rule in left))
        )
        yield f"{count(len(left), 'further rule')} left out: {told}; see the HTML report."
    found: dict[str, list[str]] = {}
    for rule in section.telling:
        found.setdefault(why_text(rule), []).append(rule.name)
    yield from _list([f"{'; '.join(names)}: {why}" for why, names in found.items()], detail)


def _rule(rule: RuleRow) -> str:
    own = not rule.relative and rule.estimate is not None
    cells = [
        escape(rule.metric) + (f" on {escape(rule.slice)}" if rule.slice else ""),
        _side(rule, rule.before),
        _two_lines(difference_text(rule)) if own else _side(rule, rule.after),
        _two_lines(difference_text(rule)) if rule.relative else NOTHING,
        escape(rule.rule),
        f"{rule.n:,}" + (f", {rule.missing:,} missing" if rule.missing else ""),
        f"**{rule.outcome}**" if rule.outcome is not Decision.PASS else rule.outcome.value,
    ]
    return f"| {' | '.join(cells)} |"


def _two_lines(figure: str) -> str:
    """A figure over its interval, which is kept on one line."""
    value, _, limits = figure.partition(" (")
    together = limits.removesuffix(")").replace("–", " to ").replace(" ", "&nbsp;")
    return f"{value.replace(' ', '&nbsp;')}<br>({together})" if limits else value


def _side(rule: RuleRow, figure: Figure | None) -> str:
    if figure is None:
        return NOTHING
    return "no value" if figure.mean is None else number(figure.mean, rule.unit, precise=True).replace(" ", "&nbsp;")


def _not_applied(section: VerdictSection, detail: Detail) -> Iterator[str]:
    yield from _list([f"not applied, since there is no champion yet: {rule}" for rule in section.not_applied], detail)


def _measured(section: VerdictSection, view: View) -> str:
    told = f"{escape(baseline_text(section))}; {section.levels}; {_coverage(view)}"
    told += f"; {_dollars(view.header.cost)} spent on models" if view.header.cost else ""
    return f"Run `{code(section.run)}`; {told}."


def _coverage(view: View) -> str:
    told = f"{count(view.header.cases, 'case')}, {coverage_text(view.header)}"
    return told if view.header.whole else f"**{view.header.state}**: {told}"


def _missing(section: VerdictSection, view: View, detail: Detail) -> Iterator[str]:
    lines = [
        *_some_cases("gone since the baseline, and counted as missing", section.gone, detail),
        *_some_cases("quarantined, and not counted", section.quarantined, detail),
    ]
    cells = [] if view.header.whole else missing_cells(view)
    reasons = alike(cells)
    lines += [
        f"{_named(found.cases)} on {escape(some(found.targets, _NAMED_AT_ONCE))}: "
        f"{escape(clip(found.what, detail.reason))}"
        for found in reasons[: detail.named]
    ]
    if len(reasons) > detail.named:
        lines.append(f"and {count(len(reasons) - detail.named, 'other reason')}; see the HTML report")
    if lines:
        counted = [
            count(len(section.gone), "case") + " gone" if section.gone else "",
            count(len(cells), "cell") + " without an answer or a score" if cells else "",
            count(len(section.quarantined), "case") + " quarantined" if section.quarantined else "",
        ]
        yield folded(f"What is missing: {', '.join(filter(None, counted))}", _items(lines, len(lines)))


def _some_cases(what: str, cases: Sequence[str], detail: Detail) -> Iterator[str]:
    if cases:
        yield f"{what}: {_named(cases, detail.named)}"


def _named(cases: Sequence[str], most: int = _NAMED_AT_ONCE) -> str:
    return some([f"`{code(case)}`" for case in cases], most)


def _difference(found: Difference, detail: Detail) -> Iterator[str]:
    if found.unknown:
        yield f"What was changed of the target can't be shown: {escape(found.unknown)}"
    elif not found.parts:
        yield "The challenger is the baseline, byte for byte: prompt, settings and models are the same."
    else:
        added, removed = (sum(getattr(part, name) for part in found.parts) for name in ("added", "removed"))
        title = f"What was changed: {', '.join(in_html(part.title) for part in found.parts)} (+{added:,} −{removed:,})"
        yield folded(title, "\n\n".join(_part(part, detail) for part in found.parts[: max(detail.named, 1)]))


def _part(part: Part, detail: Detail) -> str:
    title = f"`{code(part.title)}`"
    if not part.lines:
        return f"{title}: {escape(part.note)}"
    shown = part.lines[: detail.lines]
    left = len(part.lines) - len(shown)
    more = f"{count(left, 'further line')} left out" if left else ""
    if not shown:
        return f"{title}: {more}"
    return f"{title}\n\n{fenced(chr(10).join(shown), 'diff')}" + (f"\n\n{more}" if more else "")


def _flips(section: VerdictSection, detail: Detail) -> Iterator[str]:
    names = (section.baseline or "baseline", section.target)
    for group in flip_groups(section.flips):
        named = ", ".join(clip(flip.case, 60) for flip in group.rows[:_NAMED_AT_ONCE])
        named += ", …" if len(group.rows) > _NAMED_AT_ONCE else ""
        told = f"{count(len(group.rows), 'case')} {group.title}"
        if not detail.flips:
            yield f"{told}: {escape(named)}; see the HTML report."
            continue
        shown = f", showing {detail.flips}" if detail.flips < len(group.rows) else ""
        inside = "\n\n".join(flip_block(flip, names, detail.answer) for flip in group.rows[: detail.flips])
        yield folded(in_html(f"{told}{shown}: {one_line(named)}"), inside)


def flip_block(flip: FlipRow, names: tuple[str, str], limit: int) -> str:
    """A case that flipped, with both answers beside each other, in Markdown.

    Args:
        flip: The case.
        names: What both sides are called.
        limit: Characters of an answer.
    """
    rows = [
        f'<tr><td colspan="2">{name}: {verbatim(clip(text, limit))}</td></tr>'
        for name, text in (("case", flip.short), ("expected", flip.expected))
        if text
    ]
    answers = [
        "<em>not at hand</em>" if answer is None else verbatim(clip(answer, limit))
        for answer in (flip.before, flip.after)
    ]
    rows.append("<tr>" + "".join(f'<th align="left" width="50%">{in_html(name)}</th>' for name in names) + "</tr>")
    rows.append("<tr>" + "".join(f'<td valign="top">{answer}</td>' for answer in answers) + "</tr>")
    return f"`{code(flip.case)}`: {escape(flip_text(flip))}\n\n<table>\n" + "\n".join(rows) + "\n</table>"


def _spent(section: VerdictSection) -> Iterator[str]:
    if not section.spent:
        return
    names = [escape(side.target) for side in section.spent]
    both = len(names) > 1
    lines = [
        f"| cost and time | {' | '.join(names)} |{' change |' if both else ''}",
        f"|---|{'--:|' * (len(names) + both)}",
        f"| answers | {' | '.join(_answers(side) for side in section.spent)} |{' |' if both else ''}",
    ]
    for what, field, unit in (
        ("cost of the answers", "cost", "USD"),
        ("cost of judging", "judge_cost", "USD"),
        ("tokens", "tokens", ""),
        ("median time of an answer", "seconds", "s"),
    ):
        values = [getattr(side, field) for side in section.spent]
        # Where nothing judges, nothing was spent on it; but of money it is said that it is unknown.
        if field == "cost" or any(values) or (unit == "USD" and None in values):
            told = [number(value, unit) if value is not None else "unknown" for value in values]
            # Of fewer answers the total is less, which tells nothing.
            fair = field == "seconds" or len({side.answered for side in section.spent}) == 1
            change = f" {_change(*values) if fair else NOTHING} |" if both else ""
            lines.append(f"| {what} | {' | '.join(told)} |{change}")
    yield "\n".join(lines)


def _answers(side: Spent) -> str:
    cached = f", {side.cached:,} from the cache" if side.cached else ""
    return f"{side.answered:,} of {side.planned:,}{cached}"


def _change(before: float | None, after: float | None) -> str:
    if not before or after is None:
        return NOTHING
    share = after / before - 1
    return "0%" if not share else f"{'+' if share > 0 else '−'}{abs(share):.1%}"


def _notes(notes: Sequence[str], detail: Detail) -> Iterator[str]:
    told = next(_list(notes, detail), "")
    if told:
        yield told if len(notes) <= _NOTES_OPEN else folded(f"{len(notes)} notes", told)


def _again(again: str, commands: Sequence[str]) -> Iterator[str]:
    commands = [again] if again else commands
    if commands:
        yield folded("How to reproduce", fenced("\n".join(commands), "sh"))


def folded(title: str, inside: str) -> str:
    """A block that is opened by its title.

    Args:
        title: Safe in HTML.
        inside: Markdown.
    """
    return f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>"


def _dollars(cost: float | None) -> str:
    return "unknown" if cost is None else number(cost, "USD")
