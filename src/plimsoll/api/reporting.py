"""Runs that exist, shown again: everything is rebuilt from plan, cases and journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from plimsoll.api.results import REPORT_FILE, TRACKING_FILE, SuiteRun, problem_of, unscored_problem
from plimsoll.api.runs import RUNS, Ran
from plimsoll.api.sealing import ATTESTATION_FILE, GATE_FOLDER, VERDICT_FILE
from plimsoll.canonical import write_atomic
from plimsoll.config import Suite, Workspace
from plimsoll.errors import ConfigError, Mistake, UsageError, Where
from plimsoll.gates import VerificationError, verify
from plimsoll.reports.html import render_html
from plimsoll.reports.view import build_view
from plimsoll.runs.folders import find_run, run_folders
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import load_plan
from plimsoll.stats import summarise
from plimsoll.tracking import LoggedRun
from plimsoll.types import Verdict

_Kind = TypeVar("_Kind", Verdict, LoggedRun)
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
    decided = _decided(folder, plan.suite)
    verdicts = decided.verdicts
    broken = problem_of(Ran(folder, plan, report, {}), plan.settings.get("max_failed", _MAX_FAILED))
    problem = broken or unscored_problem(summary, verdicts)
    view = build_view(report, summary, verdicts, [*decided.notes, *([problem.message] if problem else [])])
    logged = _read(folder / TRACKING_FILE, LoggedRun, "delete it; the run itself is whole")
    html = output or folder / REPORT_FILE
    write_atomic(html, render_html(view).encode("utf-8"))
    return SuiteRun(report=report, summary=summary, view=view, folder=folder, html=html, logged=logged, problem=problem)


@dataclass(frozen=True, slots=True)
class _Told:
    """What was decided over a run."""

    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    """Where a stored verdict is not the one that was attested."""


def _decided(folder: Path, suite: str) -> _Told:
    """The verdicts over a run. The one inside an attestation comes before the one beside it, which anyone may edit."""
    verdicts, notes = [], []
    for gate in sorted(path for path in (folder / GATE_FOLDER).glob("*") if path.is_dir()):
        attested, why = _attested(gate / ATTESTATION_FILE)
        stored = _read(gate / VERDICT_FILE, Verdict, f"plimsoll gate {suite} --run {folder.name}", attested)
        if attested is not None and stored != attested:
            notes.append(f"{gate.name}: {VERDICT_FILE} is not the verdict that was attested, which is the one shown")
        if why is not None:
            notes.append(f"{gate.name}: {why}")
        if stored is not None or attested is not None:
            verdicts.append(attested or stored)
    return _Told(tuple(verdict for verdict in verdicts if verdict is not None), tuple(notes))


def _attested(path: Path) -> tuple[Verdict | None, str | None]:
    """The verdict inside an attestation, or why it can't be told. That it verifies is not asked here."""
    if not path.is_file():
        return None, None
    try:
        return verify(path.read_bytes()).verdict, None
    except VerificationError as error:
        return None, error.message


def _read(path: Path, kind: type[_Kind], again: str, instead: _Kind | None = None) -> _Kind | None:
    """What a file holds: None where there is none, or where it is damaged and something stands in its place.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        if instead is not None:
            return None
        raise ConfigError([Mistake(f"can't be read: {error}", Where(path), again)]) from None
