"""`validate`: every mistake of all files at once, each with its file, its line and what was probably meant."""

import json
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases, write_workspace

from plimsoll.api import RunOptions, check_workspace, list_workspace, run_suite
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError
from plimsoll.runs.observer import Silent


def mistakes(workspace: Workspace) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check_workspace(workspace)
    return str(caught.value).splitlines()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    return write_workspace(tmp_path / "desk")


def test_a_workspace_in_order_is_summed_up(workspace: Workspace):
    [checked] = check_workspace(workspace)
    assert (checked.suite, checked.file, checked.cases) == ("desk", "suites/desk.yaml", 12)
    assert (checked.targets, checked.slices) == (("v1", "v2"), {"even": 6, "odd": 6})


def test_the_mistakes_of_all_files_are_told_at_once(workspace: Workspace):
    root = workspace.root
    (root / "prompts" / "v1.jinja2").write_text("one {{ question }\n", encoding="utf-8")
    (root / "prompts" / "v2.jinja2").unlink()
    (root / "evaluators" / "short.py").write_text("def short(output: str) -> bool\n", encoding="utf-8")
    (root / "datasets" / "desk.card.yaml").write_text("name: desk\ndescripton: x\n", encoding="utf-8")
    edit(root, "datasets/desk.jsonl", '"id": "c3"', '"id": "c2"')
    found = mistakes(workspace)
    files = [line.split(":")[0] for line in found]
    assert {"prompts/v1.jinja2", "evaluators/short.py", "datasets/desk.card.yaml"} <= set(files)
    assert "datasets/desk.card.yaml:2: unknown key 'descripton' (did you mean 'description'?)" in found
    assert "suites/desk.yaml:7: no such file: prompts/v2.jinja2 (did you mean 'v1.jinja2'?)" in found


def test_mistakes_in_the_suites_own_file_do_not_hide_those_in_the_others(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "retries: 0", "retires: 0")
    edit(workspace.root, "suites/desk.yaml", "  v2: {prompt", "  v2: {promt")
    edit(workspace.root, "suites/desk.yaml", "- exact_match\n", "- exact_macth\n")
    (workspace.root / "prompts" / "v1.jinja2").write_text("{% if %}", encoding="utf-8")
    write_cases(workspace.root, [*cases(3), {"id": "c1", "question": "again"}])
    found = "\n".join(mistakes(workspace))
    assert "suites/desk.yaml:4: unknown key 'retires' (did you mean 'retries'?)" in found
    assert "suites/desk.yaml:7: unknown key 'promt' (did you mean 'prompt'?)" in found
    assert "suites/desk.yaml:9: no evaluator named 'exact_macth' (did you mean 'exact_match'?)" in found
    assert "prompts/v1.jinja2:1:" in found
    assert "datasets/desk.jsonl:4: the id 'c1' is taken by datasets/desk.jsonl:2" in found


def test_the_gates_metrics_and_slices_are_checked_each_at_its_line(workspace: Workspace):
    policy = """\
gate:
  target: v3
  rules:
    - {metric: exact_mach, at_least: 0.5}
    - {metric: latency_p95, at_most: 2 s}
    - metric: short
      slice: evn
      all_pass: true
"""
    text = SUITE[: SUITE.index("gate:")] + policy
    (workspace.root / "suites" / "desk.yaml").write_text(text, encoding="utf-8")
    assert mistakes(workspace) == [
        "suites/desk.yaml:12: gate.target names no target: 'v3' (known: v1, v2)",
        ("suites/desk.yaml:14: no evaluator of the suite gives the metric 'exact_mach' (did you mean 'exact_match'?)"),
        ("suites/desk.yaml:15: no evaluator of the suite gives the metric 'latency_p95' (known: exact_match, short)"),
        "suites/desk.yaml:17: no case is in the slice 'evn' (did you mean 'even'?)",
    ]


def test_a_rule_that_does_not_fit_its_metric_is_told_before_anything_runs(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "- short", "- token_f1")
    edit(
        workspace.root, "suites/desk.yaml", "{metric: exact_match, at_least: 0.5}", "{metric: token_f1, all_pass: true}"
    )
    [found] = mistakes(workspace)
    assert found == ("suites/desk.yaml:14: nothing says which values of 'token_f1' pass (give its evaluator a pass_if)")


def test_the_challenger_can_not_be_its_own_baseline(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "target: v1\n", "target: v1\n  baseline: v1\n")
    assert mistakes(workspace) == [
        "suites/desk.yaml:13: gate.baseline is the challenger itself (name another target, or champion)"
    ]


