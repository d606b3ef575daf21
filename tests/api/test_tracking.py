"""Runs are logged by a process of their own: what it does to a run when it can't, and that it leaves nothing behind."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.api.parts import Desk, edit
from tests.cli.parts import finish, start

from plimsoll.api import GateOptions, RunOptions, gate_suite, run_suite
from plimsoll.config import ProjectSettings, Workspace
from plimsoll.errors import ExitCode, InfrastructureError, UsageError
from plimsoll.runs.observer import Silent
from plimsoll.stats import summarise
from plimsoll.testing.reports import example_report
from plimsoll.tracking import LoggedRun, LogRequest, MlflowWriter, Patience, open_store
from plimsoll.types import CellRecord, Usage

pytestmark = [pytest.mark.long, pytest.mark.mlflow]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and /proc")


def writers_of(parent: int) -> list[int]:
    """The writer processes that a process started."""
    words = ["ps", "-o", "pid=,args=", "--ppid", str(parent)]
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return [int(line.split()[0]) for line in told if "writer_worker" in line]


def running(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(told.strip()) and not told.startswith("Z")


def until(what, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A tracking server that accepts and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def folder_of(workspace: Workspace) -> Path:
    [folder] = (workspace.state / "runs").iterdir()
    return folder


def test_a_run_is_logged_and_mlflow_is_never_imported_here(tracked: Workspace):
    program = (
        "import sys\nfrom plimsoll.cli.main import main\n"
        "try:\n    main(['run', 'desk'])\nexcept SystemExit as ended:\n    assert not ended.code, ended.code\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tracked.root, capture_output=True, text=True, check=True)
    assert {"mlflow", "sqlalchemy", "pandas", "pyarrow"}.isdisjoint(done.stderr.split())
    logged = msgspec.json.decode((folder_of(tracked) / "mlflow.json").read_bytes(), type=LoggedRun)
    assert logged.unsynced is None
    assert f"MLflow: run {logged.parent}" in done.stdout
    # The database's one file holds all: whoever copies it needs no log beside it.
    copy = tracked.root / "copy.db"
    shutil.copy(tracked.state / "mlflow.db", copy)
    with closing(sqlite3.connect(copy)) as database:
        found = {row[0] for row in database.execute("SELECT run_uuid FROM runs WHERE status = 'FINISHED'")}
    assert found == {logged.parent, *logged.targets.values()}


def test_a_baseline_from_another_run_is_logged_beside_the_challenger(tracked: Workspace):
    before = run_suite(tracked, "desk", RunOptions(track=False), Silent())
    edit(tracked.root, "suites/desk.yaml", "target: v1\n", f"target: v1\n  baseline: {before.report.run.id}\n")
    ended = gate_suite(tracked, "desk", GateOptions(target="v2"), Silent())
    assert ended.run.logged is not None
    assert ended.run.logged.unsynced is None
    assert set(ended.run.logged.targets) == {"v2", "baseline"}
    with open_store(None, tracked, dict(os.environ)) as store:
        metrics = store.client.get_run(ended.run.logged.targets["baseline"]).data.metrics
        assert metrics["run/ok"] == 12
        table = store.client.list_artifacts(ended.run.logged.targets["baseline"])
        assert {file.path for file in table} == {"cells.parquet", "eval_results_table.json"}
        tags = store.client.get_run(ended.run.logged.parent or "").data.tags
        assert tags["plimsoll.gate.baseline"] == f"v2 of run {before.report.run.id}"
        assert tags["mlflow.source.name"] == "plimsoll gate desk"


def test_a_uri_that_names_no_store_costs_a_run_a_note_and_a_gate_its_champion(tracked: Workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    ran = run_suite(tracked, "desk", RunOptions(), Silent())
    assert (ran.exit_code, ran.report.run.complete) == (ExitCode.PASS, True)
    assert "not everything is in MLflow: MLflow's tracking URI './mlruns' is no server" in ran.view.notes[-1]
    with pytest.raises(UsageError, match="is no server and no database"):
        gate_suite(tracked, "desk", GateOptions(), Silent())


def test_a_server_that_is_down_costs_a_run_a_note_and_a_gate_its_champion(tracked: Workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:hunter22@127.0.0.1:9")
    ran = run_suite(tracked, "desk", RunOptions(), Silent())
    assert (ran.exit_code, ran.report.run.complete) == (ExitCode.PASS, True)
    assert "no answer from the tracking server http://ann:***@127.0.0.1:9" in ran.view.notes[-1]
    with pytest.raises(InfrastructureError, match="no answer from the tracking server"):
        gate_suite(tracked, "desk", GateOptions(), Silent())


@posix
def test_a_writer_that_dies_costs_its_run_a_note_and_the_next_run_nothing(tracked: Workspace):
    class Killing(Silent):
        def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
            for pid in writers_of(os.getpid()):
                os.kill(pid, signal.SIGKILL)

    with MlflowWriter(tracked) as writer:
        ran = run_suite(tracked, "desk", RunOptions(), Killing(), writer=writer)
        again = run_suite(tracked, "desk", RunOptions(), Silent(), writer=writer)
    assert (ran.exit_code, ran.report.run.complete) == (ExitCode.PASS, True)
    assert ran.logged is not None
    assert ran.logged.parent is None
    assert "not everything is in MLflow: the MLflow writer failed: the worker" in ran.view.notes[-1]
    assert json.loads((ran.folder / "mlflow.json").read_bytes())["unsynced"] == ran.logged.unsynced
    assert again.logged is not None
    assert again.logged.parent is not None
    assert again.logged.unsynced is None


def test_a_writer_that_never_answers_is_given_up_and_ended(silent_server: str, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    report = example_report(cases=1)
    request = LogRequest(folder=str(tmp_path), summary=summarise(report), files={}, suite_text="")
    with MlflowWriter(Workspace(tmp_path, ProjectSettings()), patience=Patience(opening=0.5)) as writer:
        logged = writer.log(request)
        [pid] = writers_of(os.getpid())
    assert logged.unsynced is not None
    assert "did not answer open in 0.5 s" in logged.unsynced
    assert not running(pid)


def hanging_run(workspace: Workspace, server: str, seconds: str = "600") -> subprocess.Popen[str]:
    """A run whose cells are finished and whose report is written, and which waits for its tracking server."""
    process = start(
        "run", "desk", folder=workspace.root, MLFLOW_TRACKING_URI=server, MLFLOW_HTTP_REQUEST_TIMEOUT=seconds
    )
    until(lambda: list(workspace.state.glob("runs/*/report.html")))
    return process


@posix
def test_ctrl_c_while_a_run_is_logged_keeps_the_run_and_leaves_no_process(workspace: Workspace, silent_server: str):
    process = hanging_run(workspace, silent_server)
    [writer] = writers_of(process.pid)
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert ended.code == 130
    run = folder_of(workspace).name
    assert f"interrupted while run {run} was reported and logged" in " ".join(ended.err.split())
    assert f"plimsoll report {run}" in ended.err
    assert not running(writer)


@posix
def test_no_writer_outlives_a_command_that_is_killed(workspace: Workspace, silent_server: str):
    process = hanging_run(workspace, silent_server)
    [writer] = writers_of(process.pid)
    process.kill()
    finish(process)
    until(lambda: not running(writer), 10)


def test_without_tracking_no_writer_is_started(workspace: Workspace, desk: Desk):
    seen: list[int] = []

    class Looking(Silent):
        def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
            seen.extend(writers_of(os.getpid()))

    run_suite(workspace, "desk", RunOptions(track=False), Looking())
    assert (seen, desk.requests) == ([], 24)
