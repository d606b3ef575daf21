"""`run --watch`: runs, stays, runs what a save changed, and shows what flipped."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from plimsoll.api.options import RunOptions
from plimsoll.api.watching import Broken, Event, Finished, Saved, Waiting, watch_suites
from plimsoll.cli.console import show_error, to_stderr, to_stdout, without_secrets
from plimsoll.cli.evaluate import show_run, suite_names
from plimsoll.cli.progress import RunProgress
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, UsageError
from plimsoll.reports.terminal import render_changes
from plimsoll.reports.text import clip, count, plain
from plimsoll.tracking import MlflowWriter

_FILES_NAMED = 3


def watch(given: Sequence[str], options: RunOptions, *, as_json: bool) -> ExitCode:
    """Run suites, and again at each save.

    Returns:
        Pass, after Ctrl-C while nothing ran: leaving is no verdict.

    Raises:
        UsageError: an option that has no meaning where runs follow each other.
        InterruptedRunError: Ctrl-C during a run.
        KeyboardInterrupt: Ctrl-C while files were read or a report was written.
    """
    _refuse_clash(options, as_json=as_json)
    workspace = Workspace.find()
    progress, waiting = RunProgress(to_stderr(), cap=options.max_cost), False
    try:
        with MlflowWriter(workspace) as writer:
            for event in watch_suites(workspace, suite_names(workspace, given), options, progress, writer):
                progress.pause()
                waiting = isinstance(event, Waiting)
                _show(event, workspace)
    except KeyboardInterrupt:
        if not waiting:
            raise
    finally:
        progress.pause()
    return ExitCode.PASS


def _refuse_clash(options: RunOptions, *, as_json: bool) -> None:
    reasons = {
        "--json": (as_json, "prints one object and ends"),
        "--resume": (options.resume, "goes on with a run as it was planned"),
        "--only-failed": (options.only_failed, "goes on with a run as it was planned"),
        "--fresh": (options.fresh, "would ask for every answer again at each save"),
        "--no-cache": (not options.reuse, "would ask for every answer again at each save"),
    }
    for flag, (given, why) in reasons.items():
        if given:
            raise UsageError(f"{flag} does not go with --watch: it {why}", remedy=f"leave {flag} out")


def _show(event: Event, workspace: Workspace) -> None:
    match event:
        case Saved():
            _show_saved(event, workspace, to_stderr())
        case Broken():
            show_error(without_secrets(event.error))
        case Waiting():
            words = f"watching {count(event.files, 'file')}; Ctrl-C leaves"
            to_stderr().print(Text(f"\n{words}", style="dim"))
        case Finished(run, None):
            show_run(run, workspace)
        case Finished():
            _show_finished(event, to_stdout())


def _show_saved(event: Saved, workspace: Workspace, console: Console) -> None:
    names = [plain(str(workspace.shown(path))) for path in event.files]
    more = len(names) - _FILES_NAMED
    told = ", ".join(names[:_FILES_NAMED]) + (f" and {more} more" if more > 0 else "")
    again = "; the run under way was given up" if event.interrupted else ""
    words = f"{time.strftime('%H:%M:%S')}  {told}{again}"
    console.print()
    console.print(Rule(Text(clip(words, console.width - 4)), align="left", style="dim"))


def _show_finished(event: Finished, console: Console) -> None:
    header = event.run.view.header
    facts = [
        f"{header.answered:,} of {header.planned:,} cells answered",
        f"{header.cached:,} cached",
        count(header.requests, "request"),
    ]
    whole = header.whole
    console.print(Text(", ".join(facts), style="" if whole else "bold red"))
    if event.run.problem is not None:
        console.print(Text(event.run.problem.message, style="red"))
    if event.changes is not None:
        render_changes(event.changes, console)
