"""`affected`, and `--affected` of `run` and `gate`, by their words, files and exit codes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import jsonschema
import pytest
from tests.api.parts import SUITE, Desk, edit
from tests.api.repository import commit, git
from tests.cli.parts import plimsoll

from plimsoll.api.affected import affected_suites
from plimsoll.api.schemas import schemas
from plimsoll.cli.narrowing import written_to
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
    commit(root)
    files = tmp_path / "v.md", tmp_path / "v.xml"
    ended = plimsoll(
        capsys, "gate", "--affected", "--base", "HEAD~1", "--markdown", str(files[0]), "--junit", str(files[1])
    )
    assert (ended.code, desk.requests) == (0, 0)
    assert ended.out == "no suite is affected by this change: nothing had to be measured\n"
    assert "no suite is affected" in files[0].read_text(encoding="utf-8")
    assert "no suite is affected" in files[1].read_text(encoding="utf-8")
    ended = plimsoll(capsys, "run", "--affected", "--base", "HEAD~1")
    assert (ended.code, desk.requests, ended.out.count("\n")) == (0, 0, 1)
    ended = plimsoll(capsys, "run", "--affected", "--base", "HEAD~1", "--json")
    assert json.loads(ended.out)["suites"] == []


def test_what_the_command_itself_writes_is_no_part_of_the_change(root: Path, desk: Desk, capsys):
    (root / "README.md").write_text("y", encoding="utf-8")
    commit(root)
    files = ("--markdown", "verdict.txt", "--junit", "out/verdict.xml", "--sarif", "verdict.sarif")
    words = ("gate", "--affected", "--base", "HEAD~1", *files)
    for _ in range(2):
        ended = plimsoll(capsys, *words)
        assert (ended.code, desk.requests, ended.out.count("\n")) == (0, 0, 1)
    ended = plimsoll(capsys, "affected", "--base", "HEAD~1", "--json")
    assert ended.document["unknown"] == ["out/verdict.xml", "verdict.sarif", "verdict.txt"]


def test_where_stdout_goes_is_no_part_of_the_change(root: Path):
    (root / "README.md").write_text("y", encoding="utf-8")
    stdout = os.dup(1)
    try:
        with (root / "verdict.json").open("wb") as file:
            os.dup2(file.fileno(), 1)
            found = affected_suites(Workspace.find(root), "HEAD", {}, written_to()).found
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
    assert (found.names, found.ignored[1].file) == ((), "verdict.json")


def test_a_suite_that_was_not_looked_at_counts_as_affected(root: Path, capsys: pytest.CaptureFixture[str]):
    (root / "evals").mkdir()
    (root / "evals" / "out.yaml").write_text(OTHER.replace("name: other", "name: out"), encoding="utf-8")
    (root / "suites" / "linked.yaml").symlink_to("../evals/out.yaml")
    commit(root)
    edit(root, "prompts/o1.jinja2", "other", "others")
    words = ("--affected", "--base", "HEAD", "--recorded", "--json")
    for names, ran in ((("evals/out.yaml",), ["out"]), (("suites/linked.yaml",), ["out"]), ((), ["out", "other"])):
        assert [suite["suite"] for suite in plimsoll(capsys, "run", *names, *words).document["suites"]] == ran
    (root / "suites" / "linked.yaml").unlink()
    commit(root)
    edit(root, "prompts/v1.jinja2", "one", "won")
    ended = plimsoll(capsys, "run", "evals/out.yaml", "--affected", "--base", "HEAD", "--recorded")
    assert "evals/out.yaml does not lie in suites/: it counts as affected" in ended.err


def test_a_suite_that_the_change_deletes_is_no_pass(root: Path, desk: Desk, capsys, tmp_path: Path):
    (root / "suites" / "other.yaml").unlink()
    edit(root, "prompts/o1.jinja2", "other", "worse")
    commit(root)
    files = tmp_path / "v.md", tmp_path / "v.xml"
    words = ("--affected", "--base", "HEAD~1", "--markdown", str(files[0]), "--junit", str(files[1]))
    ended = plimsoll(capsys, "gate", *words)
    assert (ended.code, ended.out, desk.requests) == (3, "", 0)
    assert "this change deletes the suite other" in " ".join(ended.err.split())
    assert "no suite is affected, 1 deleted" in ended.err
    assert files[0].read_text(encoding="utf-8").startswith("**INCONCLUSIVE** other: this change deletes the suite")
    assert "<error" in files[1].read_text(encoding="utf-8")
    ended = plimsoll(capsys, "gate", *words, "--json")
    assert (ended.code, ended.document["exit_code"]) == (3, 3)
    assert "deletes the suite other" in ended.document["mistakes"][0]["message"]
    # Whoever names suites asks about these.
    assert plimsoll(capsys, "gate", "desk", *words).code == 0


def test_what_the_change_starts_from_is_the_base_of_its_gate_too(root: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    for name, value in {"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main"}.items():
        monkeypatch.setenv(name, value)
    edit(root, "suites/other.yaml", "at_least: 0.5", "at_least: 0.4")
    commit(root)
    # Where no champion is there, the same base gives the baseline: tests/api/test_merge_base.py.
    ended = plimsoll(capsys, "gate", "--affected", "--baseline", "v2", "--no-track")
    assert ended.code == 0
    assert "this change edits the suite's gate, which decides over it, since origin/main" in " ".join(ended.out.split())


def test_what_cannot_be_told_ends_in_2_and_leaves_files_that_say_why(root: Path, capsys, tmp_path: Path):
    files = {kind: tmp_path / f"v.{kind}" for kind in ("markdown", "junit", "sarif")}
    outputs = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    shutil.rmtree(root / ".git")
    ended = plimsoll(capsys, "gate", "--affected", *outputs, "--annotations", "github")
    assert ended.code == 2
    assert "help: work in a clone of the repository" in ended.err
    assert ended.out.count("::error file=suites/") == 2
    for text in (ended.out, *(path.read_text(encoding="utf-8") for path in files.values())):
        assert "is no git repository" in text
        assert "work in a clone" in text
        assert "exit code 2" in text
        assert "130" not in text
    (root / "pyproject.toml").write_text("[tool.plimsoll]\nexperimnt = 1\n", encoding="utf-8")
    assert plimsoll(capsys, "gate", *outputs).code == 2
    assert all("experimnt" in path.read_text(encoding="utf-8") for path in files.values()), "not what was told before"
    (root / "pyproject.toml").unlink()
    for words in (("run", "--base", "HEAD"), ("run", "--watch", "--affected"), ("gate", "nosuch", "--affected")):
        assert plimsoll(capsys, *words).code == 2
