"""A full disk, a folder that can't be written, a locked cache: told with what to do, and what was finished is kept."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.api.parts import Desk, cases, write_cases
from tests.cli.parts import Ended, finish, plimsoll, start, wait_for
from tests.cli.sessions import Sessions

from plimsoll.config import Workspace
from plimsoll.runs.folders import run_folders
from plimsoll.runs.journal import OutputLine, read_journal

RUN = ("run", "desk", "--no-track")
# What is written to a file beyond its limit fails as it does on a full disk.
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))"
# Permissions say nothing to root, unless it gives up the right to overlook them.
UNPRIVILEGED = """\
import ctypes, os, sys
for right in (1, 2):
    ctypes.CDLL(None).prctl(24, right)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def posix(program: str, *words: str, folder: Path) -> Ended:
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def unprivileged(*words: str, folder: Path) -> Ended:
    probe = "import os, sys; sys.exit(os.access(sys.argv[1], os.W_OK))"
    locked = folder / "locked"
    locked.mkdir(mode=0o500)
    if posix(UNPRIVILEGED, "-c", probe, str(locked), folder=folder).code:
        pytest.skip("permissions say nothing to this user")
    return posix(UNPRIVILEGED, "-m", "plimsoll.cli.main", *words, folder=folder)


def answered(folder: Path) -> int:
    return len({line.cell for line in read_journal(folder / "journal.jsonl") if isinstance(line, OutputLine)})


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on a file's size")
@pytest.mark.parametrize("limit", [pytest.param(20_000, marks=pytest.mark.long), 60_000])
def test_a_disk_that_fills_up_ends_the_run_with_a_remedy_and_resume_does_the_rest(
    limit: int, sessions: Sessions, workspace: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]
):
    write_cases(workspace.root, cases(60))
    sessions.start(*RUN, folder=workspace.root, before=LIMITED.format(limit=limit))
    ended = sessions.ended()
    assert ended.code == 4
    said = " ".join(ended.err.split())
    assert "Traceback" not in said
    assert "--resume" in said
    folder = next(run_folders(workspace.state / "runs"))
    finished = answered(folder)
    assert finished < 120
    before = desk.requests
    assert plimsoll(capsys, *RUN, "--resume").code == 0
    assert answered(folder) == 120
    assert desk.requests - before <= 120 - finished


@pytest.mark.skipif(sys.platform != "linux", reason="root's rights are Linux's")
def test_a_run_that_may_not_be_written_is_infrastructure_and_asks_nothing(workspace: Workspace, desk: Desk, capsys):
    plimsoll(capsys, *RUN)
    folder = next(run_folders(workspace.state / "runs"))
    journal = folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-5]))
    journal.chmod(0o400)
    desk.asked.clear()
    ended = unprivileged(*RUN, "--resume", folder=workspace.root)
    said = " ".join(ended.err.split())
    assert (ended.code, desk.requests) == (4, 0)
    assert "journal.jsonl: Permission denied" in said
    assert "help: check space and permissions there" in said


@pytest.mark.skipif(sys.platform != "linux", reason="root's rights are Linux's")
def test_a_state_folder_that_may_not_be_written_is_infrastructure_and_asks_nothing(workspace: Workspace, desk: Desk):
    (workspace.state / "runs").mkdir(parents=True)
    (workspace.state / "runs").chmod(0o500)
    ended = unprivileged(*RUN, folder=workspace.root)
    assert (ended.code, desk.requests) == (4, 0)
    said = " ".join(ended.err.split())
    assert "Permission denied" in said
    assert "help: check space and permissions there" in said


@pytest.mark.long
def test_a_cache_that_another_program_holds_keeps_no_request_from_being_answered(
    workspace: Workspace, desk: Desk, capsys
):
    plimsoll(capsys, *RUN, "--filter", "id=c0")
    held = sqlite3.connect(workspace.state / "cache.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    desk.asked.clear()
    process = start(*RUN, folder=workspace.root, **os.environ)
    wait_for(desk, 22)
    held.execute("ROLLBACK")
    held.close()
    assert finish(process).code == 0
    desk.asked.clear()
    assert plimsoll(capsys, *RUN).code == 0
    assert desk.requests == 0
