"""Ctrl-C, a killed process, a changed suite, two processes: what was finished is kept, and never done twice."""

import re
import signal
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from tests.api.parts import Desk, cases, edit, write_cases
from tests.cli.parts import plimsoll, wait_for
from tests.cli.sessions import Sessions

from plimsoll.config import Workspace
from plimsoll.runs.folders import run_folders
from plimsoll.testing import Reply

RESUME = ("run", "desk", "--no-track", "--resume")


def run_folder(workspace: Workspace) -> Path:
    return next(run_folders(workspace.state / "runs"))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send to another process")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_is_finished_by_resume_without_repeating_a_cell(
    sent: signal.Signals, sessions: Sessions, workspace: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]
):
    desk.delay = 0.15
    # One answered, one in flight: 4 at once.
    sessions.start("run", "desk", "--no-track", "--target", "v1", folder=workspace.root)
    wait_for(desk, 7)
    sessions.send(sent)
    ended = sessions.ended()
    if sent == signal.SIGINT:
        name = run_folder(workspace).name
        assert ended.code == 130
        assert f"error: run {name} interrupted; what was finished is kept" in ended.err
        assert "help: plimsoll run desk --resume" in ended.err
    journal = (run_folder(workspace) / "journal.jsonl").read_text(encoding="utf-8")
    finished = journal.count('"kind":"output"')
    assert 0 < finished < 12

    desk.delay = 0
    time.sleep(0.3)
    before = desk.requests
    resumed = plimsoll(capsys, *RESUME)
    assert resumed.code == 0
    # Answers that were not scored any more are left too, and ask nothing; all of them are not worth a word.
    left = re.search(r"(\d+) cells left", resumed.err)
    assert left is None or 12 - finished <= int(left[1]) < 12
    assert desk.requests - before == 12 - finished
    assert "complete: 12 of 12 cells answered" in resumed.out
    assert "is complete" in plimsoll(capsys, *RESUME).err
    # The interrupted session's requests count too, those in flight among them; a killed one could not tell.
    if sent == signal.SIGINT:
        assert f"{desk.requests} requests" in resumed.out


@pytest.fixture
def unfinished(workspace: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run that owes some cells: as a killed process leaves it."""
    plimsoll(capsys, "run", "desk", "--no-track")
    folder = run_folder(workspace)
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:30]) + b'{"kind":"outp')
    (workspace.state / "cache.db").unlink()
    desk.asked.clear()
    return folder


def test_a_changed_suite_is_not_resumed_and_what_changed_is_said(
    unfinished: Path, workspace: Workspace, desk: Desk, capsys
):
    edit(workspace.root, "prompts/v2.jinja2", "two", "three")
    edit(workspace.root, "suites/desk.yaml", "  - short\n", "  - latency\n")
    edit(workspace.root, "suites/desk.yaml", "targets:\n", "targets:\n  v0: {prompt: prompts/v1.jinja2, model: main}\n")
    write_cases(workspace.root, cases(11))
    ended = plimsoll(capsys, *RESUME)
    assert (ended.code, desk.requests) == (2, 0)
    said = " ".join(ended.err.split())
    for change in (
        "the cases changed (12 then, 11 now)",
        "evaluator latency is new",
        "evaluator short is gone",
        "target v0 is new",
        "target v2 changed",
    ):
        assert change in said
    assert f"error: run {unfinished.name} can't be resumed" in said
    assert "start a new run: what has not changed is taken from the cache" in said


def test_a_resumed_run_is_the_one_that_was_planned(unfinished: Path, capsys):
    for flag in (
        ("--sample", "3"),
        ("--filter", "id=c1"),
        ("--target", "v1"),
        ("--repeats", "2"),
        ("--fresh",),
        ("--only-failed",),
    ):
        ended = plimsoll(capsys, *RESUME, *flag)
        assert ended.code == 2
        assert "error: --resume goes on with a run as it was planned" in ended.err
        assert f"help: leave {flag[0]} out" in ended.err


def test_a_run_that_another_process_is_writing_is_left_alone(unfinished: Path, desk: Desk, capsys):
    with FileLock(unfinished / "lock"):
        ended = plimsoll(capsys, *RESUME)
    assert (ended.code, desk.requests) == (2, 0)
    assert f"run {unfinished.name} is being written by another process" in " ".join(ended.err.split())
    assert plimsoll(capsys, *RESUME).code == 0


def test_only_failed_cells_run_again(workspace: Workspace, desk: Desk, capsys):
    desk.replies[3] = Reply(status=400, body={"error": {"message": "not today"}})
    assert plimsoll(capsys, "run", "desk", "--no-track").code == 4
    again = ("run", "desk", "--no-track", "--only-failed")
    desk.replies.clear()
    desk.asked.clear()
    ended = plimsoll(capsys, *again)
    assert (ended.code, dict(desk.asked)) == (0, {("one", 3): 1, ("two", 3): 1})
    assert "2 cells left" in ended.err
    assert "complete: 24 of 24 cells answered" in ended.out
    assert "has no failed cells" in plimsoll(capsys, *again).err


def test_running_the_failed_cells_again_does_not_complete_a_run_that_owes_others(unfinished: Path, desk: Desk, capsys):
    journal = unfinished / "journal.jsonl"
    whole = journal.read_bytes().splitlines(keepends=True)[:-1]
    failed = b'{"kind":"output","cell":["v1","c0",0],"key":"","outcome":{"type":"failure","kind":"server",'
    journal.write_bytes(b"".join(whole) + failed + b'"message":"HTTP 500","remedy":"later"}}\n')
    ended = plimsoll(capsys, "run", "desk", "--no-track", "--only-failed")
    assert ended.code == 4
    assert "cells were not run: plimsoll run desk --resume" in " ".join(ended.out.split())
    assert plimsoll(capsys, *RESUME).code == 0


def test_nor_one_that_owes_scores_of_cells_that_were_answered(workspace: Workspace, capsys):
    assert plimsoll(capsys, "run", "desk", "--no-track").code == 0
    journal = run_folder(workspace) / "journal.jsonl"
    lines = [line for line in journal.read_bytes().splitlines(keepends=True)[:-1] if b'"kind":"score"' not in line]
    failed = b'{"kind":"output","cell":["v1","c0",0],"key":"","outcome":{"type":"failure","kind":"server",'
    journal.write_bytes(b"".join(lines) + failed + b'"message":"HTTP 500","remedy":"later"}}\n')
    ended = plimsoll(capsys, "run", "desk", "--no-track", "--only-failed")
    assert ended.code == 4
    assert "some cells were not scored" in " ".join(ended.out.split())
    resumed = plimsoll(capsys, *RESUME)
    assert (resumed.code, "23 cells left" in resumed.err) == (0, True)
