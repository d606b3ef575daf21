"""Running suites again whenever a file that they depend on is saved, each run held against the one before it.

Only what changed is asked of a model again: the cell cache gives that. A save during a run ends that run at once, since
nobody waits for answers to a prompt that is no more; what it had finished is in the cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from plimsoll.api.affected_inputs import CaseText, case_texts
from plimsoll.api.folders import WatchedFolders
from plimsoll.api.inputs import Sight, anything_in, changed, folders_in, glance, inputs_of, look
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.results import Running, SuiteRun, run_prepared
from plimsoll.api.runs import Ran
from plimsoll.config import Workspace
from plimsoll.errors import InterruptedRunError, PlimsollError
from plimsoll.reports.changes import Ended, RunChanges, build_changes
from plimsoll.runs.observer import Observer
from plimsoll.tracking import MlflowWriter


@dataclass(frozen=True, slots=True)
class Saved:
    """Files were saved, and a suite is about to run again."""

    suite: str
    files: tuple[Path, ...]
    interrupted: bool
    """A run was under way, and was given up for it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A suite was run."""

    run: SuiteRun
    changes: RunChanges | None
    """Against the last run that was complete and had no problem; None for the first."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A suite could not be run: a mistake in its files, or no way to run them."""

    suite: str
    error: PlimsollError


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is to be done until a file is saved."""

    files: int
    """How many are looked at."""


Event: TypeAlias = Saved | Finished | Broken | Waiting


def watch_suites(
    workspace: Workspace, names: Sequence[str], options: RunOptions, observer: Observer, writer: MlflowWriter
) -> Iterator[Event]:
    """Run suites, and again when a file that they depend on is saved. Goes on until it is interrupted.

    Args:
        workspace: Where they lie. Its settings are read again for each run.
        names: Their names or paths.
        options: How to run them; `max_cost` is each run's.
        observer: Hears of each finished cell.
        writer: Logs each run, if the options want that.

    Raises:
        UsageError: there is no suite of a name.
        InterruptedRunError: Ctrl-C during a run.
        KeyboardInterrupt: Ctrl-C at another time.
    """
    suites = [_Watched(name, workspace.find_suite(name), options, observer, writer) for name in names]
    with WatchedFolders() as folders:
        folders.cover(folders_in(workspace))
        for suite in suites:
            yield from suite.run(workspace, folders)
        while True:
            yield Waiting(len({path for suite in suites for path in suite.seen}))
            for suite, saved in _due(suites, workspace, folders):
                yield Saved(suite.name, saved, interrupted=False)
                yield from suite.run(workspace, folders)


def _due(
    suites: Sequence[_Watched], workspace: Workspace, folders: WatchedFolders
) -> list[tuple[_Watched, tuple[Path, ...]]]:
    """Wait until there are suites whose files were saved; with these files."""
    while True:
        folders.cover(folders_in(workspace).union(*(suite.folders for suite in suites)))
        # Looked at only now: what was saved before the folders were covered is seen too.
        due = [(suite, saved) for suite in suites if (saved := suite.saved())]
        if due:
            return due
        folders.wait()


@dataclass(slots=True)
class _Watched:
    """One suite: its files as they were when it last ran, and what came of it."""

    name: str
    path: Path
    options: RunOptions
    observer: Observer
    writer: MlflowWriter
    seen: Sight = field(default_factory=dict)
    prepared: Prepared | None = None
    """As it last could be read."""
    texts: Sequence[CaseText] = ()
    """What its single cases name."""
    last: Ended | None = None
    """The run that the next is held against."""
    whole: bool = False
    """That run had no problem."""
    elsewhere: Workspace | None = None
    """It could not be read or run: any file of the workspace may be what mends it."""

    @property
    def folders(self) -> frozenset[Path]:
        return frozenset(path.parent for path in self.seen)

    def saved(self) -> tuple[Path, ...]:
        """The files that make another run worth while."""
        if self.elsewhere is not None:
            return changed(self.seen, glance(self._files(self.elsewhere)), touched=True)
        return changed(self.seen, look(self._files(None), self.seen))

    def _files(self, workspace: Workspace | None) -> frozenset[Path]:
        known = inputs_of(self.prepared, self.texts) if self.prepared is not None else frozenset()
        return known | {self.path} if workspace is None else known | {self.path} | anything_in(workspace)

    def run(self, workspace: Workspace, folders: WatchedFolders) -> Iterator[Event]:
        """Run it until a run is not overtaken by another save."""
        while True:
            try:
                yield self._once(workspace, folders)
            except _OvertakenError as error:
                yield Saved(self.name, error.files, interrupted=True)
            else:
                return

    def _once(self, workspace: Workspace, folders: WatchedFolders) -> Finished | Broken:
        # Looked at before they are read: a file that is saved in between is seen to differ.
        before, written = look(self._files(None), self.seen), glance(self._files(workspace))
        try:
            prepared = prepare(Workspace.find(workspace.root), str(self.path))
            self.prepared, self.texts = prepared, tuple(case_texts(prepared.dataset, prepared.found))
            self.elsewhere, self.seen = None, _first(before, look(self._files(None), before))
            until = self._overtaken(folders)
            run = run_prepared(prepared, self.options, self.observer, writer=self.writer, until=until)
        except InterruptedRunError:
            raise
        except PlimsollError as error:
            self._wait_for_any(workspace, written)
            return Broken(self.name, error)
        if run.problem is not None:
            # Saving a file again, as it is, tries again.
            self._wait_for_any(workspace, written)
        ended = Ended(run.report, run.summary)
        changes = self._changes(ended)
        # What a mistake or an endpoint broke says nothing of what comes next: that is held against the run before.
        if run.report.run.complete and (run.problem is None or not self.whole):
            self.last, self.whole = ended, run.problem is None
        return Finished(run, changes)

    def _changes(self, ended: Ended) -> RunChanges | None:
        """What changed since the run before; None where there is none, or its folder was removed meanwhile."""
        try:
            return None if self.last is None else build_changes(self.last, ended)
        except PlimsollError:
            return None

    def _wait_for_any(self, workspace: Workspace, written: Sight) -> None:
        self.elsewhere = workspace
        self.seen = _first(written, glance(self._files(workspace)))

    def _overtaken(self, folders: WatchedFolders) -> Callable[[Running], Running]:
        """Lets work go on until one of the suite's files is saved."""

        async def saving() -> tuple[Path, ...]:
            while not (files := self.saved()):
                await folders.changes()
            return files

        async def until_saved(work: Running) -> Ran:
            running, saved = asyncio.ensure_future(work), asyncio.ensure_future(saving())
            try:
                await asyncio.wait({running, saved}, return_when=asyncio.FIRST_COMPLETED)
                if not running.done():
                    raise _OvertakenError(saved.result())
                return running.result()
            finally:
                running.cancel()
                saved.cancel()
                await asyncio.gather(running, saved, return_exceptions=True)

        return until_saved


def _first(earlier: Sight, later: Sight) -> Sight:
    """The files of the later look, each as it was first seen."""
    return {path: earlier.get(path, seen) for path, seen in later.items()}


class _OvertakenError(Exception):
    """The files that a run reads were saved while it went on."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        super().__init__()
        self.files = files
