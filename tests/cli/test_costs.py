"""What a run costs and its spend cap, from the command line down to a real endpoint."""

import json

import pytest
from tests.api.parts import Desk, edit
from tests.cli.parts import plimsoll

from plimsoll.config import Workspace
from plimsoll.errors import ExitCode
from plimsoll.testing import Reply

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
COST = 0.0012
"""Of an answer with that usage at the price below."""
PRICED = "concurrency: 4, price: {input: 1, output: 2}}"
JUDGE = """\
---
model: {api: chat}
inputs:
  question: {type: string}
  output: {type: string}
---
user:
judge question 0: {{ output }}
"""


@pytest.fixture
def priced(workspace: Workspace, desk: Desk) -> Workspace:
    """The workspace with a priced model, whose every answer takes the same."""
    edit(workspace.root, "suites/desk.yaml", "concurrency: 4}", PRICED)
    desk.replies = {number: Reply(text=f"answer {number}", usage=USAGE) for number in range(12)}
    return workspace


def run(capsys, *words):
    ended = plimsoll(capsys, "run", "desk", "--no-track", "--json", *words)
    return ended, ended.document["suites"][0]


def test_a_run_tells_what_each_target_and_the_whole_cost(priced: Workspace, capsys):
    ended, suite = run(capsys)
    assert ended.code == 0
    assert suite["cost"] == pytest.approx(24 * COST)
    assert [target["cost"] for target in suite["targets"].values()] == pytest.approx([12 * COST] * 2)
    assert [target["judge_cost"] for target in suite["targets"].values()] == [0, 0]


def test_answers_from_the_cache_keep_what_they_cost_and_nothing_is_spent_on_them(priced: Workspace, capsys):
    run(capsys)
    _, again = run(capsys)
    assert (again["requests"], again["cost"]) == (0, 0)
    assert again["targets"]["v1"]["cost"] == pytest.approx(12 * COST)


def test_without_a_price_costs_are_null(workspace: Workspace, capsys):
    _, suite = run(capsys)
    assert suite["cost"] is None
    assert [target["cost"] for target in suite["targets"].values()] == [None, None]


def test_one_answer_of_unknown_cost_makes_its_targets_cost_unknown(priced: Workspace, desk: Desk, capsys):
    desk.replies[3] = Reply(text="answer 3", usage=None)
    _, suite = run(capsys)
    assert suite["targets"]["v1"]["cost"] is None


def test_the_projects_price_holds_where_the_suite_gives_none(workspace: Workspace, desk: Desk, capsys):
    settings = "[tool.plimsoll.prices]\nscripted = {input = 1, output = 2}\n"
    (workspace.root / "pyproject.toml").write_text(settings, encoding="utf-8")
    desk.replies = {number: Reply(text=f"answer {number}", usage=USAGE) for number in range(12)}
    _, suite = run(capsys, "--target", "v1")
    assert suite["cost"] == pytest.approx(12 * COST)


def test_the_cost_of_judging_is_told_apart(priced: Workspace, desk: Desk, capsys):
    edit(priced.root, "suites/desk.yaml", "  - short", "  - judge: evaluators/kind.prompty\n  - cost")
    (priced.root / "evaluators" / "kind.prompty").write_text(JUDGE, encoding="utf-8")
    desk.judgement = Reply(text='{"reason": "fine", "score": 4}', usage=USAGE)
    _, suite = run(capsys, "--target", "v1", "--filter", "id=c5")
    target = suite["targets"]["v1"]
    assert (target["cost"], target["judge_cost"]) == (pytest.approx(COST), pytest.approx(COST))
    assert suite["cost"] == pytest.approx(2 * COST)
    assert target["metrics"]["cost"]["mean"] == pytest.approx(COST)


def test_the_terminal_shows_what_was_spent(priced: Workspace, capsys):
    ended = plimsoll(capsys, "run", "desk", "--no-track")
    assert "24 requests · $0.03" in ended.out
    assert "cost, in all" in ended.out


def test_a_run_stops_at_its_cap_keeps_what_it_has_and_says_how_to_go_on(priced: Workspace, desk: Desk, capsys):
    ended, suite = run(capsys, "--max-cost", "0.012")
    assert ended.code == ExitCode.INCONCLUSIVE
    assert suite["cost"] == pytest.approx(desk.requests * COST)
    assert suite["cost"] <= 0.012
    done = sum(target["ok"] for target in suite["targets"].values())
    assert done == desk.requests > 0
    assert plimsoll(capsys, "report", "--json").document["exit_code"] == ExitCode.INCONCLUSIVE
    told = " ".join(plimsoll(capsys, "report").out.split())
    assert "of $0.012 spent" in told
    assert f"{done} of 24 cells are finished; to go on: plimsoll run desk --resume --max-cost USD" in told


def test_a_stopped_run_goes_on_with_a_higher_cap_and_pays_nothing_twice(priced: Workspace, desk: Desk, capsys):
    _, first = run(capsys, "--max-cost", "0.006")
    ended, second = run(capsys, "--resume", "--max-cost", "0.015")
    assert ended.code == ExitCode.INCONCLUSIVE
    assert second["cost"] <= 0.015
    ended, third = run(capsys, "--resume")
    assert ended.code == 0
    assert (third["requests"], third["cost"]) == (24, pytest.approx(24 * COST))
    assert first["cost"] < second["cost"] < third["cost"]
    assert set(desk.asked.values()) == {1}


def test_a_resume_with_the_same_cap_sends_nothing(priced: Workspace, desk: Desk, capsys):
    run(capsys, "--max-cost", "0.006")
    sent = desk.requests
    ended, _ = run(capsys, "--resume", "--max-cost", "0.006")
    assert (ended.code, desk.requests) == (ExitCode.INCONCLUSIVE, sent)


