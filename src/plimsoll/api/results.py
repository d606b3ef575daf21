"""What a finished run becomes: figures, a view, an HTML report beside the journal, and runs in MLflow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from msgspec.structs import replace

from plimsoll.api.certificates import believed
from plimsoll.api.circumstances import NIGHTLY, TESTS
from plimsoll.api.costs import cap_of, unseen_spending
from plimsoll.api.loop import run_blocking
from plimsoll.api.noting import REPORT_FILE, note_begun, note_down
from plimsoll.api.options import RunOptions
from plimsoll.api.owed import log_owed
from plimsoll.api.prepare import Prepared, prepare, self_judged
from plimsoll.api.recorded import missing_of, settled
from plimsoll.api.runs import Ran, as_planned, of_suite_alone, run_targets, select_targets
from plimsoll.canonical import write_atomic
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, InterruptedRunError
from plimsoll.gates import infrastructure_failure
from plimsoll.reports.html import render_html
from plimsoll.reports.model import Problem, View
from plimsoll.reports.text import some
from plimsoll.reports.view import build_view
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import Plan
from plimsoll.stats import Summary, summarise
from plimsoll.tracking import LoggedRun, MlflowWriter
from plimsoll.types import CellRecord, Decision, Look, Part, Report, Usage, Verdict

Running: TypeAlias = Coroutine[Any, Any, Ran]


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
    problem: Problem | None
    """Why the run does not end as done."""

    @property
    def exit_code(self) -> ExitCode:
        """Pass, or the problem's."""
        return self.problem.exit_code if self.problem else ExitCode.PASS


def run_suite(
    workspace: Workspace, name: str, options: RunOptions, observer: Observer, *, writer: MlflowWriter | None = None
) -> SuiteRun:
    """Run a suite's targets, score them, write the report, log to MLflow.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        options: How.
        observer: Hears of each finished cell.
        writer: Logs it, and others after it; None is one for this run alone.

    Raises:
        ConfigError: every mistake in the suite and its files.
        InterruptedRunError: Ctrl-C; what was finished is kept.
        PlimsollError: nothing could be run.
    """
    return run_prepared(prepare(workspace, name), options, observer, writer=writer)


def run_prepared(
    prepared: Prepared,
    options: RunOptions,
    observer: Observer,
    *,
    writer: MlflowWriter | None = None,
    until: Callable[[Running], Running] | None = None,
) -> SuiteRun:
    """The same for a suite that is prepared.

    Args:
        prepared: The suite.
        options: How.
        observer: Hears of each finished cell.
        writer: Logs it; None is one for this run alone.
        until: Wraps the running, so that it may end it early by an error of its own, which is then raised here.

    Raises:
        InterruptedRunError: Ctrl-C; what was finished is kept.
        PlimsollError: nothing could be run.
    """
    options, resumed = as_planned(prepared, settled(options))
    specs = select_targets(prepared, options.targets)

    def working(told: Observer) -> Running:
        began = partial(note_begun, prepared, specs, options)
        running = run_targets(prepared, specs, options, told, resumed=resumed, began=began)
        return running if until is None else until(running)

    with nullcontext(writer) if writer else MlflowWriter(prepared.workspace) as logging:
        if options.track:
            # It imports MLflow while models answer.
            logging.start()
        ran = interruptible(working, observer, again=f"plimsoll run {prepared.suite.name} --resume")
        return publish(prepared, ran, options, logging)


def interruptible(working: Callable[[Observer], Running], observer: Observer, *, again: str) -> Ran:
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

    def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
        self.observer.finished(record, asked)

    def looked(self, look: Look, outcome: Decision) -> None:
        self.observer.looked(look, outcome)


