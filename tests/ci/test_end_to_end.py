"""A pull request from its branch to its comment: the action's own steps, a real repository, a model, a forge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.parts import edit, write_cases
from tests.ci.change import Change, opened, rows

from plimsoll.testing import Reply


@pytest.fixture
def change(tmp_path: Path) -> Iterator[Change]:
    with opened(tmp_path) as made:
        yield made


def worsened(change: Change) -> None:
    edit(change.root, "prompts/v1.jinja2", "one", "won")
    change.desk.wrong["won"] = set(range(0, 40, 2))


def test_a_worse_prompt_fails_and_its_comment_names_the_flipped_cases(change: Change):
    worsened(change)
    job = change.job()
    assert job.code == 1, job.log
    assert job.outputs["gate"]["exit-code"] == "1"
    assert change.comment.startswith("**FAIL**")
    for number in range(0, 40, 2):
        assert f"`c{number}`" in change.comment
    assert "`c1`" not in change.comment
    assert change.comment.splitlines()[0] in job.summary
    # Only the suite that the prompt belongs to was run.
    assert {prompt for prompt, _ in change.desk.asked} == {"one", "won"}


@pytest.mark.long
def test_a_harmless_change_passes_and_the_comment_is_the_same_one(change: Change):
    worsened(change)
    job = change.job()
    assert job.code == 1, job.log
    change.desk.wrong.clear()
    edit(change.root, "prompts/v1.jinja2", "won {{ question }}", "won  {{ question }}")
    job = change.job()
    assert job.code == 0, job.log
    assert change.comment.startswith("**PASS**")


@pytest.mark.long
def test_a_dataset_that_is_cut_does_not_pass(change: Change):
    write_cases(change.root, rows(change.root)[:30])
    job = change.job()
    # What is gone was not measured, so nobody can say that it failed: inconclusive, which blocks.
    assert job.code == 3, job.log
    assert job.outputs["gate"]["exit-code"] == "3"
    assert change.comment.startswith("**INCONCLUSIVE**")
    assert "c39" in change.comment


@pytest.mark.long
def test_a_provider_that_is_down_ends_as_infrastructure(change: Change):
    worsened(change)
    change.desk.replies = {number: Reply(status=503, body="down") for number in range(40)}
    job = change.job()
    assert job.code == 4, job.log
    assert not change.comment.startswith(("**PASS**", "**FAIL**"))


@pytest.mark.long
def test_an_edit_of_the_readme_runs_nothing(change: Change):
    edit(change.root, "README.md", "desk", "ferry's desk")
    job = change.job()
    assert job.code == 0, job.log
    assert not change.endpoint.requests
    assert "no suite is affected" in change.comment


@pytest.mark.long
def test_a_fork_s_request_asks_no_model_writes_no_comment_and_does_not_pass(change: Change):
    edit(change.root, "prompts/v1.jinja2", "one", "won")
    job = change.job(fork=True)
    assert job.code == 3, job.log
    assert not change.endpoint.requests
    assert not change.forge.comments
    assert "INCONCLUSIVE" in job.summary
    # What no setting lets through: nothing was measured.
    assert change.job(fork=True, inputs={"inconclusive": "allow"}).code == 3


@pytest.mark.long
def test_what_was_answered_is_not_asked_again(change: Change):
    worsened(change)
    change.job()
    asked = change.desk.requests
    edit(change.root, "README.md", "desk", "ferry's desk")
    assert change.job().code == 1
    assert change.desk.requests == asked


@pytest.mark.long
def test_a_job_that_may_only_read_warns_and_the_verdict_stands(change: Change):
    change.forge.refused = 403
    edit(change.root, "prompts/v1.jinja2", "one", "won")
    job = change.job()
    assert job.code == 0, job.log
    assert "::warning::plimsoll: no comment was written (exit code 4)" in job.log


@pytest.mark.long
@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment"])
def test_an_event_with_secrets_runs_no_stranger_s_files_unasked(change: Change, event: str):
    job = change.job(event=event)
    assert job.code == 2
    assert "trusted" in job.log
    assert list(job.outputs) == ["plan"]
    assert not change.endpoint.requests


@pytest.mark.long
@pytest.mark.parametrize(
    "inputs",
    [
        {"inconclusive": "alow"},
        {"recorded": "yes"},
        {"trusted": "1"},
        {"suites": "desk; touch hacked $(touch hacked) `touch hacked`"},
        {"target": "v1$(touch hacked)"},
        {"base": "--upload-pack=touch hacked"},
    ],
)
def test_what_an_input_holds_is_never_run_and_never_passes(change: Change, inputs: dict[str, str]):
    edit(change.root, "prompts/v1.jinja2", "one", "won")
    job = change.job(inputs=inputs)
    assert job.code == 2, job.log
    assert not list(job.folder.rglob("hacked"))
