"""A fresh machine: all that it has is the files and the tracking URI; what others ran and promoted comes from there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, write_workspace
from tests.api.repository import commit, git
from tests.cli.parts import Ended, finish, start

from plimsoll.api import GateOptions, RunOptions, gate_suite, run_suite
from plimsoll.api.promotion import history_of, promote_suite, verify_suite
from plimsoll.api.reporting import stored_run
from plimsoll.canonical import digest_file
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.gates import VerificationError
from plimsoll.runs.folders import run_folders
from plimsoll.runs.observer import Silent
from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.mlflow_server import mlflow_server
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import load_mlflow
from plimsoll.types import Decision

pytestmark = pytest.mark.mlflow

GATE = SUITE.replace("target: v1", "target: v2")


@pytest.fixture
def first(tmp_path: Path, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The machine that runs first, on branch main."""
    for ci in ("GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD"):
        monkeypatch.delenv(ci, raising=False)
    found = write_workspace(tmp_path / "a" / "desk", GATE)
    commit(found.root)
    return found


@pytest.fixture
def fresh(tmp_path: Path, first: Workspace) -> Workspace:
    """A clone of the same files, in which nothing has run."""
    git(tmp_path, "clone", "--quiet", str(first.root), str(tmp_path / "b" / "desk"))
    return Workspace.find(tmp_path / "b" / "desk")


