"""What a night found, as people read it: on the terminal, as an issue's body, and in the same words everywhere."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from plimsoll.canonical import short
from plimsoll.ci.flaky import Flaky, flaky_words, quoted
from plimsoll.ci.moves import Cause, Move, Watched
from plimsoll.ci.nights import Night
from plimsoll.ci.untold import Untold
from plimsoll.config.nightly import accepted_path
from plimsoll.errors import ExitCode, first_that_applies
from plimsoll.reports.flip_model import FlipRow
from plimsoll.reports.markdown import SIZE_LIMIT
from plimsoll.reports.markdown_parts import flip_block, folded
from plimsoll.reports.markdown_text import code, escape, escape_line, in_html
from plimsoll.reports.text import NOTHING, clip, count, interval, number, one_line

_BARS = "▁▂▃▄▅▆▇█"
_WIDE = 30
_COMMITS = 10
_FLAKY = 20
_ANSWER = 400
"""Characters of an answer in an issue."""
_PROBLEM = 1_000
"""Characters of one problem in an issue."""


@dataclass(frozen=True, slots=True)
class MoveFlips:
    """The cases behind a move, as they may be told outside."""

    count: int
    """All."""
    rows: tuple[FlipRow, ...]
    """Those that changed most."""


@dataclass(frozen=True, slots=True)
class SuiteNight:
    """A suite's night, and all that is to be said of it."""

    suite: str
    tonight: Night | None = None
    """None where nothing was measured."""
    watched: tuple[Watched, ...] = ()
    flaky: tuple[Flaky, ...] = ()
    commits: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(Target, metric) of a move → the commits between the last night before and the first after, newest first."""
    flips: Mapping[tuple[str, str], MoveFlips] = field(default_factory=dict)
    """(Target, metric) of a move → the cases behind it; only of a night that is told outside."""
    back: tuple[str, ...] = ()
    """What was worse the night before and is not any more, in words."""
    problems: tuple[Untold, ...] = ()
    """Why it was not measured, or can't be told."""
    notes: tuple[str, ...] = ()

    @property
    def moves(self) -> tuple[tuple[Watched, Move], ...]:
        """What moved, worst first."""
        found = [(one, one.move) for one in self.watched if one.move is not None]
        return tuple(sorted(found, key=lambda pair: (not pair[1].worse, pair[0].target, pair[0].metric.name)))

    @property
    def exit_code(self) -> ExitCode:
        """Fail where something moved for the worse; else, or above that, the problems'."""
        codes = [problem.code for problem in self.problems]
        return first_that_applies([*codes, *(ExitCode.FAIL for _, move in self.moves if move.worse)])

    @property
    def news(self) -> bool:
        """Whether somebody is to be told: a move that is new or went back, or a problem that was not there before."""
        problems = any(not problem.known for problem in self.problems)
        return problems or bool(self.back) or any(move.new for _, move in self.moves)

    @property
    def rank(self) -> int:
        """Which suites are to be read first: those that are worse, then those that could not be told, then the rest."""
        if any(move.worse for _, move in self.moves):
            return 0 if any(move.worse and move.new for _, move in self.moves) else 1
        return 2 if self.problems else 3

    @property
    def headline(self) -> str:
        """In a line."""
        worse = sum(move.worse for _, move in self.moves)
        better = len(self.moves) - worse
        parts = [
            f"{count(amount, 'metric')} {word}" for amount, word in ((worse, "worse"), (better, "better")) if amount
        ]
        if self.problems:
            parts.append(self.problems[0].words)
        return "; ".join(parts) or "quiet: no metric moved"


def move_words(one: Watched, move: Move) -> str:
    """`champion exact_match 0.92 → 0.81 since 2026-11-14`, with the interval of the change."""
    unit, split = one.metric.unit, move.split
    means = f"{number(split.before, unit)} → {number(split.after, unit)}"
    change = f"{number(split.change, unit, signed=True)}, 95% {interval(split.low, split.high, unit, signed=True)}"
    return f"{one.target} {one.metric.name} {means} since {move.first.date} ({change}, {count(split.cases, 'case')})"


def night_words(tonight: Night) -> str:
    """Which night it is, by which run, of which commit."""
    commit = f", commit {short(tonight.commit)}" if tonight.commit else ""
    return f"night of {tonight.date}, run {tonight.run}{commit}"


def worst_first(nights: Sequence[SuiteNight]) -> list[SuiteNight]:
    """Suites in the order in which they are to be read; of one rank as they were run."""
    return sorted(nights, key=lambda found: found.rank)


