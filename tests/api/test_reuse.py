"""Only what changed runs again, and where the model is and what it costs to ask it is settings alone."""

from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, edit, write_workspace

from plimsoll.api import RunOptions, SuiteRun, run_suite
from plimsoll.config import Workspace
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.types import Scored

JUDGE = """\
---
name: relevance
model:
  api: chat
inputs:
  question: {type: string}
  output: {type: string}
---
system:
Judge the answer. Reply with JSON: {"reason": "...", "score": 1 to 5}

user:
judge {{ question }} {{ output }}
"""


def run(workspace: Workspace, **options) -> SuiteRun:
    return run_suite(workspace, "desk", RunOptions(track=False, **options), Silent())


def test_a_run_answers_scores_and_counts_its_requests(workspace: Workspace, desk: Desk):
    desk.wrong["one"] = {3}
    ran = run(workspace)
    assert ran.exit_code == 0
    assert (desk.requests, ran.report.run.requests, len(ran.report.cells)) == (24, 24, 24)
    assert ran.summary.targets["v1"].metrics["exact_match"].mean == pytest.approx(11 / 12)
    assert ran.summary.targets["v2"].metrics["exact_match"].mean == 1


def test_a_second_run_asks_nothing_and_editing_one_prompt_of_two_asks_half(workspace: Workspace, desk: Desk):
    run(workspace)
    again = run(workspace)
    assert (desk.requests, again.report.run.requests, again.summary.targets["v1"].cached) == (24, 0, 12)
    edit(workspace.root, "prompts/v2.jinja2", "two", "three")
    run(workspace)
    assert desk.requests == 36
    assert {prompt for prompt, _ in desk.asked} == {"one", "two", "three"}


def test_editing_an_evaluator_scores_again_and_asks_nothing(workspace: Workspace, desk: Desk):
    assert run(workspace).summary.targets["v1"].metrics["short"].mean == 1
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 1")
    ran = run(workspace)
    assert ran.summary.targets["v1"].metrics["short"].mean == 0
    assert desk.requests == 24


def test_a_changed_case_is_asked_anew_and_no_other(workspace: Workspace, desk: Desk):
    run(workspace)
    edit(workspace.root, "datasets/desk.jsonl", '"question 5"', '"question 77"')
    run(workspace)
    assert desk.requests == 26
    assert desk.asked["one", 77] == 1


def test_no_cache_asks_again_and_fresh_keeps_its_samples_apart(workspace: Workspace, desk: Desk):
    run(workspace)
    run(workspace, reuse=False)
    assert desk.requests == 48
    run(workspace, fresh=True)
    run(workspace, fresh=True)
    assert desk.requests == 96
    run(workspace)
    assert desk.requests == 96


def test_a_failed_cell_is_not_cached_and_its_requests_are_counted(workspace: Workspace, desk: Desk):
    edit(workspace.root, "suites/desk.yaml", "retries: 0", "retries: 1")
    desk.replies[3] = Reply(status=500, headers={"retry-after-ms": "1"}, body={"error": {"message": "broken"}})
    ran = run(workspace)
    assert ran.exit_code == 4
    assert ran.problem is not None
    assert "2 of 12 cells" not in ran.problem.message
    assert "1 of 12 cells of v1 failed, more than 5%; most often server" in ran.problem.message
    assert ran.report.run.requests == desk.requests == 26
    desk.replies.clear()
    assert run(workspace).exit_code == 0
    assert desk.requests == 28


def test_a_judges_scores_are_cached_and_its_requests_counted(workspace: Workspace, tmp_path: Path):
    def judged(request):
        return '{"reason": "fine", "score": 4}' if "judge" in request["messages"][-1]["content"] else "an answer"

    with ScriptedEndpoint(judged) as server:
        suite = SUITE.replace("  - short\n", "  - judge: evaluators/relevance.prompty\n")
        write_workspace(workspace.root, suite, {"evaluators/relevance.prompty": JUDGE})
        edit(workspace.root, "suites/desk.yaml", "${OPENAI_BASE_URL}", server.base_url)
        first = run(workspace)
        assert first.report.run.requests == len(server.requests) == 48
        assert first.summary.targets["v1"].metrics["relevance"].mean == 4
        assert run(workspace).report.run.requests == 0
        edit(workspace.root, "evaluators/relevance.prompty", "Judge the answer.", "Judge this answer.")
        assert run(workspace).report.run.requests == 24


def test_the_same_suite_runs_against_another_server_by_the_environment_alone(
    workspace: Workspace, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    run(workspace)
    with ScriptedEndpoint(lambda _request: "elsewhere") as other:
        monkeypatch.setenv("OPENAI_BASE_URL", other.base_url)
        ran = run(workspace)
        assert len(other.requests) == 24
    assert {cell.output.text for cell in ran.report.cells if cell.output} == {"elsewhere"}
    assert desk.requests == 24


def test_a_workspaces_env_file_completes_the_environment_and_does_not_override_it(
    workspace: Workspace, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch
):
    edit(workspace.root, "suites/desk.yaml", "model: scripted", 'model: "${DESK_MODEL}", api_key: "${DESK_KEY}"')
    (workspace.root / ".env").write_text("DESK_MODEL=from-file\nDESK_KEY=key-of-the-file\n", encoding="utf-8")
    run(workspace, sample=1, targets=("v1",))
    monkeypatch.setenv("DESK_MODEL", "from-environment")
    run(workspace, sample=1, targets=("v1",))
    assert [request.json["model"] for request in endpoint.requests] == ["from-file", "from-environment"]
    assert endpoint.requests[0].headers["authorization"] == "Bearer key-of-the-file"


def test_scores_carry_whether_they_pass_by_todays_condition_also_from_the_cache(workspace: Workspace, desk: Desk):
    edit(workspace.root, "suites/desk.yaml", "- short", '- token_f1: {pass_if: ">= 0.4"}')
    desk.wrong["one"] = {0}
    run(workspace)
    edit(workspace.root, "suites/desk.yaml", ">= 0.4", "<= 0.4")
    scores = [cell.scores["token_f1"] for cell in run(workspace).report.cells]
    assert [score.passed for score in scores if isinstance(score, Scored)] == [True, *[False] * 23]
    assert desk.requests == 24
