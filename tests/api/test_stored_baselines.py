"""A run as the baseline: what it was measured with must be what there is, or it counts as missing."""

from __future__ import annotations

import pytest
from tests.api.parts import cases, edit, write_cases

from plimsoll.api import GateOptions, RunOptions, gate_suite, run_suite
from plimsoll.config import Workspace
from plimsoll.runs.observer import Silent
from plimsoll.types import Decision

RULE = "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}"


def other_evaluator(workspace: Workspace) -> None:
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 4")


def other_answers(workspace: Workspace) -> None:
    write_cases(workspace.root, [{**row, "expected": "answer"} for row in cases()])


def other_cases(workspace: Workspace) -> None:
    write_cases(workspace.root, cases(11))


@pytest.mark.parametrize(
    ("change", "missing"), [(other_evaluator, 12), (other_answers, 12), (other_cases, 1), (lambda _: None, 0)]
)
def test_what_is_not_the_same_on_both_sides_is_missing_never_passed_over(workspace: Workspace, change, missing: int):
    edit(workspace.root, "suites/desk.yaml", RULE, RULE.replace("exact_match", "short"))
    before = run_suite(workspace, "desk", RunOptions(track=False), Silent()).report.run.id
    change(workspace)
    options = GateOptions(run=RunOptions(track=False), baseline=before)
    verdict = gate_suite(workspace, "desk", options, Silent()).verdict
    relative = verdict.rules[1]
    assert (relative.outcome is Decision.PASS, relative.missing) == (missing == 0, missing)
    assert relative.outcome is not Decision.FAIL
