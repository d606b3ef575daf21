"""A run that is killed again and again: no finished cell is lost, and none is paid for twice."""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path

import pytest
from tests.api.parts import Desk, cases, write_cases
from tests.cli.parts import wait_for
from tests.cli.sessions import Sessions

from plimsoll.config import Workspace
from plimsoll.runs.folders import is_complete, run_folders
from plimsoll.runs.journal import OutputLine, read_journal

CASES, STOPS, AT_ONCE = 50, 5, 4
RUN = ("run", "desk", "--no-track")


def journalled(folder: Path) -> set[tuple[str, int]]:
    """What the journal holds as answered, as the desk counts it: (prompt, question)."""
    prompts = {"v1": "one", "v2": "two"}
    lines = [line for line in read_journal(folder / "journal.jsonl") if isinstance(line, OutputLine)]
    return {(prompts[line.cell.target], int(line.cell.case.removeprefix("c"))) for line in lines}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("sent", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_however_often_a_run_is_stopped_each_finished_cell_is_kept_and_was_paid_for_once(
    sent: signal.Signals, sessions: Sessions, workspace: Workspace, desk: Desk
):
    write_cases(workspace.root, cases(CASES))
    desk.delay = 0.02
    draw = random.Random(7)
    paid: dict[tuple[str, int], int] = {}
    kept = b""
    for stop in range(STOPS):
        before = desk.requests
        sessions.start(*RUN, *(["--resume"] if stop else []), folder=workspace.root)
        wait_for(desk, before + draw.randint(1, 12))
        sessions.send(sent)
        assert sessions.code() == (130 if sent == signal.SIGINT else -signal.SIGKILL)
        folder = next(run_folders(workspace.state / "runs"))
        whole = (folder / "journal.jsonl").read_bytes().rpartition(b"\n")[0]
        assert whole.startswith(kept)
        kept = whole
        finished = journalled(folder)
        paid.update({cell: desk.asked[cell] for cell in finished - paid.keys()})
    desk.delay = 0
    sessions.start(*RUN, "--resume", folder=workspace.root)
    assert sessions.code() == 0
    assert 0 < len(paid) < 2 * CASES
    assert {cell: desk.asked[cell] for cell in paid} == paid
    assert is_complete(folder)
    assert len(journalled(folder)) == 2 * CASES
    assert desk.requests <= 2 * CASES + STOPS * AT_ONCE
