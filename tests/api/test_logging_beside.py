"""Logging never changes what a gate ends in, and whoever logs a run beside others damages nothing of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from tests.api.parts import cases, write_cases
from tests.api.test_gating import without_registry
from tests.api.test_syncing import DEAD, contents, fates, gate, run

from plimsoll.api import Fate, GateOptions, RunOptions, gate_suite, run_suite, sync_runs
from plimsoll.api.loop import run_blocking
from plimsoll.api.noting import note_begun
from plimsoll.api.outgoing import OUTGOING
from plimsoll.api.owed import marked, read_owed
from plimsoll.api.prepare import prepare
from plimsoll.api.runs import run_targets
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode, InterruptedRunError
from plimsoll.runs.observer import Silent
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import MlflowWriter

pytestmark = pytest.mark.mlflow


@pytest.fixture
def private(tracked: Workspace) -> Workspace:
    """A workspace of which only copies leave, with little patience."""
    without_registry(tracked)
    write_cases(tracked.root, cases(customer="Ann O'Lee"))
    settings = '[tool.plimsoll.privacy]\nredact = ["customer"]\n[tool.plimsoll.tracking]\nwait = 20\n'
    (tracked.root / "pyproject.toml").write_text(settings, encoding="utf-8")
    return Workspace.find(tracked.root)


@pytest.fixture
def dead(private: Workspace) -> Iterator[MlflowWriter]:
    """One that reaches nothing."""
    with thread_writer(private, uri=DEAD) as opened:
        yield opened


def test_an_older_gate_s_damaged_verdict_keeps_no_other_gate_and_no_other_run(private: Workspace, dead: MlflowWriter):
    folder = run(private, dead).folder
    gate(private, dead, run_id=folder.name)
    other = run(private, dead).folder
    (folder / "gate/v1/verdict.json").write_bytes(b"{}")
    decided = gate(private, dead, target="v2", run_id=folder.name)
    assert decided.exit_code is ExitCode.PASS
    assert decided.attestation is not None
    assert decided.run.logged is not None
    assert "gate/v1/verdict.json: damaged: " in str(decided.run.logged.unsynced)
    with thread_writer(private) as writer:
        told = {each.run: (each.fate, str(each.why)) for each in sync_runs(private, writer=writer).runs}
    assert told[folder.name][0] is Fate.OWED
    assert "gate/v1/verdict.json: damaged: " in told[folder.name][1]
    assert told[other.name][0] is Fate.LOGGED


def test_a_run_that_another_process_logs_is_not_touched_and_the_gate_over_it_ends_as_decided(
    private: Workspace, dead: MlflowWriter
):
    folder = run(private, dead).folder
    before = {path: path.stat().st_mtime_ns for path in (folder / OUTGOING).rglob("*")}
    assert before
    hurried = private.settings.tracking.model_copy(update={"wait": 0.1})
    there = Workspace(private.root, private.settings.model_copy(update={"tracking": hurried}))
    with thread_writer(there) as writer:
        with ThreadPoolExecutor(1) as other, FileLock(folder / "mlflow.lock", thread_local=False):
            decided = other.submit(gate, there, writer, run_id=folder.name).result()
        assert decided.exit_code is ExitCode.PASS
        assert decided.run.logged is not None
        told = f"run {folder.name} is being logged by another process"
        assert told in str(decided.run.logged.unsynced)
        assert {path: path.stat().st_mtime_ns for path in (folder / OUTGOING).rglob("*")} == before
        assert fates(private, writer) == [Fate.LOGGED]


def test_two_syncs_at_once_make_one_whole_copy(private: Workspace, dead: MlflowWriter):
    write_cases(private.root, cases(80, customer="Ann O'Lee " * 40))
    folder = run(private, dead).folder
    names = ("cases.jsonl", "journal.jsonl")
    whole = [(folder / OUTGOING / name).read_bytes() for name in names]

    def synced(_: int) -> list[str]:
        with thread_writer(private, uri=DEAD) as writer:
            return [str(each.why) for _ in range(3) for each in sync_runs(private, [folder.name], writer=writer).runs]

    with ThreadPoolExecutor(2) as pool:
        told = [why for each in pool.map(synced, range(2)) for why in each]
    assert [why for why in told if not why.startswith("no answer from the tracking server")] == []
    assert [(folder / OUTGOING / name).read_bytes() for name in names] == whole
    assert [path.name for path in (folder / OUTGOING).iterdir() if path.name.startswith(".")] == []


def test_a_gate_that_can_t_decide_leaves_its_whole_run_to_be_logged(private: Workspace, dead: MlflowWriter):
    other = run(private, dead).folder

    class Damaging(Silent):
        """The baseline's run loses its journal while the gate's own cells run."""

        def finished(self, record, asked) -> None:
            (other / "journal.jsonl").write_bytes(b"{}\n")

    options = GateOptions(baseline=f"run:{other.name}:v2", run=RunOptions(fresh=True))
    with pytest.raises(ConfigError, match="damaged"):
        gate_suite(private, "desk", options, Damaging(), writer=dead)
    [folder] = {path.name for path in (private.state / "runs").iterdir()} - {other.name}
    assert folder in marked(private.state)


@pytest.mark.skipif(sys.platform == "win32", reason="a process is interrupted otherwise there")
# The signal may come between the key's opening and the block that closes it.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning")
def test_a_gate_that_is_interrupted_while_it_decides_says_what_there_is(
    private: Workspace, dead: MlflowWriter, monkeypatch: pytest.MonkeyPatch
):
    key = private.state / "key.pem"
    os.mkfifo(key)
    monkeypatch.setenv("PLIMSOLL_SIGNING_KEY", str(key))

    def interrupt() -> None:
        # Open once the gate reads its key, which never comes.
        with key.open("wb"):
            # To the thread that reads: where another one took the signal, the read would go on.
            signal.pthread_kill(main, signal.SIGINT)
            ended.wait()

    ended, main = threading.Event(), threading.get_ident()
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(InterruptedRunError) as told:
        gate(private, dead)
    ended.set()
    thread.join()
    [folder] = (private.state / "runs").iterdir()
    assert told.value.message == f"interrupted while run {folder.name} was decided; its cells are kept"
    assert told.value.remedy == f"plimsoll gate desk --run {folder.name}"
    assert marked(private.state) == {folder.name}


def whole_without_its_end(workspace: Workspace, *, track: bool) -> Path:
    """A run whose command was killed after its last cell."""
    prepared, options = prepare(workspace, "desk"), RunOptions(track=track)
    began = partial(note_begun, prepared, prepared.targets, options)
    return run_blocking(run_targets(prepared, prepared.targets, options, Silent(), began=began)).folder


def test_a_command_that_is_killed_right_after_the_last_cell_leaves_a_run_that_is_owed(tracked: Workspace):
    folder = whole_without_its_end(tracked, track=True)
    untracked = whole_without_its_end(tracked, track=False)
    with thread_writer(tracked) as writer:
        assert fates(tracked, writer) == [Fate.LOGGED]
        [told] = sync_runs(tracked, [untracked.name], writer=writer).runs
        assert (told.fate, told.why) == (Fate.NOTHING, "it was run with --no-track")
        assert fates(tracked, writer, folder.name) == [Fate.THERE]
    assert contents(tracked)["finished"] == 3


def test_a_run_that_goes_on_without_tracking_is_not_owed(tracked: Workspace, dead: MlflowWriter):
    class Stopping(Silent):
        def finished(self, record, asked) -> None:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError):
        run_suite(tracked, "desk", RunOptions(), Stopping(), writer=dead)
    [folder] = (tracked.state / "runs").iterdir()
    assert read_owed(folder) is not None
    assert marked(tracked.state) == frozenset()
    run(tracked, dead, resume=True, track=False)
    assert read_owed(folder) is None
    [told] = sync_runs(tracked, [folder.name], writer=dead).runs
    assert (told.fate, told.why) == (Fate.NOTHING, "it was run with --no-track")
