"""What of a run goes into the prompt registry: each prompt that ran, with the commit that it ran at."""

import dataclasses
from pathlib import Path

import pytest
from tests.api.parts import SUITE, write_workspace
from tests.api.repository import commit

from plimsoll.api.drafts import prompt_drafts
from plimsoll.api.git import subject_of
from plimsoll.api.loop import run_blocking
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.runs import Ran, run_targets
from plimsoll.config import Workspace
from plimsoll.runs.observer import Silent
from plimsoll.testing import ScriptedEndpoint

MIXED = SUITE.replace(
    "evaluators:\n",
    '  code: {function: "code.py:answer"}\n  planted: {prompt: prompts/planted.jinja2, model: main}\nevaluators:\n',
    1,
)
FILES = {
    "code.py": "def answer(question: str) -> str:\n    return question\n",
    "prompts/planted.jinja2": "sk-planted-0123456789 {{ question }}",
}


@pytest.fixture
def root(tmp_path: Path, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESK_API_KEY", "sk-planted-0123456789")
    return write_workspace(tmp_path / "desk", MIXED, FILES, amount=1).root


def ran(root: Path) -> tuple[Prepared, Ran]:
    prepared = prepare(Workspace.find(root), "desk")
    return prepared, run_blocking(run_targets(prepared, prepared.targets, RunOptions(track=False), Silent()))


def test_each_prompt_that_ran_and_nothing_that_holds_a_secret(root: Path):
    prepared, run = ran(root)
    found = prompt_drafts(prepared, run.plan, run.specs)
    assert {name: draft.content.text for name, draft in found.items()} == {
        "v1": "one {{ question }}",
        "v2": "two {{ question }}",
    }
    assert found["v1"].tags["plimsoll.digest"] == run.plan.targets["v1"].digest
    assert found["v1"].content.configuration == {"provider": "openai", "model_name": "scripted"}
    assert "plimsoll.commit" not in found["v1"].tags


def test_a_prompt_has_the_commit_that_it_ran_at_and_one_from_elsewhere_has_none(root: Path, tmp_path: Path):
    head = commit(root, "Shorter answers\n\nBecause.")
    (root / "prompts" / "v2.jinja2").write_text("two, please {{ question }}")
    prepared, run = ran(root)
    # As a champion's bundle or a git ref is: it lies in another folder.
    elsewhere = dataclasses.replace(run.specs["v2"], root=tmp_path)
    found = prompt_drafts(prepared, run.plan, {**run.specs, "v2": elsewhere})
    assert (found["v1"].tags["plimsoll.commit"], found["v1"].message) == (f"{head}-dirty", "Shorter answers")
    assert ("plimsoll.commit" in found["v2"].tags, found["v2"].message) == (False, "")


def test_a_commit_that_git_does_not_know_has_no_subject(root: Path):
    assert subject_of(root, "0" * 40) == ""
