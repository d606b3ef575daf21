"""Runs that exist, shown again: everything is rebuilt from plan, cases and journal."""

from __future__ import annotations

from pathlib import Path

import msgspec

from plimsoll.api.results import REPORT_FILE, TRACKING_FILE, SuiteRun, problem_of, unscored_problem
from plimsoll.api.runs import RUNS, Ran
from plimsoll.canonical import write_atomic
from plimsoll.config import Suite, Workspace
from plimsoll.errors import UsageError
from plimsoll.reports.html import render_html
from plimsoll.reports.view import build_view
from plimsoll.runs.folders import find_run, run_folders
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import load_plan
from plimsoll.stats import summarise
from plimsoll.tracking import LoggedRun
from plimsoll.types import Verdict

# A plan keeps what differs from the default.
_MAX_FAILED = Suite.model_fields["max_failed"].default


def stored_run(workspace: Workspace, run_id: str | None = None, output: Path | None = None) -> SuiteRun:
    """A run of the workspace with its figures, view and HTML report, which is written anew.

    Args:
        workspace: Where the run lies.
        run_id: Its id or a part of it; None is the newest.
        output: Where the HTML goes; None is the run's own folder.

    Raises:
        UsageError: there is no such run.
        ConfigError: the run is damaged.
    """
    runs = workspace.state / RUNS
    folder = find_run(runs, run_id) if run_id else next(run_folders(runs), None)
    if folder is None:
        raise UsageError("there are no runs yet", remedy="plimsoll run")
    report = read_report(folder)
    summary = summarise(report)
    plan = load_plan(folder)
    verdicts = _verdicts(folder)
    broken = problem_of(Ran(folder, plan, report, {}), plan.settings.get("max_failed", _MAX_FAILED))
    problem = broken or unscored_problem(summary, verdicts)
    view = build_view(report, summary, verdicts, [problem.message] if problem else [])
    html = output or folder / REPORT_FILE
    write_atomic(html, render_html(view).encode("utf-8"))
    return SuiteRun(
        report=report, summary=summary, view=view, folder=folder, html=html, logged=_logged(folder), problem=problem
    )


def _verdicts(folder: Path) -> tuple[Verdict, ...]:
    files = sorted((folder / "gate").glob("*/verdict.json"))
    return tuple(msgspec.json.decode(file.read_bytes(), type=Verdict) for file in files)


def _logged(folder: Path) -> LoggedRun | None:
    file = folder / TRACKING_FILE
    return msgspec.json.decode(file.read_bytes(), type=LoggedRun) if file.is_file() else None
