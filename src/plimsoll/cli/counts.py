"""What progress knows of a run: sums over the cells that came in, and how fast they come. No clock and no terminal.

Taking in a cell costs a few microseconds, and memory does not grow with the cells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from plimsoll.cli.latencies import Latencies
from plimsoll.types import CellRecord, Output, Usage

_MARK_EVERY = 0.5
_MARKS = 20


class Counts:
    """Cells that came in, of one target or of several."""

    __slots__ = ("asked", "cached", "done", "failed", "latencies", "spend", "tokens")

    def __init__(self) -> None:
        self.done = self.failed = self.cached = 0
        self.asked = False
        """A model was asked: without, tokens and spend say nothing."""
        self.tokens: int | None = 0
        """Prompt and completion, of targets and judges; None where one of them is unknown."""
        self.spend: float | None = 0.0
        """USD; None where the price of one answer is unknown."""
        self.latencies = Latencies()
        """Of answers that were generated now."""

    def add(self, record: CellRecord, asked: Iterable[Usage]) -> None:
        """Take in a finished cell, and what was asked of models for it."""
        self.done += 1
        outcome = record.outcome
        if not isinstance(outcome, Output):
            self.failed += 1
        elif record.cached:
            self.cached += 1
        elif outcome.latency is not None:
            self.latencies.add(outcome.latency)
        for usage in asked:
            self._use(usage)

    def _use(self, usage: Usage) -> None:
        self.asked = True
        tokens = usage.total_tokens
        self.tokens = None if self.tokens is None or tokens is None else self.tokens + tokens
        self.spend = None if self.spend is None or usage.cost is None else self.spend + usage.cost


def total(counts: Iterable[Counts]) -> Counts:
    """Several targets as one, but for the latencies: a percentile over different models says nothing."""
    whole = Counts()
    for each in counts:
        whole.done += each.done
        whole.failed += each.failed
        whole.cached += each.cached
        whole.asked = whole.asked or each.asked
        whole.tokens = None if whole.tokens is None or each.tokens is None else whole.tokens + each.tokens
        whole.spend = None if whole.spend is None or each.spend is None else whole.spend + each.spend
    return whole


class Pace:
    """How fast cells come, over the last ten seconds; where they are slow, over the last twenty cells."""

    __slots__ = ("_marks",)

    def __init__(self, now: float) -> None:
        self._marks: deque[tuple[float, int]] = deque([(now, 0)], maxlen=_MARKS)

    def mark(self, now: float, done: int) -> None:
        """Note that there are `done` cells at the time `now`, in seconds."""
        if now - self._marks[-1][0] >= _MARK_EVERY:
            self._marks.append((now, done))

    def rate(self, now: float, done: int) -> float | None:
        """Cells a second; None where none came in that time."""
        since, before = self._marks[0]
        return (done - before) / (now - since) if now > since and done > before else None
