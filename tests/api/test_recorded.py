"""`recorded`: what the cell cache holds is shown, nobody is asked, and nothing is decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.api.parts import SUITE, Desk, edit, write_workspace

from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, run_suite
from plimsoll.api.results import SuiteRun
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, FailureKind, UsageError
from plimsoll.runs.observer import Silent
from plimsoll.types import Decision, Failed, Failure

KEYED = SUITE.replace(
    '"${OPENAI_BASE_URL}"', '"${OPENAI_BASE_URL}", api_key: "${DESK_KEY}", headers: {x-who: "${DESK_WHO}"}'
)
JUDGED = KEYED.replace("  - short\n", "  - short\n  - judge: {prompt: evaluators/kind.prompty, model: main}\n")
JUDGE = "---\ninputs: {output: {type: string}}\n---\nuser:\nIs it kind? {{ output }}\n"


@pytest.fixture
def keyed(tmp_path: Path, endpoint, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace whose answers were recorded where the key was; here it is not any more."""
    workspace = write_workspace(tmp_path / "desk", JUDGED, {"evaluators/kind.prompty": JUDGE})
    monkeypatch.chdir(workspace.root)
    monkeypatch.setenv("DESK_KEY", "k")
    monkeypatch.setenv("DESK_WHO", "w")
    assert run(workspace, recorded=False).exit_code is ExitCode.PASS
    monkeypatch.delenv("DESK_KEY")
    monkeypatch.delenv("DESK_WHO")
    return workspace


def run(workspace: Workspace, **options: Any) -> SuiteRun:
    return run_suite(workspace, "desk", RunOptions(**{"recorded": True, "track": False, **options}), Silent())


def gate(workspace: Workspace, **options: Any) -> GateRun:
    run = RunOptions(recorded=True)
    return gate_suite(workspace, "desk", GateOptions(run=run, **{"baseline": "v2", **options}), Silent())


def kinds(ran: SuiteRun) -> set[FailureKind]:
    return {record.outcome.kind for record in ran.report.cells if isinstance(record.outcome, Failure)}


def test_what_is_recorded_is_shown_without_a_key_and_nothing_is_written_to_the_cache(keyed: Workspace, desk: Desk):
    asked, cache = desk.requests, (keyed.state / "cache.db").read_bytes()
    ran = run(keyed)
    assert ran.exit_code is ExitCode.PASS
    assert all(record.cached for record in ran.report.cells)
    assert ran.summary.targets["v1"].metrics["kind"].scored == 12
    edit(keyed.root, "prompts/v2.jinja2", "two", "too")
    edit(keyed.root, "evaluators/short.py", "3", "4")
    ran = run(keyed)
    assert (ran.exit_code, kinds(ran)) == (ExitCode.INCONCLUSIVE, {FailureKind.NOT_RECORDED})
    assert ran.problem is not None
    assert ran.problem.message == "not recorded: 12 answers of 24; a run with the models' keys records them"
    assert "cache.db" in ran.view.failures[0].remedy
    assert (desk.requests, (keyed.state / "cache.db").read_bytes()) == (asked, cache)


def test_a_judgement_that_is_not_recorded_fails_and_nobody_judges(keyed: Workspace, desk: Desk):
    edit(keyed.root, "evaluators/kind.prompty", "Is it kind?", "Is it polite?")
    asked = desk.requests
    ran = run(keyed)
    assert (ran.exit_code, kinds(ran), desk.requests) == (ExitCode.INCONCLUSIVE, set(), asked)
    scores = {record.scores["kind"] for record in ran.report.cells}
    assert all(isinstance(score, Failed) and score.failure.kind is FailureKind.NOT_RECORDED for score in scores)
    assert ran.problem is not None
    assert "scores of 24 answers" in ran.problem.message


def test_a_gate_neither_passes_nor_fails_and_leaves_no_evidence(keyed: Workspace, desk: Desk):
    asked = desk.requests
    passing = gate(keyed)
    assert {rule.outcome for rule in passing.verdict.rules} == {Decision.PASS}
    assert (passing.exit_code, passing.verdict.outcome) == (ExitCode.INCONCLUSIVE, Decision.INCONCLUSIVE)
    assert (passing.attestation, passing.verdict.unsealed) == (
        None,
        "only recorded outputs are shown, and nothing is decided",
    )
    assert (
        passing.run.view.verdicts[0].headline
        == "v1 was not asked: only recorded outputs are shown, and nothing is decided"
    )
    assert "only recorded outputs are shown, and nothing is decided" in passing.run.view.verdicts[0].reasons
    assert not list(keyed.state.glob("runs/*/gate/*/attestation.json"))
    assert "the attempts on this dataset were not counted: --recorded" in passing.run.view.notes
    edit(keyed.root, "suites/desk.yaml", "at_least: 0.5", "at_most: 0.5")
    failing = gate(keyed)
    assert Decision.FAIL in {rule.outcome for rule in failing.verdict.rules}
    assert (failing.exit_code, failing.attestation) == (ExitCode.INCONCLUSIVE, None)
    edit(keyed.root, "prompts/v1.jinja2", "one", "won")
    assert (gate(keyed).exit_code, desk.requests) == (ExitCode.INCONCLUSIVE, asked)
    # Nor is it evidence later.
    with pytest.raises(UsageError, match="asked nobody"):
        gate_suite(keyed, "desk", GateOptions(run_id=passing.run.report.run.id, baseline="v2"), Silent())


