"""`sync`: what runs still owe to the tracking server is logged, by the same writer as at their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from plimsoll.api.noting import REPORT_FILE
from plimsoll.api.owed import has_ended, is_owed, log_owed, marked, owed_runs, read_logged, read_owed, unmark
from plimsoll.api.reporting import stored_run
from plimsoll.api.runs import RUNS
from plimsoll.config import Workspace, environment
from plimsoll.errors import ExitCode, InfrastructureError, PlimsollError
from plimsoll.runs.folders import find_run, is_complete
from plimsoll.runs.plan import load_plan
from plimsoll.tracking import MlflowWriter, is_logged, open_store
from plimsoll.tracking.location import locate

LONGEST = 3600.0
"""Seconds for one run at most: nobody waits for a verdict here, and ten thousand traces take minutes."""


class Fate(StrEnum):
    """What became of a run."""

    LOGGED = "logged"
    THERE = "already there"
    OWED = "still owed"
    NOTHING = "nothing owed"
    GONE = "gone"


class Synced(Struct, frozen=True, kw_only=True):
    """One run, and what became of it."""

    run: str
    fate: Fate
    mlflow_run_id: str | None = None
    """The suite run's MLflow run; null where not even that is there."""
    traces: int = 0
    """How many were written, of all its targets."""
    why: str | None = None
    """Why it is still owed, or why there is nothing to log."""
    notes: tuple[str, ...] = ()
    """What a reader should know of what was logged, in sentences."""


class SyncReport(Struct, frozen=True, kw_only=True):
    """What a sync did."""

    store: str | None
    """Where to, without a password; null where the settings name no store."""
    runs: tuple[Synced, ...]
    """Oldest first."""

    @property
    def owed(self) -> int:
        """How many are still owed."""
        return sum(run.fate is Fate.OWED for run in self.runs)

    @property
    def exit_code(self) -> ExitCode:
        """Pass where nothing is owed any more."""
        return ExitCode.INFRASTRUCTURE if self.owed else ExitCode.PASS


def sync_runs(
    workspace: Workspace,
    names: Sequence[str] = (),
    *,
    to: str | None = None,
    wait: float = LONGEST,
    writer: MlflowWriter | None = None,
    tell: Callable[[Synced], object] = lambda _: None,
) -> SyncReport:
    """Log runs, and what gates decided over them. Doing it again changes nothing.

    Args:
        workspace: Where the runs lie.
        names: Runs by their ids or parts of them, each logged to this store whatever others have it; none is every run
            that no store has completely.
        to: The store; None is that of environment and settings.
        wait: Seconds for one run at most.
        writer: Logs them; None is one for this call alone, for the store `to`.
        tell: Told of each run when it is done.

    Raises:
        UsageError: there is no such run, or `to` is no store's address.
    """
    if to is not None:
        # First: who wrote it wrongly would be told that nothing is owed.
        locate(to, workspace, environment(workspace.root))
    runs = workspace.state / RUNS
    gone = tuple(sorted(name for name in marked(workspace.state) if not (runs / name).is_dir()))
    folders = sorted({find_run(runs, name) for name in names if name not in gone}) if names else [*owed_runs(runs)]
    told: list[Synced] = []

    def done(run: Synced) -> None:
        told.append(run)
        tell(run)

    with nullcontext(writer) if writer else MlflowWriter(workspace, uri=to) as logging:
        _Sync(workspace, logging, wait, done).work(folders)
        for name in gone:
            if not names or name in names:
                unmark(workspace.state, name)
                done(Synced(run=name, fate=Fate.GONE, why="its folder was removed: there is nothing left to log"))
        _clear_marks(workspace)
        return SyncReport(store=logging.store, runs=tuple(told))


