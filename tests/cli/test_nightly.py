"""`nightly` as a user calls it: exit codes, files, the webhook, and JSON."""

from __future__ import annotations

import json

import jsonschema
import pytest
from tests.api.parts import Desk

from plimsoll.api.nightly import webhook_address
from plimsoll.api.schemas import schemas
from plimsoll.cli.main import main
from plimsoll.config import Workspace
from plimsoll.testing import ScriptedEndpoint


def nightly(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["nightly", "--no-track", *words])
    return int(ended.value.code or 0)


def test_a_first_night_exits_3_and_writes_an_issue(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code = nightly("--issue", "night.md")

    assert code == 3
    assert "too few nights to tell: 1 of 7" in capsys.readouterr().out
    assert "## desk" in (workspace.root / "night.md").read_text(encoding="utf-8")


def test_json_is_one_object_and_what_a_webhook_refused_is_told_without_its_address(
    workspace: Workspace,
    endpoint: ScriptedEndpoint,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (workspace.root / "pyproject.toml").write_text(
        '[tool.plimsoll.nightly]\nwebhook = "${HOOK}"\nmetrics = ["short"]\n', encoding="utf-8"
    )
    # The scripted endpoint takes no such message.
    monkeypatch.setenv("HOOK", f"{endpoint.url}/s3cret-hook")

    code = nightly("--json")

    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (code, document["exit_code"]) == (3, 3)
    assert [one["metric"] for one in document["suites"][0]["watched"]] == ["short"]
    assert "nobody was told" in told.err
    assert "s3cret" not in told.out + told.err


@pytest.mark.parametrize(
    ("most", "cap", "asked", "told"),
    [
        (5, "0.05", 9, "till: no room is left under the spend cap: $0 of $0.005 spent"),
        (2, "0.06", 12, "till: not run: the night's 0.06 USD are spent"),
    ],
)
def test_suites_that_the_budget_does_not_reach_are_told(
    workspace: Workspace,
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    most: int,
    cap: str,
    asked: int,
    told: str,
) -> None:
    text = (workspace.root / "suites" / "desk.yaml").read_text(encoding="utf-8")
    text = text.replace("concurrency: 4}", "concurrency: 1, price: {input: 1000, output: 1000}, max_tokens: MOST}")
    text = text.replace("MOST", str(most))
    for name in ("desk", "till"):
        (workspace.root / "suites" / f"{name}.yaml").write_text(text.replace("name: desk", f"name: {name}"), "utf-8")

    code = nightly("--max-cost", cap)

    assert (code, desk.requests) == (3, asked)
    assert told in " ".join(capsys.readouterr().out.split())


def test_what_no_suite_has_is_told_with_what_was_meant(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace.root / "pyproject.toml").write_text(
        '[tool.plimsoll.nightly]\nmetrics = ["short", "exact_mach"]\n', encoding="utf-8"
    )

    assert nightly() == 2
    assert "no suite has 'exact_mach'" in " ".join(capsys.readouterr().err.split())


def test_a_literal_webhook_is_refused(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace.root / "pyproject.toml").write_text(
        '[tool.plimsoll.nightly]\nwebhook = "https://hooks.slack.com/services/T0/B0/x"\n', encoding="utf-8"
    )

    assert nightly() == 2
    assert "write ${NAME}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "told"), [(None, "HOOK, which is not set"), ("", "HOOK, which is not set"), ("s3cret", "no http address")]
)
def test_a_webhook_that_nobody_would_hear_is_refused_before_anything_is_paid(
    workspace: Workspace,
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    told: str,
) -> None:
    hooked(workspace)
    if value is not None:
        monkeypatch.setenv("HOOK", value)

    assert nightly() == 2
    said = " ".join(capsys.readouterr().err.split())
    assert told in said
    assert "give the job the secret as HOOK" in said
    assert "s3cret" not in said
    assert desk.requests == 0


def test_an_address_from_a_file_ends_with_a_line_break(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    hooked(workspace)
    monkeypatch.setenv("HOOK", " https://127.0.0.1/x\n")

    assert webhook_address(Workspace.find()) == "https://127.0.0.1/x"


def test_a_suite_that_cannot_be_run_is_told_with_its_line_and_keeps_no_other_from_it(
    workspace: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    another(workspace, "desk.v2", "evaluator: []\n")

    code = nightly("--json", "--issue", "night.md")

    document = json.loads(capsys.readouterr().out)
    assert (code, document["exit_code"], desk.requests) == (2, 2, 12)
    [mistake] = document["mistakes"]
    assert mistake["file"].endswith("desk.v2.yaml")
    assert mistake["line"]
    assert {one["suite"] for one in document["suites"]} == {"desk", "desk.v2"}
    assert "## desk.v2: not finished: " in (workspace.root / "night.md").read_text(encoding="utf-8")
    jsonschema.validate(document, schemas()["nightly"])


def test_what_was_found_before_an_interruption_is_written(workspace: Workspace, desk: Desk) -> None:
    another(workspace, "till", "")
    text = (workspace.root / "suites" / "till.yaml").read_text(encoding="utf-8")
    (workspace.root / "suites" / "till.yaml").write_text(text.replace("- short", "- stop"), encoding="utf-8")
    stop = (workspace.root / "evaluators" / "short.py").read_text(encoding="utf-8").replace("def short", "def stop")
    (workspace.root / "evaluators" / "stop.py").write_text(stop + "\n\nraise KeyboardInterrupt\n", encoding="utf-8")

    assert nightly("--issue", "night.md") == 130
    body = (workspace.root / "night.md").read_text(encoding="utf-8")
    assert "## desk: v1: too few nights to tell" in body
    assert "## till: not finished: interrupted" in body


def test_no_amount_is_refused_by_the_rule_of_run(workspace: Workspace, desk: Desk) -> None:
    assert nightly("--max-cost", "inf") == 2
    assert desk.requests == 0


def hooked(workspace: Workspace) -> None:
    (workspace.root / "pyproject.toml").write_text('[tool.plimsoll.nightly]\nwebhook = "${HOOK}"\n', encoding="utf-8")


def another(workspace: Workspace, name: str, beside: str) -> None:
    text = (workspace.root / "suites" / "desk.yaml").read_text(encoding="utf-8")
    (workspace.root / "suites" / f"{name}.yaml").write_text(
        text.replace("name: desk", f"name: {name}") + beside, "utf-8"
    )


def test_what_a_suite_spent_counts_though_it_ends_with_an_error(
    workspace: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (workspace.root / "suites" / "desk.yaml").read_text(encoding="utf-8")
    text = text.replace("concurrency: 4}", "concurrency: 1, price: {input: 1000, output: 1000}, max_tokens: 5}")
    (workspace.root / "suites" / "desk.yaml").write_text(text, encoding="utf-8")
    another(workspace, "till", "")
    # Where the night is to be written down there is no folder: only after all was asked.
    (workspace.state / "nights").mkdir(parents=True)
    (workspace.state / "nights" / "desk").write_text("", encoding="utf-8")

    code = nightly("--max-cost", "0.06")

    assert code == 4
    assert "till: no room is left under the spend cap: $0 of $0.005 spent" in capsys.readouterr().out
