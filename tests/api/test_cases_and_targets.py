"""What a suite can say of its cases and targets, through a whole run."""

import json

import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases, write_workspace

from plimsoll.api import RunOptions, SuiteRun, run_suite
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, UsageError
from plimsoll.runs.observer import Silent
from plimsoll.testing import ScriptedEndpoint
from plimsoll.types import CellRecord, Scored, Skipped

ONE_TARGET = SUITE.replace("  v2: {prompt: prompts/v2.jinja2, model: main}\n", "")


def run(workspace: Workspace, **options) -> SuiteRun:
    return run_suite(workspace, "desk", RunOptions(track=False, **options), Silent())


def cell(ran: SuiteRun, case: str, target: str = "v1", repeat: int = 0) -> CellRecord:
    [found] = [
        record
        for record in ran.report.cells
        if (record.cell.case, record.cell.target, record.cell.repeat) == (case, target, repeat)
    ]
    return found


def test_a_case_has_evaluators_weight_and_condition_of_its_own(workspace: Workspace, desk: Desk):
    write_workspace(workspace.root, ONE_TARGET)
    rows = cases(4)
    rows[0] |= {"weight": 6, "evaluators": [{"contains": {"value": "zero"}}]}
    rows[1] |= {"pass_if": {"short": False}}
    write_cases(workspace.root, rows)
    desk.wrong["one"] = {0}
    ran = run(workspace)
    assert ran.summary.targets["v1"].metrics["exact_match"].mean == pytest.approx(3 / 9)
    assert cell(ran, "c0").scores["contains"] == Scored(value=False, passed=False, reason="does not contain 'zero'")
    assert cell(ran, "c1").scores["contains"] == Skipped(reason="the case does not ask for contains")
    assert cell(ran, "c1").scores["short"] == Scored(value=True, passed=False)
    assert cell(ran, "c2").scores["short"] == Scored(value=True, passed=True)


def test_a_suites_defaults_fill_what_cases_leave_out(workspace: Workspace, desk: Desk):
    defaults = "defaults:\n  inputs: {tone: kind}\n  slices: [all]\n  weight: 2\n  evaluators: [latency]\n"
    write_workspace(
        workspace.root,
        ONE_TARGET.replace("gate:", defaults + "gate:"),
        {"prompts/v1.jinja2": "{{ tone }} {{ question }}"},
    )
    write_cases(
        workspace.root,
        [{"id": "c1", "question": "question 1", "expected": "answer 1"}, {**cases(1)[0], "tone": "stern"}],
    )
    ran = run(workspace)
    assert set(desk.asked) == {("kind", 1), ("stern", 0)}
    assert {case.weight for case in ran.report.cases.values()} == {2}
    assert ran.report.cases["c1"].slices == ("all",)
    assert "latency" in cell(ran, "c1").scores


def test_a_case_may_hold_a_conversation(workspace: Workspace, endpoint: ScriptedEndpoint):
    prompt = (
        "system:\nBe brief.\n{% for m in chat_history %}\n{{ m.role }}:\n{{ m.content }}\n{% endfor %}\n"
        "user:\none {{ question }}"
    )
    write_workspace(workspace.root, ONE_TARGET, {"prompts/v1.jinja2": prompt})
    said = [("user", "hello"), ("assistant", "good day"), ("user", "question 0")]
    messages = [{"role": role, "content": content} for role, content in said]
    write_cases(workspace.root, [{"id": "c0", "messages": messages, "expected": "answer 0"}])
    assert run(workspace).summary.targets["v1"].metrics["exact_match"].mean == 1
    [request] = endpoint.requests
    sent = [(message["role"], message["content"]) for message in request.json["messages"]]
    assert sent == [("system", "Be brief."), *said[:2], ("user", "one question 0")]


def test_an_answer_is_transformed_before_it_is_scored(workspace: Workspace):
    write_workspace(workspace.root, ONE_TARGET.replace("gate:", "transform: {regex: 'answer (\\d+)'}\ngate:"))
    write_cases(workspace.root, [{**row, "expected": row["id"][1:]} for row in cases(3)])
    ran = run(workspace)
    assert ran.summary.targets["v1"].metrics["exact_match"].mean == 1
    output = cell(ran, "c2").output
    assert output is not None
    assert output.text == "answer 2"


def test_repeats_are_answers_of_their_own(workspace: Workspace, desk: Desk):
    write_workspace(workspace.root, ONE_TARGET.replace("gate:", "repeats: 3\ngate:"), amount=2)
    ran = run(workspace)
    assert len(ran.report.cells) == desk.requests == 6
    assert ran.summary.targets["v1"].metrics["exact_match"].n == 2
    run(workspace, repeats=4)
    assert desk.requests == 8


