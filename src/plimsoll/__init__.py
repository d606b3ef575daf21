"""Plimsoll: evaluates prompts and prompt flows over curated cases, and gates what is promoted.

    import plimsoll

    found = plimsoll.evaluate(frame, answer, ["token_f1"])   # functions and DataFrames, no files
    ran = plimsoll.run("support-qa")                         # a suite of the workspace
    decided = plimsoll.gate("support-qa", target="v2")
    plimsoll.promote("support-qa")

Importing it is quick: what a function needs is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from plimsoll.api import Evaluation, GateRun, SuiteRun
    from plimsoll.registry import Entry

__all__ = ["__version__", "evaluate", "gate", "promote", "run"]


def evaluate(
    data: pd.DataFrame | Iterable[Mapping[str, Any]] | str | Path,
    targets: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    evaluators: Sequence[str | Mapping[str, Any]],
    **options: Any,
) -> Evaluation:
    """Run functions over cases and score their answers; see `plimsoll.api.evaluate` for the options."""
    from plimsoll import api

    return api.evaluate(data, targets, evaluators, **options)


def run(suite: str, *, workspace: str | Path | None = None, **options: Any) -> SuiteRun:
    """Run a suite of a workspace; options are the fields of `plimsoll.api.RunOptions`.

    Args:
        suite: Its name or path.
        workspace: A folder inside the workspace; None is the current one.
        options: How to run.

    Raises:
        PlimsollError: it could not be run; `plimsoll.errors` has the kinds.
    """
    from plimsoll import api
    from plimsoll.runs.observer import Silent

    return api.run_suite(_workspace(workspace), suite, api.RunOptions(**options), Silent())


def gate(
    suite: str,
    *,
    target: str | None = None,
    baseline: str | None = None,
    first: bool = False,
    workspace: str | Path | None = None,
    **options: Any,
) -> GateRun:
    """Decide whether a target may be promoted; options are the fields of `plimsoll.api.RunOptions`.

    Args:
        suite: Its name or path.
        target: The challenger; None is the policy's.
        baseline: `champion`, another target, or none; None is the policy's.
        first: There is no champion yet.
        workspace: A folder inside the workspace; None is the current one.
        options: How to run.

    Raises:
        PlimsollError: nothing could be decided. A verdict that is not a pass is no exception: look at it.
    """
    from plimsoll import api
    from plimsoll.runs.observer import Silent

    chosen = api.GateOptions(run=api.RunOptions(**options), target=target, baseline=baseline, first=first)
    return api.gate_suite(_workspace(workspace), suite, chosen, Silent())


def promote(
    suite: str,
    *,
    attestation: str | Path | None = None,
    reason: str = "",
    who: str | None = None,
    alias: str = "champion",
    workspace: str | Path | None = None,
) -> Entry:
    """Make what a passing attestation is about what the suite's alias names.

    Args:
        suite: Its name or path.
        attestation: The evidence: its file, or `run:ID` of the tracking server; None is the newest passing one here.
        reason: Why, for the history.
        who: Who, for the history.
        alias: Where to: `champion`, `challenger`, or one of the project's environments.
        workspace: A folder inside the workspace; None is the current one.

    Raises:
        PlimsollError: the evidence does not hold.
    """
    from plimsoll import api

    return api.promote_suite(_workspace(workspace), suite, attestation=attestation, reason=reason, who=who, alias=alias)


def _workspace(folder: str | Path | None) -> Any:
    from plimsoll.config import Workspace

    return Workspace.find(None if folder is None else Path(folder))