@pytest.fixture
def shared(tmp_path: Path, database: Path, first: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that is no workspace's own, named by the environment."""
    store = tmp_path / "store" / "mlflow.db"
    store.parent.mkdir()
    shutil.copy(database, store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store.as_posix()}")
    # Not in the writer's thread, while evaluators are imported here.
    load_mlflow(dict(os.environ))
    return store.parent


def refused(method: str) -> None:
    raise AssertionError(f"the writer was asked to {method}")


def test_a_fresh_machine_gates_against_what_another_logged(
    first: Workspace, fresh: Workspace, desk: Desk, shared: Path
):
    with thread_writer(first) as writer:
        made = run_suite(first, "desk", RunOptions(), Silent(), writer=writer)
    assert made.logged is not None
    assert made.logged.unsynced is None
    run, head = made.report.run.id, git(first.root, "rev-parse", "HEAD")
    desk.wrong["two"] = {0}
    told: list[str] = []
    asked = GateOptions(run=RunOptions(track=False), baseline="branch:main")
    with thread_writer(fresh) as writer:
        decided = gate_suite(fresh, "desk", asked, Silent(), writer=writer, tell=told.append)
    relative = decided.verdict.rules[1]
    assert relative.missing == 0
    assert relative.estimate == pytest.approx(-1 / 12)
    when = made.report.run.started[:16].replace("T", " ")
    line = f"the baseline is v2 of branch:main, which is run {run} of {when} UTC, commit {head[:8]}, branch main, from"
    assert [each for each in told if each.startswith(line)]
    assert any(each.startswith(line) for each in decided.run.view.notes)
    assert decided.unsealed == f"the baseline's answers are those of run {run}, not generated beside the challenger's"
    # It lies apart: what is newest here, or resumed here, is never another machine's.
    assert {path.name for path in (fresh.state / "runs").iterdir()} == {decided.verdict.run}
    assert [path.name for path in run_folders(fresh.state / "fetched")] == [run]
    # Again by its id, with no server to ask.
    asked = GateOptions(run=RunOptions(track=False), baseline=run)
    with thread_writer(fresh, before=refused) as writer:
        again = gate_suite(fresh, "desk", asked, Silent(), writer=writer)
    assert again.verdict.rules[1].estimate == relative.estimate


@pytest.mark.long
def test_what_was_promoted_elsewhere_is_verified_and_gated_against_from_the_server_alone(
    first: Workspace, fresh: Workspace, shared: Path
):
    with thread_writer(first) as theirs:
        made = gate_suite(first, "desk", GateOptions(target="v1", first=True), Silent(), writer=theirs)
    assert made.attestation is not None
    entry = promote_suite(first, "desk")
    assert history_of(fresh, "desk") == (entry,)
    with thread_writer(fresh) as writer:
        found = verify_suite(fresh, "desk", server=writer)
        shown = stored_run(fresh, "alias:champion", server=writer)
        asked = GateOptions(run=RunOptions(track=False), baseline="alias:champion")
        decided = gate_suite(fresh, "desk", asked, Silent(), writer=writer)
    assert found.envelope == made.attestation.read_bytes()
    assert fresh.state / "fetched" / entry.run in found.path.parents
    assert [verdict.target for verdict in shown.view.verdicts] == ["v1"]
    assert (decided.verdict.rules[1].outcome, decided.verdict.baseline) == (Decision.PASS, "champion")
    assert promote_suite(fresh, "desk").seq == 2
    # What a gate left there can be exchanged: then it is neither verified nor shown.
    for path in shared.rglob("gate/v1/digests.jsonl"):
        path.write_bytes(path.read_bytes().replace(b"c3", b"c4"))
    clone = write_workspace(fresh.root.parent.parent / "c" / "desk", GATE)
    with thread_writer(clone) as there:
        shown = stored_run(clone, f"run:{entry.run}", server=there)
    assert not shown.view.verdicts
    assert "what a gate decided over v1 is not shown: the attestation does not verify" in shown.view.notes[1]


def test_what_another_machine_gated_is_promoted_from_the_server_alone(first: Workspace, fresh: Workspace, shared: Path):
    with thread_writer(first) as theirs:
        made = gate_suite(first, "desk", GateOptions(target="v1", first=True), Silent(), writer=theirs)
    assert made.attestation is not None
    run = made.run.folder.name
    with pytest.raises(UsageError, match=r"desk was never gated here \(.*promote desk --attestation run:ID\)"):
        promote_suite(fresh, "desk")
    with thread_writer(fresh) as writer:
        with pytest.raises(UsageError, match=f"there is no attestation of run {run} over v2, here or on the"):
            promote_suite(fresh, "desk", attestation=f"run:{run}:v2", server=writer)
        with pytest.raises(UsageError, match="branch:main may be another run tomorrow"):
            promote_suite(fresh, "desk", attestation="branch:main", server=writer)
        whole = {path: path.read_bytes() for path in shared.rglob("gate/v1/*") if path.name == "digests.jsonl"}
        assert whole
        for path, data in whole.items():
            path.write_bytes(data.replace(b"c3", b"c4"))
        with pytest.raises(VerificationError):
            promote_suite(fresh, "desk", attestation=f"run:{run}", server=writer)
        assert history_of(fresh, "desk") == ()
        for path, data in whole.items():
            path.write_bytes(data)
        entry = promote_suite(fresh, "desk", attestation=f"run:{run[-4:]}", server=writer)
    assert (entry.run, entry.target) == (run, "v1")
    assert entry.attestation == digest_file(made.attestation)
    # It is the same promotion where it was gated.
    assert promote_suite(first, "desk") == entry


@pytest.mark.long
def test_through_a_server_every_command_works_on_a_fresh_machine(
    first: Workspace, fresh: Workspace, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    with mlflow_server() as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
        done(first, "gate", "desk", "--target", "v1", "--first")
        [gated] = [path.name for path in (first.state / "runs").iterdir()]
        done(first, "promote", "desk")
        done(first, "run", "desk")
        [run] = [path.name for path in (first.state / "runs").iterdir() if path.name != gated]
        assert "v1" in done(fresh, "history", "desk").out
        assert "verifies" in done(fresh, "verify", "desk").out
        against = done(fresh, "gate", "desk", "--baseline", "branch:main")
        # The newest run there is over this very v2, which would be held against itself.
        assert f"the baseline is v1 of branch:main, which is run {gated}" in " ".join(against.err.split())
        done(fresh, "compare", "alias:champion", f"run:{run}:v2")
        assert run in done(fresh, "report", run[-4:]).out
        done(fresh, "gate", "desk")
        assert "version 2 is the champion" in " ".join(done(fresh, "promote", "desk").out.split())


def done(workspace: Workspace, *words: str) -> Ended:
    ended = finish(start(*words, folder=workspace.root), 300)
    assert ended.code == 0, (words, ended.out, ended.err)
    return ended