def test_a_models_settings_are_checked_with_its_line(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "provider: openai, model: scripted,", "provider: azure,")
    edit(workspace.root, "suites/desk.yaml", "models:\n", "models:\n  spare: {provider: openai}\n")
    edit(
        workspace.root,
        "suites/desk.yaml",
        "{prompt: prompts/v2.jinja2, model: main}",
        "{prompt: prompts/v2.jinja2, model: spare}",
    )
    found = mistakes(workspace)
    assert "suites/desk.yaml:5: models.main.base_url: has no meaning for the provider azure; remove it" in found
    assert "suites/desk.yaml:4: models.spare: needs `model` (give its name)" in found


def test_the_evaluators_and_conditions_of_single_cases_are_checked_with_their_line(workspace: Workspace):
    rows = cases(4)
    rows[1]["evaluators"] = ["shrt"]
    rows[2]["pass_if"] = {"exact_mach": True}
    rows[3]["evaluators"] = [{"contains": {"ignore_cas": True}}]
    write_cases(workspace.root, rows)
    assert mistakes(workspace) == [
        "datasets/desk.jsonl:2: no evaluator named 'shrt' (did you mean 'short'?)",
        "datasets/desk.jsonl:4: contains: unknown key 'ignore_cas' (did you mean 'ignore_case'?)",
    ]
    write_cases(workspace.root, [rows[0], rows[2], {**cases(4)[3], "pass_if": {"short": ">= 3"}}])
    assert mistakes(workspace) == [
        "datasets/desk.jsonl:2: pass_if: no evaluator gives the metric 'exact_mach' (did you mean 'exact_match'?)",
        "datasets/desk.jsonl:3: pass_if of 'short' must be true or false, not '>= 3.0'",
    ]


def test_the_suites_defaults_for_cases_are_checked_in_the_suites_file(workspace: Workspace):
    edit(
        workspace.root, "suites/desk.yaml", "gate:", "defaults:\n  evaluators: [latncy]\n  pass_if: {shrt: true}\ngate:"
    )
    assert mistakes(workspace) == ["suites/desk.yaml:12: no evaluator named 'latncy' (did you mean 'latency'?)"]
    edit(workspace.root, "suites/desk.yaml", "latncy", "latency")
    assert mistakes(workspace) == [
        "suites/desk.yaml:13: pass_if: no evaluator gives the metric 'shrt' (did you mean 'short'?)"
    ]


def test_transforms_and_recorded_answers_are_checked_too(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "{prompt: prompts/v2.jinja2, model: main}", "{recorded: answers.jsonl}")
    edit(
        workspace.root,
        "suites/desk.yaml",
        "{prompt: prompts/v1.jinja2, model: main}",
        "{prompt: prompts/v1.jinja2, model: main, transform: {function: 'gone.py:f'}}",
    )
    (workspace.root / "answers.jsonl").write_text('{"id": "c0", "outptu": "x"}\n', encoding="utf-8")
    found = "\n".join(mistakes(workspace))
    assert "gone.py" in found
    assert "answers.jsonl:1: no field 'output' (did you mean 'outptu'?" in found


def test_two_suites_of_one_name_are_refused(workspace: Workspace):
    (workspace.root / "suites" / "other.yaml").write_text(SUITE, encoding="utf-8")
    [found] = mistakes(workspace)
    assert found == (
        "suites/other.yaml: the name 'desk' is taken by suites/desk.yaml: they would share one champion "
        "(give each suite a name of its own)"
    )


