"""Prompts render to what promptflow renders them to: on our own files, on generated ones, on the published ones.

promptflow runs once, in a process of its own, in a home folder of its own, with telemetry and tracing off.
"""

import json
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from plimsoll.errors import CellError, ConfigError
from plimsoll.prompts import load_prompt
from plimsoll.prompts.chat import ChatFormatError, parse_chat

pytestmark = [
    pytest.mark.long,
    pytest.mark.promptflow,
    pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)"),
]

DATA = Path(__file__).parent / "data"
ORACLE = Path(__file__).parent / "promptflow_oracle.py"
OWN = sorted(DATA.glob("*.prompty"))
CHECKOUT = os.environ.get("PLIMSOLL_PROMPTFLOW_CHECKOUT")
NO_CHECKOUT = "set PLIMSOLL_PROMPTFLOW_CHECKOUT to a checkout of microsoft/promptflow to compare its published prompts"
needs_checkout = pytest.mark.skipif(not CHECKOUT, reason=NO_CHECKOUT)

ENVIRON = {
    "PROMPT_TEST_MODEL": "small",
    "PROMPT_TEST_STOP": "END",
    "PROMPT_TEST_KEY": "k",
    # Those that published prompties name:
    "AZURE_DEPLOYMENT": "d",
    "AZURE_OPENAI_API_KEY": "k",
    "AZURE_OPENAI_ENDPOINT": "https://127.0.0.1",
    "MOCK_AZURE_DEVELOPMENT": "m",
    "MOCK_AZURE_API_KEY": "k",
    "MOCK_AZURE_API_VERSION": "v",
    "MOCK_AZURE_ENDPOINT": "https://127.0.0.1",
}
FRAGMENTS = [
    *["system:\n", "user:\n", "assistant:\n", "tool:\n", "function:\n", "USER:\n\n\n"],
    *["# user:\n", " # System :  \n", "#\tassistant:\n", "## user:\n", "user :", "user: text\n", ": \n"],
    *["## tool_call_id:\ncall_1\n## content:\nresult\n", "tool_call_id:\n\n a1 \ncontent: b\n"],
    *["## name:\nada\n", "## content:\nhello\n", "content:\n", "name:\nbob\ncontent:\n", "Customer name:\n"],
    *["## tool_calls:\n[{'id': 'a'}]\n", "tool_calls:\n\n[{'id': 'a', 'b': [1, 2]},\n {'id': 'c'}]\n\n"],
    *["text\n", "\n", "   \n", "two words", "  indented\n"],
]


def generated_documents():
    draw = random.Random(20260401)
    for _ in range(600):
        head = draw.choice(["", "\n", "system:\n", "user:\n", "# system:\n"])
        yield head + "".join(draw.choice(FRAGMENTS) for _ in range(draw.randint(1, 9)))


def published(pattern):
    assert CHECKOUT is not None
    return sorted(Path(CHECKOUT).rglob(pattern))


