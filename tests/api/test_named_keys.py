"""Keys and names: what cases are called loses a key; what runs are found by keeps one that is a word of it."""

from __future__ import annotations

import gzip
import json

import pyarrow.parquet as pq
import pytest
from tests.api.parts import cases, edit, write_cases
from tests.cli.parts import plimsoll

from plimsoll.api import GateOptions, RunOptions, gate_suite, promote_suite, run_suite, sync_runs
from plimsoll.api.syncing import Fate, unlogged
from plimsoll.config import PrivacyPolicy, Workspace
from plimsoll.runs.folders import run_folders
from plimsoll.runs.observer import Silent
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import open_store

pytestmark = pytest.mark.mlflow

KEY = "sk-planted/0123+456789"
WORDS = {
    "DESK_KEY": "desk-run",
    "DATABASE_PASSWORD": "plimsoll",
    "OTHER_PASSWORD": "messages",
    "FIRST_TOKEN": "settings",
    "METRIC_TOKEN": "exact_match",
}
"""Passwords of a development, each a part of a name: the suite's, ours, a file format's, a metric's."""


def everything(workspace: Workspace) -> str:
    """What was written into the tracking store, unpacked."""
    texts = [(workspace.state / "mlflow.db").read_bytes().decode("utf-8", "replace")]
    for path in (workspace.state / "mlartifacts").rglob("*"):
        if path.suffix == ".parquet":
            texts.append(json.dumps(pq.read_table(path).to_pylist()))
        elif path.is_file():
            data = path.read_bytes()
            texts.append((gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace"))
    return "\n".join(texts)


def test_a_run_with_a_secret_in_its_name_is_logged_found_and_promoted(
    tracked: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for name, value in WORDS.items():
        monkeypatch.setenv(name, value)
    edit(tracked.root, "suites/desk.yaml", "name: desk", "name: desk-run")
    (tracked.root / "suites/desk.yaml").rename(tracked.root / "suites/desk-run.yaml")
    write_cases(tracked.root, cases(24, note="the desk-run messages"))
    with thread_writer(tracked) as writer:
        writer.check()
        decided = gate_suite(tracked, "desk-run", GateOptions(first=True), Silent(), writer=writer)
        logged = decided.run.logged
        assert logged is not None
        assert logged.unsynced is None
        assert sum("stays in that" in note for note in logged.notes) == 3
        # Logged again it is the same run, and the notes are told again.
        [told] = sync_runs(tracked, [decided.run.folder.name], writer=writer).runs
        assert (told.fate, told.mlflow_run_id) == (Fate.THERE, logged.parent)
        assert set(told.notes) == set(logged.notes)
        assert unlogged(tracked, decided.run.folder, writer) is None
    with open_store(None, tracked, {}) as store:
        [parent, *children] = [store.client.get_run(run) for run in (logged.parent, *logged.targets.values()) if run]
        name = decided.run.folder.name
        assert (parent.data.tags["plimsoll.run"], parent.data.tags["plimsoll.suite"]) == (name, "desk-run")
        assert json.loads(parent.data.params["stored.1"])["run"] == name
        assert decided.attestation is not None, decided.verdict
        assert parent.data.tags.get("plimsoll.verdict") == "pass", parent.data.tags
        assert all("exact_match/mean" in child.data.metrics for child in children)
    # What is said of cases has none of them.
    assert "the desk-run messages" not in everything(tracked)
    promoted = promote_suite(tracked, "desk-run", reason="the first", who="somebody")
    assert promoted is not None
    ended = plimsoll(capsys, "run", "desk-rum", "--no-track")
    assert "desk-run" in ended.err


def test_a_key_in_what_cases_and_slices_are_called_reaches_no_tracking_store(
    tracked: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rows = [{**row, "id": f"{row['id']} {KEY}", "slices": [f"of {KEY}"], "group": KEY} for row in cases()]
    write_cases(tracked.root, rows)
    with thread_writer(tracked) as writer:
        writer.check()
        ran = run_suite(tracked, "desk", RunOptions(), Silent(), writer=writer)
    assert ran.logged is not None
    assert ran.logged.unsynced is None
    found = everything(tracked)
    assert "[OPENAI_API_KEY redacted]" in found
    assert "planted" not in found


def test_sync_tells_what_was_not_redacted(tracked: Workspace):
    settings = tracked.settings.model_copy(update={"privacy": PrivacyPolicy(redact=["customre"])})
    private = Workspace(tracked.root, settings)
    # Another suite's cases have it: then it is no slip.
    other = (tracked.root / "suites/desk.yaml").read_text(encoding="utf-8").replace("desk", "other")
    (tracked.root / "suites/other.yaml").write_text(other, encoding="utf-8")
    row = {"id": "one", "question": "?", "expected": "!", "customre": "Ann"}
    (tracked.root / "datasets/other.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with thread_writer(private, uri="http://127.0.0.1:9") as dead:
        run_suite(private, "desk", RunOptions(), Silent(), writer=dead)
    assert len([*run_folders(private.state / "runs")]) == 1
    with thread_writer(private) as writer:
        [told] = sync_runs(private, writer=writer).runs
    assert told.fate is Fate.LOGGED
    assert [note[:41] for note in told.notes] == ["privacy: no case of this run has customre"]
