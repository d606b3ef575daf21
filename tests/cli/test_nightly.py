"""`nightly` as a user calls it: exit codes, files, the webhook, and JSON."""

from __future__ import annotations

import json

import pytest
from tests.api.parts import Desk

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
