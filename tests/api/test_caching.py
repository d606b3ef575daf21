"""Why a suite's cells would be reused or not is told as its files are now, and nothing is sent to know it."""

from pathlib import Path

import pytest
from tests.api.parts import Desk, edit, write_workspace

from plimsoll.api import RunOptions, run_suite
from plimsoll.api.caching import cache_contents, cache_file, explain_suite, prune_cache
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply


def run(workspace: Workspace, **options) -> None:
    run_suite(workspace, "desk", RunOptions(track=False, **options), Silent())


def reasons(workspace: Workspace, evaluator: str = "", **chosen) -> dict[str, int]:
    """Why not → cells; of answers, or of an evaluator's scores."""
    found = explain_suite(workspace, "desk", **chosen)
    told = found.scores[evaluator] if evaluator else found.answers
    counted = {reason.why: reason.cells for reason in told.reasons}
    assert told.cells == told.reused + sum(counted.values())
    return counted | ({"reused": told.reused} if told.reused else {})


def test_before_a_run_no_cell_was_ever_run(workspace: Workspace, desk: Desk):
    assert reasons(workspace) == {"never run": 24}
    assert reasons(workspace, "short") == {"its answer is generated anew": 24}
    assert desk.requests == 0


def test_after_a_run_everything_is_reused_and_nothing_was_sent_to_know_it(workspace: Workspace, desk: Desk):
    run(workspace)
    assert reasons(workspace) == {"reused": 24}
    assert reasons(workspace, "exact_match") == reasons(workspace, "short") == {"reused": 24}
    assert desk.requests == 24


def test_an_edited_prompt_changes_the_messages_of_its_target_alone(workspace: Workspace, desk: Desk):
    run(workspace)
    edit(workspace.root, "prompts/v2.jinja2", "two", "three")
    assert reasons(workspace) == {"messages changed": 12, "reused": 12}
    assert reasons(workspace, target="v1") == {"reused": 12}
    assert reasons(workspace, "short") == {"its answer is generated anew": 12, "reused": 12}


def test_a_models_parameter_is_told_with_both_values(workspace: Workspace, desk: Desk):
    run(workspace)
    edit(workspace.root, "suites/desk.yaml", "retries: 0", "retries: 1, temperature: 0.7")
    assert reasons(workspace) == {"model.parameters.temperature not set → 0.7": 24}
    run(workspace)
    edit(workspace.root, "suites/desk.yaml", "temperature: 0.7", "temperature: 0.2")
    edit(workspace.root, "prompts/v1.jinja2", "one", "uno")
    assert reasons(workspace) == {
        "messages changed; model.parameters.temperature 0.7 → 0.2": 12,
        "model.parameters.temperature 0.7 → 0.2": 12,
    }


def test_what_changed_is_told_against_the_newest_run_also_where_that_took_it_from_the_cache(
    workspace: Workspace, desk: Desk
):
    edit(workspace.root, "suites/desk.yaml", "retries: 0", "retries: 0, temperature: 0")
    run(workspace)
    edit(workspace.root, "suites/desk.yaml", "temperature: 0", "temperature: 0.5")
    run(workspace)
    edit(workspace.root, "suites/desk.yaml", "temperature: 0.5", "temperature: 0")
    run(workspace)
    assert desk.requests == 48
    edit(workspace.root, "suites/desk.yaml", "temperature: 0", "temperature: 0.9")
    assert reasons(workspace) == {"model.parameters.temperature 0.0 → 0.9": 24}


def test_an_edited_evaluator_is_told_for_its_scores_and_no_others(workspace: Workspace, desk: Desk):
    edit(workspace.root, "suites/desk.yaml", "- exact_match", "- contains: {expected: expected}")
    edit(workspace.root, "suites/desk.yaml", "metric: exact_match", "metric: contains")
    run(workspace)
    edit(workspace.root, "suites/desk.yaml", "{expected: expected}", "{expected: expected, ignore_case: true}")
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 1")
    assert reasons(workspace) == {"reused": 24}
    assert reasons(workspace, "contains") == {"evaluator: settings.ignore_case false → true": 24}
    (why,) = reasons(workspace, "short")
    assert why.startswith("evaluator: ")
    assert why.endswith("changed")


def test_a_changed_field_is_told_for_the_evaluators_that_read_it(workspace: Workspace, desk: Desk):
    run(workspace)
    edit(workspace.root, "datasets/desk.jsonl", '"answer 5"', '"answer 55"')
    assert reasons(workspace) == {"reused": 24}
    assert reasons(workspace, "exact_match") == {"field expected changed": 2, "reused": 22}
    assert reasons(workspace, "short") == {"reused": 24}


def test_a_failure_is_told_by_its_kind(workspace: Workspace, desk: Desk):
    desk.replies[3] = Reply(status=500, body={"error": {"message": "broken"}})
    run(workspace)
    assert reasons(workspace) == {"failed last time: server": 2, "reused": 22}


