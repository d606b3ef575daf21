"""`run --watch`: a save runs what it changes and nothing else, shows what flipped, and nothing ends it but Ctrl-C."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from tests.api.parts import Desk, edit, write_cases
from tests.api.parts import cases as rows
from tests.cli.parts import plimsoll
from tests.cli.sessions import SECONDS, Sessions
from tests.cli.watched import Watching

from plimsoll.config import Workspace
from plimsoll.testing import Reply

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send to another process")


def said(text: str) -> str:
    return " ".join(text.split())


def wait_for(desk: Desk, prompt: str, requests: int) -> None:
    deadline = time.monotonic() + SECONDS
    while asked_by(desk, prompt) < requests:
        assert time.monotonic() < deadline, f"{desk.asked}"
        time.sleep(0.01)


def asked_by(desk: Desk, prompt: str) -> int:
    return sum(amount for (name, _), amount in desk.asked.items() if name == prompt)


def rewrite(path: Path) -> None:
    """Save as editors do that write beside the file and rename, with a swap file while they do."""
    swap = path.with_name(f".{path.name}.swp")
    swap.write_bytes(b"x")
    beside = path.with_name(f"{path.name}~")
    beside.write_bytes(path.read_bytes())
    beside.replace(path)
    swap.unlink()


def test_only_what_a_save_changes_is_asked_again_and_what_flipped_is_shown(
    sessions: Sessions, workspace: Workspace, desk: Desk
):
    root = workspace.root
    (root / "limits.py").write_text("WORDS = 3\n", encoding="utf-8")
    edit(root, "evaluators/short.py", "def", "import limits\n\n\ndef")
    edit(root, "evaluators/short.py", "<= 3", "<= limits.WORDS")
    desk.wrong = {"two": {3}, "six": {4, 5}}
    with Watching(sessions, root) as watching:
        assert "complete: 24 of 24 cells answered" in watching.rest()
        assert desk.requests == 24

        edit(root, "prompts/v2.jinja2", "two", "six")
        shown = said(watching.rest())
        assert "prompts/v2.jinja2" in shown
        assert "24 of 24 cells answered, 12 cached, 12 requests" in shown
        assert "v1: nothing flipped" in shown
        assert "v2: 2 cells flipped for the worse, 1 cell flipped for the better, 3 answers changed" in shown
        assert "exact_match 0.92 → 0.83" in shown
        flip = "c4 exact_match yes to no case question 4 expected answer 4 before answer 4 after no idea"
        assert flip in shown
        assert (desk.requests, asked_by(desk, "six")) == (36, 12)

        # The same length within a second: Python's own cache would give the old code.
        edit(root, "limits.py", "3", "1")
        shown = said(watching.rest())
        assert "limits.py" in shown
        assert "24 cached, 0 requests" in shown
        assert "v1: 12 cells flipped for the worse exact_match 1.00 · short 1.00 → 0" in shown
        edit(root, "evaluators/short.py", "<= limits.WORDS", "> limits.WORDS")
        assert "v1: 12 cells flipped for the better" in said(watching.rest())
        assert desk.requests == 36

        # Nothing of this is a change; what follows it is the next that is shown.
        for name in ("prompts/v1.jinja2", "suites/desk.yaml", "datasets/desk.jsonl"):
            (root / name).touch()
            rewrite(root / name)
        (root / "prompts" / "v3.jinja2").write_text("three {{ question }}", encoding="utf-8")
        (workspace.state / "note.txt").write_text("x", encoding="utf-8")
        write_cases(root, rows(13))
        shown = said(watching.rest())
        assert "datasets/desk.jsonl ─" in shown
        assert "26 of 26 cells answered, 24 cached, 2 requests" in shown
        assert "v1: nothing flipped" in shown
        assert desk.requests == 38
        assert watching.interrupt() == 0
        assert "error" not in watching.text
    assert not (workspace.state / "mlflow.db").exists()


def test_a_mistake_is_shown_with_its_place_and_mending_it_goes_on(sessions: Sessions, workspace: Workspace, desk: Desk):
    root = workspace.root
    edit(root, "suites/desk.yaml", "  - short\n", "  - shrt\n")
    with Watching(sessions, root) as watching:
        assert "suites/desk.yaml:10 no evaluator named 'shrt'" in said(watching.rest())
        edit(root, "suites/desk.yaml", "  - shrt\n", "  - short\n")
        assert "complete: 24 of 24 cells answered" in watching.rest()

        edit(root, "suites/desk.yaml", "targets:", "targets: {")
        assert "suites/desk.yaml:7 not valid YAML" in said(watching.rest())
        edit(root, "prompts/v1.jinja2", "one", "uno")
        assert "suites/desk.yaml:7 not valid YAML" in said(watching.rest())
        edit(root, "suites/desk.yaml", "targets: {", "targets:")
        shown = said(watching.rest())
        assert "12 cached, 12 requests v1: nothing flipped" in shown

        edit(root, "prompts/v1.jinja2", "uno", "uno {{ qestion }}")
        shown = said(watching.rest())
        assert "prompts/v1.jinja2:1: 'qestion' is undefined" in shown
        assert "v1: nothing flipped, 12 answers lost to a failure" in shown
        desk.wrong["tre"] = {2}
        edit(root, "prompts/v1.jinja2", "uno {{ qestion }}", "tre")
        # Held against the run before the mistake.
        assert "v1: 1 cell flipped for the worse, 1 answer changed" in said(watching.rest())
        assert watching.interrupt() == 0


def test_an_endpoint_that_came_back_is_tried_again_when_a_file_is_saved_as_it_is(
    sessions: Sessions, workspace: Workspace, desk: Desk
):
    settings = workspace.root / ".env"
    down, up = "OPENAI_PLACE=http://127.0.0.1:9/v1\n", "OPENAI_PLACE=${OPENAI_BASE_URL}\n"
    settings.write_text(down, encoding="utf-8")
    edit(workspace.root, "suites/desk.yaml", "${OPENAI_BASE_URL}", "${OPENAI_PLACE}")
    with Watching(sessions, workspace.root) as watching:
        assert "the connection was refused" in said(watching.rest())
        (workspace.root / "prompts" / "v1.jinja2").touch()
        assert "prompts/v1.jinja2 ─" in said(shown := watching.rest())
        assert "the connection was refused" in said(shown)
        settings.write_text(up, encoding="utf-8")
        assert "complete: 24 of 24 cells answered" in watching.rest()
        assert desk.requests == 24


def test_a_save_during_a_run_ends_it_at_once_and_what_it_had_finished_is_kept(
    sessions: Sessions, workspace: Workspace, desk: Desk
):
    root = workspace.root
    with Watching(sessions, root) as watching:
        watching.rest()
        desk.replies = {number: Reply(text="late", delay=600) for number in range(4, 12)}
        edit(root, "prompts/v2.jinja2", "two", "six")
        # Four at once: the first ones were answered, and the rest would take ten minutes each.
        wait_for(desk, "six", 8)
        desk.replies = {}
        edit(root, "prompts/v2.jinja2", "six", "ten")
        watching.until(lambda text: "the run under way was given up" in said(text))
        shown = said(watching.rest())
        assert "12 cached, 12 requests" in shown
        assert (asked_by(desk, "six"), asked_by(desk, "ten")) == (8, 12)
        edit(root, "prompts/v2.jinja2", "ten", "six")
        before = desk.requests
        assert "16 cached, 8 requests" in said(watching.rest())
        assert desk.requests - before == 8
        assert watching.interrupt() == 0


def test_ctrl_c_during_a_run_is_an_interruption_and_leaves_no_process_behind(
    sessions: Sessions, workspace: Workspace, desk: Desk
):
    root = workspace.root
    (root / "bot.py").write_text("def answer(question):\n    return 'x'\n", encoding="utf-8")
    edit(root, "suites/desk.yaml", "evaluators:\n", '  bot: {function: "bot.py:answer"}\nevaluators:\n')
    with Watching(sessions, root) as watching:
        assert "complete: 36 of 36 cells answered" in watching.rest()
        desk.delay = 30
        edit(root, "prompts/v2.jinja2", "two", "six")
        wait_for(desk, "six", 4)
        assert watching.interrupt() == 130
        assert "interrupted; what was finished is kept" in said(watching.text)


@pytest.mark.parametrize("flag", ["--json", "--resume", "--only-failed", "--fresh", "--no-cache"])
def test_what_has_no_meaning_where_runs_follow_each_other_is_refused(flag: str, workspace: Workspace, capsys):
    ended = plimsoll(capsys, "run", "desk", "--watch", flag)
    assert ended.code == 2
    assert f"{flag} does not go with --watch" in said(ended.err)
    assert f"help: leave {flag} out" in ended.err


def test_a_suite_that_is_not_there_is_not_waited_for(workspace: Workspace, capsys):
    ended = plimsoll(capsys, "run", "dsk", "--watch")
    assert (ended.code, "no suite named 'dsk'" in ended.err) == (2, True)