@pytest.mark.long
def test_a_rule_on_latency_does_not_hide_what_is_recorded(keyed: Workspace):
    edit(keyed.root, "suites/desk.yaml", "  - short\n", "  - short\n  - latency\n")
    edit(keyed.root, "suites/desk.yaml", "at_least: 0.5}", "at_least: 0.5}\n    - {metric: latency, at_most: 9}")
    decided = gate(keyed)
    assert (decided.exit_code, kinds(decided.run)) == (ExitCode.INCONCLUSIVE, set())
    assert "the answers are taken as they were recorded, however old they are" in decided.run.view.notes


def test_no_code_of_a_target_is_run_and_answers_in_a_file_are_given(tmp_path: Path, endpoint, desk: Desk):
    targets = """\
  code: {function: "targets/bot.py:answer"}
  service: {http: {url: "http://127.0.0.1:9/x", headers: {key: "${NO_SUCH_KEY}"}, body: {q: "{{ question }}"}}}
  old: {recorded: answers/old.jsonl}
evaluators:
"""
    bot = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\ndef answer(question): return question\n"
    answers = "".join(json.dumps({"id": f"c{n}", "output": f"answer {n}"}) + "\n" for n in range(12))
    files = {"targets/bot.py": bot, "answers/old.jsonl": answers}
    workspace = write_workspace(tmp_path / "desk", SUITE.replace("evaluators:\n", targets), files)
    ran = run(workspace)
    assert (ran.exit_code, desk.requests, (tmp_path / "ran").exists()) == (ExitCode.INCONCLUSIVE, 0, False)
    assert {name: target.ok for name, target in ran.summary.targets.items()} == {
        "v1": 0,
        "v2": 0,
        "code": 0,
        "service": 0,
        "old": 12,
    }
    # A function's answers are found again by its files.
    assert run(workspace, recorded=False, targets=("code",)).exit_code is ExitCode.PASS
    (tmp_path / "ran").unlink()
    ran = run(workspace, targets=("code",))
    assert (ran.exit_code, ran.summary.targets["code"].ok) == (ExitCode.PASS, 12)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("clash", [{"reuse": False}, {"fresh": True}, {"resume": True}, {"only_failed": True}])
def test_what_takes_a_model_is_refused(workspace: Workspace, clash: dict[str, Any]):
    with pytest.raises(UsageError, match="--recorded takes every answer from the cache"):
        run(workspace, **clash)


@pytest.mark.parametrize("clash", [{"looks": 3}, {"run_id": "x"}])
def test_a_gate_that_would_decide_is_refused(workspace: Workspace, clash: dict[str, Any]):
    with pytest.raises(UsageError, match="--recorded decides nothing"):
        gate(workspace, **clash)


@pytest.mark.long
def test_a_recorded_run_is_not_gone_on_with(keyed: Workspace, monkeypatch: pytest.MonkeyPatch):
    edit(keyed.root, "prompts/v2.jinja2", "two", "too")
    recorded = run(keyed)
    monkeypatch.setenv("DESK_KEY", "k")
    monkeypatch.setenv("DESK_WHO", "w")
    with pytest.raises(UsageError, match=r"can't be resumed: target v2 changed|has no failed cells") as caught:
        run(keyed, recorded=False, only_failed=True)
    assert recorded.report.run.id not in str(caught.value)


@pytest.mark.promptflow
def test_a_flow_is_read_and_not_started(tmp_path: Path, endpoint, desk: Desk):
    flow = "inputs: {question: {type: string}}\noutputs: {answer: {type: string, reference: '${a.output}'}}\n"
    flow += (
        "nodes: [{name: a, type: python, source: {type: code, path: a.py}, inputs: {question: '${inputs.question}'}}]\n"
    )
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\ndef a(question): return question\n"
    targets = "  dag: {flow: flows/dag, environment: {KEY: '${NO_SUCH_KEY}'}}\nevaluators:\n"
    files = {"flows/dag/flow.dag.yaml": flow, "flows/dag/a.py": code}
    workspace = write_workspace(tmp_path / "desk", SUITE.replace("evaluators:\n", targets), files)
    ran = run(workspace, targets=("dag",))
    assert (ran.exit_code, kinds(ran)) == (ExitCode.INCONCLUSIVE, {FailureKind.NOT_RECORDED})
    assert not (tmp_path / "ran").exists()