def went_back(before: Sequence[Watched], now: Sequence[Watched], tonight: Night) -> tuple[str, ...]:
    """What was worse the night before and is not any more, each in a sentence.

    Args:
        before: What was said of each metric the night before.
        now: What is said tonight.
        tonight: The night.
    """
    there, words = {(one.target, one.metric.name): one for one in now}, []
    for one in before:
        later = there.get((one.target, one.metric.name))
        if one.move is None or not one.move.worse or later is None or later.why or not later.compared(tonight):
            continue
        if later.move is None or not later.move.worse:
            unit, name = one.metric.unit, f"{one.target} {one.metric.name}"
            since, mean = f"worse since {one.move.first.date}", number(later.means[-1], unit)
            if any(night.run == one.move.first.run for night in later.nights[1:]):
                words.append(f"{name} was {since}, and has gone back: {mean} tonight")
            else:
                words.append(f"{name} was {since}, before the nights that are compared; {mean} tonight")
    return tuple(words)


def dated_words(move: Move) -> str:
    """Which nights it may have been, where that is more than one; empty where it is not."""
    last, first = move.surely_before.date, move.surely_after.date
    if date.fromisoformat(first) - date.fromisoformat(last) <= timedelta(days=1):
        return ""
    return f"95%: after the night of {last}, by that of {first}"


def accept_words(suite: str, one: Watched, move: Move) -> str:
    """What accepts the move, ready to be written down."""
    entry = f"target: {quoted(one.target)}, metric: {quoted(one.metric.name)}, since: {move.surely_after.date}"
    return f"to accept it, in {accepted_path(suite)}: - {{{entry}, reason: …}}"


def look_words(found: SuiteNight, one: Watched, move: Move) -> str:
    """The command that shows the cases behind a move."""
    target, metric = shlex.quote(one.target), shlex.quote(one.metric.name)
    tonight = move.first.run if found.tonight is None else found.tonight.run
    return f"plimsoll compare {move.before.run}:{target} {tonight}:{target} --metric {metric}"


def cause_words(move: Move) -> str:
    """Where it comes from, in a sentence."""
    alike = ""
    if move.answers is not None:
        across, usual = f"{move.answers.across:.0%}", f"{move.answers.usual:.0%}"
        alike = f"{across} of the answers are the same as the night before, usually {usual}"
    match move.cause:
        case Cause.OURS:
            return f"a change of ours: {move.why} that night"
        case Cause.NEAR:
            return f"perhaps a change of ours: {move.why}"
        case Cause.PROVIDER:
            return f"the provider's model changed: same digests, other answers ({move.why or alike})"
        case Cause.JUDGE:
            return f"the judge changed, not the answers: {alike}"
        case Cause.UNKNOWN:
            return "nothing of ours changed" + (f"; {alike}" if alike else "")


def commit_words(move: Move) -> str:
    """From which commit to which."""
    was, now = move.before.commit, move.first.commit
    if was is None or now is None:
        return "the commits are not known"
    dirty = ", with changes that were not committed" if move.first.dirty else ""
    if was == now:
        return f"the same commit, {short(now)}{dirty}"
    last, first = move.surely_before.commit, move.surely_after.commit
    wide = f"; 95%: after {short(last)}, by {short(first)}" if last and first and (last, first) != (was, now) else ""
    return f"first commit {short(now)}, last before {short(was)}{dirty}{wide}"


def where_words(move: Move) -> tuple[str, ...]:
    """Which nights and which commits."""
    return tuple(words for words in (dated_words(move), commit_words(move)) if words)


def sparkline(means: Sequence[float | None], most: int = _WIDE) -> str:
    """The last values as bars between the least and the greatest; a blank where one is unknown."""
    shown = list(means)[-most:]
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[top // 2 if not span else round((value - low) / span * top)] for value in shown
    )


def terminal_lines(found: SuiteNight) -> Iterator[tuple[str, str]]:
    """Each line with its style; what is longer than a terminal is folded by it, beside the line's mark."""
    style = {ExitCode.PASS: "green", ExitCode.FAIL: "bold red"}.get(found.exit_code, "yellow")
    yield f"{found.suite}: {one_line(found.headline)}", style
    if found.tonight is not None:
        nights = max((len(one.nights) for one in found.watched if one.compared(found.tonight)), default=0)
        told = f"{count(nights, 'night')} compared" if nights else "not compared"
        yield f"  {night_words(found.tonight)}; {told}", ""
    for one in found.watched:
        yield from _trend(one, found.tonight)
    yield from _moved(found)
    for words in found.back:
        yield f"  back: {one_line(words)}", "green"
    for why, names in _untold(found).items():
        yield f"  {why}: {', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''}", "yellow"
    for words in flaky_words(found.flaky)[:_FLAKY]:
        yield f"  flaky: {one_line(words)}", ""
    # The first stands in the headline.
    for problem in found.problems[1:]:
        yield f"  {one_line(problem.words)}", "yellow"
    for note in found.notes:
        yield f"  note: {one_line(note)}", "dim"


