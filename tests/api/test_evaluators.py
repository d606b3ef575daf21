"""Evaluators are listed, shown and started without running any of their code."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.api.parts import write_workspace

from plimsoll.api.evaluators import list_evaluators, new_evaluator, show_evaluator
from plimsoll.config import Workspace
from plimsoll.errors import UsageError

OWN = '''\
raise RuntimeError("this code must not run")


@metrics(Metric(name="precision", low=0, high=1), Metric(name="recall", low=0, high=1))
def overlap(output, expected, *, context, limit=3):
    """Words shared."""


@metrics(Metric(name="brevity", low=0, high=10, unit="words", direction=Direction.LOWER))
async def brevity(output): ...


def tone(output, case) -> Literal["warm", "cold"]: ...


def polite(output) -> bool | None: ...
'''


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return write_workspace(tmp_path / "desk")


def test_what_is_built_in_is_listed_without_a_workspace():
    found = {each.name: each for each in list_evaluators(None)}
    assert (found["contains"].needs, found["contains"].gives) == (("expected",), "true, false")
    assert (found["latency"].needs, found["latency"].gives) == ((), "0 or more s, lower is better")
    assert found["judge"].judged
    assert not any(each.judged and each.cost == "none" for each in found.values())


def test_a_workspaces_functions_tell_what_they_need_and_give_and_none_of_their_code_runs(workspace: Workspace):
    (workspace.root / "evaluators" / "own.py").write_text(OWN, encoding="utf-8")
    found = {each.name: each for each in list_evaluators(workspace)}
    told = {name: (found[name].needs, found[name].gives) for name in ("overlap", "brevity", "tone", "polite")}
    assert told == {
        "overlap": (("expected", "context"), "precision, recall"),
        "brevity": ((), "0 to 10 words"),
        "tone": ((), "Literal['warm', 'cold']"),
        "polite": ((), "true, false"),
    }
    assert found["overlap"].source == "evaluators/own.py:5"
    assert found["overlap"].summary == "Words shared."


def test_one_is_shown_with_every_setting_its_own_first():
    shown = show_evaluator(None, "contains")
    assert shown.main == "value"
    settings = {each.name: each for each in shown.settings}
    assert list(settings)[:2] == ["expected", "value"]
    assert (settings["any"].type, settings["any"].default) == ("list", "–")
    assert (settings["negate"].type, settings["negate"].default) == ("true or false", "false")
    assert {each.name for each in show_evaluator(None, "function").settings if not each.default} == {"function"}
    with pytest.raises(UsageError, match="no evaluator named 'contain'"):
        show_evaluator(None, "contain")


@pytest.mark.parametrize("kind", ["function", "judge"])
def test_a_new_evaluator_and_its_test_work_as_they_are(workspace: Workspace, kind):
    written = new_evaluator(workspace, "names_price", kind)
    assert {path.parent.name for path in written} == {"evaluators", "tests"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "names_price" in {each.name for each in list_evaluators(workspace)}


@pytest.mark.parametrize("name", ["is polite", "_own", "class", "exact_match", "short", ""])
def test_a_name_that_cant_be_one_or_is_taken_is_refused_and_nothing_written(workspace: Workspace, name: str):
    before = {path for path in workspace.root.rglob("*") if path.is_file()}
    with pytest.raises(UsageError):
        new_evaluator(workspace, name, "function")
    assert {path for path in workspace.root.rglob("*") if path.is_file()} == before


def test_a_file_that_is_there_is_never_written_over(workspace: Workspace):
    (workspace.root / "tests").mkdir()
    kept = workspace.root / "tests" / "test_fresh.py"
    kept.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"tests/test_fresh\.py is there already"):
        new_evaluator(workspace, "fresh", "function")
    assert kept.read_text(encoding="utf-8") == "mine"
    assert not (workspace.root / "evaluators" / "fresh.py").exists()
