"""`run`, `report`: what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from plimsoll.api.options import RunOptions
from plimsoll.api.reporting import stored_run
from plimsoll.api.results import SuiteRun, run_suite
from plimsoll.cli.console import (
    print_json,
    print_place,
    show_error,
    to_stderr,
    to_stdout,
    without_secrets,
)
from plimsoll.cli.narrowing import narrowed
from plimsoll.cli.outputs import check_outputs
from plimsoll.cli.progress import RunProgress
from plimsoll.cli.syncing import note_owed
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, InterruptedRunError, PlimsollError, UsageError, first_that_applies
from plimsoll.reports.jsonform import MistakeForm, RunForm, error_document, run_document, run_form
from plimsoll.reports.terminal import render_run
from plimsoll.tracking import MlflowWriter


def filter_pairs(written: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """FIELD=VALUE arguments as pairs.

    Raises:
        UsageError: one has no `=`.
    """
    pairs = []
    for text in written:
        field, sign, value = text.partition("=")
        if not sign or not field:
            raise UsageError(f"--filter {text!r} is not FIELD=VALUE", remedy="for example --filter slice=critical")
        pairs.append((field, value))
    return tuple(pairs)


def suite_names(workspace: Workspace, given: Sequence[str]) -> list[str]:
    """The suites that are given, or all of the workspace.

    Raises:
        UsageError: there is none.
    """
    names = list(given) or [str(path) for path in workspace.suite_files()]
    if not names:
        raise UsageError(f"{workspace.root} has no suite", remedy="write suites/NAME.yaml, or `plimsoll init`")
    return names


def run(
    given: Sequence[str], options: RunOptions, *, as_json: bool, affected: bool = False, base: str | None = None
) -> ExitCode:
    """Run suites one after the other; the code of the first cause that applies."""
    workspace = Workspace.find()
    names = suite_names(workspace, given)
    if affected:
        names = narrowed(workspace, names, base, given=bool(given), quietly=as_json).names
    if options.track and names:
        note_owed(workspace)
    ended: list[SuiteRun] = []
    progress = RunProgress(to_stderr(), cap=options.max_cost)
    with MlflowWriter(workspace) as writer:

        def one(name: str) -> ExitCode:
            with progress.running():
                ran = run_suite(workspace, name, options, progress, writer=writer)
            ended.append(ran)
            if not as_json:
                show_run(ran, workspace)
            return ran.exit_code

        code, mistakes = each_suite(names, one)
    if as_json:
        print_json(replace(run_document([form_of(ran) for ran in ended], code), mistakes=mistakes))
    return code


def each_suite(names: Sequence[str], work: Callable[[str], ExitCode]) -> tuple[ExitCode, tuple[MistakeForm, ...]]:
    """Work on suites one after the other: one that can't be run does not keep the others from it.

    Returns:
        The code of the first cause that applies, and what was wrong with those that raised.

    Raises:
        PlimsollError: the only suite raised.
    """
    codes: list[ExitCode] = []
    mistakes: list[MistakeForm] = []
    for name in names:
        try:
            codes.append(work(name))
        except PlimsollError as problem:
            if len(names) == 1:
                raise
            error = without_secrets(problem)
            show_error(error)
            codes.append(error.exit_code)
            mistakes += error_document(error).mistakes
            if isinstance(problem, InterruptedRunError):
                break
    return first_that_applies(codes), tuple(mistakes)


def report(run_id: str | None, output: Path | None, *, as_json: bool) -> None:
    """Show a run that exists, and where its HTML report is."""
    workspace = Workspace.find()
    check_outputs(output)
    ran = stored_run(workspace, run_id, output)
    if as_json:
        print_json(run_document([form_of(ran)], ran.exit_code))
    else:
        show_run(ran, workspace)


def form_of(ran: SuiteRun) -> RunForm:
    """A run as `--json` prints it."""
    logged = ran.logged.parent if ran.logged else None
    return run_form(ran.report, ran.summary, mlflow_run_id=logged, html=str(ran.html))


def show_run(ran: SuiteRun, workspace: Workspace) -> None:
    """A run, and where its report is."""
    console = to_stdout()
    render_run(ran.view, console)
    console.print()
    print_place(console, "report", workspace.shown(ran.html))
    if ran.logged is not None and ran.logged.parent is not None:
        console.print(f"MLflow: run {ran.logged.parent}", soft_wrap=True)
