"""A key that is planted wherever one may be is in nothing that was written, shown or sent, in whatever form."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.api.parts import Desk, cases, edit, write_cases
from tests.calibration import parts as bench
from tests.cli.parts import plimsoll

from plimsoll.api import (
    CalibrationOptions,
    GateOptions,
    RunOptions,
    calibrate,
    gate_suite,
    promote_suite,
    run_suite,
    sync_runs,
)
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, InterruptedRunError, PlimsollError
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.testing.writer import thread_writer
from plimsoll.types import CellRecord, Failure, Output, Usage

KEY = "sk-planted/0123+456789"
"""Of the environment, by the usual name."""
DOTTED = "planted-in-dotenv-0123456789"
"""Of the workspace's `.env`."""
CUSTOM = "planted-by-the-suite-9876543210"
"""Of a variable whose name says nothing: the suite puts it into a header."""
PASSWORD = "planted-password-01234"
KEYS = (KEY, DOTTED, CUSTOM, PASSWORD)
FUNCTION = '''\
import base64, json, os, sys, urllib.parse


def talk(question: str) -> dict:
    """Says, prints and raises what it must not."""
    key, dotted, custom = (os.environ[name] for name in ("OPENAI_API_KEY", "DESK_TOKEN", "DESK_ENTRY"))
    print("printed", key, dotted, custom)
    print("to stderr", key, file=sys.stderr)
    number = int(question.split()[-1])
    if number % 4 == 1:
        raise ValueError(f"refused with {key} and {dotted!r}")
    if number % 4 == 2:
        return {"answer": f"use {key}", "found": [custom, {dotted: key}]}
    if number % 4 == 3:
        basic = base64.b64encode(f"ann:{key}".encode()).decode()
        return {"answer": json.dumps({"Authorization": f"Basic {basic}"}), "found": urllib.parse.quote(key, safe="")}
    return {"answer": f"answer {number}", "found": []}
'''
EVALUATORS = '''\
import os

from plimsoll.evaluators import metrics
from plimsoll.types import Metric, MetricKind, Scored


@metrics(Metric(name="short", kind=MetricKind.BOOL))
def short(output: str) -> Scored:
    """Quotes a key, and raises one."""
    if output.endswith("4"):
        raise RuntimeError("no access with " + os.environ["OPENAI_API_KEY"])
    return Scored(value=True, reason="asked with " + os.environ.get("OPENAI_API_KEY", ""))
'''
SUITE = """\
name: desk
dataset: datasets/desk.jsonl
models:
  main:
    {provider: openai, model: scripted, base_url: "${OPENAI_BASE_URL}", retries: 0, concurrency: 4,
     headers: {X-Entry: "entry ${DESK_ENTRY}"}}
targets:
  v1: {prompt: prompts/v1.jinja2, model: main}
  talk: {function: "code/talk.py:talk", output: answer}
evaluators:
  - exact_match
  - short
  - rubric: {name: tone, criteria: "Be warm.", model: main}
max_failed: 1
gate:
  target: v1
  baseline: none
  judges: any
  coverage: 0.5
  rules:
    - {metric: exact_match, at_least: 0.1}
"""


ENDPOINT = """\
  v1:
    http:
      url: "${OPENAI_BASE_URL}/chat/completions"
      headers: {Authorization: "Bearer ${OPENAI_API_KEY}", X-Entry: "entry ${DESK_ENTRY}"}
      body: {model: scripted, messages: [{role: user, content: "one {{ question }}"}]}
      retries: 0
    output: $.choices[0].message.content
"""


class Stopping(Silent):
    """Ctrl-C at the eighth answer."""

    def __init__(self) -> None:
        self.answers = 0

    def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
        self.answers += 1
        if self.answers == 8:
            raise KeyboardInterrupt


def forms() -> set[bytes]:
    """What must not be found: each key, and how it may stand in other texts."""
    found = set()
    for key in KEYS:
        found |= {key, quote(key, safe=""), json.dumps(key)[1:-1]}
        # Of base64 at any place in a text the middle stays the same.
        found |= {base64.b64encode(b"x" * n + key.encode()).decode()[4:-4] for n in range(3)}
    return {form.encode() for form in found}


def leaks(root: Path) -> list[str]:
    files = [path for path in root.rglob("*") if path.is_file() and path.name != ".env"]
    assert files
    return [f"{path.relative_to(root)}: {form!r}" for path in files for form in forms() if form in path.read_bytes()]


def clean(*texts: str) -> bool:
    return not any(form in text.encode() for text in texts for form in forms())


