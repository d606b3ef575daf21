"""A file that can't be written is told with its path and what to do: before the work where that can be known."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, edit
from tests.cli.parts import Ended, plimsoll

from plimsoll.cli.console import fault_of
from plimsoll.cli.outputs import write_output
from plimsoll.config import Workspace
from plimsoll.errors import InfrastructureError
from plimsoll.runs.folders import run_folders

GATE = SUITE[SUITE.index("gate:") :]
NO_BASELINE = "gate:\n  target: v1\n  baseline: none\n  rules:\n    - {metric: exact_match, at_least: 0.5}\n"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no path is broken."""
    monkeypatch.setenv("COLUMNS", "300")


def said(ended: Ended) -> str:
    assert "Traceback" not in ended.err
    assert "please report" not in ended.err
    return " ".join(ended.err.split())


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A folder that can't be made: a file is in the way. (Permissions say nothing to root.)"""
    (tmp_path / "file").write_text("", encoding="utf-8")
    return tmp_path / "file" / "below"


def test_a_workspace_that_can_not_be_written_names_the_file_and_another_way(blocked: Path, capsys):
    ended = plimsoll(capsys, "init", str(blocked), "--model", "openai")
    assert ended.code == 4
    assert f"{blocked}" in said(ended)
    assert "help: name a folder that can be written: plimsoll init FOLDER" in said(ended)


def test_an_evaluator_whose_test_can_not_be_written_leaves_nothing(workspace: Workspace, capsys):
    (workspace.root / "tests").write_text("", encoding="utf-8")
    ended = plimsoll(capsys, "evaluators", "new", "polite")
    assert ended.code == 4
    assert f"{workspace.root / 'tests'}: " in said(ended)
    assert not (workspace.root / "evaluators" / "polite.py").exists()


def test_a_report_that_can_not_be_written_in_its_place_can_be_written_elsewhere(workspace: Workspace, capsys):
    assert plimsoll(capsys, "run", "desk", "--no-track", "--sample", "2").code == 0
    html = next(run_folders(workspace.state / "runs")) / "report.html"
    html.unlink()
    html.mkdir()
    ended = plimsoll(capsys, "report")
    assert ended.code == 4
    assert f"{workspace.shown(html)}: " in said(ended)
    assert "`plimsoll report -o FILE` writes it elsewhere" in said(ended)
    assert plimsoll(capsys, "report", "-o", "elsewhere.html").code == 0


def test_a_folder_as_the_reports_file_is_refused(workspace: Workspace, tmp_path: Path, capsys):
    ended = plimsoll(capsys, "report", "-o", str(tmp_path))
    assert (ended.code, f"{tmp_path} is a folder help: name a file in it" in said(ended)) == (2, True)


@pytest.mark.parametrize("flag", ["--junit", "--markdown"])
def test_a_gates_file_is_looked_at_before_anything_is_asked(
    flag: str, workspace: Workspace, desk: Desk, blocked: Path, capsys
):
    edit(workspace.root, "suites/desk.yaml", GATE, NO_BASELINE)
    ended = plimsoll(capsys, "gate", "desk", "--no-track", flag, str(workspace.root))
    assert (ended.code, f"{workspace.root} is a folder" in said(ended)) == (2, True)
    ended = plimsoll(capsys, "gate", "desk", "--no-track", flag, str(blocked / "verdict"))
    assert (ended.code, f"{blocked.parent} is no folder" in said(ended)) == (2, True)
    assert desk.requests == 0
    assert plimsoll(capsys, "gate", "desk", "--no-track", flag, "made/here/verdict").code == 0
    assert (workspace.root / "made" / "here" / "verdict").is_file()


def test_a_file_that_fails_when_it_is_written_says_what_is_kept(tmp_path: Path):
    with pytest.raises(InfrastructureError, match=re.escape(f"{tmp_path}: ")) as raised:
        write_output(tmp_path, "text", remedy="the verdict is kept")
    assert raised.value.remedy == "the verdict is kept"


def test_what_no_command_foresaw_of_a_file_is_no_fault_of_plimsoll(blocked: Path, capsys):
    ended = plimsoll(capsys, "demo", "--folder", str(blocked))
    assert ended.code == 4
    assert str(blocked) in said(ended)
    assert "help: check space and permissions there" in said(ended)


def test_a_full_disk_is_told_without_a_name_and_all_else_is_a_fault(capsys):
    full = fault_of(OSError(errno.ENOSPC, "No space left on device"))
    assert (full.message, capsys.readouterr().err) == ("No space left on device", "")
    fault = fault_of(OSError("something"))
    assert "the command was not finished" in fault.message
    assert fault.remedy == "please report it"


def test_a_new_workspace_keeps_what_a_server_started_in_it_writes_out_of_version_control(tmp_path: Path, capsys):
    assert plimsoll(capsys, "init", str(tmp_path / "new"), "--model", "openai").code == 0
    ignored = (tmp_path / "new" / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ignored == [".plimsoll/", "mlartifacts/", ".env", "verdict.*"]
