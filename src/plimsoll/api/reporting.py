"""Runs that exist, shown again: everything is rebuilt from plan, cases and journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from plimsoll.api.fetched_gates import bring_gates, drop_unverified
from plimsoll.api.fetching import alone, any_run, found_as
from plimsoll.api.noting import REPORT_FILE
from plimsoll.api.owed import TRACKING_FILE, told_of
from plimsoll.api.results import SuiteRun, problem_of, unscored_problem
from plimsoll.api.run_words import Server
from plimsoll.api.runs import RUNS, Ran
from plimsoll.api.sealing import ATTESTATION_FILE, GATE_FOLDER, VERDICT_FILE
from plimsoll.api.verifying import trust_of
from plimsoll.canonical import write_atomic
from plimsoll.config import Suite, Workspace
from plimsoll.errors import ConfigError, InfrastructureError, Mistake, UsageError, Where, unwritable
from plimsoll.gates import VerificationError, verify
from plimsoll.reports.html import render_html
from plimsoll.reports.model import Problem, View
from plimsoll.reports.view import build_view
from plimsoll.runs.folders import run_folders
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import load_plan
from plimsoll.stats import Summary, summarise
from plimsoll.tracking import LoggedRun, MlflowWriter
from plimsoll.types import Report, Verdict

_Kind = TypeVar("_Kind", Verdict, LoggedRun)
# A plan keeps what differs from the default.
_MAX_FAILED = Suite.model_fields["max_failed"].default


def stored_run(
    workspace: Workspace, run_id: str | None = None, output: Path | None = None, *, server: Server | None = None
) -> SuiteRun:
    """A run with its figures, view and HTML report, which is written anew.

    Args:
        workspace: Where the run lies, or is brought to.
        run_id: Its id or a part of it, `run:ID`, `branch:NAME`, `tag:KEY=VALUE`, `alias:NAME`; None is the newest here.
        output: Where the HTML goes; None is the run's own folder.
        server: Has runs that are not on this disk; None is a writer of its own, started where it is needed.

    Raises:
        UsageError: there is no such run.
        ConfigError: the run is damaged.
        TamperedError: what the server has of it is not what was logged.
        InfrastructureError: the server can't be asked, or the HTML can't be written.
    """
    if run_id:
        with nullcontext(server) if server else MlflowWriter(workspace) as there:
            named = any_run(workspace, run_id, there)
            folder, notes = named.folder, () if named.own else (named.told,)
            if found_as(folder) is None:
                found = told_run(folder, read_report(folder), notes)
            else:
                with alone(folder):
                    notes = (*notes, *_brought_gates(workspace, folder, there))
                    found = told_run(folder, read_report(folder), notes)
    else:
        newest = next(run_folders(workspace.state / RUNS), None)
        if newest is None:
            raise UsageError("there are no runs yet", remedy="plimsoll run")
        folder, found = newest, told_run(newest, read_report(newest))
    logged = _read(folder / TRACKING_FILE, LoggedRun, "delete it; the run itself is whole")
    html = output or folder / REPORT_FILE
    try:
        write_atomic(html, render_html(found.view).encode("utf-8"))
    except OSError as error:
        raise unwritable(error, workspace.shown(html), "`plimsoll report -o FILE` writes it elsewhere") from error
    # Not in the file, which is logged with the run.
    owed = told_of(folder)
    view = found.view if owed is None else replace(found.view, notes=(*found.view.notes, owed))
    return SuiteRun(
        report=found.report,
        summary=found.summary,
        view=view,
        folder=folder,
        html=html,
        logged=logged,
        problem=found.problem,
    )


def _brought_gates(workspace: Workspace, folder: Path, server: Server) -> Iterator[str]:
    """Bring what gates left of a fetched run, and take away what is not to be believed. What to say of it."""
    try:
        bring_gates(folder, server.stored_runs())
    except InfrastructureError as error:
        yield f"of gates over this run only what was brought before is shown: {error.message}"
    yield from drop_unverified(folder, trust_of(workspace))


@dataclass(frozen=True, slots=True)
class ToldRun:
    """A run as it is shown, and what that rests on."""

    report: Report
    summary: Summary
    view: View
    problem: Problem | None


def told_run(folder: Path, report: Report, notes: tuple[str, ...] = ()) -> ToldRun:
    """A run's figures and view, with what was decided over it and why it did not end as done.

    Args:
        folder: The run's.
        report: Its report.
        notes: What else a reader must know, in sentences.

    Raises:
        ConfigError: the run is damaged.
    """
    summary, plan = summarise(report), load_plan(folder)
    decided = decided_over(folder, plan.suite)
    broken = problem_of(Ran(folder, plan, report, {}), plan.settings.get("max_failed", _MAX_FAILED))
    problem = broken or unscored_problem(summary, decided.verdicts)
    view = build_view(report, summary, decided.verdicts, [*notes, *decided.notes], problem)
    return ToldRun(report, summary, view, problem)


@dataclass(frozen=True, slots=True)
class DecidedOver:
    """What was decided over a run."""

    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    """Where a stored verdict is not the one that was attested."""


def decided_over(folder: Path, suite: str) -> DecidedOver:
    """The verdicts over a run. The one inside an attestation comes before the one beside it, which anyone may edit.

    Raises:
        ConfigError: a verdict is damaged.
    """
    verdicts, notes = [], []
    for gate in sorted(path for path in (folder / GATE_FOLDER).glob("*") if path.is_dir()):
        attested, why = _attested(gate / ATTESTATION_FILE)
        stored = _read(gate / VERDICT_FILE, Verdict, f"plimsoll gate {suite} --run {folder.name}", attested)
        if attested is not None and stored != attested:
            notes.append(f"{gate.name}: {VERDICT_FILE} is not the verdict that was attested, which is the one shown")
        if why is not None:
            notes.append(f"{gate.name}: {why}")
        if attested is None and stored is not None and stored.unsealed is None:
            stored = replace(stored, unsealed=why or "its attestation is not here")
        if stored is not None or attested is not None:
            verdicts.append(attested or stored)
    return DecidedOver(tuple(verdict for verdict in verdicts if verdict is not None), tuple(notes))


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
