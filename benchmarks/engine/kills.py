"""Kills runs at random moments and resumes them: no finished cell may be lost, or paid for twice.

Real processes against an endpoint that writes down which row each request was about. After every stop the journal is
read as it lies there: the rows that it holds as finished must never be asked for again, and what it held must still be
its beginning at the end.
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.processes import CommandError, clean_environment
from benchmarks.common.results import Finding
from benchmarks.engine.endpoint import Endpoint
from benchmarks.engine.setting import Setting
from benchmarks.engine.workspace import Workspace, finished, write_workspace

SEED = 20261122
CONCURRENCY = 16
_LATENCY = 0.1
_WORK_SECONDS = 1.5
"""How far into its work a run may come before it is stopped."""
_STARTING = 0.2
"""The share of sessions that are stopped while they start."""
_PATIENCE = 900


@dataclass(slots=True)
class Audit:
    """What was seen of all runs."""

    cells: int = 0
    requests: int = 0
    stops: int = 0
    runs: int = 0
    mistakes: list[str] = field(default_factory=list)
    """Each in words; there must be none."""

    @property
    def spare(self) -> int:
        """Requests more than there are cells: those that were in flight when a run was stopped."""
        return self.requests - self.cells


def kills(setting: Setting) -> Iterator[Finding]:
    """kill -9 and Ctrl-C."""
    killed = stop_often(setting, setting.kills, signal.SIGKILL)
    yield _finding("kill", f"kill -9 at {killed.stops} random moments, then resume", killed)
    interrupted = stop_often(setting, setting.interrupts, signal.SIGINT)
    yield _finding("interrupt", f"the same with {interrupted.stops} × Ctrl-C", interrupted)


def stop_often(setting: Setting, stops: int, sent: signal.Signals) -> Audit:
    """Stop runs so often, and finish each; a run that ended before it was stopped is followed by another."""
    draw = random.Random(f"{SEED}:{sent.name}")
    audit = Audit()
    # So many that the work that all sessions may do does not finish a run.
    rows = int(stops * _WORK_SECONDS / _LATENCY * CONCURRENCY / 2)
    while audit.stops < stops:
        if audit.runs > stops:
            raise CommandError(f"{audit.runs} runs ended by themselves before they were stopped")
        audit.runs += 1
        name = f"{sent.name}-{audit.runs}"
        with Endpoint(setting.folder / f"{name}.log", latency=_LATENCY) as endpoint:
            root = setting.folder / name
            workspace = write_workspace(root, endpoint.base_url, rows, concurrency=CONCURRENCY)
            workspace.fresh()
            _Drill(workspace, endpoint, audit, draw, sent, rows).run(stops - audit.stops)
    return audit


@dataclass(slots=True)
class _Drill:
    workspace: Workspace
    endpoint: Endpoint
    audit: Audit
    draw: random.Random
    sent: signal.Signals
    rows: int
    kept: bytes = b""
    """The journal's whole lines after the last stop."""
    done: frozenset[int] = frozenset()
    """The rows that it held as finished then."""
    asked: int = 0
    """The requests that there had been by then."""
    warm_up: float | None = None
    """Seconds from the start of a process to its first request, as last seen."""

    def run(self, stops: int) -> None:
        """One run, from its first session to its end."""
        complete = False
        for _ in range(stops):
            complete = self._session(stop=True)
            self._check()
            if complete:
                break
            self.audit.stops += 1
        if not complete and not self._session(stop=False):
            self.audit.mistakes.append("the last session did not finish the run")
        self._check()
        self._close()

    def _session(self, *, stop: bool) -> bool:
        """Start or resume the run, and stop it if so wanted; whether it ended by itself, and completely."""
        resumed = self.workspace.newest_run() is not None
        words = ["run", "bench", "--no-track", *(["--resume"] if resumed else [])]
        with (self.workspace.root / "out.txt").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "plimsoll.cli.main", *words],
                cwd=self.workspace.root,
                env=clean_environment(),
                stdout=out,
                stderr=out,
            )
            if stop:
                self._let_run(process)
                process.send_signal(self.sent)
            process.wait(_PATIENCE)
        if process.returncode == 0:
            return True
        if process.returncode not in (-self.sent, 130):
            said = (self.workspace.root / "out.txt").read_text(encoding="utf-8", errors="replace")
            raise CommandError(f"a session ended with {process.returncode}: {said[-2000:]}")
        return False

    def _let_run(self, process: subprocess.Popen[bytes]) -> None:
        """Until a random moment: one session in five while it starts, the others while they work."""
        started, size = time.monotonic(), self.endpoint.log.stat().st_size
        starting, share = self.draw.random() < _STARTING, self.draw.random()
        if starting and self.warm_up is not None:
            _wait(process, share * self.warm_up)
            return
        while process.poll() is None and self.endpoint.log.stat().st_size == size:
            time.sleep(0.002)
        self.warm_up = time.monotonic() - started
        _wait(process, share * _WORK_SECONDS)

    def _check(self) -> None:
        """Nothing that was finished before may be missing from the journal, or have been asked for again."""
        run = self.workspace.newest_run()
        if run is None:
            return
        whole = _whole_lines(run / "journal.jsonl")
        if not whole.startswith(self.kept):
            self.audit.mistakes.append(f"{run.name}: what the journal held is not its beginning any more")
        self.kept = whole
        asked = [one.row for one in self.endpoint.asked()]
        again = self.done.intersection(asked[self.asked :])
        self.audit.mistakes += [f"row {row} was finished and was asked for again" for row in sorted(again)]
        self.done, self.asked = frozenset(finished(run)), len(asked)

    def _close(self) -> None:
        run = self.workspace.newest_run()
        outcomes = {} if run is None else finished(run)
        answered = sum(outcome["type"] == "output" for outcome in outcomes.values())
        if answered != self.rows:
            self.audit.mistakes.append(f"{answered} of {self.rows} cells are answered in the end")
        self.audit.cells += self.rows
        self.audit.requests += len(self.endpoint.asked())


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _whole_lines(path: Path) -> bytes:
    data = path.read_bytes() if path.is_file() else b""
    return data[: data.rfind(b"\n") + 1]


def _finding(key: str, what: str, audit: Audit) -> Finding:
    allowed = audit.stops * CONCURRENCY
    return Finding(
        key=key,
        what=f"{what}: finished cells that were lost, or paid for twice",
        measured=len(audit.mistakes),
        unit="",
        goal="0",
        reached=not audit.mistakes and 0 <= audit.spare <= allowed,
        note="; ".join(audit.mistakes[:3])
        or f"{audit.requests:,} requests for {audit.cells:,} cells in {audit.runs} runs: {audit.spare} were in flight "
        f"at a stop, of {allowed:,} that might have been.",
    )
