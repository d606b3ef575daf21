"""Where a field that is to be redacted is known nowhere, a run is not sent: what has left can't be taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.api.parts import cases, edit, write_cases

from plimsoll.api import RunOptions, run_suite
from plimsoll.api.owed import is_owed
from plimsoll.api.syncing import Fate, sync_runs
from plimsoll.api.withholding import refuse_unredacted
from plimsoll.config import PrivacyPolicy, Workspace
from plimsoll.errors import ConfigError
from plimsoll.runs.observer import Silent
from plimsoll.testing.writer import thread_writer

PROJECT = '[tool.plimsoll.privacy]\nredact = ["custmer"]\n'


def private(workspace: Workspace, *redact: str) -> Workspace:
    return Workspace(
        workspace.root, workspace.settings.model_copy(update={"privacy": PrivacyPolicy(redact=list(redact))})
    )


def ran(workspace: Workspace) -> Path:
    write_cases(workspace.root, cases(customer={"name": "Ann Lee"}))
    return run_suite(workspace, "desk", RunOptions(track=False, targets=("v1",)), Silent()).folder


def other_suite(workspace: Workspace, row: dict[str, str]) -> None:
    text = (workspace.root / "suites/desk.yaml").read_text(encoding="utf-8").replace("desk", "other")
    (workspace.root / "suites/other.yaml").write_text(text, encoding="utf-8")
    (workspace.root / "datasets/other.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def refusal(workspace: Workspace, run: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        refuse_unredacted(workspace, run)
    return "; ".join(map(str, caught.value.mistakes))


def test_a_field_that_no_case_of_any_suite_has_is_refused_with_a_near_match(workspace: Workspace):
    run = ran(workspace)
    (workspace.root / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    told = refusal(private(workspace, "custmer", "customer", "customer.nmae"), run)
    assert told == (
        "pyproject.toml:2: nothing was sent: redact names 'custmer', and no case of this run or of any suite has it "
        f"(did you mean 'customer'? correct it there, then: plimsoll sync {run.name}); "
        "pyproject.toml:2: nothing was sent: redact names 'customer.nmae', and no case of this run or of any suite has "
        f"it (did you mean 'customer.name'? correct it there, then: plimsoll sync {run.name})"
    )


def test_what_some_suite_has_and_what_every_case_may_have_is_no_slip(workspace: Workspace):
    run = ran(workspace)
    refuse_unredacted(private(workspace), run)
    refuse_unredacted(private(workspace, "customer.name", "turns", "group", "output", "reason", "messages"), run)
    other_suite(workspace, {"id": "one", "question": "?", "expected": "!", "account": "7"})
    refuse_unredacted(private(workspace, "account"), run)
    # The run was of some cases only; the dataset's others have it.
    write_cases(workspace.root, [*cases(), {**cases()[0], "id": "more", "phone": "1"}])
    refuse_unredacted(private(workspace, "phone"), run)


def test_where_it_can_not_be_told_nothing_is_sent(workspace: Workspace):
    run = ran(workspace)
    other_suite(workspace, {"id": "one", "question": "?", "expected": "!", "account": "7"})
    edit(workspace.root, "datasets/other.jsonl", "}", "")
    told = refusal(private(workspace, "account"), run)
    assert "no case of this run or of any suite has it, as far as they can be read (suites/other.yaml can't)" in told


@pytest.mark.mlflow
def test_a_run_that_is_withheld_stays_owed_until_the_name_is_right(tracked: Workspace):
    write_cases(tracked.root, cases(customer="Ann Lee of Ferry Lane"))
    misspelt, right = private(tracked, "custmer"), private(tracked, "customer")
    with thread_writer(misspelt) as writer:
        ended = run_suite(misspelt, "desk", RunOptions(), Silent(), writer=writer)
    assert ended.logged is not None
    assert (ended.logged.parent, is_owed(ended.folder)) == (None, True)
    assert "nothing was sent: redact names 'custmer'" in ended.view.notes[-1]
    assert not (ended.folder / "outgoing").exists()
    assert not [*tracked.state.glob("mlartifacts/**/*.gz")]
    with thread_writer(right) as writer:
        assert [each.fate for each in sync_runs(right, writer=writer).runs] == [Fate.LOGGED]
    assert not is_owed(ended.folder)
