"""promptflow's published prompty files run unmodified as a suite's targets, from a checkout, with their own samples."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api import RunOptions, run_suite
from plimsoll.config import Workspace
from plimsoll.prompts import load_prompt
from plimsoll.runs.observer import Silent
from plimsoll.testing import ScriptedEndpoint
from plimsoll.types import Output

CHECKOUT = os.environ.get("PLIMSOLL_PROMPTFLOW_CHECKOUT")
NO_CHECKOUT = "set PLIMSOLL_PROMPTFLOW_CHECKOUT to a checkout of microsoft/promptflow to run its published prompties"
pytestmark = pytest.mark.skipif(not CHECKOUT, reason=NO_CHECKOUT)

EXAMPLES = Path(CHECKOUT or "nowhere") / "examples"
FILES = sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*.prompty"))
# promptflow renders a variable that a prompty neither declares nor is given as nothing; here that is a failed cell.
UNDECLARED = {Path("prompty/eval-basic/eval.prompty"): {"statement": ""}}
STAND_INS = {"string": "two", "list": [], "array": [], "object": {}, "int": 2, "integer": 2, "bool": True}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """A workspace that holds the published examples."""
    root = tmp_path_factory.mktemp("published")
    shutil.copytree(EXAMPLES, root / "examples", symlinks=True)
    (root / "suites").mkdir()
    return Workspace.find(root)


def sample_row(path: Path) -> dict[str, Any]:
    """The prompty's own sample, and a plain value of its type for each variable that it leaves out."""
    prompt = load_prompt(path)
    needed = {name: STAND_INS.get(entry.type or "string", "two") for name, entry in prompt.inputs.items()}
    return {**needed, **{name: value for name, value in (prompt.sample or {}).items() if value is not None}}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_published_prompty_runs_unmodified(path, workspace):
    row = sample_row(workspace.root / "examples" / path)
    (workspace.root / "cases.jsonl").write_text(
        json.dumps({"extra": "so that no row is empty", **UNDECLARED.get(path, {}), **row}) + "\n"
    )
    with ScriptedEndpoint(lambda _body: '{"answer": "4"}') as endpoint:
        suite = {
            "name": "published",
            "dataset": "cases.jsonl",
            "models": {"m": {"model": "local-model", "base_url": endpoint.base_url}},
            "targets": {"it": {"prompt": f"examples/{path}", "model": "m"}},
            "evaluators": [{"regex": {"pattern": "."}}],
        }
        # JSON is YAML.
        (workspace.root / "suites" / "published.yaml").write_text(json.dumps(suite), encoding="utf-8")
        ran = run_suite(workspace, "published", RunOptions(reuse=False, track=False), Silent())
    (record,) = ran.report.cells
    assert isinstance(record.outcome, Output), record.outcome
    assert record.outcome.text == '{"answer": "4"}'
    (request,) = endpoint.requests
    assert request.json["messages"][0]["role"] in {"system", "user"}
    assert request.json["model"] == "local-model"
