"""What is to be logged of a run, written into its folder when it begins, when it has ended, and when it was gated."""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec.structs import replace

from plimsoll.api.circumstances import circumstances
from plimsoll.api.drafts import prompt_drafts
from plimsoll.api.options import RunOptions
from plimsoll.api.owed import foresee, owe
from plimsoll.api.prepare import Prepared
from plimsoll.api.runs import RUNS, Ran
from plimsoll.api.targets import TargetSpec
from plimsoll.runs.plan import PLAN_FILE, Plan
from plimsoll.tracking import GateFiles, LogRequest, StoredBaseline

REPORT_FILE = "report.html"


def note_begun(
    prepared: Prepared,
    specs: Mapping[str, TargetSpec],
    options: RunOptions,
    plan: Plan,
    *,
    baseline: StoredBaseline | None = None,
) -> None:
    """Write into the folder of a run that begins whether it is to be logged, and what; nothing is owed yet.

    Args:
        prepared: The suite.
        specs: What runs.
        options: Whether to log, and why it runs.
        plan: The run's.
        baseline: The other run whose cells are the report's baseline.

    Raises:
        InfrastructureError: the disk refuses.
    """
    request = _request(prepared, plan, specs, options, baseline) if options.track else None
    foresee(prepared.workspace.state / RUNS / plan.run, request)


def note_down(
    prepared: Prepared,
    ran: Ran,
    options: RunOptions,
    *,
    gates: Mapping[str, GateFiles] | None = None,
    baseline: StoredBaseline | None = None,
) -> None:
    """Write into the run's folder what is to be logged of it; nothing without tracking.

    Args:
        prepared: The suite.
        ran: The run.
        options: Whether to log, and why it ran.
        gates: What gates over it left, by target.
        baseline: The other run whose cells are the report's baseline.

    Raises:
        InfrastructureError: the disk refuses.
    """
    if not options.track:
        return
    request = _request(prepared, ran.plan, ran.specs, options, baseline)
    owe(prepared.workspace.state, ran.folder, replace(request, gates=dict(gates or {})))


def _request(
    prepared: Prepared,
    plan: Plan,
    specs: Mapping[str, TargetSpec],
    options: RunOptions,
    baseline: StoredBaseline | None,
) -> LogRequest:
    return LogRequest(
        files={name: name for name in (REPORT_FILE, PLAN_FILE)},
        suite_text=prepared.path.read_text(encoding="utf-8"),
        tags=circumstances(prepared.workspace.root, os.environ, options.trigger).tags(),
        judges=dict(prepared.judged_by),
        baseline=baseline,
        prompts=prompt_drafts(prepared, plan, specs),
    )
