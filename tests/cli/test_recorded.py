"""`--recorded` by its words, files and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api.parts import Desk, edit
from tests.cli.parts import plimsoll

from plimsoll.config import Workspace


def test_a_gate_shows_what_is_recorded_decides_nothing_and_needs_no_key(
    workspace: Workspace, desk: Desk, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    edit(workspace.root, "suites/desk.yaml", 'base_url: "$', 'api_key: "${DESK_KEY}", base_url: "$')
    monkeypatch.setenv("DESK_KEY", "k")
    assert plimsoll(capsys, "run", "--no-track").code == 0
    monkeypatch.delenv("DESK_KEY")
    asked, markdown = desk.requests, tmp_path / "v.md"
    ended = plimsoll(capsys, "gate", "--recorded", "--baseline", "v2", "--markdown", str(markdown))
    assert (ended.code, desk.requests) == (3, asked)
    assert "recorded outputs" in ended.out
    assert all(len(line) <= 80 for line in ended.out.splitlines())
    text = markdown.read_text(encoding="utf-8")
    assert "v1 was not asked: only recorded outputs are shown, and nothing is decided" in text
    assert "attestation" not in ended.out
    assert plimsoll(capsys, "run", "--recorded").code == 0
    edit(workspace.root, "prompts/v1.jinja2", "one", "won")
    ended = plimsoll(capsys, "run", "--recorded")
    assert (ended.code, desk.requests) == (3, asked)
    assert "not_recorded" in ended.out.replace(" ", "_")
    assert plimsoll(capsys, "run", "--recorded", "--fresh").code == 2
