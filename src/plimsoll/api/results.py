"""What a finished run becomes: figures, a view, an HTML report beside the journal, and runs in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from plimsoll.api.git import git_state
from plimsoll.api.loop import run_blocking
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.runs import Ran, as_planned, run_targets, select_targets
from plimsoll.canonical import write_atomic
from plimsoll.config import Workspace, environment
from plimsoll.errors import ExitCode, InterruptedRunError, PlimsollError
from plimsoll.gates import infrastructure_failure
from plimsoll.reports.html import render_html
from plimsoll.reports.model import View
from plimsoll.reports.view import build_view
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import CASES_FILE, PLAN_FILE, Plan
from plimsoll.stats import Summary, summarise
from plimsoll.tracking import Attachments, LoggedRun, TrackingStore, log_run, open_store
from plimsoll.types import CellRecord, Report, Verdict

REPORT_FILE = "report.html"
TRACKING_FILE = "mlflow.json"
"""Where a run was logged, so that a later command can say so."""


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """A run with everything that was made of it."""

    report: Report
    summary: Summary
    view: View
    folder: Path
    html: Path
    logged: LoggedRun | None
    """None where nothing was to be logged."""
    problem: str | None
    """Why the run ends with the exit code for infrastructure."""

    @property
    def exit_code(self) -> ExitCode:
        """Pass, or infrastructure."""
        return ExitCode.INFRASTRUCTURE if self.problem else ExitCode.PASS


def run_suite(workspace: Workspace, name: str, options: RunOptions, observer: Observer) -> SuiteRun:
    """Run a suite's targets, score them, write the report, log to MLflow.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        options: How.
        observer: Hears of each finished cell.

    Raises:
        ConfigError: every mistake in the suite and its files.
        InterruptedRunError: Ctrl-C; what was finished is kept.
        PlimsollError: nothing could be run.
    """
    prepared = prepare(workspace, name)
    options, resumed = as_planned(prepared, options)
    specs = select_targets(prepared, options.targets)
    with opening_store(workspace, wanted=options.track) as store:
        working = partial(run_targets, prepared, specs, options, resumed=resumed)
        ran = interruptible(working, observer, again=f"plimsoll run {prepared.suite.name} --resume")
        return publish(prepared, ran, options, store)


def interruptible(working: Callable[[Observer], Coroutine[Any, Any, Ran]], observer: Observer, *, again: str) -> Ran:
    """Run targets; Ctrl-C becomes an error that says how to go on.

    Args:
        working: Runs them, and tells an observer.
        observer: Hears of each finished cell.
        again: The command that goes on.

    Raises:
        InterruptedRunError: Ctrl-C.
    """
    told = _Telling(observer)
    try:
        return run_blocking(working(told))
    except KeyboardInterrupt:
        if told.run is None:
            raise InterruptedRunError("interrupted before the run began") from None
        raise InterruptedRunError(f"run {told.run} interrupted; what was finished is kept", remedy=again) from None


@dataclass(slots=True)
class _Telling:
    """An observer that knows which run it heard of."""

    observer: Observer
    run: str | None = None

    def planned(self, plan: Plan, owed: int) -> None:
        self.run = plan.run
        self.observer.planned(plan, owed)

    def finished(self, record: CellRecord) -> None:
        self.observer.finished(record)


class StoreOpening:
    """A tracking store that opens while the first requests are in flight: MLflow is slow to import."""

    def __init__(self, opening: Future[TrackingStore] | None) -> None:
        self._opening = opening

    @property
    def wanted(self) -> bool:
        """Whether anything is to be logged."""
        return self._opening is not None

    def get(self) -> TrackingStore:
        """The store; waits until it is open.

        Raises:
            UsageError: the tracking URI names no store.
            InfrastructureError: it can't be reached.
        """
        assert self._opening is not None, "asked for a store where none is wanted"
        return self._opening.result()


@contextmanager
def opening_store(workspace: Workspace, *, wanted: bool) -> Iterator[StoreOpening]:
    """Begin to open the workspace's tracking store."""
    if not wanted:
        yield StoreOpening(None)
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="plimsoll-tracking") as pool:
        yield StoreOpening(pool.submit(open_store, None, workspace, environment(workspace.root)))


