"""What there is to wait for when there is almost nothing to do: `--help`, and a run of one row."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.common.processes import Ended, module, plimsoll, run
from benchmarks.common.results import Finding, Table, at_most
from benchmarks.engine.setting import Setting
from benchmarks.engine.workspace import Workspace, write_workspace
from benchmarks.standin import StandIn

HELP_GOAL_MS = 150.0
HEAVY = ("promptflow", "mlflow", "openai", "pandas", "ray", "fastapi")
_IMPORTED = """\
import sys
from plimsoll.cli.main import main
try:
    main(["--help"])
except SystemExit:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
_TIMES = 5
_SHOWN = 8


def help_(setting: Setting) -> Iterator[Finding]:
    """`plimsoll --help`: processor time, and what it imports."""
    setting.folder.mkdir(exist_ok=True)
    command = [str(Path(sys.executable).with_name("plimsoll")), "--help"]
    told, empty = [], []
    for _ in range(_TIMES):
        told.append(run(command, cwd=setting.folder).cpu_all * 1000)
        empty.append(run([sys.executable, "-c", "pass"], cwd=setting.folder).cpu_all * 1000)
    imported = set(run([sys.executable, "-c", _IMPORTED], cwd=setting.folder).err.split())
    yield Finding(
        key="help",
        what="`plimsoll --help`: processor time",
        measured=median(told),
        unit="ms",
        goal=f"≤ {HELP_GOAL_MS:.0f} ms",
        reached=at_most(HELP_GOAL_MS, median(told)),
        note=f"{median(told) / median(empty):.1f} × a Python that does nothing (here {median(empty):.0f} ms).",
        details={"help": told, "empty": empty},
    )
    found = sorted(imported.intersection(HEAVY))
    yield Finding(
        key="help-imports",
        what=f"the same: how many of {', '.join(HEAVY)} it imports",
        measured=len(found),
        unit="",
        goal="0",
        reached=not found and "plimsoll" in imported,
        note=", ".join(found),
    )


def one_row(setting: Setting) -> Iterator[Finding | Table]:
    """One row in a new process, logged to MLflow on SQLite; where the time goes, by what the run leaves on disk."""
    phases: list[dict[str, float]] = []
    tracked, untracked, alone = [], [], []
    with StandIn(latency=setting.latency) as model:
        workspace = write_workspace(setting.folder / "one", model.base_url, 1)
        for _ in range(max(3, setting.rounds)):
            workspace.fresh()
            alone.append(
                module("benchmarks.engine.mlflow_alone", str(workspace.state / "mlflow.db"), cwd=workspace.root)
            )
            workspace.fresh()
            untracked.append(plimsoll("run", "bench", "--no-track", cwd=workspace.root))
            workspace.fresh()
            model.reset()
            tracked.append(plimsoll("run", "bench", cwd=workspace.root))
            phases.append(_phases(workspace, model, tracked[-1], setting.latency))
        workspace.fresh()
        counted = {"PYTHONPROFILEIMPORTTIME": "1"}
        imports = _imports(plimsoll("run", "bench", "--no-track", cwd=workspace.root, env=counted))
    whole, without, mlflow = (median(one.seconds for one in each) for each in (tracked, untracked, alone))
    added = max(0.0, whole - without)
    yield Finding(
        key="one-row",
        what="one row, cold process, logged to MLflow on SQLite (migrated before), whole process",
        measured=whole,
        unit="s",
        goal="reported",
        reached=None,
        note=f"Without MLflow {without:.2f} s. MLflow adds {added:.2f} s; the same calls alone in a process of their "
        f"own take {mlflow:.2f} s, so that {max(0.0, 1 - added / mlflow):.0%} of its time is overlapped.",
    )
    yield Table(
        key="one-row-phases",
        caption="Where the time of that one row goes (medians):",
        columns=("phase", "s"),
        rows=tuple((name, f"{median(one[name] for one in phases):.2f}") for name in phases[0]),
    )
    yield Table(
        key="one-row-imports",
        caption="The longest imports of such a run without MLflow, by Python's own count, which takes time itself:",
        columns=("package", "s"),
        rows=tuple((name, f"{seconds:.2f}") for name, seconds in imports),
    )


def _imports(ended: Ended) -> list[tuple[str, float]]:
    """Package → seconds that importing its own modules took, the longest first."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for own, name in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\w+)", ended.err, re.MULTILINE):
        seconds[name] += int(own) / 1e6
    return sorted(seconds.items(), key=lambda one: -one[1])[:_SHOWN]


def _phases(workspace: Workspace, model: StandIn, ended: Ended, latency: float) -> dict[str, float]:
    """Seconds between the moments that can be seen from outside."""
    run_folder, span = workspace.newest_run(), model.span()
    assert run_folder is not None
    assert span is not None

    def written(name: str) -> float:
        path = run_folder / name
        return path.stat().st_mtime if path.exists() else ended.ended

    moments = {
        "start, imports, suite and dataset read, until the plan is written": written("plan.json"),
        "until the first request": span.began,
        f"the request ({1000 * latency:.0f} ms of latency)": span.ended,
        "scored, journalled, closed": written("journal.jsonl"),
        "report": written("report.html"),
        "waiting for MLflow": written("mlflow.json"),
        "printing, end of the process": ended.ended,
    }
    found, before = {}, ended.started
    for name, moment in moments.items():
        found[name] = max(0.0, moment - before)
        before = max(before, moment)
    return found
