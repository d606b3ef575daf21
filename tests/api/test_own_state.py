"""What a commit brings along in the state folder counts for nothing, and is refused before anything rests on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.api.parts import Desk, edit
from tests.api.repository import commit, git
from tests.api.test_affected import found

from plimsoll.api import GateOptions, RunOptions, gate_suite, promote_suite, run_suite
from plimsoll.api.own_state import refuse_committed_state
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.runs.observer import Silent

QUIET = RunOptions(track=False)


def test_answers_that_came_with_a_commit_pass_no_worse_prompt(workspace: Workspace, desk: Desk):
    root = workspace.root
    commit(root)
    edit(root, "prompts/v1.jinja2", "one", "bad")
    recorded = run_suite(workspace, "desk", QUIET, Silent()).report.run.id
    desk.wrong["bad"] = set(range(12))
    asked = desk.requests
    git(root, "add", "--force", ".plimsoll/cache.db")
    commit(root)
    steps: dict[str, Callable[[], object]] = {
        "run": lambda: run_suite(workspace, "desk", QUIET, Silent()),
        "gate": lambda: gate_suite(workspace, "desk", GateOptions(run=QUIET, baseline="v2"), Silent()),
        "gate --run": lambda: gate_suite(workspace, "desk", GateOptions(run_id=recorded, baseline="v2"), Silent()),
        "promote": lambda: promote_suite(workspace, "desk", reason="x"),
        "affected": lambda: found(root, "HEAD~1"),
    }
    for step, tried in steps.items():
        with pytest.raises(UsageError, match=r"\.plimsoll/cache\.db came with a commit") as caught:
            tried()
        assert "git rm -r --cached .plimsoll" in str(caught.value), step
    assert desk.requests == asked
    git(root, "rm", "--quiet", "--cached", ".plimsoll/cache.db")
    run_suite(workspace, "desk", QUIET, Silent())


def test_another_users_repository_a_link_and_another_case_are_seen_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "cache.db").write_bytes(b"x")
    (tmp_path / ".gitignore").write_text("\n", encoding="utf-8")
    state = tmp_path / ".plimsoll"
    state.symlink_to("elsewhere")
    workspace = Workspace.find(_with_suites(tmp_path))
    commit(tmp_path)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError, match=r"^\.plimsoll came with a commit"):
        refuse_committed_state(workspace)
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    git(tmp_path, "rm", "--quiet", "--cached", ".plimsoll")
    state.unlink()
    (tmp_path / ".Plimsoll").mkdir()
    for name in ("a", "b"):
        (tmp_path / ".Plimsoll" / name).write_bytes(b"x")
    git(tmp_path, "add", "--force", ".Plimsoll")
    with pytest.raises(UsageError, match=r"\.Plimsoll/a and 1 more file came"):
        refuse_committed_state(workspace)


def test_a_state_folder_that_ignores_itself_is_in_order(tmp_path: Path):
    workspace = Workspace.find(_with_suites(tmp_path))
    refuse_committed_state(workspace)
    workspace.state.mkdir()
    (workspace.state / ".gitignore").write_text("*\n!.gitignore\n", encoding="utf-8")
    commit(tmp_path)
    git(tmp_path, "add", "--force", ".plimsoll/.gitignore")
    refuse_committed_state(workspace)


def _with_suites(root: Path) -> Path:
    (root / "suites").mkdir()
    return root
