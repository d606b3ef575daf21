"""What could not be logged is owed, told, and logged later: once in each store, however often and by however many."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.parts import edit
from tests.api.test_gating import without_registry

from plimsoll.api import Fate, GateOptions, RunOptions, gate_suite, promote_suite, run_suite, sync_runs
from plimsoll.api.doctoring import diagnose
from plimsoll.api.owed import marked, read_owed, told_owed
from plimsoll.api.reporting import stored_run
from plimsoll.api.results import SuiteRun
from plimsoll.api.sealing import GateRun
from plimsoll.api.syncing import unlogged
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, InfrastructureError, InterruptedRunError, UsageError
from plimsoll.runs.observer import Silent
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import MlflowWriter, open_store
from plimsoll.workers import WorkerDiedError

pytestmark = pytest.mark.mlflow
DEAD = "http://127.0.0.1:9"


@pytest.fixture
def writer(tracked: Workspace) -> Iterator[MlflowWriter]:
    with thread_writer(tracked) as opened:
        yield opened


@pytest.fixture
def dead(tracked: Workspace) -> Iterator[MlflowWriter]:
    """One that reaches nothing."""
    with thread_writer(tracked, uri=DEAD) as opened:
        yield opened


def dying(method: str) -> None:
    if method == "log":
        raise WorkerDiedError("writer", exit_code=-9, stderr="")


def run(workspace: Workspace, writer: MlflowWriter, **options) -> SuiteRun:
    return run_suite(workspace, "desk", RunOptions(**options), Silent(), writer=writer)


def gate(workspace: Workspace, writer: MlflowWriter, **options) -> GateRun:
    without_registry(workspace)
    return gate_suite(workspace, "desk", GateOptions(**options), Silent(), writer=writer)


def contents(workspace: Workspace, uri: str | None = None) -> Counter[str]:
    """How much of what is in a store."""
    found: Counter[str] = Counter()
    with open_store(uri, workspace, dict(os.environ)) as store:
        for each in store.client.search_runs([store.experiment_id]):
            found["runs"] += 1
            found["finished"] += each.info.status == "FINISHED"
            found["verdicts"] += "plimsoll.verdict" in each.data.tags and "plimsoll.target" not in each.data.tags
        for trace in store.client.search_traces(locations=[store.experiment_id]):
            found["traces"] += 1
            found["assessments"] += len(trace.info.assessments)
    return found


def artifacts(workspace: Workspace, run: str, folder: str | None = None) -> set[str]:
    with open_store(None, workspace, dict(os.environ)) as store:
        return {file.path for file in store.client.list_artifacts(run, folder)}


def fates(workspace: Workspace, writer: MlflowWriter, *names: str) -> list[Fate]:
    found = sync_runs(workspace, names, writer=writer).runs
    assert all(each.fate is not Fate.OWED for each in found), found
    return [each.fate for each in found]


def test_a_dead_server_leaves_a_run_owed_and_a_later_sync_logs_it_once(
    tracked: Workspace, writer: MlflowWriter, dead: MlflowWriter, desk
):
    desk.wrong["one"] = {1, 2, 3}
    ran = run(tracked, dead)
    name = ran.folder.name
    assert ran.exit_code is ExitCode.PASS
    assert f"not everything is in MLflow: no answer from the tracking server {DEAD}" in ran.view.notes[-1]
    assert ran.view.notes[-1].endswith(f"later: plimsoll sync {name}")
    assert told_owed(tracked.state) == "1 run is not in MLflow yet: plimsoll sync"
    # What the workspace holds by then is not what was run.
    before = (tracked.root / "suites/desk.yaml").read_text(encoding="utf-8")
    edit(tracked.root, "suites/desk.yaml", "- short", "- short  # later")
    still = sync_runs(tracked, writer=dead)
    assert ([each.fate for each in still.runs], still.exit_code) == ([Fate.OWED], ExitCode.INFRASTRUCTURE)
    assert "no answer from the tracking server" in str(still.runs[0].why)
    done = sync_runs(tracked, writer=writer)
    assert ([each.fate for each in done.runs], done.exit_code, done.owed) == ([Fate.LOGGED], ExitCode.PASS, 0)
    assert (told_owed(tracked.state), sync_runs(tracked, writer=writer).runs) == (None, ())
    once = contents(tracked)
    assert (once["runs"], once["finished"], once["traces"]) == (3, 3, done.runs[0].traces)
    assert once["assessments"] >= once["traces"] > 0
    assert fates(tracked, writer, name) == [Fate.THERE]
    assert contents(tracked) == once
    with open_store(None, tracked, dict(os.environ)) as store:
        there = store.client.download_artifacts(str(done.runs[0].mlflow_run_id), "suite.yaml", str(tracked.root))
    assert Path(there).read_text(encoding="utf-8") == before


def test_a_gate_s_verdict_and_attestation_are_owed_with_the_run(
    tracked: Workspace, writer: MlflowWriter, dead: MlflowWriter
):
    without_registry(tracked)
    folder = run(tracked, dead).folder
    gate(tracked, dead, run_id=folder.name)
    gate(tracked, dead, target="v2", run_id=folder.name)
    entry = read_owed(folder)
    assert entry is not None
    assert [*entry.request.gates] == ["v1", "v2"]
    assert entry.request.gates["v1"].files["attestation.json"] == "gate/v1/attestation.json"
    [synced] = sync_runs(tracked, writer=writer).runs
    assert synced.fate is Fate.LOGGED
    parent = str(synced.mlflow_run_id)
    assert {"verdict.json", "attestation.json", "report.html", "suite.yaml"} <= artifacts(tracked, parent)
    assert artifacts(tracked, parent, "gate/v1") >= {"gate/v1/verdict.json", "gate/v1/attestation.json"}
    assert artifacts(tracked, parent, "gate/v2") >= {"gate/v2/verdict.json", "gate/v2/attestation.json"}
    assert contents(tracked)["verdicts"] == 1


@pytest.mark.long
def test_a_gate_over_a_run_that_is_logged_adds_to_it(tracked: Workspace, writer: MlflowWriter):
    without_registry(tracked)
    first = run(tracked, writer)
    before = contents(tracked)
    ended = gate(tracked, writer, run_id=first.folder.name)
    assert ended.run.logged is not None
    assert (ended.run.logged.unsynced, marked(tracked.state)) == (None, frozenset())
    assert {"verdict.json", "attestation.json"} <= artifacts(tracked, str(ended.run.logged.parent))
    assert contents(tracked) == before + Counter(verdicts=1)


@pytest.mark.long
def test_a_run_goes_to_two_stores_but_never_twice_to_one(tracked: Workspace, writer: MlflowWriter, database: Path):
    other = f"sqlite:///{tracked.state / 'other' / 'mlflow.db'}"
    (tracked.state / "other").mkdir()
    (tracked.state / "other" / "mlflow.db").write_bytes(database.read_bytes())
    name = run(tracked, writer).folder.name
    assert sync_runs(tracked, writer=writer).runs == ()
    with thread_writer(tracked, uri=other) as elsewhere:
        # Owed to none: another store gets it where it is named.
        assert fates(tracked, elsewhere) == []
        assert fates(tracked, elsewhere, name) == [Fate.LOGGED]
        assert fates(tracked, elsewhere, name) == [Fate.THERE]
    assert fates(tracked, writer, name) == [Fate.THERE]
    assert contents(tracked) == contents(tracked, other)
    told = json.loads((tracked.state / "runs" / name / "mlflow.json").read_bytes())
    assert set(told["complete"]) == {"sqlite:///.plimsoll/mlflow.db", "sqlite:///.plimsoll/other/mlflow.db"}
    assert str(tracked.root) not in json.dumps(told["complete"])


def test_without_tracking_nothing_is_owed(tracked: Workspace, writer: MlflowWriter):
    name = run(tracked, writer, track=False).folder.name
    assert marked(tracked.state) == frozenset()
    assert fates(tracked, writer) == []
    [told] = sync_runs(tracked, [name], writer=writer).runs
    assert (told.fate, told.why) == (Fate.NOTHING, "it was run with --no-track")


def test_an_interrupted_run_is_owed_once_it_is_resumed(tracked: Workspace, dead: MlflowWriter, writer: MlflowWriter):
    class Stopping(Silent):
        def finished(self, record, asked) -> None:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError):
        run_suite(tracked, "desk", RunOptions(), Stopping(), writer=dead)
    [folder] = (tracked.state / "runs").iterdir()
    [told] = sync_runs(tracked, [folder.name], writer=writer).runs
    assert told.fate is Fate.NOTHING
    assert "did not come to its end: `plimsoll run --resume`" in str(told.why)
    run(tracked, dead, resume=True)
    assert fates(tracked, writer) == [Fate.LOGGED]
    assert contents(tracked)["finished"] == 3


@pytest.mark.long
def test_a_run_whose_command_died_before_its_report_is_logged_with_one(tracked: Workspace, writer: MlflowWriter):
    with thread_writer(tracked, before=dying) as mortal:
        ran = run(tracked, mortal)
    assert "the MLflow writer failed: the worker writer was killed by signal 9" in ran.view.notes[-1]
    (ran.folder / "report.html").unlink()
    [synced] = sync_runs(tracked, writer=writer).runs
    assert synced.fate is Fate.LOGGED
    assert "report.html" in artifacts(tracked, str(synced.mlflow_run_id))


def test_damage_and_removed_folders_are_told_and_the_others_go_on(
    tracked: Workspace, dead: MlflowWriter, writer: MlflowWriter
):
    torn, newer, broken, gone, whole = (run(tracked, dead).folder for _ in range(5))
    (torn / "tracking.json").write_bytes(b'{"version": 1, "rev')
    (newer / "tracking.json").write_bytes(b'{"version": 7}')
    lines = (broken / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (broken / "journal.jsonl").write_bytes(b"".join([*lines[:3], b"{}\n", *lines[3:]]))
    for file in sorted(gone.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    gone.rmdir()
    done = sync_runs(tracked, writer=writer)
    told = {each.run: (each.fate, str(each.why)) for each in done.runs}
    assert told[whole.name][0] is Fate.LOGGED
    assert told[gone.name][0] is Fate.GONE
    assert "tracking.json: damaged" in told[torn.name][1]
    assert "tracking.json: was written by another version (its format is 7)" in told[newer.name][1]
    assert "journal.jsonl:4: damaged journal line" in told[broken.name][1]
    assert (done.owed, done.exit_code) == (3, ExitCode.INFRASTRUCTURE)
    # Of what is gone nobody hears again.
    assert {each.run for each in sync_runs(tracked, writer=writer).runs} == {torn.name, newer.name, broken.name}
    with pytest.raises(UsageError, match="no run 'nowhere'"):
        sync_runs(tracked, ["nowhere"], writer=writer)


def test_a_writer_that_dies_over_one_run_does_not_keep_the_others(tracked: Workspace, dead: MlflowWriter):
    first, second = (run(tracked, dead).folder.name for _ in range(2))
    died: list[str] = []

    def once(method: str) -> None:
        if method == "log" and not died:
            died.append(method)
            dying(method)

    with thread_writer(tracked, before=once) as mortal:
        told = {each.run: each.fate for each in sync_runs(tracked, writer=mortal).runs}
        assert told == {first: Fate.OWED, second: Fate.LOGGED}
        assert fates(tracked, mortal) == [Fate.LOGGED]


def test_runs_that_a_slow_server_made_twice_are_one_after_a_sync(
    tracked: Workspace, writer: MlflowWriter, dead: MlflowWriter
):
    name = run(tracked, dead).folder.name
    with open_store(None, tracked, dict(os.environ)) as store:
        tags = {"plimsoll.run": name, "plimsoll.logged": "started"}
        for more in ({}, {}, {"plimsoll.target": "v1"}):
            store.client.create_run(store.experiment_id, tags=tags | more)
    assert fates(tracked, writer) == [Fate.LOGGED]
    once = contents(tracked)
    assert once["runs"] == once["finished"] == 3
    # A request that was given up arrives after all.
    with open_store(None, tracked, dict(os.environ)) as store:
        store.client.create_run(store.experiment_id, start_time=1, tags=tags | {"plimsoll.target": "v2"})
    assert fates(tracked, writer, name) == [Fate.THERE]
    assert contents(tracked) == once


def test_a_report_of_a_run_that_is_owed_says_so_and_its_file_does_not(tracked: Workspace, dead: MlflowWriter):
    folder = run(tracked, dead).folder
    told = f"it is not in MLflow yet: plimsoll sync {folder.name}"
    assert stored_run(tracked, folder.name).view.notes.count(told) == 1
    assert "not in MLflow yet" not in (folder / "report.html").read_text(encoding="utf-8")
    untracked = run(tracked, dead, track=False).folder
    assert told not in stored_run(tracked, untracked.name).view.notes
    (folder / "tracking.json").write_bytes(b"{")
    assert "whether it is in MLflow can't be told: " in stored_run(tracked, folder.name).view.notes[-1]


def test_what_was_deleted_in_mlflow_is_logged_again_before_a_promotion(tracked: Workspace, writer: MlflowWriter):
    folder = run(tracked, writer).folder
    once = contents(tracked)
    with thread_writer(tracked, before=dying) as mortal:
        # The store has it: nothing is logged.
        assert unlogged(tracked, folder, mortal) is None
    with open_store(None, tracked, dict(os.environ)) as store:
        found = store.client.search_runs([store.experiment_id])
        [target] = [each for each in found if each.data.tags.get("plimsoll.target") == "v2"]
        store.client.delete_run(target.info.run_id)
    assert unlogged(tracked, folder, writer) is None
    assert contents(tracked)["finished"] == once["finished"] == 3
    with open_store(None, tracked, dict(os.environ)) as store:
        for each in store.client.search_runs([store.experiment_id]):
            store.client.delete_run(each.info.run_id)
    assert contents(tracked)["runs"] == 0
    with thread_writer(tracked, before=dying) as mortal:
        refused = unlogged(tracked, folder, mortal)
    assert f"run {folder.name} is not in MLflow: the MLflow writer failed" in str(refused)
    assert unlogged(tracked, folder, writer) is None
    assert contents(tracked)["finished"] == 3


def test_a_run_whose_baseline_s_run_was_removed_is_logged_without_it(
    tracked: Workspace, writer: MlflowWriter, dead: MlflowWriter
):
    other, mine = (run(tracked, dead).folder for _ in range(2))
    gate(tracked, dead, run_id=mine.name, baseline=f"run:{other.name}:v2")
    entry = read_owed(mine)
    assert entry is not None
    assert entry.request.baseline is not None
    shutil.rmtree(other)
    told = {each.run: each for each in sync_runs(tracked, writer=writer).runs}
    assert told[mine.name].fate is Fate.LOGGED
    assert told[mine.name].notes == (f"run {other.name}, whose v2 is the baseline, was removed: logged without it",)
    assert marked(tracked.state) == frozenset()
    assert "verdict.json" in artifacts(tracked, str(told[mine.name].mlflow_run_id))


def test_a_gate_over_a_run_leaves_it_the_circumstances_under_which_it_ran(
    tracked: Workspace, dead: MlflowWriter, monkeypatch: pytest.MonkeyPatch
):
    job = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge"}
    for name in (*job, "GITHUB_HEAD_REF", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)
    untracked = run(tracked, dead, track=False).folder
    for name, value in {**job, "GITHUB_HEAD_REF": "shorter-answers"}.items():
        monkeypatch.setenv(name, value)
    folder = run(tracked, dead).folder
    for name in (*job, "GITHUB_HEAD_REF"):
        monkeypatch.delenv(name)
    monkeypatch.delenv("CI", raising=False)
    for each, known in ((folder, ("pr", "shorter-answers", "7")), (untracked, ("local", None, None))):
        gate(tracked, dead, run_id=each.name)
        entry = read_owed(each)
        assert entry is not None
        assert tuple(entry.request.tags.get(name) for name in ("trigger", "branch", "pr")) == known


@pytest.mark.long
def test_promotion_logs_what_its_run_owes_or_is_refused(tracked: Workspace, dead: MlflowWriter, monkeypatch):
    ended = gate(tracked, dead)
    name = ended.run.folder.name
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    with pytest.raises(InfrastructureError) as refused:
        promote_suite(tracked, "desk", who="ann")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert f"run {name} is not in MLflow: no answer from the tracking server" in refused.value.message
    assert refused.value.remedy == f"plimsoll sync {name}"
    (tracked.root / "pyproject.toml").write_text("[tool.plimsoll.tracking]\nwait = 0.01\n", encoding="utf-8")
    forced = promote_suite(Workspace.find(tracked.root), "desk", who="ann", force=True, reason="at night")
    assert f"run {name} is not in MLflow" in forced.forced[-1]


@pytest.mark.long
def test_promotion_waits_for_the_run_to_be_logged(tracked: Workspace, dead: MlflowWriter):
    name = gate(tracked, dead).run.folder.name
    entry = promote_suite(tracked, "desk", who="ann")
    assert (entry.run, entry.forced, marked(tracked.state)) == (name, (), frozenset())
    assert contents(tracked)["verdicts"] == 1


@pytest.mark.long
def test_doctor_tells_how_many_runs_are_owed(tracked: Workspace, dead: MlflowWriter):
    assert [each for each in diagnose(tracked) if each.what == "runs"] == []
    first, _ = (run(tracked, dead).folder.name for _ in range(2))
    [found] = [each for each in diagnose(tracked) if each.what == "runs"]
    assert (found.detail, found.remedy) == (f"2 not in MLflow, the oldest is {first}", "plimsoll sync")
