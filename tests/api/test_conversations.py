"""Conversations through a whole run: asked turn by turn, scored, kept, reported, explained."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import plimsoll
from plimsoll.api import RunOptions, SuiteRun, check_workspace, run_suite
from plimsoll.api.caching import explain_suite
from plimsoll.config import Workspace
from plimsoll.errors import FailureKind
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.types import CellRecord, Failed, Failure, Output, Scored, Skipped

SUITE = """\
name: talk
dataset: datasets/talk.jsonl
models:
  main: {provider: openai, model: scripted, base_url: "${OPENAI_BASE_URL}", retries: 0, concurrency: 4}
  other: {provider: openai, model: judging, base_url: "${OPENAI_BASE_URL}", retries: 0, concurrency: 4}
targets:
  v1: {prompt: prompts/v1.jinja2, model: main}
transform: [{regex: "<(.*)>"}]
evaluators:
  - exact_match: {optional: true}
  - contains: {name: polite, value: please, turns: conversation}
  - contains: {name: counts, all: ["1", "2"], optional: true, turns: conversation}
  - exact_match: {name: at_last, turns: last}
  - kind: {model: other}
  - tokens
"""
KIND = """\
---
name: kind
model:
  api: chat
inputs:
  question: {type: string}
  output: {type: string}
  nonce: {type: string}
---
system:
Judge the answer (its mark is {{ nonce }}). Reply with JSON: {"reason": "...", "score": 1 to 5}

user:
judge {{ question }} {{ output }}
"""
PROMPT = (
    "{% for m in chat_history | default([]) %}\n{{ m.role }}:\n{{ m.content }}\n{% endfor %}\nuser:\n{{ question }}"
)


class Desk:
    """Answers `<N>` to the N-th thing that the user says, and judges by a table."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.judged: list[str] = []
        self.replies: dict[str, Reply] = {}

    async def __call__(self, request: dict[str, Any]) -> str | Reply:
        messages = request["messages"]
        if messages[0]["content"].startswith("Judge"):
            self.judged.append(messages[-1]["content"])
            return json.dumps({"reason": "so", "score": 2 if "tomorrow" in messages[-1]["content"] else 4})
        said = [message["content"] for message in messages]
        self.asked.append(said)
        if said[-1] in self.replies:
            return self.replies[said[-1]]
        return f"<{sum(message['role'] == 'user' for message in messages)}>"


TURNS = [{"user": "Open today?", "expected": "1"}, {"user": "And tomorrow, please?", "expected": "2"}]
ROWS: list[dict[str, Any]] = [
    {"id": "talk", "turns": TURNS},
    {"id": "single", "question": "Open?", "expected": "1"},
]


