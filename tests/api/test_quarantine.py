"""A quarantine holds as it stands on the baseline's side; what the working copy adds is reported and not applied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, edit, write_workspace
from tests.api.repository import commit

from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, verify_suite
from plimsoll.api.checking import check_workspace
from plimsoll.api.reviewing import review_of
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError
from plimsoll.reports.jsonform import gate_form, run_form
from plimsoll.reports.markdown import render_comment
from plimsoll.runs.observer import Silent
from plimsoll.types import Decision

ALL_PASS = SUITE[: SUITE.index("gate:")] + (
    "gate:\n  target: v1\n  baseline: none\n  max_quarantined: 0.1\n"
    "  rules:\n    - {metric: exact_match, all_pass: true}\n"
)


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def quarantine(root: Path, *cases: str, expires: str | None = None, more: str = "") -> None:
    rows = [
        f"  - {{case: {case}, reason: two spellings, owner: Ada, expires: {expires or day(30)}{more}}}\n"
        for case in cases
    ]
    path = root / "quarantine" / "desk.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("cases:\n" + "".join(rows), encoding="utf-8")


@pytest.fixture
def flaky(tmp_path: Path, endpoint, desk: Desk) -> Workspace:
    """Case 3 fails; every case has to pass."""
    desk.wrong["one"] = {3}
    return write_workspace(tmp_path / "desk", ALL_PASS)


def gate(workspace: Workspace, **options) -> GateRun:
    return gate_suite(workspace, "desk", GateOptions(run=RunOptions(track=False), **options), Silent())


def noted(decided: GateRun, told: str) -> bool:
    return any(told in note for note in decided.run.view.notes)


def test_a_case_that_the_base_quarantines_is_not_counted_and_the_verdict_says_so(flaky: Workspace):
    quarantine(flaky.root, "c3")
    commit(flaky.root)
    decided = gate(flaky, base="main")
    assert decided.verdict.outcome is Decision.PASS
    assert [(entry.case, entry.owner) for entry in decided.verdict.quarantine] == [("c3", "Ada")]
    told = f"quarantined, not counted: c3, until {day(30)} (Ada: two spellings)"
    assert noted(decided, told)
    assert told in render_comment([review_of(decided, GateOptions())])
    form = gate_form(run_form(decided.run.report, decided.run.summary), decided.verdict)
    assert [entry.case for entry in form.quarantine] == ["c3"]
    assert verify_suite(flaky, "desk").attestation.verdict == decided.verdict


def test_what_only_the_working_copy_quarantines_is_reported_and_not_applied(flaky: Workspace):
    quarantine(flaky.root, "c5")
    commit(flaky.root)
    quarantine(flaky.root, "c3", "c5")
    decided = gate(flaky, base="main")
    assert (decided.verdict.outcome, decided.verdict.rules[0].failing) == (Decision.FAIL, ("c3",))
    assert noted(decided, "quarantine proposed here, not applied: c3 (Ada: two spellings)")
    assert not noted(decided, "proposed here, not applied: c5")
    # Nor on the challenger's branch: the change's own commit is not the baseline's side.
    commit(flaky.root, "the change")
    assert gate(flaky, base="main~1").verdict.outcome is Decision.FAIL


def test_without_a_commit_of_the_baselines_side_none_is_applied_and_it_is_said_why(flaky: Workspace):
    assert not noted(gate(flaky), "quarantine")
    quarantine(flaky.root, "c3")
    commit(flaky.root)
    decided = gate(flaky)
    assert decided.verdict.outcome is Decision.FAIL
    assert noted(
        decided, "no quarantine is applied: no commit of the baseline's side is known; name one with --base REF"
    )


@pytest.mark.parametrize(
    ("days", "told"),
    [(-1, "the quarantine of c3 expired on {day} (Ada): the case counts"), (91, "ends more than 90 days ahead")],
)
def test_an_entry_that_has_expired_or_runs_for_too_long_does_not_hold(flaky: Workspace, days: int, told: str):
    quarantine(flaky.root, "c3", expires=day(days))
    commit(flaky.root)
    decided = gate(flaky, base="main")
    assert decided.verdict.outcome is Decision.FAIL
    assert decided.verdict.quarantine == ()
    assert noted(decided, told.format(day=day(days)))


def test_more_than_the_policy_takes_makes_everything_inconclusive(tmp_path: Path, endpoint):
    workspace = write_workspace(tmp_path / "desk", ALL_PASS)
    quarantine(workspace.root, "c3", "c5")
    commit(workspace.root)
    decided = gate(workspace, base="main")
    assert decided.verdict.outcome is Decision.INCONCLUSIVE
    assert "2 of 12 cases are quarantined, and the policy takes at most 10%" in decided.verdict.reasons[0]


def test_a_file_with_a_mistake_on_the_baselines_side_is_not_applied(flaky: Workspace):
    quarantine(flaky.root, "c3", more=", sevrity: low")
    commit(flaky.root)
    quarantine(flaky.root, "c3")
    decided = gate(flaky, base="main")
    assert decided.verdict.outcome is Decision.FAIL
    assert noted(decided, "the quarantine is not applied, for a mistake in it: main (")
    assert noted(decided, "unknown key 'sevrity'")
    assert noted(decided, "quarantine proposed here, not applied: c3")


def test_a_baseline_out_of_git_brings_its_own(tmp_path: Path, endpoint, desk: Desk):
    workspace = write_workspace(tmp_path / "desk", SUITE.replace("at_least: 0.5", "all_pass: true"))
    desk.wrong["won"] = {3}
    quarantine(workspace.root, "c3", more=", metric: exact_match")
    edit(workspace.root, "suites/desk.yaml", "  target: v1", "  target: v1\n  max_quarantined: 0.1")
    commit(workspace.root)
    edit(workspace.root, "prompts/v1.jinja2", "one", "won")
    decided = gate(workspace, baseline="git:main")
    # Eleven pairs without a change can't exclude a loss of 0.4; what every case must pass, passes.
    assert [rule.outcome for rule in decided.verdict.rules if rule.rule == "every case passes"] == [Decision.PASS]
    assert [entry.case for entry in decided.verdict.quarantine] == ["c3"]


def test_validate_tells_mistakes_and_what_to_see_to(flaky: Workspace):
    quarantine(flaky.root, "c3", expires=day(91))
    with pytest.raises(ConfigError) as caught:
        check_workspace(flaky)
    assert str(caught.value).startswith(
        f"quarantine/desk.yaml:2: {day(91)} is more than 90 days ahead (write {day(90)}"
    )
    quarantine(flaky.root, "c3", more=", metric: exact_mach")
    with pytest.raises(ConfigError, match="no evaluator of the suite gives the metric 'exact_mach'"):
        check_workspace(flaky)
    quarantine(flaky.root, "c3", expires=day(-1))
    assert any(f"the quarantine of c3 expired on {day(-1)}" in told for told in check_workspace(flaky)[0].warnings)
    quarantine(flaky.root, "c3", expires=day(3))
    assert any(f"the quarantine of c3 ends on {day(3)}" in told for told in check_workspace(flaky)[0].warnings)
    quarantine(flaky.root, "c33")
    assert any("the dataset has no case 'c33'" in told for told in check_workspace(flaky)[0].warnings)


def test_a_file_of_no_suite_is_a_mistake(flaky: Workspace):
    quarantine(flaky.root, "c3")
    (flaky.root / "quarantine" / "desk.yaml").rename(flaky.root / "quarantine" / "desks.yaml")
    with pytest.raises(ConfigError, match=r"desks\.yaml: is no suite's quarantine \(did you mean 'desk'\?\)"):
        check_workspace(flaky)