def test_a_list_of_models_makes_a_matrix(workspace: Workspace, desk: Desk):
    suite = ONE_TARGET.replace("targets:", '  big: {model: big, base_url: "${OPENAI_BASE_URL}", retries: 0}\ntargets:')
    write_workspace(
        workspace.root, suite.replace("model: main}", "model: [main, big]}").replace("target: v1", "target: v1@big")
    )
    ran = run(workspace)
    assert list(ran.summary.targets) == ["v1@main", "v1@big"]
    assert dict(desk.models) == {"scripted": 12, "big": 12}
    assert run(workspace, targets=("v1@big",)).summary.targets.keys() == {"v1@big"}


def test_functions_and_recorded_answers_stand_beside_prompts(workspace: Workspace, desk: Desk):
    suite = ONE_TARGET.replace(
        "evaluators:\n",
        '  port: {function: "port.py:answer", output: text}\n  old: {recorded: old.jsonl}\nevaluators:\n',
    )
    recorded = "".join(json.dumps({"id": f"c{n}", "output": "answer 0"}) + "\n" for n in range(12))
    port = (
        "def answer(question: str) -> dict:\n"
        "    return {'text': question.replace('question', 'answer'), 'by': 'port'}\n"
    )
    write_workspace(workspace.root, suite, {"port.py": port, "old.jsonl": recorded})
    ran = run(workspace)
    assert ran.exit_code == 0
    assert {name: target.metrics["exact_match"].mean for name, target in ran.summary.targets.items()} == {
        "v1": 1.0,
        "port": 1.0,
        "old": pytest.approx(1 / 12),
    }
    output = cell(ran, "c3", "port").output
    assert output is not None
    assert (output.text, output.extra) == ("answer 3", {"by": "port"})


def test_a_sample_and_a_filter_choose_cases_and_a_filter_that_matches_none_is_refused(workspace: Workspace, desk: Desk):
    ran = run(workspace, sample=5, targets=("v1",))
    assert (desk.requests, ran.report.run.sample) == (5, 5)
    assert run(workspace, filters=(("slice", "odd"),), targets=("v1",)).summary.targets["v1"].cells == 6
    with pytest.raises(UsageError, match=r"no case has slice=od .*did you mean 'odd'"):
        run(workspace, filters=(("slice", "od"),))
    with pytest.raises(UsageError, match=r"suite desk has no target 'v3' \(known: v1, v2\)"):
        run(workspace, targets=("v3",))


def test_what_a_model_lacks_is_told_with_its_line_before_anything_is_sent(
    workspace: Workspace, monkeypatch, desk: Desk
):
    monkeypatch.delenv("OPENAI_BASE_URL")
    edit(workspace.root, "suites/desk.yaml", "retries: 0", 'retries: 0, api_key: "${DESK_KEY}"')
    with pytest.raises(ConfigError) as caught:
        run(workspace)
    assert str(caught.value).splitlines() == [
        (
            f"suites/desk.yaml:4: models.main.{key} needs the environment variable {name}, which is not set "
            f"(export {name}=…, write it into .env, or give a default: ${{{name}:-default}})"
        )
        for key, name in (("base_url", "OPENAI_BASE_URL"), ("api_key", "DESK_KEY"))
    ]
    assert not (workspace.state / "runs").exists()


ANSWER = "from shared.words import WORD\n\ndef answer(question: str) -> str:\n    return WORD\n"


@pytest.mark.parametrize(
    ("target", "files", "shared"),
    [
        ("function: desk.answers:answer", {"desk/__init__.py": "", "desk/answers.py": ANSWER}, "shared"),
        ("function: desk/answers.py:answer", {"desk/answers.py": ANSWER}, "src/shared"),
        (
            "flow: flows/desk",
            {"flows/desk/flow.flex.yaml": "entry: answers:answer\n", "flows/desk/answers.py": ANSWER},
            "src/shared",
        ),
    ],
    ids=("module", "file", "flow"),
)
def test_an_answer_is_another_once_a_package_that_its_code_imports_was_edited(
    workspace: Workspace, target: str, files: dict[str, str], shared: str
):
    suite = SUITE.split("targets:")[0] + f"targets:\n  v1: {{{target}}}\nevaluators: [exact_match]\n"
    words = {f"{shared}/__init__.py": "", f"{shared}/words.py": "WORD = 'answer 0'\n"}
    write_workspace(workspace.root, suite, {**files, **words})
    write_cases(workspace.root, cases(1))
    assert run(workspace).summary.targets["v1"].metrics["exact_match"].mean == 1
    (workspace.root / f"{shared}/words.py").write_text("WORD = 'nothing'\n", encoding="utf-8")
    assert run(workspace).summary.targets["v1"].metrics["exact_match"].mean == 0
