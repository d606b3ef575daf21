"""A gate of a change where nothing was promoted yet: against the commit that the change starts from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.api.parts import edit, write_workspace
from tests.api.repository import commit, git

from plimsoll.api import GateOptions
from plimsoll.api.grounding import grounding_of
from plimsoll.api.prepare import prepare
from plimsoll.api.refs import snapshot, suite_at
from plimsoll.api.sides import Sides, challenger_of, choose_sides
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.testing.stored_runs import FolderServer


def sides(workspace: Workspace, base: str | None, suite: str = "desk") -> Sides:
    prepared, options = prepare(workspace, suite), GateOptions(base=base)
    policy = prepared.suite.gate
    assert policy is not None
    return choose_sides(
        prepared, policy, challenger_of(prepared, policy, options), FolderServer(workspace.state), options
    )


@pytest.fixture
def changed(workspace: Workspace) -> tuple[Workspace, str]:
    """On a branch that changes the prompt, while main went on; and the commit that both come from."""
    root = workspace.root
    start = commit(root)
    git(root, "switch", "--quiet", "--create", "fares")
    edit(root, "prompts/v1.jinja2", "one", "won")
    commit(root)
    git(root, "switch", "--quiet", "main")
    edit(root, "prompts/v1.jinja2", "one", "other")
    commit(root, "main went on meanwhile")
    git(root, "switch", "--quiet", "fares")
    return workspace, start


def test_without_a_champion_a_change_is_held_against_what_it_starts_from(changed: tuple[Workspace, str]):
    workspace, start = changed
    found = sides(workspace, "main")
    assert found.ref is not None
    assert found.ref.files.ref == start
    assert found.baseline is not None
    assert b"one" in found.baseline.bundle.files["prompts/v1.jinja2"]  # type: ignore[union-attr]
    assert f"where the change starts, at {start[:12]}" in found.notes[0]


def test_without_a_base_a_champion_is_needed(changed: tuple[Workspace, str]):
    with pytest.raises(UsageError, match="has no champion yet"):
        sides(changed[0], None)


def test_a_suite_that_is_renamed_does_not_lose_what_it_is_held_against_unasked(changed: tuple[Workspace, str]):
    root = changed[0].root
    (root / "suites/desk.yaml").rename(root / "suites/other.yaml")
    edit(root, "suites/other.yaml", "name: desk", "name: other")
    with pytest.raises(UsageError, match="there was no such suite") as raised:
        sides(changed[0], "main", "other")
    assert "--first" in str(raised.value.remedy)


def test_a_workspace_that_is_new_in_its_repository_is_a_suite_that_is_new(tmp_path: Path):
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    start = commit(tmp_path)
    workspace = write_workspace(tmp_path / "desk")
    with pytest.raises(UsageError, match=f"at {start[:12]}, there was no such suite") as raised:
        sides(workspace, "main")
    assert "--first" in str(raised.value.remedy)
    prepared = prepare(workspace, "desk")
    policy = prepared.suite.gate
    assert policy is not None
    first = Sides(challenger_of(prepared, policy, GateOptions()))
    notes = grounding_of(prepared, policy, first, None, base="main", at=datetime.now(UTC)).notes
    assert notes == (f"the suite is new since main ({start[:8]}): nothing there to hold it against",)
    with pytest.raises(UsageError, match="it has no suite at all: name a later commit"):
        suite_at(snapshot(workspace, "main"), "desk")
