"""What a user sees: results on stdout, all else on stderr; nothing heavy is imported for it; no line too wide."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.api.parts import Desk, edit
from tests.cli.parts import plimsoll
from tests.cli.sessions import Sessions

from plimsoll.cli.main import app
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode
from plimsoll.testing import Reply, ScriptedEndpoint

COMMANDS = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
GROUPS = {str(group.name): group.typer_instance for group in app.registered_groups if group.typer_instance}
INNER = [
    f"{name} {command.name or getattr(command.callback, '__name__', '')}"
    for name, group in GROUPS.items()
    for command in group.registered_commands
]
HEAVY = ("promptflow", "mlflow", "openai", "genai_prices", "pandas", "pyarrow", "aiohttp", "scipy")
PROMPT = """\
---
model:
  api: chat
  configuration: {type: openai, model: "${env:DESK_MODEL}", base_url: "${env:OPENAI_BASE_URL}"}
  parameters: {temperature: 0}
sample: {tone: kind}
---
system:
Be {{ tone }}.

user:
one {{ question }}
"""


def imported(*commands: str, folder: Path) -> list[set[str]]:
    """The top-level modules that are imported after each of these commands, which one process runs in turn."""
    program = """\
import sys
from plimsoll.cli.main import main
for words in sys.argv[1:]:
    try:
        main(words.split())
    except SystemExit as ended:
        assert not ended.code, ended.code
    print("imported", *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *commands], cwd=folder, capture_output=True, text=True, check=True
    )
    return [set(line.split()[1:]) for line in done.stderr.splitlines() if line.startswith("imported ")]


def test_help_imports_nothing_heavy(tmp_path: Path):
    [found] = imported("--help", folder=tmp_path)
    assert found.isdisjoint({*HEAVY, "pydantic", "msgspec", "jinja2"})
    assert "typer" in found


def test_what_lists_and_checks_imports_no_client_no_tracking_no_frames_and_no_library_of_evaluators(
    workspace: Workspace,
):
    libraries = {"sacrebleu", "rouge_score", "rapidfuzz", "wordllama", "jsonschema", "sqlglot", "numpy"}
    *listed, checked = imported("evaluators", "evaluators show token_f1", "validate", folder=workspace.root)
    assert len(listed) == 2
    for found in listed:
        assert found.isdisjoint({*HEAVY, *libraries})
    assert "pydantic" in checked
    # How many cases a rule takes to decide is computed.
    assert checked.isdisjoint(set(HEAVY) - {"scipy"})


