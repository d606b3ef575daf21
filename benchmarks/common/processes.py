"""Starts a command, waits for it, and says what it took: time, processor, memory.

The main process and its children apart.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.metered import peak_mib

ROOT = Path(__file__).parents[2]
_EVERY = 0.1
"""Seconds between two looks at the descendants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and what it took."""

    code: int
    out: str
    err: str
    started: float
    """Seconds of the wall clock (`time.time()`)."""
    ended: float
    cpu_all: float
    """Seconds of user and system time, with all children that were waited for."""
    cpu: float | None
    """Of the main process alone, until its main() ended; None where the command is not a module that was metered."""
    cpu_children: float | None
    """Of the children that it waited for until then; None likewise."""
    peak: float | None
    """MiB that the main process held at most; None likewise."""
    peak_child: float
    """MiB that the largest descendant held at most, looked at ten times a second; 0 without descendants."""
    peak_largest: float
    """MiB that the largest of all its processes held at most; never less than what ours held as it was started."""

    @property
    def seconds(self) -> float:
        """From the start of the process to its end."""
        return self.ended - self.started


class CommandError(Exception):
    """A command that had to end well did not."""


def plimsoll(
    *words: str, cwd: Path, timeout: float = 900, env: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> Ended:
    """Run a command of Plimsoll, metered.

    Raises:
        CommandError: it ended with another code than `codes`.
    """
    ended = module("plimsoll.cli.main", *words, cwd=cwd, timeout=timeout, env=env)
    if ended.code not in codes:
        raise CommandError(f"plimsoll {' '.join(words)} ended with {ended.code}: {(ended.err or ended.out)[-2000:]}")
    return ended


def module(name: str, *words: str, cwd: Path, timeout: float = 900, env: Mapping[str, str] | None = None) -> Ended:
    """Run a module's main() in a process of its own, metered."""
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
        figures = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "benchmarks.common.metered", str(figures), name, *words]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return run(command, cwd=cwd, timeout=timeout, env={"PYTHONPATH": path, **(env or {})}, figures=figures)


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    timeout: float = 900,
    env: Mapping[str, str] | None = None,
    figures: Path | None = None,
) -> Ended:
    """Run a command to its end.

    Args:
        command: Its words.
        cwd: Where.
        timeout: Seconds after which it is killed; its code is then negative.
        env: More environment.
        figures: Where a metered module writes what it used itself.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.time()
        # A group of its own, so that whatever it leaves behind can be ended with it.
        process = subprocess.Popen(
            command, cwd=cwd, env=clean_environment(env), stdout=out, stderr=err, start_new_session=True
        )
        watch = _Watch(process.pid)
        killer = threading.Timer(timeout, _end_group, (process.pid,))
        watch.start()
        killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            ended = time.time()
        finally:
            killer.cancel()
            watch.stop()
            _end_group(process.pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        own = json.loads(figures.read_text(encoding="utf-8")) if figures is not None and figures.exists() else {}
        return Ended(
            code=process.returncode,
            out=_text(out),
            err=_text(err),
            started=started,
            ended=ended,
            cpu_all=usage.ru_utime + usage.ru_stime,
            cpu=own.get("cpu"),
            cpu_children=own.get("cpu_children"),
            peak=own.get("peak"),
            peak_child=max(watch.peaks.values(), default=0.0),
            peak_largest=usage.ru_maxrss / 1024,
        )


def _end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would point a run at somebody's account or server."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "MLFLOW_", "AZURE_"))}
    return {**ours, "OPENAI_API_KEY": "not-a-key", **(more or {})}


def _text(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return file.read().decode("utf-8", errors="replace")  # type: ignore[attr-defined, no-any-return]


@dataclass
class _Watch:
    """A thread that looks at a process's descendants while it runs."""

    root: int
    peaks: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            for process in descendants(self.root):
                peak = peak_mib(str(process))
                if peak is not None:
                    self.peaks[process] = max(peak, self.peaks.get(process, 0.0))


def descendants(root: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    found: list[int] = []
    left = [root]
    while left:
        folder = Path(f"/proc/{left.pop()}/task")
        try:
            threads = list(folder.iterdir())
        except OSError:
            continue
        for thread in threads:
            try:
                children = [int(word) for word in (thread / "children").read_text(encoding="ascii").split()]
            except OSError:
                continue
            found += children
            left += children
    return found