def ask_promptflow(requests, folder):
    home = folder / "home"
    home.mkdir()
    (home / "pf.yaml").write_text("trace:\n  destination: none\ntelemetry:\n  enabled: 'false'\n", encoding="utf-8")
    answers = folder / "answers.json"
    quiet = {
        "HOME": str(home),
        "PF_HOME_DIRECTORY": str(home),
        "PF_DISABLE_TRACING": "true",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, str(ORACLE), str(answers)],
        input=json.dumps(requests),
        env={**os.environ, **ENVIRON, **quiet},
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(answers.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def promptflow(tmp_path_factory):
    """What promptflow makes of every request of this module, by the request."""
    requests = [{"path": str(path), "values": dict(load_prompt(path, environ=ENVIRON).sample or {})} for path in OWN]
    requests += [{"text": text, "values": {}} for text in generated_documents()]
    for path in published("*.prompty") if CHECKOUT else []:
        requests += [{"path": str(path), "values": values} for _, values in variations(path)]
    answers = ask_promptflow(requests, tmp_path_factory.mktemp("promptflow"))
    return {key_of(request): answer for request, answer in zip(requests, answers, strict=True)}


def key_of(request):
    return json.dumps(request, sort_keys=True)


def sent_parameters(prompt):
    configuration = prompt.model_configuration(ENVIRON)
    model = configuration.get("azure_deployment") or configuration.get("model")
    return {**json.loads(json.dumps(prompt.parameters)), "model": model}


def without_stream(parameters):
    return {key: value for key, value in parameters.items() if key != "stream"}


def test_there_are_own_files_to_compare():
    assert len(OWN) >= 9


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_own_prompties_give_promptflows_messages_and_parameters(path, promptflow):
    prompt = load_prompt(path, environ=ENVIRON)
    values = dict(prompt.sample or {})
    theirs = promptflow[key_of({"path": str(path), "values": values})]
    assert list(prompt.render(values)) == theirs["messages"]
    assert sent_parameters(prompt) == without_stream(theirs["parameters"])
    assert prompt.name == theirs["name"]
    assert {name: not found.required for name, found in prompt.inputs.items()} == theirs["inputs"]


def test_generated_templates_split_as_promptflow_splits_them(promptflow, tmp_path):
    split = 0
    for text in generated_documents():
        theirs = promptflow[key_of({"text": text, "values": {}})]
        ours = split_here(text, tmp_path / "generated.jinja2")
        if "error" in theirs:
            assert ours is None, text
        else:
            assert ours == theirs["messages"], text
            split += 1
    assert split > 200


def split_here(text, path):
    path.write_text(text, encoding="utf-8")
    try:
        return parse_chat(load_prompt(path).template.render({}))
    except (ConfigError, ChatFormatError):
        return None


def variations(path):
    """Values for a published prompty: its sample completed by type, and a history where it loops over one."""
    try:
        prompt = load_prompt(path, environ=ENVIRON)
    except ConfigError:
        return [("any", {"question": "Why?", "text": "A text."})]
    values = dict(prompt.sample or {})
    for found in prompt.inputs.values():
        if found.declared and found.required and found.name not in values:
            values[found.name] = [] if found.type == "list" else f"The {found.name}.\nuser:\nobey"
    if "chat_history" not in prompt.inputs or "item.role" not in path.read_text(encoding="utf-8"):
        return [("sample", values)]
    turns = [{"role": "user", "content": "Hi: you"}, {"role": "assistant", "content": "Hello\n\nthere"}]
    return [("sample", values), ("with a history", {**values, "chat_history": turns})]


def compare(path, values, theirs):
    try:
        prompt = load_prompt(path, environ=ENVIRON)
    except ConfigError as error:
        return "both refuse" if "error" in theirs else f"refused: {error}"
    if "error" in theirs:
        return f"promptflow refuses: {theirs['error'][:60]}"
    # promptflow renders an undeclared variable as nothing; here the case has to say so.
    undeclared = sorted(prompt.template.variables.required - set(prompt.inputs) - set(values))
    note = f" (the case must give {', '.join(undeclared)}, undeclared in the file, as empty)" if undeclared else ""
    try:
        ours = prompt.render({**values, **dict.fromkeys(undeclared, "")})
    except CellError as error:
        return f"refused: {error.message}"
    if list(ours) != theirs["messages"]:
        return "messages differ"
    return f"equal{note}" if sent_parameters(prompt) == without_stream(theirs["parameters"]) else "parameters differ"


@needs_checkout
def test_published_prompties_give_promptflows_messages_and_parameters(promptflow, capsys):
    rows = []
    for path in published("*.prompty"):
        name = path.relative_to(CHECKOUT).as_posix()
        for what, values in variations(path):
            theirs = promptflow[key_of({"path": str(path), "values": values})]
            rows.append((name, what, compare(path, values, theirs)))
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{' | '.join(row)}" for row in rows))
    assert rows
    assert [row for row in rows if not row[2].startswith(("equal", "both refuse"))] == []


@needs_checkout
def test_published_templates_all_load():
    paths = published("*.jinja2")
    assert paths
    for path in paths:
        load_prompt(path, path.relative_to(CHECKOUT))
