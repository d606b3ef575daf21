"""The main process's peak memory over many rows, against that over few: it must not grow with them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.common.processes import Ended, plimsoll
from benchmarks.common.results import Finding, at_most
from benchmarks.engine.setting import Setting
from benchmarks.engine.workspace import write_workspace
from benchmarks.standin import StandIn

GOAL = 1.5
_LONG = 3600


def memory(setting: Setting) -> Iterator[Finding]:
    """A run that asks for every row, and one more, logged to MLflow, that takes them from the cache."""
    ran: dict[int, Ended] = {}
    logged: dict[int, Ended] = {}
    with StandIn(latency=0) as model:
        for rows in (setting.few, setting.many):
            workspace = write_workspace(
                setting.folder / f"memory-{rows}", model.base_url, rows, concurrency=setting.concurrency
            )
            workspace.fresh()
            ran[rows] = plimsoll("run", "bench", "--no-track", cwd=workspace.root, timeout=_LONG)
            logged[rows] = plimsoll("run", "bench", cwd=workspace.root, timeout=_LONG)
    what = f"peak memory of the main process at {setting.many:,} rows, over that at {setting.few:,}"
    yield _finding("memory", what, ran, setting)
    yield _finding("memory-logged", "the same, from the cache and logged to MLflow", logged, setting)


def _finding(key: str, what: str, ended: dict[int, Ended], setting: Setting) -> Finding:
    few, many = ended[setting.few], ended[setting.many]
    ratio = many.peak / few.peak if many.peak and few.peak else None
    return Finding(
        key=key,
        what=what,
        measured=ratio,
        unit="×",
        goal=f"≤ {GOAL:g}",
        reached=at_most(GOAL, ratio),
        note=f"{few.peak or 0:.0f} and {many.peak or 0:.0f} MiB in {few.seconds:.0f} and {many.seconds:.0f} s; the "
        f"largest child {few.peak_child:.0f} and {many.peak_child:.0f} MiB.",
    )