def test_scores_that_the_cap_left_no_room_for_are_owed_and_not_failed(priced: Workspace, desk: Desk, capsys):
    edit(priced.root, "suites/desk.yaml", "  - short", "  - judge: {prompt: evaluators/kind.prompty, model: judge}")
    edit(
        priced.root,
        "suites/desk.yaml",
        "targets:",
        '  judge: {model: judge, base_url: "${OPENAI_BASE_URL}", price: {input: 100, output: 200}}\ntargets:',
    )
    (priced.root / "evaluators" / "kind.prompty").write_text(JUDGE, encoding="utf-8")
    desk.judgement = Reply(text='{"reason": "fine", "score": 4}', usage=USAGE)
    # Room for the answers of one target, and for two judgements.
    ended, suite = run(capsys, "--target", "v1", "--max-cost", "0.26")
    assert ended.code == ExitCode.INCONCLUSIVE
    kind = suite["targets"]["v1"]["metrics"]["kind"]
    assert (kind["failed"], kind["n"] <= 2) == (0, True)
    ended, suite = run(capsys, "--resume")
    assert (ended.code, suite["targets"]["v1"]["metrics"]["kind"]["n"]) == (0, 12)


def test_the_suites_own_cap_holds_unless_the_caller_gives_another(priced: Workspace, capsys):
    edit(priced.root, "suites/desk.yaml", "dataset:", "max_cost: 0.006\ndataset:")
    ended, suite = run(capsys)
    assert ended.code == ExitCode.INCONCLUSIVE
    assert suite["cost"] <= 0.006
    assert run(capsys, "--max-cost", "5")[0].code == 0


def test_a_cap_refuses_a_model_without_a_price_before_anything_is_sent(workspace: Workspace, desk: Desk, capsys):
    ended = plimsoll(capsys, "run", "desk", "--no-track", "--json", "--max-cost", "5")
    assert (ended.code, desk.requests) == (ExitCode.USAGE, 0)
    (mistake,) = ended.document["mistakes"]
    assert mistake["message"] == "models.main: the price of scripted is not known, and a spend cap needs it"
    assert mistake["file"].endswith("desk.yaml")
    assert mistake["line"] == 4
    assert "price:" in mistake["remedy"]


@pytest.mark.parametrize("cap", ["0", "-1", "nan", "inf"])
def test_a_cap_is_an_amount(priced: Workspace, desk: Desk, capsys, cap):
    ended = plimsoll(capsys, "run", "desk", "--no-track", f"--max-cost={cap}")
    assert (ended.code, desk.requests) == (ExitCode.USAGE, 0)


def test_what_a_function_spends_is_said_not_to_be_counted(priced: Workspace, capsys):
    (priced.root / "port.py").write_text("def answer(question):\n    return question\n", encoding="utf-8")
    edit(
        priced.root,
        "suites/desk.yaml",
        "  v2: {prompt: prompts/v2.jinja2, model: main}",
        '  v2: {function: "port.py:answer"}',
    )
    ended = plimsoll(capsys, "run", "desk", "--no-track", "--max-cost", "5")
    assert ended.code == 0
    assert "what v2 may spend on models can't be seen" in " ".join(ended.out.split())
    assert "can't be seen" not in plimsoll(capsys, "run", "desk", "--no-track").out


def test_a_gate_over_a_run_that_stopped_at_its_cap_never_passes(priced: Workspace, capsys):
    edit(priced.root, "suites/desk.yaml", "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}\n", "")
    edit(priced.root, "suites/desk.yaml", "  target: v1", "  target: v1\n  baseline: none\n  coverage: 0.1")
    ended = plimsoll(capsys, "gate", "desk", "--no-track", "--json", "--max-cost", "0.012")
    suite = ended.document["suites"][0]
    assert ended.code == ExitCode.INCONCLUSIVE
    assert suite["verdict"] == "inconclusive"
    assert suite["attestation"] is None
    ended = plimsoll(capsys, "gate", "desk", "--no-track", "--json", "--run", suite["run"])
    assert (ended.code, ended.document["suites"][0]["attestation"]) == (ExitCode.INCONCLUSIVE, None)
    ended = plimsoll(capsys, "gate", "desk", "--no-track", "--json", "--max-cost", "1")
    assert (ended.code, ended.document["suites"][0]["verdict"]) == (0, "pass")


def test_a_changed_price_changes_no_target_and_no_stored_cost(priced: Workspace, desk: Desk, capsys):
    run(capsys, "--max-cost", "0.006")
    sent = desk.requests
    edit(priced.root, "suites/desk.yaml", "price: {input: 1, output: 2}", "price: {input: 10, output: 20}")
    ended, suite = run(capsys, "--resume")
    assert ended.code == 0
    assert suite["cost"] == pytest.approx(sent * COST + (24 - sent) * 10 * COST)


def test_a_killed_session_leaves_the_cost_unknown_and_counts_against_the_cap(priced: Workspace, desk: Desk, capsys):
    _, first = run(capsys, "--max-cost", "0.006")
    journal = priced.state / "runs" / first["run"] / "journal.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    assert json.loads(lines[-1])["kind"] == "end"
    journal.write_text("".join(lines[:-1]), encoding="utf-8")
    sent = desk.requests
    ended, suite = run(capsys, "--resume", "--max-cost", "0.012")
    assert ended.code == ExitCode.INCONCLUSIVE
    assert suite["cost"] is None
    assert desk.requests * COST <= 0.012 < (desk.requests + 1) * COST + 1e-9
    assert desk.requests > sent