def _moved(found: SuiteNight) -> Iterator[tuple[str, str]]:
    for one, move in found.moves:
        told = "WORSE" if move.worse else "better"
        yield f"  {told}: {one_line(move_words(one, move))}", "bold red" if move.worse else "green"
        yield from ((f"    - {one_line(words)}", "") for words in (cause_words(move), *where_words(move)))
        for line in found.commits.get((one.target, one.metric.name), ())[:_COMMITS]:
            yield f"      - {one_line(line, 72)}", "dim"
        if move.worse:
            yield f"    - to look: {look_words(found, one, move)}", ""
            yield f"    - {one_line(accept_words(found.suite, one, move))}", "dim"


def _trend(one: Watched, tonight: Night | None) -> Iterator[tuple[str, str]]:
    name = clip(f"{one.target} {one.metric.name}", 34)
    yield f"  {name:<34} {sparkline(one.means):<{_WIDE}} {_last(one, tonight)}", ""


def _last(one: Watched, tonight: Night | None) -> str:
    """The mean of tonight, where tonight is compared."""
    return number(one.means[-1], one.metric.unit) if one.compared(tonight) else NOTHING


def _untold(night: SuiteNight) -> dict[str, list[str]]:
    """Why → what can't be told, but for what a problem tells with the same reason."""
    told = {
        (one.target, one.metric.name)
        for problem in night.problems
        for one in problem.about
        if problem.words.endswith(one.why)
    }
    found: dict[str, list[str]] = {}
    for one in night.watched:
        if one.why and (one.target, one.metric.name) not in told:
            found.setdefault(one.why, []).append(f"{one.target} {one.metric.name}")
    return found


def issue_body(nights: Sequence[SuiteNight]) -> str:
    """The body of an issue, in Markdown; safe against what cases, targets and messages are called."""
    lines = list(itertools.chain.from_iterable(_issue(found) for found in worst_first(nights)))
    text = "\n".join(lines).rstrip() + "\n"
    if len(text) > SIZE_LIMIT:
        # Whole lines: half of one could undo what was escaped.
        return text[: text.rfind("\n", 0, SIZE_LIMIT - 100) + 1] + "\nThe rest is too long for an issue.\n"
    for block in itertools.chain.from_iterable(_flips(found) for found in worst_first(nights)):
        if len(text) + len(block) + 2 > SIZE_LIMIT:
            break
        text += f"\n{block}\n"
    return text


def _flips(found: SuiteNight) -> Iterator[str]:
    """The cases behind each move, folded."""
    for one, move in found.moves:
        behind = found.flips.get((one.target, one.metric.name))
        if behind is None or not behind.rows or found.tonight is None:
            continue
        names = ", ".join(clip(row.case, 60) for row in behind.rows)
        more = f" and {behind.count - len(behind.rows)} more" if behind.count > len(behind.rows) else ""
        told = f"{found.suite}, {one.target} {one.metric.name}: {count(behind.count, 'case')} worse tonight than on "
        title = f"{told}{move.before.date}: {names}{more}"
        sides = (f"{move.before.date}, run {move.before.run}", f"{found.tonight.date}, run {found.tonight.run}")
        yield folded(in_html(title), "\n\n".join(flip_block(row, sides, _ANSWER) for row in behind.rows))


def _issue(found: SuiteNight) -> Iterator[str]:
    yield f"## {escape(found.suite)}: {escape(clip(found.headline, _PROBLEM))}"
    yield ""
    if found.tonight is not None:
        yield f"The {escape(night_words(found.tonight))}."
        yield ""
    for problem in found.problems:
        yield f"- {escape_line(clip(problem.words, _PROBLEM))}"
    for words in found.back:
        yield f"- **back**: {escape(words)}"
    for one, move in found.moves:
        yield f"- **{'worse' if move.worse else 'better'}**: {escape(move_words(one, move))}"
        yield from (f"  - {escape_line(words)}" for words in (cause_words(move), *where_words(move)))
        for commit in found.commits.get((one.target, one.metric.name), ())[:_COMMITS]:
            yield f"    - {escape_line(commit)}"
        if move.worse:
            yield f"  - to look: `{code(look_words(found, one, move))}`"
            yield f"  - {escape_line(accept_words(found.suite, one, move))}"
    yield ""
    yield "| target | metric | nights | trend | tonight |"
    yield "|---|---|--:|---|--:|"
    for one in found.watched:
        last, nights = _last(one, found.tonight), str(len(one.nights))
        cells = [escape(one.target), escape(one.metric.name), nights, sparkline(one.means), escape(last)]
        yield f"| {' | '.join(cells)} |"
    yield ""
    for why, names in _untold(found).items():
        yield f"- {escape_line(why)}: {escape(', '.join(names))}"
    left = dict.fromkeys(f"{one.target} {one.metric.name}: {words}" for one in found.watched for words in one.left_out)
    yield from (f"- left out, {escape(words)}" for words in left)
    yield from (f"- flaky: {escape(words)}" for words in flaky_words(found.flaky)[:_FLAKY])
    yield from (f"- {escape_line(note)}" for note in found.notes)
    yield ""
