"""A run as the baseline: what it was measured with must be what there is, or it counts as missing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.parts import Desk, cases, edit, write_cases
from tests.cli.parts import plimsoll

from plimsoll.api import GateOptions, RunOptions, gate_suite, run_suite
from plimsoll.api.reviewing import review_of
from plimsoll.api.sealing import GateRun
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.reports.jsonform import gate_form, run_form
from plimsoll.reports.markdown import render_comment
from plimsoll.reports.phrases import baseline_text
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


def ran(workspace: Workspace, **options: Any) -> str:
    return run_suite(workspace, "desk", RunOptions(track=False, **options), Silent()).report.run.id


def gated(workspace: Workspace, baseline: str, told: list[str], **options: Any) -> GateRun:
    asked = GateOptions(run=RunOptions(track=False), baseline=baseline, **options)
    return gate_suite(workspace, "desk", asked, Silent(), tell=told.append)


def test_a_run_that_can_decide_nothing_is_refused_before_anything_runs(workspace: Workspace, desk: Desk):
    run = ran(workspace)
    journal = workspace.state / "runs" / run / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: whole.rindex(b'{"kind":"end"')])
    asked = desk.requests
    with pytest.raises(UsageError, match=f"run {run} is not complete, and a baseline has to be"):
        gated(workspace, run, [])
    journal.write_bytes(whole)
    with pytest.raises(UsageError, match=f"run {run} is the one that is gated"):
        gated(workspace, run, [], run_id=run)
    edit(workspace.root, "suites/desk.yaml", "name: desk", "name: other")
    with pytest.raises(UsageError, match=f"run {run} is one of desk, not of other"):
        gated(workspace, f"run:{run}", [])
    edit(workspace.root, "suites/desk.yaml", "name: other", "name: desk\nheld_out: even")
    with pytest.raises(UsageError, match="is over the whole dataset, and the gate decides on the held-out ones"):
        gated(workspace, run, [])
    opened = ran(workspace)
    with pytest.raises(UsageError, match=f"run {opened} saw the open cases, and the gate decides on the held-out ones"):
        gated(workspace, opened, [])
    assert desk.requests == asked


@pytest.mark.parametrize("word", ["{run}", "run:{run}", "run:{run}:v2"])
def test_another_runs_target_is_never_called_the_champion(workspace: Workspace, word: str):
    run = ran(workspace)
    found = gated(workspace, word.format(run=run), [], target="v2")
    verdict = found.verdict
    assert (verdict.outcome, verdict.baseline) == (Decision.PASS, "baseline")
    assert (verdict.baseline_run, verdict.baseline_target) == (run, "v2")
    (section,) = found.run.view.verdicts
    assert baseline_text(section).startswith(f"baseline v2 of run {run} (")
    assert "the same as baseline on average" in verdict.rules[1].reason
    written = (found.run.folder / "gate/v2/verdict.json").read_text(encoding="utf-8")
    page = found.run.html.read_text(encoding="utf-8")
    assert "champion" not in written + page + render_comment([review_of(found, GateOptions())])
    assert f"v2 of run {run}" in page
    form = gate_form(run_form(found.run.report, found.run.summary), verdict)
    assert (form.baseline, form.baseline_run, form.baseline_target) == ("baseline", run, "v2")
    assert form.headline == section.headline == "v2 is good enough by these rules, but not for a promotion"
    assert (form.verdict, form.attestation, form.unsealed) == (Decision.PASS, None, found.unsealed)
    assert "answers are those of run" in (form.unsealed or "")


def test_the_baselines_run_is_told_once_and_a_pass_is_not_called_a_promotion(workspace: Workspace, capsys, monkeypatch):
    run = ran(workspace)
    monkeypatch.chdir(workspace.root)
    monkeypatch.setenv("COLUMNS", "200")
    ended = plimsoll(capsys, "gate", "desk", "--baseline", f"run:{run}", "--no-track", "--markdown", "gate.md")
    assert ended.code == 0
    told = f"the baseline is v1 of run {run} of "
    assert (ended.err.count(told), ended.out.count(told)) == (1, 0)
    assert f"baseline v1 of run {run} (" in ended.out
    written = (workspace.root / "gate.md").read_text(encoding="utf-8")
    assert written.startswith("**PASS** desk: v1 is good enough by these rules, but not for a promotion: 2 rules")
    # A comment's reader has no terminal.
    assert told in written
    assert "may be promoted" not in ended.out + written
    assert "champion" not in ended.out + written


def test_a_target_may_not_have_the_baselines_name(workspace: Workspace):
    run = ran(workspace)
    edit(workspace.root, "suites/desk.yaml", "  v2:", "  baseline:")
    with pytest.raises(UsageError, match="named 'baseline', which is what a baseline out of another run is called"):
        gated(workspace, f"run:{run}:v1", [], target="v1")


def test_what_a_run_lacks_is_told_before_anything_runs_and_counts_as_missing(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", RULE, f"{RULE}\n    - {{metric: latency_p50, at_most: 9 × baseline}}")
    edit(workspace.root, "suites/desk.yaml", "  - short\n", "  - short\n  - latency\n")
    run = ran(workspace, sample=5)
    told: list[str] = []
    relative = gated(workspace, f"run:{run}:v2", told).verdict.rules[1]
    assert (relative.outcome, relative.missing) == (Decision.INCONCLUSIVE, 7)
    assert told[-3].startswith(f"the baseline is v2 of run {run} of ")
    assert told[-2:] == [
        f"run {run} drew 5 cases, and others than this gate does: what it lacks counts as missing",
        f"latency_p50: measured where and when run {run} ran, not beside the challenger",
    ]
