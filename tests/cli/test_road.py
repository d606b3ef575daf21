"""The road of a new user: every command from `init` to `rollback`, in an empty folder, on a real store."""

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
from tests.cli.parts import Ended, plimsoll

from plimsoll.api.schemas import schemas
from plimsoll.testing import ScriptedEndpoint

pytestmark = pytest.mark.mlflow
ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "src/plimsoll/api/template/datasets/first.jsonl").read_text().splitlines()
]


def helpdesk(request):
    """v1 fails each sixth question, v2 (which shows an example) none; the worse one, told to be vague, all."""
    messages = request["messages"]
    place, row = next((n, row) for n, row in enumerate(ROWS) if row["question"] in messages[-1]["content"])
    if "vague" in messages[0]["content"]:
        return "Hard to say."
    if len(messages) > 2:
        return row["expected"]
    return f"It is {row['expected']}." if place % 6 else "No idea."


def test_the_road_from_init_to_rollback(tmp_path: Path, database: Path, monkeypatch, capsys):
    workspace = tmp_path / "new"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "planted-0123456789")
    outputs: list[Ended] = []

    def run(*words: str, code: int = 0) -> Ended:
        ended = plimsoll(capsys, *words)
        outputs.append(ended)
        assert ended.code == code, (words, ended)
        return ended

    with ScriptedEndpoint(helpdesk) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        made = run("init", "--model", "openai")
        assert "wrote suites/first.yaml" in made.out
        (workspace / ".plimsoll").mkdir()
        shutil.copy(database, workspace / ".plimsoll" / "mlflow.db")
        assert "suites is not empty: there is a workspace already" in run("init", code=2).err

        assert "ok  suites/first.yaml: 24 cases, targets v1, v2" in run("validate").out
        assert "is_brief" in run("list").out
        ran = run("run", "first", "--json")
        jsonschema.validate(ran.document, schemas()["run"])
        assert "first: 2 targets × 24 cases" in ran.err
        [suite] = ran.document["suites"]
        assert (suite["requests"], suite["targets"]["v2"]["metrics"]["contains"]["mean"]) == (48, 1.0)
        assert suite["mlflow_run_id"]

        first = run("gate", "first", "--first", "--json").document
        jsonschema.validate(first, schemas()["gate"])
        assert (first["suites"][0]["verdict"], first["suites"][0]["requests"]) == ("pass", 0)
        assert "promoted first/v1: version 1 is the champion" in run("promote", "first").out

        files = ("--markdown", "out/gate.md", "--junit", "out/gate.xml")
        gated = run("gate", "first", "--target", "v2", *files)
        assert gated.out.startswith("PASS")
        assert re.search(r"^\.plimsoll/runs/\S+/gate/v2/attestation\.json$", gated.out, re.MULTILINE)
        assert "v2 may be promoted" in (workspace / "out" / "gate.md").read_text(encoding="utf-8")
        assert "<testsuites" in (workspace / "out" / "gate.xml").read_text(encoding="utf-8")
        entry = run("promote", "first", "--reason", "clearer", "--who", "somebody", "--json").document
        assert (entry["exit_code"], entry["version"], entry["who"], entry["reason"]) == (0, 2, "somebody", "clearer")

        prompt = workspace / "prompts" / "first.v2.prompty"
        prompt.write_text(prompt.read_text(encoding="utf-8").replace("Answer in a few", "Be vague, in a few"))
        worse = run("gate", "first", "--target", "v2", code=1)
        assert worse.out.startswith("FAIL")
        assert "v2 is refused" in worse.out or "may not be promoted" in worse.out

        assert "rolled back to first/v1: version 1" in run("rollback", "first", "--who", "somebody").out
        moves = run("history", "first", "--json").document["entries"]
        assert [move["action"] for move in moves] == ["promote", "promote", "rollback"]
        assert "somebody" in run("history", "first").out
        unsigned = "not signed: damage would show, but anyone who can write these files could have written it"
        assert unsigned in " ".join(run("verify", "first").out.split())
        assert run("compare", "v1", "v2", "--json").document["exit_code"] == 0
        assert "v2 against v1" in run("compare", "v1", "v2").out
        shown = run("report", "--output", "out/report.html", "--json").document
        jsonschema.validate(shown, schemas()["run"])
        assert "<html" in (workspace / "out" / "report.html").read_text(encoding="utf-8")

    assert "planted-0123456789" not in "".join(ended.out + ended.err for ended in outputs)
    wide = [
        line for ended in outputs if not ended.out.startswith("{") for line in ended.out.splitlines() if len(line) > 80
    ]
    assert [line for line in wide if not line.startswith(".plimsoll/")] == []