def publish(
    prepared: Prepared,
    ran: Ran,
    options: RunOptions,
    store: StoreOpening,
    *,
    verdicts: tuple[Verdict, ...] = (),
    notes: tuple[str, ...] = (),
    files: Mapping[str, Path] | None = None,
) -> SuiteRun:
    """Sum up a run, write its report, and log it. A tracking server that fails costs a note, never the run.

    Args:
        prepared: The suite.
        ran: The run.
        options: Whether to log, and why it ran.
        store: Where to.
        verdicts: Of gates over it.
        notes: What else a reader must know, in sentences.
        files: What else is logged with it, by artifact path.
    """
    report, summary = ran.report, summarise(ran.report)
    problem = problem_of(ran, prepared.suite.max_failed)
    view = build_view(report, summary, verdicts, (*notes, *_notes(prepared, ran), *([problem] if problem else [])))
    html = ran.folder / REPORT_FILE
    write_atomic(html, render_html(view).encode("utf-8"))
    logged = None
    if store.wanted:
        attached = {
            REPORT_FILE: html,
            PLAN_FILE: ran.folder / PLAN_FILE,
            CASES_FILE: ran.folder / CASES_FILE,
            **(files or {}),
        }
        logged = _log(prepared, ran, summary, trigger=options.trigger, store=store, files=attached)
        write_atomic(ran.folder / TRACKING_FILE, msgspec.json.encode(logged))
        if logged.unsynced:
            view = replace(view, notes=(*view.notes, f"not everything is in MLflow: {logged.unsynced}"))
    return SuiteRun(
        report=report, summary=summary, view=view, folder=ran.folder, html=html, logged=logged, problem=problem
    )


def _log(
    prepared: Prepared,
    ran: Ran,
    summary: Summary,
    *,
    trigger: str,
    store: StoreOpening,
    files: Mapping[str, Path],
) -> LoggedRun:
    tags = {"trigger": trigger}
    branch = git_state(prepared.workspace.root).branch
    if branch:
        tags["branch"] = branch
    suite_text = prepared.path.read_text(encoding="utf-8")
    try:
        return log_run(store.get(), ran.report, summary, Attachments(files=files, suite_text=suite_text, tags=tags))
    except PlimsollError as error:
        return LoggedRun(unsynced=f"{error.message} ({error.remedy})" if error.remedy else error.message)


def problem_of(ran: Ran, max_failed: float) -> str | None:
    """Why the run ends with the exit code for infrastructure; None where it need not."""
    if ran.given_up:
        reasons = "; ".join(sorted(set(ran.given_up.values())))
        return f"gave up before all cells were run: {reasons}"
    if not ran.report.run.complete:
        missing = ran.plan.size - len(ran.report.cells)
        return f"{missing} of {ran.plan.size} cells were not run: plimsoll run {ran.plan.suite} --resume"
    return infrastructure_failure(ran.report, tuple(ran.plan.targets), max_failed)


def _notes(prepared: Prepared, ran: Ran) -> tuple[str, ...]:
    notes = []
    judged = sorted(name for name, metric in ran.report.metrics.items() if metric.judged)
    if judged:
        notes.append(
            f"{', '.join(judged)}: scored by a model that was not calibrated against people; kept out of the gate "
            "unless its policy says otherwise"
        )
    used = {info.model for info in ran.plan.targets.values()}
    if any(settings.provider == "embedded" for name, settings in prepared.suite.models.items() if name in used):
        notes.append(
            "the embedded model has 135 million parameters: a weak answerer, and as a judge no better than chance"
        )
    return tuple(notes)
