"""Progress of a run: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from plimsoll.reports.text import count
from plimsoll.runs.plan import Plan
from plimsoll.types import CellRecord

_PLAIN_EVERY = 10.0


class RunProgress:
    """Shows how many cells are done, failed and cached. A context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._suite = ""
        self._owed = self._done = self._failed = self._cached = 0
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(compact=True),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def pause(self) -> None:
        """Clear the live line, so that a result can be printed."""
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
            self._bar.refresh()
            self._task = None

    def planned(self, plan: Plan, owed: int) -> None:
        """Say what is about to run."""
        self._suite, self._owed = plan.suite, owed
        self._done = self._failed = self._cached = 0
        shape = f"{count(len(plan.targets), 'target')} × {count(plan.cases, 'case')}" + (
            f" × {plan.repeats} repeats" if plan.repeats > 1 else ""
        )
        left = "" if owed == plan.size else f", {owed} cells left"
        self._console.print(f"{plan.suite}: {shape}{left}  (run {plan.run})", soft_wrap=True)
        if self._bar is not None:
            self._task = self._bar.add_task(plan.suite, total=owed, note="")

    def finished(self, record: CellRecord) -> None:
        """Count a cell."""
        self._done += 1
        self._failed += record.output is None
        self._cached += record.cached
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, note=self._note())
        elif time.monotonic() - self._said > _PLAIN_EVERY:
            self._said = time.monotonic()
            self._console.print(f"{self._suite}: {self._done} of {self._owed} cells{self._note()}", soft_wrap=True)

    def _note(self) -> str:
        failed = f" {self._failed} failed" if self._failed else ""
        cached = f" {self._cached} cached" if self._cached else ""
        return failed + cached
