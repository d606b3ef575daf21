"""`plimsoll sync` and the lines that tell of runs that are still to be logged."""

from __future__ import annotations

import pytest
from tests.api.test_syncing import DEAD
from tests.cli.parts import plimsoll

from plimsoll.api import RunOptions, run_suite
from plimsoll.config import Workspace
from plimsoll.runs.observer import Silent
from plimsoll.testing.writer import thread_writer

pytestmark = pytest.mark.mlflow


@pytest.fixture
def owed(tracked: Workspace, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that could not be logged; the server is still not there, and asked for a moment only."""
    monkeypatch.setenv("COLUMNS", "200")
    with thread_writer(tracked, uri=DEAD) as writer:
        return run_suite(tracked, "desk", RunOptions(), Silent(), writer=writer).folder.name


def test_where_nothing_is_owed_it_says_so_without_a_store(tracked: Workspace, capsys):
    ended = plimsoll(capsys, "sync")
    assert (ended.code, ended.out) == (0, "nothing is owed: every run that was to be logged is in MLflow\n")
    assert plimsoll(capsys, "sync", "--json").document == {
        "exit_code": 0,
        "store": "sqlite:///.plimsoll/mlflow.db",
        "owed": 0,
        "runs": [],
    }
    assert plimsoll(capsys, "sync", "nowhere").code == 2


def test_an_address_that_is_none_is_refused_though_nothing_is_owed(tracked: Workspace, capsys):
    ended = plimsoll(capsys, "sync", "--to", "htp://x")
    assert (ended.code, ended.out) == (2, "")
    assert "MLflow's tracking URI 'htp://x' is no server and no database" in " ".join(ended.err.split())


def test_it_says_where_to_and_folds_why_a_run_is_still_owed(owed: str, tracked: Workspace, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    (tracked.state / "runs" / owed / "tracking.json").write_text("{", encoding="utf-8")
    for given, where in (
        ((), "tracking store: sqlite:///.plimsoll/mlflow.db (MLFLOW_TRACKING_URI is not set)"),
        (("--to", DEAD), f"tracking store: {DEAD}"),
    ):
        ended = plimsoll(capsys, "sync", *given)
        lines = ended.out.splitlines()
        assert (ended.code, lines[:2]) == (4, [where, f"still owed    {owed}"])
        assert max(map(len, lines)) <= 80
        assert "tracking.json: damaged: " in "".join(line.strip() for line in lines)


def test_the_next_run_tells_of_it_in_a_line(owed: str, tracked: Workspace, capsys):
    ended = plimsoll(capsys, "run", "desk", "--no-track")
    assert "not in MLflow yet" not in ended.err
    (tracked.root / "pyproject.toml").write_text("[tool.plimsoll.tracking]\nwait = 0.01\n", encoding="utf-8")
    ended = plimsoll(capsys, "run", "desk")
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "note: 1 run is not in MLflow yet: plimsoll sync"
    assert "not everything is in MLflow: the MLflow writer failed: the tracking store was not open after 0.0" in (
        " ".join(ended.out.split())
    )


@pytest.mark.long
def test_it_tells_what_it_did_and_ends_with_4_where_something_is_owed(owed: str, tracked: Workspace, capsys):
    ended = plimsoll(capsys, "sync", "--to", DEAD)
    assert ended.code == 4
    where, first, why, last = ended.out.splitlines()
    assert (where, first) == (f"tracking store: {DEAD}", f"still owed    {owed}")
    assert why.startswith(f"  no answer from the tracking server {DEAD}")
    assert last == "1 of 1 still owed; `plimsoll doctor` tries the tracking store"
    ended = plimsoll(capsys, "sync")
    assert ended.code == 0
    assert ended.out.splitlines()[1].startswith(f"logged        {owed}: MLflow run ")
    again = plimsoll(capsys, "sync", owed, "--json").document
    assert [each["fate"] for each in again["runs"]] == ["already there"]
    assert (again["exit_code"], again["owed"]) == (0, 0)