@pytest.mark.parametrize("command", [*COMMANDS, *GROUPS, *INNER])
def test_every_command_explains_itself_in_80_columns(command: str, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = plimsoll(capsys, *command.split(), "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: plimsoll {command}")
    assert max(len(line) for line in ended.out.splitlines()) <= 80


def test_help_lists_the_commands_and_the_one_table_of_exit_codes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = plimsoll(capsys, "--help")
    for command in (*COMMANDS, *GROUPS):
        assert f"\n  {command} " in ended.out
    for code in ExitCode:
        assert f"{int(code):>5}  {code.meaning}" in ended.out
    assert plimsoll(capsys, "--version").out.startswith("plimsoll 0.")


def test_with_json_stdout_holds_the_object_alone_while_retries_and_failures_go_on(
    workspace: Workspace, desk: Desk, capsys
):
    edit(workspace.root, "suites/desk.yaml", "retries: 0", "retries: 1")
    desk.replies[3] = Reply(status=503, headers={"retry-after-ms": "1"}, body={"error": {"message": "busy"}})
    ended = plimsoll(capsys, "run", "desk", "--no-track", "--json")
    assert ended.code == ended.document["exit_code"] == 4
    assert ended.document["suites"][0]["requests"] == 26
    assert ended.err.startswith("desk: 2 targets × 12 cases  (run 2")
    assert re.fullmatch(
        r"desk: 24 of 24 cells, 2 failed, 110 tokens, spend unknown, in [\d.]+ s", ended.err.splitlines()[1]
    )
    assert len(ended.err.splitlines()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_with_json_stdout_holds_the_object_alone_while_a_terminal_shows_progress_and_an_evaluator_prints(
    sessions: Sessions, workspace: Workspace, desk: Desk
):
    import pty
    import termios

    edit(workspace.root, "evaluators/short.py", "    return", "    print('printed by an evaluator')\n    return")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    written, out = os.pipe()
    words = ("run", "desk", "--no-track", "--json")
    sessions.start(*words, folder=workspace.root, streams=(out, slave), TERM="xterm-256color")
    os.close(out)
    os.close(slave)
    drawn = b""
    # A terminal whose other end is closed ends with an error on Linux, and with nothing elsewhere.
    with suppress(OSError):
        while chunk := os.read(master, 65536):
            drawn += chunk
    os.close(master)
    with os.fdopen(written, encoding="utf-8") as stdout:
        document = json.load(stdout)
    assert (sessions.code(), document["exit_code"], document["suites"][0]["requests"]) == (0, 0, 24)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.decode())
    assert re.search(r"all +24/24 ", shown)
    assert "printed by an evaluator" in shown


def test_every_table_fits_80_columns_and_errors_name_file_and_line(
    workspace: Workspace, desk: Desk, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    desk.wrong["two"] = {1, 2, 3}
    shown = [
        plimsoll(capsys, *words)
        for words in (
            ("validate",),
            ("run", "desk", "--no-track"),
            ("compare", "v1", "v2"),
            ("gate", "desk", "--no-track", "--target", "v2", "--baseline", "v1"),
            ("list",),
            ("report",),
        )
    ]
    edit(workspace.root, "suites/desk.yaml", "at_least", "at_leest")
    broken = plimsoll(capsys, "validate")
    assert broken.code == 2
    assert "suites/desk.yaml:14\n  unknown key 'at_leest'\n  help: did you mean 'at_least'?" in broken.err
    lines = [line for ended in (*shown, broken) for line in (ended.out + ended.err).splitlines()]
    assert [line for line in lines if len(line) > 80 and not line.startswith(".plimsoll/")] == []


def test_try_renders_asks_and_names_what_is_missing(
    workspace: Workspace, endpoint: ScriptedEndpoint, tmp_path: Path, monkeypatch, capsys
):
    prompt = workspace.root / "prompts" / "try.prompty"
    prompt.write_text(PROMPT, encoding="utf-8")
    (workspace.root / ".env").write_text("DESK_MODEL=from-file\n", encoding="utf-8")
    # The workspace's .env counts in its folders too.
    monkeypatch.chdir(prompt.parent)
    rendered = plimsoll(capsys, "try", "try.prompty", "--render", "--var", "question=question 7")
    assert (rendered.code, endpoint.requests) == (0, [])
    assert rendered.out.splitlines() == ["system:", "Be kind.", "user:", "one question 7"]

    (tmp_path / "question.txt").write_text("question 8", encoding="utf-8")
    asked = plimsoll(capsys, "try", "try.prompty", "-v", f"question=@{tmp_path / 'question.txt'}", "-v", "tone=stern")
    assert (asked.code, asked.out) == (0, "answer 8\n")
    assert "Be stern." in asked.err
    [request] = endpoint.requests
    assert (request.json["model"], request.json["temperature"]) == ("from-file", 0)

    other = plimsoll(capsys, "try", "try.prompty", "-v", "question=question 9", "--model", "other", "--json")
    assert (other.document["reply"]["text"], endpoint.requests[-1].json["model"]) == ("answer 9", "other")

    missing = plimsoll(capsys, "try", "try.prompty", "--render")
    assert missing.code == 2
    assert "question" in missing.err
    assert "help: give it with --var NAME=VALUE" in missing.err
    for words, told in (
        (("try.prompty", "--var", "question"), "--var 'question' is not NAME=VALUE"),
        (("try.prompty", "--var", "question=@gone.txt"), "--var question: gone.txt can't be read: No such file"),
        (("gone.prompty",), "no such file"),
        (("v1.jinja2", "--var", "question=question 1"), "the prompt names no model"),
    ):
        ended = plimsoll(capsys, "try", *words)
        assert ended.code == 2
        assert told in " ".join(ended.err.split())


def test_try_against_a_server_that_is_down_is_infrastructure(workspace: Workspace, capsys):
    words = (
        "try",
        "prompts/v1.jinja2",
        "-v",
        "question=question 1",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--model",
        "m",
    )
    (workspace.root / "suites" / "desk.yaml").touch()
    ended = plimsoll(capsys, *words)
    assert ended.code == 4
    assert "error: m at http://127.0.0.1:9/v1: the connection was refused" in " ".join(ended.err.split())


def test_init_says_what_it_wrote_also_as_json(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = plimsoll(capsys, "init", "new", "--model", "ollama", "--json")
    assert (made.code, made.document["folder"]) == (0, "new")
    assert "suites/first.yaml" in made.document["written"]
    suite = (tmp_path / "new" / "suites" / "first.yaml").read_text(encoding="utf-8")
    assert 'base_url: "http://127.0.0.1:11434/v1"' in suite
    assert plimsoll(capsys, "-C", "new", "validate").code == 0
    unknown = plimsoll(capsys, "init", "other", "--model", "olama")
    assert unknown.code == 2
    assert "no model 'olama' to start with" in unknown.err
    assert "did you mean 'ollama'?" in unknown.err