def write_rows(root: Path, *rows: dict[str, Any]) -> None:
    (root / "datasets").mkdir(exist_ok=True)
    (root / "datasets" / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def workspace(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    for name in ("OPENAI_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, text in {
        "suites/talk.yaml": SUITE.replace("kind: {", "judge: {prompt: evaluators/kind.prompty, "),
        "prompts/v1.jinja2": PROMPT,
        "evaluators/kind.prompty": KIND,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_rows(tmp_path, *ROWS)
    with ScriptedEndpoint(desk) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield Workspace.find(tmp_path)
        assert not server.errors


def run(workspace: Workspace, **options: Any) -> SuiteRun:
    return run_suite(workspace, "talk", RunOptions(track=False, **options), Silent())


def cell(ran: SuiteRun, case: str = "talk") -> CellRecord:
    (found,) = (record for record in ran.report.cells if record.cell.case == case)
    return found


def output(record: CellRecord) -> Output:
    assert isinstance(record.outcome, Output)
    return record.outcome


def scored(record: CellRecord, metric: str) -> Scored:
    found = record.scores[metric]
    assert isinstance(found, Scored), found
    return found


def test_a_conversation_is_asked_with_its_own_answers_and_scored_by_turn_and_as_a_whole(
    workspace: Workspace, desk: Desk
) -> None:
    ran = run(workspace)
    assert ["Open today?", "<1>", "And tomorrow, please?"] in desk.asked
    record = cell(ran)
    answer = output(record)
    assert [turn.text for turn in answer.turns] == ["<1>", "<2>"]
    assert answer.usage.requests == 2
    assert scored(record, "exact_match").value is True
    assert [turn.value for turn in scored(record, "exact_match").turns if isinstance(turn, Scored)] == [True, True]
    assert scored(record, "at_last") == Scored(value=True, passed=True)
    assert scored(record, "polite").value is False, "only the user says please"
    assert scored(record, "counts").value is True
    kind = scored(record, "kind")
    assert (kind.value, kind.reason, kind.usage.requests) == (3.0, "turn 2: 2 (so)", 2)
    assert scored(record, "tokens").value == answer.usage.total_tokens
    single = cell(ran, "single")
    assert (output(single).turns, scored(single, "exact_match").turns) == ((), ())
    assert ran.report.run.requests == 3 + 3


def test_a_second_run_asks_nothing_and_gives_the_same_scores(workspace: Workspace, desk: Desk) -> None:
    first, asked = run(workspace), len(desk.asked) + len(desk.judged)
    again = run(workspace)
    assert len(desk.asked) + len(desk.judged) == asked
    assert cell(again).cached
    assert cell(again).scores == cell(first).scores
    assert [turn.latency for turn in output(cell(again)).turns] == [None, None]
    explained = explain_suite(workspace, "talk")
    assert (explained.answers.cells, explained.answers.reused) == (2, 2)
    assert explained.scores["kind"].reused == 2


def test_a_condition_that_was_taken_away_leaves_no_turn_passed_or_failed(workspace: Workspace) -> None:
    suite = workspace.root / "suites" / "talk.yaml"
    suite.write_text(suite.read_text().replace("model: other}", 'model: other, pass_if: ">= 3"}'))
    before = scored(cell(run(workspace)), "kind")
    suite.write_text(suite.read_text().replace(', pass_if: ">= 3"', ""))
    after = scored(cell(run(workspace)), "kind")
    told = [
        [found.passed, *(turn.passed for turn in found.turns if isinstance(turn, Scored))] for found in (before, after)
    ]
    assert told == [[True, True, False], [None, None, None]]


def test_a_changed_reference_answer_of_a_turn_scores_again_and_asks_nothing(workspace: Workspace, desk: Desk) -> None:
    run(workspace)
    asked = len(desk.asked), len(desk.judged)
    write_rows(workspace.root, {"id": "talk", "turns": [TURNS[0], {**TURNS[1], "expected": "3"}]}, ROWS[1])
    (told,) = (each for each in explain_suite(workspace, "talk", case="talk").cells if each.evaluator == "at_last")
    assert told.why == "what is read of turn 2 changed"
    ran = run(workspace)
    assert (len(desk.asked), len(desk.judged)) == asked
    assert scored(cell(ran), "exact_match").value is False
    assert scored(cell(ran), "exact_match").reason == "turn 2: false (expected '3')"
    page = ran.html.read_text(encoding="utf-8")
    assert "turn 2: false (expected &#39;3&#39;)" in page
    assert ran.view.cases[0].answers[0].text == "[1] <1>\n[2] <2>"


def test_a_changed_turn_is_asked_anew_as_a_whole_conversation(workspace: Workspace, desk: Desk) -> None:
    run(workspace)
    write_rows(workspace.root, {"id": "talk", "turns": [TURNS[0], {**TURNS[1], "user": "On Monday, please?"}]}, ROWS[1])
    (told, *_) = explain_suite(workspace, "talk", case="talk").cells
    assert told.why == "input turn 2 changed"
    asked = len(desk.asked)
    run(workspace)
    assert len(desk.asked) == asked + 2


def test_a_failed_turn_fails_the_cell_and_resuming_holds_the_whole_conversation_again(
    workspace: Workspace, desk: Desk
) -> None:
    desk.replies["And tomorrow, please?"] = Reply(status=500, body="down")
    record = cell(run(workspace))
    assert isinstance(record.outcome, Failure)
    assert record.outcome.kind is FailureKind.SERVER
    assert record.outcome.message.startswith("turn 2 of 2: ")
    assert all(isinstance(found, Failed) for found in record.scores.values())
    desk.replies.clear()
    asked = len(desk.asked)
    resumed = run(workspace, only_failed=True)
    assert len(output(cell(resumed)).turns) == 2
    assert len(desk.asked) == asked + 2


def test_a_turn_without_reference_answer_is_left_out_and_told(workspace: Workspace) -> None:
    write_rows(
        workspace.root, {"id": "talk", "turns": [*TURNS, {"user": "Thanks"}]}, {"id": "none", "turns": TURNS[:1]}
    )
    record = cell(run(workspace))
    assert scored(record, "exact_match").reason == "2 of 3 turns scored"
    assert isinstance(scored(record, "exact_match").turns[2], Skipped)
    failed = record.scores["at_last"]
    assert isinstance(failed, Failed)
    assert failed.failure.kind is FailureKind.MISSING_FIELD


def test_a_transform_that_finds_nothing_in_one_answer_fails_the_scores_by_its_turn(
    workspace: Workspace, desk: Desk
) -> None:
    desk.replies["Open today?"] = Reply(text="no brackets")
    record = cell(run(workspace))
    assert output(record).turns[0].text == "no brackets"
    failed = record.scores["exact_match"]
    assert isinstance(failed, Failed)
    assert failed.failure.message.startswith("turn 1 of 2: transform: ")


def test_validate_counts_conversations_and_warns_of_a_prompt_that_forgets(workspace: Workspace) -> None:
    (found,) = check_workspace(workspace)
    assert (found.cases, found.conversations, found.warnings) == (2, 1, ())
    (workspace.root / "prompts" / "v1.jinja2").write_text("{{ question }}")
    (found,) = check_workspace(workspace)
    assert [warning.partition(":")[0] for warning in found.warnings] == [
        "target v1 reads `question` but neither chat_history nor messages"
    ]


def test_a_function_holds_a_conversation_from_python() -> None:
    def clerk(question: str, messages: list[Any]) -> str:
        return f"{question} {len(messages)}"

    turns = [{"user": "a", "expected": "a 1"}, {"user": "b", "expected": "b"}]
    found = plimsoll.evaluate([{"id": "talk", "turns": turns}], clerk, ["exact_match"])
    assert found.cells.loc[0, "output"] == "[1] a 1\n[2] b 3"
    assert found.cells.loc[0, "exact_match"] == False  # noqa: E712  # numpy's


def test_a_judge_of_the_whole_conversation_reads_who_said_what_and_is_asked_once(
    workspace: Workspace, desk: Desk
) -> None:
    root = workspace.root
    whole = KIND.replace("question:", "conversation:").replace("{{ question }}", "{{ conversation }} /")
    (root / "evaluators" / "kind.prompty").write_text(whole, encoding="utf-8")
    suite = root / "suites" / "talk.yaml"
    suite.write_text(suite.read_text().replace("model: other}", "model: other, turns: conversation, optional: true}"))
    record = cell(run(workspace))
    assert scored(record, "kind").value == 2
    assert desk.judged == ["judge user: Open today?\nassistant: 1\nuser: And tomorrow, please?\nassistant: 2 / 1\n\n2"]
    write_rows(root, {"id": "talk", "turns": [{**TURNS[0], "user": "Open now?"}, TURNS[1]]}, ROWS[1])
    run(workspace)
    assert len(desk.judged) == 2


def test_the_report_shows_each_turn_with_its_scores(workspace: Workspace) -> None:
    ran = run(workspace)
    assert ran.html is not None
    page = Path(ran.html).read_text(encoding="utf-8")
    assert '<ol class="turns">' in page
    assert "And tomorrow, please?" in page
    assert "turn 2: 2 (so)" in page
