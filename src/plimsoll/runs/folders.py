"""Runs on disk: their folders and names, and which is the newest of a suite."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from plimsoll.errors import ConfigError, UsageError, near_match
from plimsoll.runs.journal import read_end
from plimsoll.runs.plan import JOURNAL_FILE, PLAN_FILE, Plan, load_plan


def new_run_id(suite: str, now: datetime) -> str:
    """An id that sorts by time and says what ran."""
    return f"{now:%Y%m%d-%H%M%S}{now.microsecond // 1000:03d}-{suite}-{secrets.token_hex(2)}"


def run_folders(runs: Path, suite: str | None = None) -> Iterator[Path]:
    """Every run under `runs`, newest first; only the suite's where one is named."""
    entries = runs.iterdir() if runs.is_dir() else ()
    for folder in sorted((entry for entry in entries if (entry / PLAN_FILE).is_file()), reverse=True):
        if suite is None or _suite_of(folder) == suite:
            yield folder


def find_run(runs: Path, run_id: str) -> Path:
    """The folder of a run, by its id or a unique part of it.

    Raises:
        UsageError: no run, or more than one, is meant.
    """
    known = {folder.name: folder for folder in run_folders(runs)}
    meant = [run_id] if run_id in known else [name for name in known if run_id in name]
    if len(meant) == 1:
        return known[meant[0]]
    if meant:
        raise UsageError(f"{run_id!r} could be {', '.join(meant[:3])}", remedy="give more of the id")
    raise UsageError(f"no run {run_id!r}", remedy=near_match(run_id, list(known)[:20]) or "there are no runs yet")


def newest_run(runs: Path, suite: str, *, wanted: Callable[[Plan], bool]) -> Path:
    """The folder of a suite's newest run, complete or not, whose plan is `wanted`.

    Raises:
        UsageError: there is none.
    """
    for folder in run_folders(runs, suite):
        if wanted(load_plan(folder)):
            return folder
    raise UsageError(f"suite {suite!r} has no run yet", remedy=f"plimsoll run {suite}")


def is_complete(folder: Path) -> bool:
    """Whether the run's last session ended with nothing owed."""
    end = read_end(folder / JOURNAL_FILE)
    return end is not None and end.complete


def _suite_of(folder: Path) -> str | None:
    try:
        return load_plan(folder).suite
    except ConfigError:
        return None