@pytest.fixture
def planted(workspace: Workspace, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace in which everything quotes keys."""
    root = workspace.root
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("DESK_ENTRY", CUSTOM)
    (root / ".env").write_text(f"DESK_TOKEN={DOTTED}\n", encoding="utf-8")
    for name, text in (("suites/desk.yaml", SUITE), ("code/talk.py", FUNCTION), ("evaluators/short.py", EVALUATORS)):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    write_cases(root, cases(16))
    desk.replies[3] = Reply(status=401, body={"error": {"message": f"the key {KEY} is not known, nor is {CUSTOM}"}})
    desk.replies[5] = Reply(text=f"Your token is {DOTTED}, your entry {CUSTOM}, and Bearer {KEY}.", model=KEY)
    desk.replies[6] = Reply(status=200, body=f"<html>{quote(KEY, safe='')} {CUSTOM}</html>")
    desk.replies[7] = Reply(status=429, headers={"retry-after": f"{KEY}"}, body={"error": {"message": DOTTED}})
    desk.judgement = json.dumps({"reason": f"warm as {KEY}", "score": 4})
    return workspace


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that is printed or logged holds a key."""
    caplog.set_level(logging.DEBUG)
    yield
    assert [text for text in (*capfd.readouterr(), *caplog.messages) if not clean(text)] == []


@pytest.mark.usefixtures("quiet")
def test_answers_scores_and_failures_are_recorded_without_keys(planted: Workspace, desk: Desk):
    ran = run_suite(planted, "desk", RunOptions(track=False), Silent())
    assert leaks(planted.root) == []
    report = read_report(ran.folder)
    outcomes = {(record.cell.target, record.cell.case): record.outcome for record in report.cells}
    said = outcomes["v1", "c5"]
    assert isinstance(said, Output)
    assert said.text == (
        "Your token is [DESK_TOKEN redacted], your entry [DESK_ENTRY redacted], and Bearer [OPENAI_API_KEY redacted]."
    )
    refused, raised = outcomes["v1", "c3"], outcomes["talk", "c1"]
    assert isinstance(refused, Failure)
    assert isinstance(raised, Failure)
    assert "the key *** is not known" in refused.message
    assert "refused with [OPENAI_API_KEY redacted] and '[DESK_TOKEN redacted]'" in raised.message
    extra = outcomes["talk", "c2"]
    assert isinstance(extra, Output)
    assert extra.extra == {"found": ["[DESK_ENTRY redacted]", {"[DESK_TOKEN redacted]": "[OPENAI_API_KEY redacted]"}]}
    assert isinstance(outcomes["talk", "c0"], Output)
    # What was recorded is what is scored again and taken from the cache.
    asked = desk.requests
    again = run_suite(planted, "desk", RunOptions(track=False), Silent())
    texts = [
        [record.output and record.output.text for record in each.cells] for each in (report, read_report(again.folder))
    ]
    assert texts[0] == texts[1]
    assert desk.requests - asked == 3
    assert leaks(planted.root) == []


@pytest.mark.usefixtures("quiet")
def test_an_endpoint_and_what_it_answers_are_recorded_without_keys(planted: Workspace):
    edit(planted.root, "suites/desk.yaml", "  v1: {prompt: prompts/v1.jinja2, model: main}\n", ENDPOINT)
    edit(planted.root, "suites/desk.yaml", "  - rubric", "#  - rubric")
    ran = run_suite(planted, "desk", RunOptions(targets=("v1",), track=False), Silent())
    outcomes = {record.cell.case: record.outcome for record in read_report(ran.folder).cells}
    assert isinstance(outcomes["c0"], Output)
    assert isinstance(outcomes["c3"], Failure)
    assert "is not known" in outcomes["c3"].message
    said = outcomes["c5"]
    assert isinstance(said, Output)
    assert said.text.endswith("and Bearer [OPENAI_API_KEY redacted].")
    assert leaks(planted.root) == []


@pytest.mark.mlflow
@pytest.mark.usefixtures("quiet")
def test_a_run_that_is_interrupted_and_logged_later_leaves_no_key(planted: Workspace, tracked: Workspace):
    with thread_writer(tracked) as writer:
        with pytest.raises(InterruptedRunError) as caught:
            run_suite(tracked, "desk", RunOptions(targets=("v1",)), Stopping(), writer=writer)
        assert clean(str(caught.value), str(caught.value.remedy))
        assert leaks(planted.root) == []
        ran = run_suite(tracked, "desk", RunOptions(resume=True), Silent(), writer=writer)
    assert ran.logged is not None
    assert ran.logged.unsynced is None
    assert leaks(planted.root) == []


@pytest.mark.mlflow
@pytest.mark.usefixtures("quiet")
def test_no_key_is_in_what_was_run_gated_promoted_and_synced(planted: Workspace, tracked: Workspace):
    dead = f"http://ann:{PASSWORD}@127.0.0.1:9"
    with thread_writer(tracked, uri=dead) as writer:
        ran = run_suite(tracked, "desk", RunOptions(), Silent(), writer=writer)
    assert ran.logged is not None
    assert "http://ann:***@127.0.0.1:9" in str(ran.logged.unsynced)
    with thread_writer(tracked) as writer:
        writer.check()
        assert sync_runs(tracked, writer=writer).owed == 0
        decided = gate_suite(tracked, "desk", GateOptions(first=True), Silent(), writer=writer)
        assert decided.run.logged is not None
        assert decided.run.logged.unsynced is None
    assert decided.attestation is not None
    promote_suite(tracked, "desk", reason="the first", who="somebody")
    assert leaks(tracked.root) == []


def test_no_command_shows_a_key(
    planted: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    without = ("--no-track",)
    told = [plimsoll(capsys, "run", "desk", "--json", *without)]
    told += [plimsoll(capsys, *words) for words in (("report",), ("report", "--json"), ("compare", "v1", "talk"))]
    told += [plimsoll(capsys, "gate", "desk", "--markdown", "v.md", "--junit", "v.xml", *without)]
    told += [plimsoll(capsys, "validate"), plimsoll(capsys, "list", "--json")]
    # No suite says here that the entry is a key.
    monkeypatch.setenv("DESK_ENTRY_TOKEN", CUSTOM)
    prompt = ("try", "prompts/v1.jinja2", "--model", "scripted", "--var")
    tried = [plimsoll(capsys, *prompt, f"question=question {n}", *more) for n in (3, 5) for more in ((), ("--json",))]
    assert "and Bearer [OPENAI_API_KEY redacted]." in " ".join(tried[2].out.split())
    told += tried
    assert {ended.code for ended in told} <= {int(code) for code in ExitCode}
    assert [ended for ended in told if not clean(ended.out, ended.err)] == []
    assert leaks(planted.root) == []


def test_a_doctor_shows_no_key(
    planted: Workspace,
    endpoint: ScriptedEndpoint,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    # Some endpoints take a key as a part of their address.
    monkeypatch.setenv("OPENAI_BASE_URL", f"{endpoint.url}/{DOTTED}/{KEY}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:{PASSWORD}@127.0.0.1:9")
    for more in ((), ("--json",)):
        ended = plimsoll(capsys, "doctor", *more)
        assert "/[DESK_TOKEN redacted]/[OPENAI_API_KEY redacted] answers" in " ".join(ended.out.split())
        assert "127.0.0.1:9" in ended.out
        assert clean(ended.out, ended.err)
    assert leaks(planted.root) == []


def test_an_error_that_quotes_a_key_is_told_without_it(planted: Workspace, capsys: pytest.CaptureFixture[str]):
    edit(planted.root, "suites/desk.yaml", "name: desk", f"name: desk\nunknown_{DOTTED.replace('-', '_')}: {KEY}")
    edit(planted.root, "suites/desk.yaml", "max_failed: 1", f'max_failed: "{KEY}"')
    edit(planted.root, "suites/desk.yaml", "target: v1", f'target: "{DOTTED}"')
    for more in ((), ("--json",)):
        ended = plimsoll(capsys, "run", "desk", *more)
        assert ended.code == ExitCode.USAGE
        assert clean(ended.out, ended.err)


@pytest.mark.usefixtures("quiet")
def test_a_calibration_keeps_and_shows_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    truths = [True] * 20 + [False] * 20
    asked = bench.Bench(scores=dict.fromkeys(range(20), 5))
    asked.replies = {n: Reply(text=json.dumps({"reason": f"kind as {KEY}", "score": 4})) for n in range(0, 20, 2)}
    asked.replies[21] = Reply(status=400, body={"error": {"message": f"no {KEY}"}})
    with ScriptedEndpoint(asked) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        found = bench.write_workspace(tmp_path / "desk")
        bench.write_labels(found.root / "labels/kind.jsonl", bench.rows(truths))
        done = calibrate(found, "kind", CalibrationOptions(labels=found.root / "labels/kind.jsonl"))
        asked.replies = dict.fromkeys(range(40), Reply(status=401, body={"error": {"message": f"no {KEY}"}}))
        with pytest.raises(PlimsollError) as caught:
            calibrate(found, "kind", CalibrationOptions(labels=found.root / "labels/kind.jsonl"))
    assert done.certificate.figures.failed
    assert clean(str(caught.value))
    assert leaks(tmp_path) == []
