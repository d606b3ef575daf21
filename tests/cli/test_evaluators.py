"""`plimsoll evaluators`: what there is, one's settings, a new one."""

import pytest
from tests.cli.parts import plimsoll

from plimsoll.config import Workspace


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_list_begins_with_ones_own_and_fits_80_columns(workspace: Workspace, capsys):
    ended = plimsoll(capsys, "evaluators")
    lines = [line.rstrip() for line in ended.out.splitlines()]
    assert (ended.code, lines[0]) == (0, "of this workspace and of packages")
    assert lines[2].split() == ["short", "–", "true,", "false"]
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["token_f1", "expected"] for line in lines)


def test_outside_a_workspace_what_is_built_in_is_listed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed = plimsoll(capsys, "evaluators", "--json").document["evaluators"]
    assert {"contains", "judge"} <= {each["name"] for each in listed}
    assert {each["source"] for each in listed} == {"built in", "brought in by its settings"}


def test_one_is_shown_with_its_settings(workspace: Workspace, capsys):
    ended = plimsoll(capsys, "evaluators", "show", "function")
    assert ended.code == 0
    assert "function *" in ended.out
    assert "required" in ended.out
    assert "* what `function: VALUE` stands for" in ended.out
    assert max(len(line.rstrip()) for line in ended.out.splitlines()) <= 80


def test_an_unknown_one_is_a_usage_error_that_says_what_was_meant(workspace: Workspace, capsys):
    ended = plimsoll(capsys, "evaluators", "show", "contain")
    assert (ended.code, ended.err) == (2, "error: no evaluator named 'contain'\n  help: did you mean 'contains'?\n")


def test_a_new_one_is_written_and_the_next_steps_are_told(workspace: Workspace, capsys):
    ended = plimsoll(capsys, "evaluators", "new", "names_price")
    assert ended.code == 0
    assert "  pytest tests/test_names_price.py\n" in ended.out
    assert (workspace.root / "evaluators" / "names_price.py").is_file()
    again = plimsoll(capsys, "evaluators", "new", "names_price", "--json")
    assert again.code == again.document["exit_code"] == 2
