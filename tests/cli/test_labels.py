"""`labels`: what each command prints, and the whole road from a label to a judge's certificate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.labelled import lay, ui_of
from tests.api.parts import Desk
from tests.cli.parts import plimsoll

from plimsoll.api.labelling import pull_labels
from plimsoll.config import Workspace
from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.writer import thread_writer

pytestmark = pytest.mark.mlflow


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Path:
    return lay(tmp_path_factory.mktemp("labelled") / "desk", database).root


@pytest.fixture
def labelled(tmp_path: Path, logged: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The workspace with a run that two people have labelled in MLflow."""
    for name in ("OPENAI_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    shutil.copytree(logged, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    workspace = Workspace.find(tmp_path / "desk")
    ui = ui_of(workspace)
    for number in range(6):
        ui.feedback(f"c{number}", "kind", 4, "ada")
    ui.feedback("c2", "kind", 1, "bob", "no answer at all")
    ui.feedback("c2", "thumbs", "down", "bob")
    ui.expectation("c2", "none", "bob")
    with ScriptedEndpoint(Desk()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield workspace


@pytest.mark.long
def test_pull_says_what_it_found_about_what_and_by_whom_and_what_to_do_next(
    labelled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = plimsoll(capsys, "labels", "pull")
    assert ended.code == 0, ended.err
    assert [" ".join(line.split()) for line in ended.out.splitlines()] == [
        "9 new labels, 0 changed, 0 taken back; 6 traces looked at",
        "",
        "about labels by",
        "expected 1 bob 1",
        "kind 7 ada 6, bob 1",
        "thumbs (no metric of the run: kept, not used) 1 bob 1",
        "",
        "Next:",
        "plimsoll labels export kind",
        "plimsoll labels cases",
    ]
    short = plimsoll(capsys, "labels", "pull")
    assert (short.out, short.err) == ("0 new labels, 0 changed, 0 taken back; 6 traces looked at\n", "")
    again = plimsoll(capsys, "labels", "pull", "desk", "--json").document
    assert (again["exit_code"], again["new"], again["labels"]["kind"]) == (0, 0, {"ada": 6, "bob": 1})


def test_from_labels_to_a_certificate(labelled: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    with thread_writer(labelled) as writer:
        pull_labels(labelled, writer=writer)
    ended = plimsoll(capsys, "labels", "export", "kind")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "7 labels on 6 answers, by ada, bob\nwrote labels/kind.jsonl\n\n"
        "Next:\n  plimsoll judge calibrate kind --labels labels/kind.jsonl\n"
    )
    words = ended.out.splitlines()[-1].split()[1:]
    calibrated = plimsoll(capsys, *words, "--repeats", "1")
    assert calibrated.code == 1, "a judge that finds everything good"
    assert "labels labels/kind.jsonl, 6 answers" in calibrated.out


@pytest.mark.long
def test_unusable_labels_are_told_once_and_then_counted(
    labelled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    ui = ui_of(labelled)
    ui.feedback("c0", "exact_match", True, "ada")
    ui.feedback("c1", "exact_match", "maybe", "ada")
    pulled = plimsoll(capsys, "labels", "pull")
    assert pulled.out.startswith("10 new labels,")
    assert "exact_match" in pulled.out
    assert max(len(line) for line in pulled.err.splitlines()) <= 80
    assert " ".join(pulled.err.split()) == (
        f"note: trace {ui.traces['c1'].trace_id}, ada: exact_match is true or false, not 'maybe': left out"
    )
    again = plimsoll(capsys, "labels", "pull")
    assert again.out.splitlines() == [
        "0 new labels, 0 changed, 0 taken back; 6 traces looked at",
        "1 label left out as before: `plimsoll labels pull --json` says why",
    ]


def test_labels_that_calibrate_no_judge_lead_to_no_calibration(
    labelled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    ui = ui_of(labelled)
    ui.feedback("c0", "exact_match", True, "ada")
    ui.feedback("c1", "exact_match", "maybe", "ada")
    with thread_writer(labelled) as writer:
        pull_labels(labelled, writer=writer)
    ended = plimsoll(capsys, "labels", "export", "exact_match")
    assert max(len(line) for line in ended.err.splitlines()) <= 80
    assert "ada on v1/c1 of" in " ".join(ended.err.split())
    assert ended.out == "1 label on 1 answer, by ada\nwrote labels/exact_match.jsonl\n"
    refused = plimsoll(capsys, "labels", "export", "expected")
    assert (refused.code, "plimsoll labels cases" in refused.err) == (2, True)


def test_cases_are_told_by_what_they_are_to_the_dataset(
    labelled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with thread_writer(labelled) as writer:
        pull_labels(labelled, writer=writer)
    ended = plimsoll(capsys, "labels", "cases")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "1 case with another expected answer: c2\nwrote datasets/desk-labelled.jsonl\n"
    merged = plimsoll(capsys, "labels", "cases", "--into", "datasets/desk.jsonl", "--json")
    assert merged.document["updates"] == ["c2"], merged.err
    again = plimsoll(capsys, "labels", "cases", "--into", "datasets/desk.jsonl")
    assert (again.code, again.out) == (0, "nothing to change in datasets/desk.jsonl\n")
    assert plimsoll(capsys, "labels", "cases", "nowhere").code == 2