def test_a_score_that_was_skipped_is_told_as_such(workspace: Workspace, desk: Desk):
    (workspace.root / "evaluators" / "short.py").write_text(
        "def short(output) -> bool:\n    return None if output.endswith('3') else True\n", encoding="utf-8"
    )
    run(workspace)
    assert reasons(workspace, "short") == {"skipped last time, which is not kept: does not apply": 2, "reused": 22}


def test_answers_of_a_fresh_drawing_are_told_apart(workspace: Workspace, desk: Desk):
    run(workspace, fresh=True)
    assert reasons(workspace) == {"fresh epoch: the last one was drawn by --fresh": 24}


def test_a_cell_that_is_no_longer_there_is_told(workspace: Workspace, desk: Desk):
    run(workspace)
    cache_file(workspace).unlink()
    assert reasons(workspace) == {"no longer in the cache": 24}


def test_cells_that_the_newest_run_left_out_are_known_from_the_cache(workspace: Workspace, desk: Desk):
    run(workspace)
    run(workspace, sample=1, targets=("v1",))
    edit(workspace.root, "prompts/v2.jinja2", "two", "three")
    assert reasons(workspace) == {"messages changed": 12, "reused": 12}


def test_one_case_is_told_in_full(workspace: Workspace, desk: Desk):
    run(workspace)
    edit(workspace.root, "prompts/v2.jinja2", "two", "three")
    edit(workspace.root, "suites/desk.yaml", "retries: 0", "retries: 0, temperature: 0.7")
    known = next(iter(explain_suite(workspace, "desk").answers.reasons)).examples[0].partition("/")[2]
    found = explain_suite(workspace, "desk", target="v2", case=known)
    assert [(told.cell.target, told.evaluator, told.reused) for told in found.cells] == [
        ("v2", "", False),
        ("v2", "exact_match", False),
        ("v2", "short", False),
    ]
    assert [str(change) for change in found.cells[0].changes] == [
        "messages changed",
        "model.parameters.temperature not set → 0.7",
    ]


def test_a_case_or_target_that_is_not_there_is_refused(workspace: Workspace, desk: Desk):
    with pytest.raises(UsageError, match="no case 'nowhere'"):
        explain_suite(workspace, "desk", case="nowhere")
    with pytest.raises(UsageError, match="no target 'v9'"):
        explain_suite(workspace, "desk", target="v9")


def test_what_nobody_can_know_is_never_reused(tmp_path: Path):
    suite = """\
name: desk
dataset: datasets/desk.jsonl
targets:
  port: {http: {url: "http://127.0.0.1:9/answer", body: {q: "{{ question }}"}}}
  code: {function: "flows/code.py:answer"}
evaluators: [exact_match]
"""
    code = "def answer(question: str) -> str:\n    return question\n"
    workspace = write_workspace(tmp_path / "desk", suite, {"flows/code.py": code})
    found = explain_suite(workspace, "desk", target="port").answers
    assert [reason.why for reason in found.reasons] == ["never reused: answers of http targets are not kept"]
    run(workspace, targets=("code",))
    assert explain_suite(workspace, "desk", target="code").answers.reused == 12
    edit(workspace.root, "flows/code.py", "return question", "return question + '!'")
    (reason,) = explain_suite(workspace, "desk", target="code").answers.reasons
    assert (reason.why, reason.cells) == ("the target's files or settings changed", 12)


def test_contents_and_pruning_are_those_of_the_workspaces_cache(workspace: Workspace, desk: Desk):
    assert cache_contents(workspace).size == 0
    with pytest.raises(UsageError, match=r"no cell cache at .*cache\.db"):
        prune_cache(workspace, most=1)
    run(workspace)
    assert cache_contents(workspace).suites["desk"].outputs == 24
    assert prune_cache(workspace, most=1).removed.outputs == 24
    assert reasons(workspace) == {"no longer in the cache": 24}


def test_a_default_never_stands_in_for_another_targets_answer(workspace: Workspace, desk: Desk):
    (workspace.root / "evaluators" / "same.py").write_text(
        "def same(output, other='nothing') -> bool:\n    return output == other\n", encoding="utf-8"
    )
    edit(workspace.root, "suites/desk.yaml", "  - short", "  - short\n  - same: {fields: {other: target.v1}}")
    ran = run_suite(workspace, "desk", RunOptions(track=False), Silent())
    same = {target: found.metrics["same"] for target, found in ran.summary.targets.items()}
    assert (same["v1"].skipped, same["v2"].mean, same["v2"].n) == (12, 1.0, 12)


def test_a_comparison_with_another_target_is_reused_until_that_answers_anew(workspace: Workspace, desk: Desk):
    compared = "- token_f1: {name: like_v1, expected: target.v1}"
    edit(workspace.root, "suites/desk.yaml", "  - short", f"  - short\n  {compared}")
    run(workspace)
    assert reasons(workspace, "like_v1") == {"v1 is what the others are compared with": 12, "reused": 12}
    assert reasons(workspace, "like_v1", target="v2") == {"the target v1 is not part of this run": 12}
    edit(workspace.root, "prompts/v1.jinja2", "one", "uno")
    assert reasons(workspace, "like_v1") == {"its answer is generated anew": 12, "v1 answers anew": 12}
