"""A slow, deaf or dying tracking server delays a run's end by no more than the project's `wait`, and loses nothing.

Each of these servers stands before a real one: what a sync logs into that one afterwards is there once.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.api.faulty import Faults, faulty
from tests.api.parts import Desk
from tests.api.test_syncing import contents
from tests.cli.parts import finish, start

from plimsoll.api import Fate, RunOptions, run_suite, sync_runs
from plimsoll.api.owed import marked
from plimsoll.api.results import SuiteRun
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode
from plimsoll.runs.observer import Silent
from plimsoll.testing.mlflow_server import mlflow_server
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import MlflowWriter

pytestmark = [
    pytest.mark.long,
    pytest.mark.mlflow,
    pytest.mark.skipif(sys.platform == "win32", reason="the MLflow server needs a process group"),
]
WAIT = 12.0
SLACK = 3.0
"""Seconds that a machine with other work may be late."""
WHOLE = Counter(runs=3, finished=3, traces=24, assessments=72)
"""Two targets of twelve cases; each trace has two scores and what was expected."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with mlflow_server() as running:
        yield running.address


@pytest.fixture
def before(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """The faults of a server that stands before it, which the environment names."""
    with faulty(server) as (address, faults):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        yield faults


@pytest.fixture
def impatient(workspace: Workspace, request: pytest.FixtureRequest) -> Workspace:
    """A workspace with a wait of its own, an experiment of its own, and a trace for each cell."""
    name = request.node.name.partition("[")[0]
    settings = f'[tool.plimsoll]\nexperiment = "{name}"\n[tool.plimsoll.tracking]\nwait = {WAIT}\ntraces = "all"\n'
    (workspace.root / "pyproject.toml").write_text(settings, encoding="utf-8")
    return Workspace.find(workspace.root)


def logged_by_a_writer(workspace: Workspace) -> SuiteRun:
    with MlflowWriter(workspace) as writer:
        return run_suite(workspace, "desk", RunOptions(), Silent(), writer=writer)


def ended_within(workspace: Workspace) -> SuiteRun:
    """A run that is owed, whose command waited for its logging no longer than it may."""
    ran = logged_by_a_writer(workspace)
    waited = (ran.folder / "mlflow.json").stat().st_mtime - ran.html.stat().st_mtime
    assert waited < WAIT + SLACK
    assert (ran.exit_code, ran.report.run.complete) == (ExitCode.PASS, True)
    assert ran.view.notes[-1].startswith("not everything is in MLflow: ")
    assert ran.view.notes[-1].endswith(f"plimsoll sync {ran.folder.name}")
    assert marked(workspace.state) == {ran.folder.name}
    return ran


def healed(workspace: Workspace, server: str) -> None:
    """A sync against the server itself makes it whole, and a second one changes nothing."""
    with thread_writer(workspace, uri=server) as writer:
        assert [each.fate for each in sync_runs(workspace, writer=writer).runs] == [Fate.LOGGED]
        assert contents(workspace, server) == WHOLE
        assert sync_runs(workspace, writer=writer).runs == ()
        [folder] = (workspace.state / "runs").iterdir()
        assert [each.fate for each in sync_runs(workspace, [folder.name], writer=writer).runs] == [Fate.THERE]
        assert contents(workspace, server) == WHOLE


def test_a_server_that_is_slow_for_each_call(impatient: Workspace, server: str, before: Faults):
    before.delay = 2.0
    ended_within(impatient)
    before.closing.set()
    healed(impatient, server)


def test_a_server_that_answers_a_byte_a_second(impatient: Workspace, server: str, before: Faults):
    before.trickle = True
    ended_within(impatient)
    healed(impatient, server)


@pytest.mark.parametrize("requests", [3, 20])
def test_a_server_that_dies_in_the_middle(impatient: Workspace, server: str, before: Faults, requests: int):
    experiment = f"dies-{requests}"
    file = impatient.root / "pyproject.toml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("test_a_server_that_dies_in_the_middle", experiment), encoding="utf-8"
    )
    workspace = Workspace.find(impatient.root)
    before.dead_after = requests
    ended_within(workspace)
    healed(workspace, server)


def test_a_request_that_is_answered_too_late_and_sent_again(
    impatient: Workspace, server: str, before: Faults, monkeypatch: pytest.MonkeyPatch
):
    file = impatient.root / "pyproject.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(f"wait = {WAIT}", "wait = 120"), encoding="utf-8")
    workspace = Workspace.find(impatient.root)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    before.late = {"/runs/create": 4.0, "/log-batch": 4.0, "/link-traces": 4.0}
    ran = logged_by_a_writer(workspace)
    assert before.asked.count("/api/2.0/mlflow/runs/create") >= 2
    assert ran.logged is not None
    if ran.logged.unsynced is not None:
        with thread_writer(workspace, uri=server) as writer:
            sync_runs(workspace, writer=writer)
    assert contents(workspace, server) == WHOLE


def test_a_server_that_accepts_and_never_answers(impatient: Workspace, server: str, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
        ended_within(impatient)
    healed(impatient, server)


def test_a_command_that_is_killed_while_it_logs(impatient: Workspace, server: str, before: Faults):
    before.delay = 0.3
    process = start("run", "desk", folder=impatient.root)
    deadline = time.monotonic() + 60
    while len(before.asked) < 12:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert len(marked(impatient.state)) == 1
    before.closing.set()
    healed(impatient, server)


def test_two_syncs_at_once_while_the_run_s_own_command_logs(impatient: Workspace, server: str, before: Faults):
    before.delay = 0.1
    process = start("run", "desk", folder=impatient.root)
    deadline = time.monotonic() + 60
    while not list(Path(impatient.state, "runs").glob("*/report.html")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    syncs = [start("sync", "--json", folder=impatient.root) for _ in range(2)]
    ended = [finish(each) for each in (process, *syncs)]
    assert [each.code for each in ended] == [0, 0, 0]
    assert contents(impatient, server) == WHOLE
    assert marked(impatient.state) == frozenset()


def test_many_syncs_of_many_runs(tracked: Workspace, desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with MlflowWriter(tracked) as writer:
        for _ in range(3):
            run_suite(tracked, "desk", RunOptions(), Silent(), writer=writer)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: sync_runs(tracked), range(3)))
    assert all(report.exit_code is ExitCode.PASS for report in done)
    assert contents(tracked)["runs"] == contents(tracked)["finished"] == 9
    assert marked(tracked.state) == frozenset()