def publish(prepared: Prepared, ran: Ran, options: RunOptions, writer: MlflowWriter) -> SuiteRun:
    """Sum up a run, write its report, and log it. A tracking server that fails costs a note, never the run.

    Args:
        prepared: The suite.
        ran: The run.
        options: Whether to log, and why it ran.
        writer: Logs it.

    Raises:
        InfrastructureError: the disk refuses.
        InterruptedRunError: Ctrl-C; the cells are kept.
    """
    # First of all: a run that has ended is one that is to be logged, whatever ends this process from here on.
    note_down(prepared, ran, options)
    return log(write_up(prepared, ran, options), prepared, options, writer)


def write_up(
    prepared: Prepared,
    ran: Ran,
    options: RunOptions,
    *,
    verdicts: tuple[Verdict, ...] = (),
    notes: tuple[str, ...] = (),
) -> SuiteRun:
    """Sum up a run and write its report; nothing is logged.

    Args:
        prepared: The suite.
        ran: The run.
        options: How it was run.
        verdicts: Of gates over it.
        notes: What else a reader must know, in sentences.

    Raises:
        InterruptedRunError: Ctrl-C; the cells are kept.
    """
    with keeping_cells(ran.plan.run, "reported and logged"):
        report, summary = ran.report, summarise(ran.report)
        problem = problem_of(ran, prepared.suite.max_failed) or unscored_problem(summary, verdicts)
        view = build_view(report, summary, verdicts, (*notes, *_notes(prepared, ran, options)), problem)
        html = ran.folder / REPORT_FILE
        write_atomic(html, render_html(view).encode("utf-8"))
        return SuiteRun(
            report=report, summary=summary, view=view, folder=ran.folder, html=html, logged=None, problem=problem
        )


def log(run: SuiteRun, prepared: Prepared, options: RunOptions, writer: MlflowWriter) -> SuiteRun:
    """Log what was noted down of a run. A tracking server that fails costs a note, never the run.

    Args:
        run: As it was written up.
        prepared: The suite.
        options: Whether to log.
        writer: Logs it, within the project's `wait`.

    Raises:
        InterruptedRunError: Ctrl-C; the run is whole, and still to be logged.
    """
    if not options.track:
        return run
    again = f"plimsoll sync {run.folder.name}"
    with keeping_cells(run.folder.name, "reported and logged", f"plimsoll report {run.folder.name}; {again} logs it"):
        logged = log_owed(prepared.workspace.state, run.folder, writer, summary=run.summary)
    view = replace(run.view, notes=(*run.view.notes, *logged.notes))
    if logged.unsynced:
        view = replace(view, notes=(*view.notes, f"not everything is in MLflow: {logged.unsynced}; later: {again}"))
    return dataclasses.replace(run, view=view, logged=logged)


@contextmanager
def keeping_cells(run: str, doing: str, again: str | None = None) -> Iterator[None]:
    """Ctrl-C after the last cell becomes an error that says what there is.

    Args:
        run: Its id.
        doing: What was being done with it.
        again: The command that does it again; None is the one that reports it.

    Raises:
        InterruptedRunError: Ctrl-C; the cells are kept.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"interrupted while run {run} was {doing}; its cells are kept", remedy=again or f"plimsoll report {run}"
        ) from None


def problem_of(ran: Ran, max_failed: float) -> Problem | None:
    """Why the run does not end as done: its provider, too many failed cells, or its spend cap; None where it does."""
    broken = _infrastructure_problem(ran, max_failed)
    if broken is not None:
        return Problem(broken, ExitCode.INFRASTRUCTURE)
    missing = missing_of(ran.plan, ran.report)
    if missing is not None:
        return Problem(missing, ExitCode.INCONCLUSIVE)
    stopped, suite = ran.report.run.stopped, ran.plan.suite
    if stopped is None:
        return None
    again = f"plimsoll run {suite} --resume --max-cost USD"
    if ran.plan.trigger == TESTS:
        again = _go_on(ran.plan)
    elif _of_gate(ran.plan):
        again = f"plimsoll gate {suite} with a higher --max-cost; what is finished is taken from the cache"
    done = f"{_finished(ran):,} of {ran.plan.size:,} cells are finished"
    return Problem(f"{stopped}; {done}; to go on: {again}", ExitCode.INCONCLUSIVE)


def _go_on(plan: Plan) -> str:
    """What goes on with the run's work."""
    if plan.trigger == TESTS:
        return "run the tests again"
    if plan.trigger == NIGHTLY:
        return f"plimsoll nightly {plan.suite} again today"
    return f"plimsoll gate {plan.suite} again" if _of_gate(plan) else f"plimsoll run {plan.suite} --resume"


