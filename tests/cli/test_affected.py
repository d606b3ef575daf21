"""`affected`, and `--affected` of `run` and `gate`, by their words, files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.api.parts import SUITE, Desk, edit
from tests.api.repository import commit, git
from tests.cli.parts import plimsoll

from plimsoll.api.schemas import schemas
from plimsoll.config import Workspace

OTHER = SUITE.replace("name: desk", "name: other").replace("v1: {prompt: prompts/v1", "v1: {prompt: prompts/o1")


@pytest.fixture
def root(workspace: Workspace) -> Path:
    (workspace.root / "suites" / "other.yaml").write_text(OTHER, encoding="utf-8")
    (workspace.root / "prompts" / "o1.jinja2").write_text("other {{ question }}", encoding="utf-8")
    (workspace.root / "README.md").write_text("x", encoding="utf-8")
    commit(workspace.root)
    return workspace.root


def test_names_go_to_stdout_alone_and_why_to_stderr(root: Path, capsys: pytest.CaptureFixture[str]):
    edit(root, "prompts/o1.jinja2", "other", "others")
    (root / "README.md").write_text("y", encoding="utf-8")
    ended = plimsoll(capsys, "affected", "--base", "HEAD", "--explain")
    assert (ended.code, ended.out) == (0, "other\n")
    assert ended.err.splitlines() == [
        "desk: not affected",
        "other: affected",
        "  prompts/o1.jinja2: prompt of target v1",
        "of no influence:",
        "  README.md: matches /*.md",
        f"2 changed files since HEAD ({git(root, 'rev-parse', 'HEAD')[:8]}): 1 of 2 suites affected",
    ]
    (root / "some").mkdir()
    (root / "some" / ("long" * 20)).write_text("x", encoding="utf-8")
    (root / "some" / "with a name of several words that does not fit a line of the terminal.txt").write_text("x")
    ended = plimsoll(capsys, "affected", "--base", "HEAD", "--explain")
    assert ended.out == "desk\nother\n"
    assert all(len(line) <= 80 or "longlong" in line for line in ended.err.splitlines())
    assert "unknown files, so every suite is affected:" in ended.err


def test_the_document_fits_its_schema_also_where_an_error_ends_it(root: Path, capsys: pytest.CaptureFixture[str]):
    edit(root, "prompts/o1.jinja2", "other", "others")
    (root / "notes.rst").write_text("x", encoding="utf-8")
    ended = plimsoll(capsys, "affected", "--base", "HEAD", "--json")
    jsonschema.validate(ended.document, schemas()["affected"])
    assert (ended.document["unknown"], ended.document["suites"][1]["causes"]) == (
        ["notes.rst"],
        [{"file": "prompts/o1.jinja2", "used_for": ["prompt of target v1"]}],
    )
    ended = plimsoll(capsys, "affected", "--base", "nowhere", "--json")
    assert ended.code == 2
    jsonschema.validate(ended.document, schemas()["affected"])


def test_a_gate_of_the_affected_suites_alone(root: Path, desk: Desk, capsys: pytest.CaptureFixture[str]):
    edit(root, "prompts/o1.jinja2", "other", "others")
    words = ("gate", "--affected", "--base", "HEAD", "--baseline", "v2", "--no-track", "--json")
    ended = plimsoll(capsys, *words)
    assert (ended.code, [suite["suite"] for suite in ended.document["suites"]]) == (0, ["other"])
    assert {prompt for prompt, _ in desk.asked} == {"others", "two"}
    asked = desk.requests
    ended = plimsoll(capsys, *words[:1], "desk", *words[1:])
    assert (ended.code, ended.document["suites"], desk.requests) == (0, [], asked)


def test_a_change_of_the_readme_runs_nothing_and_the_files_say_so(root: Path, desk: Desk, capsys, tmp_path: Path):
    (root / "README.md").write_text("y", encoding="utf-8")
    files = tmp_path / "v.md", tmp_path / "v.xml"
    ended = plimsoll(
        capsys, "gate", "--affected", "--base", "HEAD", "--markdown", str(files[0]), "--junit", str(files[1])
    )
    assert (ended.code, desk.requests) == (0, 0)
    assert ended.out == "no suite is affected by this change: nothing was run\n"
    assert "no suite is affected" in files[0].read_text(encoding="utf-8")
    assert "no suite is affected" in files[1].read_text(encoding="utf-8")
    ended = plimsoll(capsys, "run", "--affected", "--base", "HEAD")
    assert (ended.code, desk.requests, ended.out.count("\n")) == (0, 0, 1)
    ended = plimsoll(capsys, "run", "--affected", "--base", "HEAD", "--json")
    assert json.loads(ended.out)["suites"] == []


def test_what_cannot_be_told_ends_in_2_and_leaves_files_that_say_nothing_was_decided(
    root: Path, capsys, tmp_path: Path
):
    markdown = tmp_path / "v.md"
    ended = plimsoll(capsys, "gate", "--affected", "--base", "nowhere", "--markdown", str(markdown))
    assert ended.code == 2
    assert "did not come to its end" in markdown.read_text(encoding="utf-8")
    for words in (("run", "--base", "HEAD"), ("run", "--watch", "--affected"), ("gate", "nosuch", "--affected")):
        assert plimsoll(capsys, *words).code == 2