def test_a_secret_inside_a_prompt_is_said_to_stand_in_the_way_of_promotion(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DESK_TOKEN", "s3cret-of-the-desk")
    edit(workspace.root, "prompts/v2.jinja2", "two", "two s3cret-of-the-desk")
    write_cases(workspace.root, cases(24))
    [checked] = check_workspace(workspace)
    [warning] = checked.warnings
    assert warning.startswith("target v2 can be run but not promoted: prompts/v2.jinja2: holds the value of the")
    assert "DESK_TOKEN" in warning
    assert "s3cret" not in warning


def test_a_promptys_own_key_is_refused_and_not_repeated(workspace: Workspace):
    prompt = """\
---
model:
  api: chat
  configuration: {type: openai, model: m, api_key: sk-written-down}
---
user:
{{ question }}
"""
    (workspace.root / "prompts" / "own.prompty").write_text(prompt, encoding="utf-8")
    edit(
        workspace.root, "suites/desk.yaml", "{prompt: prompts/v2.jinja2, model: main}", "{prompt: prompts/own.prompty}"
    )
    [found] = mistakes(workspace)
    assert "a key does not belong in a file; write ${NAME}" in found
    assert "sk-written-down" not in found


def test_a_list_shows_suites_evaluators_and_says_where_a_file_is_broken(workspace: Workspace):
    (workspace.root / "suites" / "broken.yaml").write_text("name: [", encoding="utf-8")
    held = list_workspace(workspace)
    assert [(suite.file, suite.name, suite.mistakes) for suite in held.suites] == [
        ("suites/broken.yaml", None, 1),
        ("suites/desk.yaml", "desk", 0),
    ]
    assert held.evaluators["short"] == "At most three words."
    assert json.dumps(held.runs) == "[]"


def test_a_target_that_an_evaluator_reads_has_to_be_there(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "  - short", "  - short\n  - contains: {expected: target.v3}")
    assert mistakes(workspace) == [
        "suites/desk.yaml:11: contains reads target.v3: there is no such target (known: champion, v1, v2)"
    ]
    edit(workspace.root, "suites/desk.yaml", "target.v3", "target.champion")
    assert check_workspace(workspace)[0].suite == "desk"


def test_a_judge_that_judges_its_own_answers_is_told(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "  - short", "  - short\n  - fluency")
    write_cases(workspace.root, cases(24))
    [checked] = check_workspace(workspace)
    [warning] = checked.warnings
    assert warning.startswith("model main judges its own answers, those of v1, v2: models tend to prefer what they")
    edit(workspace.root, "suites/desk.yaml", "targets:", "  other: {provider: openai, model: another}\ntargets:")
    edit(workspace.root, "suites/desk.yaml", "  - fluency", "  - fluency: {model: other}")
    assert check_workspace(workspace)[0].warnings == ()


def test_a_rule_that_the_cases_can_hardly_decide_is_warned_of_and_no_mistake(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "margin: 0.4", "margin: 0.05")
    write_cases(workspace.root, cases(60))
    [checked] = check_workspace(workspace)
    [warning] = checked.warnings
    assert warning.startswith(
        "exact_match, not worse than baseline by more than 0.05: 60 cases leave two equal targets "
    )
    assert warning.endswith("about 350 would decide it, or a margin of 0.14")


def test_the_suites_sample_is_what_the_gate_would_decide_on(workspace: Workspace):
    write_cases(workspace.root, cases(60))
    edit(workspace.root, "suites/desk.yaml", "evaluators:\n", "sample: 9\nevaluators:\n")
    [checked] = check_workspace(workspace)
    assert [warning.split(": ")[1] for warning in checked.warnings] == ["9 cases, and fewer than 10 decide nothing"] * 2


@pytest.mark.usefixtures("endpoint")
def test_how_much_differs_by_chance_is_taken_from_the_newest_run_that_can_tell(workspace: Workspace, desk: Desk):
    edit(workspace.root, "suites/desk.yaml", "margin: 0.4", "margin: 0.12")
    write_cases(workspace.root, cases(60))
    assert not check_workspace(workspace)[0].warnings
    desk.wrong["one"] = set(range(0, 60, 3))
    found = run_suite(workspace, "desk", RunOptions(track=False), Silent())
    [checked] = check_workspace(workspace)
    [warning] = checked.warnings
    assert f"(33.3% of the cases differ between v1 and v2 in run {found.report.run.id})" in warning


def test_what_was_accepted_of_nights_is_checked_with_its_suite(workspace: Workspace):
    file = workspace.root / "nightly" / "desk.yaml"
    file.parent.mkdir()
    move = "  - {target: champion, metric: short, since: 2026-10-19, reason: wanted}\n"
    file.write_text(f"accepted:\n{move}", encoding="utf-8")
    assert check_workspace(workspace)
    wrong = move.replace("champion", "v3") + move.replace("short", "shor").replace("champion", "v2")
    file.write_text(f"accepted:\n{wrong}", encoding="utf-8")
    assert mistakes(workspace) == [
        "nightly/desk.yaml:2: the suite has no target 'v3' (known: champion, v1, v2)",
        "nightly/desk.yaml:3: the suite has no metric 'shor' (did you mean 'short'?)",
    ]
    file.write_text("accepted:\n  - {target: v1, metric: short, since: soon}\n", encoding="utf-8")
    assert [line.partition(": ")[0] for line in mistakes(workspace)] == ["nightly/desk.yaml:2"] * 2
    file.rename(file.with_name("desks.yaml"))
    assert mistakes(workspace) == ["nightly/desks.yaml: is no suite's file of accepted moves (did you mean 'desk'?)"]
