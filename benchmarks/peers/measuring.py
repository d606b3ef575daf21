"""One run of one contender: what it took, and whether it did what it says."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.processes import run
from benchmarks.peers.contenders import Contender, Outcome, Place
from benchmarks.peers.installing import install
from benchmarks.peers.rows import passing
from benchmarks.standin import StandIn


class UnbelievableError(Exception):
    """A run failed, or did not do what it was to do; its figures say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all contenders get."""

    work: Path
    rows: int
    rounds: int
    concurrency: int
    latency: float
    """Seconds."""
    timeout: float
    """Seconds of one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run; of a contender that got a share of the rows, as if it had got all."""

    rows: int
    """That it really got."""
    seconds: float
    """Of the whole process."""
    span: float
    """Seconds from the first request to the last answer, by the endpoint's log."""
    cpu: float
    """Seconds of user and system time, children included."""
    peak: float
    """MiB that its largest process held at most."""


def prepare(contender: Contender, setting: Setting) -> None:
    """Install what a contender needs.

    Raises:
        NotInstalledError: it can't be had here.
        UnbelievableError: its store could not be made.
    """
    if contender.installed:
        install(contender.name, setting.work)
    if contender.name == "mlflow":
        script = str(Path(__file__).with_name("drivers") / "mlflow_store.py")
        python = str(setting.work / "mlflow" / "bin" / "python")
        _made(setting.work / "mlflow" / "store.db", (python, script), setting.work)
    if contender.name.startswith("plimsoll"):
        # In a process of its own: ours is to stay small, because a child's peak is never told below its parent's.
        code = "import sys, pathlib; from plimsoll.testing.mlflow_template import migrated_database as made; "
        words = (sys.executable, "-c", code + "made(pathlib.Path(sys.argv[1]).parents[1])")
        _made(setting.work / "mlflow-template" / "mlflow.db", words, setting.work)


def _made(store: Path, command: tuple[str, ...], cwd: Path) -> None:
    if store.exists():
        return
    ended = run((*command, str(store)), cwd=cwd, env={"MLFLOW_DISABLE_TELEMETRY": "true"})
    if ended.code or not store.exists():
        raise UnbelievableError(f"no migrated store: {ended.err[-500:]}")


def measure(contender: Contender, setting: Setting) -> Measured:
    """Run it once.

    Raises:
        UnbelievableError: it failed, sent more or fewer requests than it had rows, or scored wrongly.
    """
    rows = max(1, round(setting.rows * contender.share))
    folder = setting.work / "runs" / contender.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with StandIn(setting.latency) as model:
        place = Place(
            work=setting.work, folder=folder, base_url=model.base_url, rows=rows, concurrency=setting.concurrency
        )
        task = contender.task(place)
        ended = run(task.command, cwd=task.cwd, env=task.env, timeout=setting.timeout)
        span = model.span()
    told = (ended.err.strip() or ended.out.strip())[-500:]
    if ended.code != 0:
        raise UnbelievableError(f"ended with {ended.code}: {told}")
    if span is None or span.requests != rows:
        raise UnbelievableError(f"{span.requests if span else 0:,} requests for {rows:,} rows: {told}")
    if task.outcome is not None:
        _check(task.outcome(), rows)
    # Only what lies between the first request and the last answer is scaled: what comes before and after counts as it
    # was, which is in the contender's favour.
    seconds = ended.seconds + span.seconds * (setting.rows / rows - 1)
    return Measured(
        rows=rows,
        seconds=seconds,
        span=span.seconds * setting.rows / rows,
        cpu=ended.cpu_all * seconds / ended.seconds,
        peak=ended.peak_largest,
    )


def _check(outcome: Outcome, rows: int) -> None:
    if outcome != Outcome(rows, passing(rows)):
        raise UnbelievableError(
            f"scored {outcome.scored:,} rows, {outcome.passed:,} of them as passed; "
            f"to score were {rows:,}, and {passing(rows):,} pass"
        )