def unlogged(workspace: Workspace, folder: Path, writer: MlflowWriter | None = None) -> PlimsollError | None:
    """Why a run is not in the workspace's store, after one attempt to log it; None where it is, or need not be.

    Args:
        workspace: Whose store, and for how long to wait.
        folder: The run's; one that was made without tracking owes nothing.
        writer: Logs it; None is one for this call alone, started where it is needed.
    """
    with nullcontext(writer) if writer else MlflowWriter(workspace) as logging:
        try:
            if read_owed(folder) is None or (not is_owed(folder, logging.store) and _still_there(workspace, folder)):
                return None
            logged = log_owed(workspace.state, folder, logging)
        except PlimsollError as error:
            return error
    if logged.unsynced is None:
        return None
    return InfrastructureError(
        f"run {folder.name} is not in MLflow: {logged.unsynced}", remedy=f"plimsoll sync {folder.name}"
    )


def _still_there(workspace: Workspace, folder: Path) -> bool:
    """Whether the store has what was logged into it: runs are deleted there, and databases made anew."""
    with open_store(None, workspace, environment(workspace.root)) as store:
        return is_logged(store, folder.name, load_plan(folder).targets)


class _Sync:
    """One run after the other, until the store is found not to answer."""

    def __init__(
        self, workspace: Workspace, writer: MlflowWriter, wait: float, done: Callable[[Synced], object]
    ) -> None:
        self.workspace, self.writer, self.wait, self.done = workspace, writer, wait, done

    def work(self, folders: Sequence[Path]) -> None:
        """Log each."""
        problem: str | None = None
        sure = False
        for folder in folders:
            nothing = self._nothing(folder)
            if nothing is not None:
                self.done(nothing)
                continue
            if not sure and problem is None:
                problem = self._problem()
            found = Synced(run=folder.name, fate=Fate.OWED, why=problem) if problem else self._one(folder)
            # What went wrong may be the run, or the store: then the others are not tried one by one.
            sure = found.fate is not Fate.OWED
            self.done(found)

    def _problem(self) -> str | None:
        try:
            self.writer.check()
        except PlimsollError as error:
            return _told(error)
        return None

    def _nothing(self, folder: Path) -> Synced | None:
        """Of a run of which nothing can be logged."""
        try:
            entry = read_owed(folder)
        except PlimsollError as error:
            return Synced(run=folder.name, fate=Fate.OWED, why=_told(error))
        if entry is not None and has_ended(folder, entry):
            return None
        logged = read_logged(folder)
        if logged is not None and logged.unsynced:
            why = "an earlier version kept too little of it to log it now: run or gate it again"
            return Synced(run=folder.name, fate=Fate.OWED, mlflow_run_id=logged.parent, why=why)
        if logged is not None:
            return Synced(run=folder.name, fate=Fate.NOTHING, mlflow_run_id=logged.parent, why="it is logged")
        why = "it was run with --no-track"
        if not is_complete(folder):
            why = "it did not come to its end: `plimsoll run --resume` goes on with it and logs it"
        return Synced(run=folder.name, fate=Fate.NOTHING, why=why)

    def _one(self, folder: Path) -> Synced:
        try:
            if not (folder / REPORT_FILE).exists():
                # The command was killed before it had written it.
                stored_run(self.workspace, folder.name)
            logged = log_owed(self.workspace.state, folder, self.writer, seconds=self.wait)
        except PlimsollError as error:
            return Synced(run=folder.name, fate=Fate.OWED, why=_told(error))
        fate = Fate.OWED if logged.unsynced else Fate.LOGGED if logged.traces else Fate.THERE
        traces = sum(count.arrived for count in logged.traces.values())
        return Synced(
            run=folder.name,
            fate=fate,
            mlflow_run_id=logged.parent,
            traces=traces,
            why=logged.unsynced or None,
            notes=logged.notes,
        )


def _told(error: PlimsollError) -> str:
    return "; ".join(str(mistake) for mistake in error.mistakes)


def _clear_marks(workspace: Workspace) -> None:
    """Take away what a command left that was killed between logging a run and taking its mark away."""
    for name in marked(workspace.state):
        folder = workspace.state / RUNS / name
        try:
            if folder.is_dir() and not is_owed(folder):
                unmark(workspace.state, name)
        except PlimsollError:
            continue