def _of_gate(plan: Plan) -> bool:
    """Whether only a gate can go on with the run's work."""
    return not of_suite_alone(plan) or plan.looks > 0


def unscored_problem(summary: Summary, verdicts: Sequence[Verdict]) -> Problem | None:
    """What a target has nothing of, though some was to be: whoever reads the rest would not see it.

    A metric without one score; or an aggregate without one figure, though there were scores. None where a gate has
    decided: there the policy's coverage sees to it, of the metrics that it asks for.
    """
    return None if verdicts else _without_scores(summary) or _without_figures(summary)


def _without_scores(summary: Summary) -> Problem | None:
    broken = [
        f"{name} of {target.target}"
        for target in summary.targets.values()
        for name, metric in target.metrics.items()
        if metric.failed and not metric.scored and target.ok
    ]
    if not broken:
        return None
    return Problem(f"not one score: {some(broken, 3)}; each failed, for the reasons above", ExitCode.INCONCLUSIVE)


def _without_figures(summary: Summary) -> Problem | None:
    broken = [
        f"the aggregate of {name} over {target.target}"
        for target in summary.targets.values()
        for name, aggregate in target.aggregates.items()
        if aggregate.broken and target.ok
    ]
    if not broken:
        return None
    again = f"plimsoll run {summary.suite} --resume"
    message = f"not one figure: {some(broken, 3)}, for the reasons above; to make it again: {again}"
    return Problem(message, ExitCode.INCONCLUSIVE)


def _finished(ran: Ran) -> int:
    """Cells of the run's own targets; a stored baseline's are beside them."""
    return sum(1 for name in ran.plan.targets for _ in ran.report.of_target(name))


def _infrastructure_problem(ran: Ran, max_failed: float) -> str | None:
    if ran.given_up:
        # A server's words may quote what it was asked.
        closed = ran.plan.part is Part.HELD_OUT
        reasons = "its endpoint is down (plimsoll doctor)" if closed else "; ".join(sorted(set(ran.given_up.values())))
        return f"gave up before all cells were run: {reasons}"
    if not ran.report.run.complete and ran.report.run.stopped is None:
        again = _go_on(ran.plan)
        missing = ran.plan.size - _finished(ran)
        if not missing:
            return f"the run, or that of its baseline, is not complete: some cells were not scored ({again})"
        return f"{missing} of {ran.plan.size} cells were not run: {again}"
    return infrastructure_failure(ran.report, tuple(ran.plan.targets), max_failed)


def _notes(prepared: Prepared, ran: Ran, options: RunOptions) -> tuple[str, ...]:
    unseen = unseen_spending(ran.plan, cap_of(prepared, options))
    notes = [unseen] if unseen else []
    certified = believed(prepared.workspace, ran.report.run.evaluators, datetime.now(UTC))
    judged = sorted(name for name, metric in ran.report.metrics.items() if metric.judged and name not in certified)
    if judged:
        notes.append(
            f"{', '.join(judged)}: scored by a model that is not certified against people; kept out of the gate "
            "unless its policy says otherwise"
        )
    notes += self_judged(prepared)
    used = {info.model for info in ran.plan.targets.values()}
    if any(settings.provider == "embedded" for name, settings in prepared.suite.models.items() if name in used):
        notes.append(
            "the embedded model has 135 million parameters: a weak answerer, and as a judge no better than chance"
        )
    return tuple(notes)
