"""Answers that are too old are generated again on both sides; latency and cost take none that was not of today."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import pytest
from tests.api.parts import SUITE, Desk, edit

from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, run_suite
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, UsageError
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply
from plimsoll.types import Decision

DAY = 86400


def gate(workspace: Workspace, **options) -> GateRun:
    chosen = GateOptions(run=RunOptions(track=False), target="v2", baseline="v1", **options)
    return gate_suite(workspace, "desk", chosen, Silent())


def grow_older(workspace: Workspace, days: float, cells: str = "%") -> None:
    """Set back the time at which the cache's answers and scores were kept."""
    database = sqlite3.connect(workspace.state / "cache.db")
    try:
        with database:
            database.execute("UPDATE kept SET created = created - ? WHERE cell LIKE ?", (days * DAY, cells))
    finally:
        database.close()


def noted(decided: GateRun, told: str) -> bool:
    return any(told in note for note in decided.run.view.notes)


def test_answers_older_than_the_policy_takes_are_generated_again_on_both_sides_and_kept(
    workspace: Workspace, desk: Desk
):
    gate(workspace)
    assert desk.requests == 24
    grow_older(workspace, 6.9)
    assert not noted(gate(workspace), "older than")
    assert desk.requests == 24
    grow_older(workspace, 0.2)
    decided = gate(workspace)
    assert desk.requests == 48
    assert set(desk.asked.values()) == {2}
    assert noted(decided, "24 answers in the cache were older than 7 d: generated anew")
    assert not noted(gate(workspace), "older than")
    assert desk.requests == 48


def test_only_those_that_are_too_old_are(workspace: Workspace, desk: Desk):
    gate(workspace)
    grow_older(workspace, 8, "desk/v1/%")
    decided = gate(workspace)
    assert noted(decided, "12 answers in the cache were older than 7 d")
    assert {prompt: desk.asked[prompt, 0] for prompt in ("one", "two")} == {"one": 2, "two": 1}


def test_a_run_takes_answers_of_any_age_and_so_does_a_gate_that_says_so(workspace: Workspace, desk: Desk):
    edit(workspace.root, "suites/desk.yaml", "  target: v1", "  target: v1\n  baseline_max_age: none")
    gate(workspace)
    grow_older(workspace, 400)
    run_suite(workspace, "desk", RunOptions(track=False), Silent())
    gate(workspace)
    assert desk.requests == 24


def test_what_can_not_be_generated_again_is_a_failed_cell_never_the_old_answer(workspace: Workspace, desk: Desk):
    edit(workspace.root, "suites/desk.yaml", "gate:", "max_failed: 0.5\ngate:")
    assert gate(workspace).exit_code == ExitCode.PASS
    grow_older(workspace, 8)
    desk.replies[3] = Reply(status=400, body={"error": {"message": "refused"}})
    decided = gate(workspace)
    assert decided.exit_code == ExitCode.INCONCLUSIVE
    assert "1 case without a value" in decided.verdict.reasons[0]


def test_a_run_that_is_older_than_the_policy_takes_is_no_evidence_of_today(workspace: Workspace):
    decided = gate(workspace)
    path, run = decided.run.folder / "plan.json", decided.run.report.run
    plan = path.read_text(encoding="utf-8")
    for days, sealed in ((6, True), (9, False)):
        started = datetime.fromisoformat(run.started) - timedelta(days=days)
        path.write_text(plan.replace(run.started, started.isoformat()), encoding="utf-8")
        again = gate(workspace, run_id=run.id)
        assert (again.attestation is not None) is sealed
    assert again.unsealed == "the run is 9 days old, and the policy takes answers of at most 7 d"
    edit(workspace.root, "suites/desk.yaml", "  target: v1", "  target: v1\n  baseline_max_age: none")
    assert gate(workspace, run_id=run.id).attestation is not None


def test_a_gates_run_that_is_gone_on_with_takes_no_older_answers_than_the_gate(workspace: Workspace, desk: Desk):
    gate(workspace)
    grow_older(workspace, 8)
    desk.replies[3] = Reply(status=400, body={"error": {"message": "refused"}})
    cut = gate(workspace)
    assert cut.attestation is None
    desk.replies.clear()
    before = desk.requests
    grow_older(workspace, 8)
    run_suite(workspace, "desk", RunOptions(track=False, only_failed=True), Silent())
    assert desk.requests == before + 2


def test_a_run_that_is_evidence_is_not_gone_on_with(workspace: Workspace):
    assert gate(workspace).attestation is not None
    with pytest.raises(UsageError, match="has no run yet"):
        run_suite(workspace, "desk", RunOptions(track=False, resume=True), Silent())


@pytest.mark.parametrize(
    ("rule", "metric"),
    [("{metric: latency_p95, at_most: 60 s}", "latency_p95"), ("{metric: latency, at_most: 2 × baseline}", "latency")],
)
def test_a_rule_over_latency_has_every_answer_generated_anew_and_says_so(
    workspace: Workspace, desk: Desk, rule: str, metric: str
):
    suite = SUITE.replace("  - short\n", "  - short\n  - latency\n").replace(
        "{metric: exact_match, at_least: 0.5}", rule
    )
    (workspace.root / "suites" / "desk.yaml").write_text(suite, encoding="utf-8")
    ran = run_suite(workspace, "desk", RunOptions(track=False), Silent())
    cached = run_suite(workspace, "desk", RunOptions(track=False), Silent())
    assert desk.requests == 24
    decided = gate(workspace)
    assert desk.requests == 48
    assert noted(decided, f"every answer was generated anew: {metric} can be told by answers of today only")
    assert not [result for result in decided.verdict.rules if "earlier run" in result.reason]

    # Over a run that exists nothing is generated: what it took from the cache is no evidence.
    over = gate(workspace, run_id=cached.report.run.id)
    assert over.verdict.outcome is Decision.INCONCLUSIVE
    assert "the answer is an earlier run's, which says nothing of today" in over.verdict.reasons[0]
    assert noted(over, "24 answers of the run came from the cache, and how old they are is not known")
    fresh = gate(workspace, run_id=ran.report.run.id)
    assert not [result for result in fresh.verdict.rules if "earlier run" in result.reason]
