"""`judge calibrate` and `judge show`: plain words in 80 columns, one object with --json, what exit codes say."""

from __future__ import annotations

import json

import pytest
from tests.calibration.conftest import bench, workspace
from tests.calibration.parts import Bench, noisy_judge, rows, write_labels
from tests.cli.parts import plimsoll

from plimsoll.config import Workspace
from plimsoll.testing import Reply

__all__ = ["bench", "workspace"]
TRUTHS = [True, False] * 60


@pytest.fixture
def labels(workspace: Workspace) -> str:
    return str(write_labels(workspace.root / "labels/kind.jsonl", rows(TRUTHS)))


def test_a_good_judge_is_told_and_listed_and_the_code_is_0(
    workspace: Workspace, bench: Bench, labels: str, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    bench.scores = noisy_judge(TRUTHS, 0.95, 0.95, 3)
    ended = plimsoll(capsys, "judge", "calibrate", "kind", "--labels", labels)
    assert ended.code == 0
    assert ended.out.startswith("CERTIFIED kind: agrees with people on 9")
    assert max(len(line) for line in ended.out.splitlines()) <= 80
    assert "certificate: evaluators/certificates/kind.json" in ended.out
    assert "disagreements: .plimsoll/calibrations/kind/disagreements.html" in ended.out
    assert "225 of 225 judgements" in ended.err
    listed = plimsoll(capsys, "judge", "show")
    assert listed.out.startswith("kind: valid\n  agrees with people on 9")
    found = plimsoll(capsys, "judge", "show", "kind", "--json").document
    assert [each["standing"] for each in found["certificates"]] == ["valid"]


def test_a_poor_judge_is_told_plainly_and_the_code_is_1(
    workspace: Workspace, bench: Bench, labels: str, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    bench.scores = noisy_judge(TRUTHS, 0.5, 0.5, 3)
    ended = plimsoll(capsys, "judge", "calibrate", "kind", "--labels", labels, "--repeats", "1")
    assert ended.code == 1
    assert ended.out.startswith("NOT CERTIFIED kind: agrees with people on ")
    assert "not to be believed" in " ".join(ended.out.split())
    assert max(len(line) for line in ended.out.splitlines()) <= 80
    assert plimsoll(capsys, "gate", "desk", "--no-track").code == 2
    assert "kind: not certified" in plimsoll(capsys, "judge", "show").out


def test_with_json_stdout_holds_the_certificate_alone(workspace: Workspace, bench: Bench, capsys):
    few = write_labels(workspace.root / "few.jsonl", rows([True, False] * 10))
    bench.scores = noisy_judge([True, False] * 10, 1.0, 1.0, 3)
    ended = plimsoll(capsys, "judge", "calibrate", "kind", "--labels", str(few), "--json")
    assert ended.code == ended.document["exit_code"] == 3
    assert ended.document["outcome"] == "inconclusive"
    written = json.loads((workspace.root / ended.document["file"]).read_bytes())
    assert ended.document["certificate"] == written
    assert written["certified"] is False


def test_mistakes_are_2_and_a_provider_that_is_down_is_4(workspace: Workspace, bench: Bench, labels: str, capsys):
    assert plimsoll(capsys, "judge", "calibrate", "kind", "--labels", "nowhere.jsonl").code == 2
    assert plimsoll(capsys, "judge", "calibrate", "mind", "--labels", labels).code == 2
    assert plimsoll(capsys, "judge", "show", "kind").code == 2
    assert plimsoll(capsys, "judge", "show").out.startswith("no judge has a certificate yet")
    bench.replies = {n: Reply(status=401, body={"error": {"message": "no such key"}}) for n in range(120)}
    assert plimsoll(capsys, "judge", "calibrate", "kind", "--labels", labels).code == 4
