"""Progress of a run on stderr: a live table on a terminal, plain lines elsewhere.

A terminal shows a line for each target, as many as fit, then one for the whole run with what is left of it. It is drawn
at most eight times a second and by a thread of its own; hearing of a cell only counts it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from plimsoll.cli.counts import Counts, Pace, total
from plimsoll.cli.progress_table import Row, Whole, shown_rows, status_line, table_of, words_of
from plimsoll.reports.text import count, seconds
from plimsoll.runs.plan import Plan
from plimsoll.types import CellRecord, Decision, Look, Usage

_PLAIN_EVERY = 10.0
_DRAWN_A_SECOND = 8


class RunProgress:
    """Tells how a run goes, and the next one after it."""

    def __init__(
        self, console: Console, *, cap: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is shown yet.

        Args:
            console: Where; whether it can be drawn upon anew decides the form.
            cap: The most that a run may spend, in USD, over what its suite says.
            clock: Seconds, from any start.
        """
        self._console = console
        self._cap = cap
        self._clock = clock
        self._shown: _Shown | None = None
        self._live: Live | None = None
        self._said = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run inside: what code of the workspace prints goes to stderr, for it is no result and would break a JSON one.

        The table is gone at the end.
        """
        with redirect_stdout(sys.stderr):
            try:
                yield
            finally:
                # Before stdout comes back: the table has its own hold of it, and gives back what it found.
                self.pause()

    def planned(self, plan: Plan, owed: int) -> None:
        """Say what is about to run."""
        self.pause()
        drawn = self._console.is_interactive
        self._console.print(Text(_headline(plan, owed)), soft_wrap=not drawn)
        cap = plan.settings.get("max_cost") if self._cap is None else self._cap
        self._shown = _Shown(plan, owed, cap, self._clock)
        self._said = self._clock()
        if drawn:
            self._live = Live(
                self._shown,
                console=self._console,
                refresh_per_second=_DRAWN_A_SECOND,
                transient=True,
            )
            self._live.start()

    def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
        """Count a cell."""
        if self._shown is None:
            return
        now = self._clock()
        self._shown.add(record, asked, now)
        if self._live is None and now - self._said >= _PLAIN_EVERY:
            self._said = now
            self._console.print(Text(self._shown.line(now)), soft_wrap=True)

    def looked(self, look: Look, outcome: Decision) -> None:
        """Say what a look found."""
        if self._shown is not None:
            told = "decided" if outcome is not Decision.INCONCLUSIVE else "not decided"
            self._console.print(Text(f"{self._shown.suite}: look {look.number} of {look.of}: {told}"), soft_wrap=True)

    def pause(self) -> None:
        """The run is over, or something is to be printed: clear the table, or say how it went."""
        if self._live is not None:
            self._live.stop()
        elif self._shown is not None:
            self._console.print(Text(self._shown.last_line(self._clock())), soft_wrap=True)
        self._live = self._shown = None


class _Shown:
    """One run as it is shown; rich asks for it whenever it draws."""

    def __init__(self, plan: Plan, owed: int, cap: float | None, clock: Callable[[], float]) -> None:
        self.suite = plan.suite
        self._owed = owed
        self._cap = cap
        self._clock = clock
        self._began = clock()
        self._counts = {name: Counts() for name in plan.targets}
        self._paces = {name: Pace(self._began) for name in plan.targets}
        self._pace = Pace(self._began)
        self._done = 0
        # What a resumed run still owes is known of the whole alone.
        self._each = plan.cases * plan.repeats if owed == plan.size else None

    def add(self, record: CellRecord, asked: Sequence[Usage], now: float) -> None:
        name = record.cell.target
        counts = self._counts[name]
        counts.add(record, asked)
        self._paces[name].mark(now, counts.done)
        self._done += 1
        self._pace.mark(now, self._done)

    def line(self, now: float) -> str:
        """How far it is."""
        return f"{self.suite}: {', '.join(words_of(self._whole(now)))}"

    def last_line(self, now: float) -> str:
        """How it went."""
        whole = self._whole(now)
        return f"{self.suite}: {', '.join(words_of(whole, ended=True))}, in {seconds(whole.elapsed)}"

    def _whole(self, now: float) -> Whole:
        counts = total(self._counts.values())
        rate = self._pace.rate(now, counts.done)
        return Whole(counts, self._owed, rate=rate, elapsed=now - self._began, left=self._left(now), cap=self._cap)

    def _left(self, now: float) -> float | None:
        """Seconds until the slowest target is done; None where one of them has no pace yet."""
        if self._each is None:
            rate = self._pace.rate(now, self._done)
            return None if rate is None else max(self._owed - self._done, 0) / rate
        longest = 0.0
        for name, counts in self._counts.items():
            owed = self._each - counts.done
            rate = self._paces[name].rate(now, counts.done)
            if owed > 0 and rate is None:
                return None
            longest = max(longest, owed / rate if rate else 0.0)
        return longest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = self._clock()
        rows = [
            Row(name, counts, self._each, rate=self._paces[name].rate(now, counts.done))
            for name, counts in self._counts.items()
        ]
        whole = self._whole(now)
        rows = shown_rows(rows, whole, console.size.height)
        # The cursor stays behind the last line: a terminal puts its ^C there, and must not begin another line for it.
        last = status_line(whole, max(options.max_width - len("^C"), 1))
        yield Group(table_of(rows, options.max_width), last)


def _headline(plan: Plan, owed: int) -> str:
    shape = f"{count(len(plan.targets), 'target')} × {count(plan.cases, 'case')}"
    repeats = f" × {plan.repeats} repeats" if plan.repeats > 1 else ""
    left = "" if owed == plan.size else f", {owed:,} cells left"
    looks = f", decided after any of {plan.looks} blocks" if plan.looks else ""
    anew = ", every answer anew: a rule asks for latency or cost" if plan.max_age == 0 else ""
    return f"{plan.suite}: {shape}{repeats}{left}{looks}{anew}  (run {plan.run})"
