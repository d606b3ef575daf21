"""What runs again when nothing changed, an evaluator was edited, or one prompt of two: seconds, and requests."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.common.processes import plimsoll
from benchmarks.common.results import Finding, at_most
from benchmarks.engine.setting import Setting
from benchmarks.engine.workspace import write_workspace
from benchmarks.standin import StandIn

SECONDS_GOAL = 2.0


def reuse(setting: Setting) -> Iterator[Finding]:
    """Two prompts over half as many rows as there are cells."""
    cells, half = setting.cells, setting.cells // 2
    with StandIn(latency=0) as model:
        workspace = write_workspace(
            setting.folder / "reuse", model.base_url, half, targets=("v1", "v2"), concurrency=setting.concurrency
        )
        workspace.fresh()

        def rerun(*words: str) -> tuple[float, int]:
            model.reset()
            return plimsoll("run", "bench", *words, cwd=workspace.root).seconds, model.requests()

        first, asked = rerun("--no-track")
        if asked != cells:
            raise ValueError(f"the first run asked {asked} times for {cells} cells")
        again = [rerun("--no-track") for _ in range(setting.rounds)]
        tracked = [rerun() for _ in range(setting.rounds)]
        seconds, requests = median(one for one, _ in again), sum(asked for _, asked in (*again, *tracked))
        with_mlflow = median(one for one, _ in tracked)
        yield Finding(
            key="unchanged",
            what=f"nothing changed: {cells:,} cells re-run, the whole process",
            measured=seconds,
            unit="s",
            goal=f"≤ {SECONDS_GOAL:g} s",
            reached=at_most(SECONDS_GOAL, seconds),
            note=f"{seconds / first:.3f} × the first run; logged to MLflow {with_mlflow:.2f} s.",
            details={"first": first, "again": [one for one, _ in again], "with MLflow": [one for one, _ in tracked]},
        )
        yield _requests("unchanged-requests", "the same: requests", requests, 0)
        workspace.edit("suites/bench.yaml", "ignore_case: false", "ignore_case: true")
        _, asked = rerun("--no-track")
        yield _requests("evaluator", f"one evaluator edited, {cells:,} cells: requests", asked, 0)
        workspace.edit("prompts/v2.jinja2", "manner 1", "manner 2")
        _, asked = rerun("--no-track")
        yield _requests("prompt", f"one prompt of two edited, {cells:,} cells: requests", asked, half)


def _requests(key: str, what: str, measured: int, goal: int) -> Finding:
    return Finding(key=key, what=what, measured=measured, unit="requests", goal=f"{goal:,}", reached=measured == goal)
