"""What is known of a flow without starting it: files, inputs, chat, and every mistake that can be told early."""

import asyncio
import base64
import re
from importlib.util import find_spec

import pytest
from tests.targets.flow_parts import FLOWS, a_case, flow_target

from plimsoll.config import ModelSettings, TargetSettings
from plimsoll.errors import CellError, ConfigError, FailureKind, PlimsollError
from plimsoll.registry import make_bundle, materialise
from plimsoll.targets.flow_chat import chat_inputs, line_inputs
from plimsoll.targets.flow_connections import Connections, Endpoint
from plimsoll.targets.flow_copy import DEFAULT_CONNECTION, write_copy
from plimsoll.targets.flow_definition import ChatForm, flow_files, read_flow
from plimsoll.targets.flow_environment import secret_values, worker_environment
from plimsoll.targets.flow_signatures import tool_parameters
from plimsoll.targets.flow_state import shared_state
from plimsoll.testing.scripted import ScriptedModel
from plimsoll.types import Message

needs_promptflow = pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed")
QUESTION: Message = {"role": "user", "content": "Why?"}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
ENDPOINT = Endpoint("http://g/0/v1", "http://g/0", "throw-away", "2024-10-21", "small")


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def dag(*nodes, **keys):
    lines = [f"{key}: {value}" for key, value in keys.items()]
    return "\n".join([*lines, "nodes:", *(f"- {node}" for node in nodes or ("{name: none}",))]) + "\n"


def test_a_flow_consists_of_its_folder_and_its_includes_without_caches_and_hidden_files(tmp_path):
    flow = write(
        tmp_path / "flow",
        {
            "flow.dag.yaml": dag(additional_includes="[../shared/words.py, ../shared/more]"),
            "deep/a.py": "",
            ".env": "KEY=1",
            ".promptflow/flow.tools.json": "{}",
            "__pycache__/a.cpython-311.pyc": "",
        },
    )
    write(tmp_path / "shared", {"words.py": "", "more/b.txt": "", "other.py": ""})
    found = read_flow(flow)
    assert sorted(found.files) == ["deep/a.py", "flow.dag.yaml", "more/b.txt", "words.py"]
    assert {path.resolve().relative_to(tmp_path).as_posix() for path in flow_files(flow)} == {
        "flow/deep/a.py",
        "flow/flow.dag.yaml",
        "shared/more/b.txt",
        "shared/words.py",
    }


def test_a_flow_in_a_bundle_consists_of_the_same_files(tmp_path):
    settings = TargetSettings(flow="everything", model="m")
    bundle = make_bundle(FLOWS, flow_files(FLOWS / "everything"), settings, {"m": ModelSettings(model="x")})
    again = read_flow(materialise(bundle, tmp_path / "bundle") / "everything")
    known = read_flow(FLOWS / "everything")
    assert {name: path.read_bytes() for name, path in again.files.items()} == {
        name: path.read_bytes() for name, path in known.files.items()
    }


def test_the_copy_has_the_includes_the_variant_and_the_models(tmp_path):
    yaml = write_copy(
        read_flow(FLOWS / "everything"), tmp_path, "ask.long", {"other_connection": "big", DEFAULT_CONNECTION: "small"}
    )
    assert (yaml.parent / "words.py").is_file()
    copied = read_flow(yaml).document.data
    assert "additional_includes" not in copied
    variants = copied["node_variants"]["ask"]
    assert variants["default_variant_id"] == "long"
    named = {name: held["node"]["inputs"]["model"] for name, held in variants["variants"].items()}
    assert named == {"short": "small", "long": "big"}
    assert variants["variants"]["long"]["node"]["inputs"]["deployment_name"] == "big"
    assert "enabled: 'false'" in (tmp_path / "promptflow" / "pf.yaml").read_text()


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("[]", "a flow is a mapping"),
        ("a: 1", "flow.dag.yaml:1: neither `nodes` (a DAG) nor `entry` (a flex flow): this is no flow"),
        (
            dag("{name: a, type: python, source: {type: code, path: acts.py}}"),
            "flow.dag.yaml:2: node a: no file acts.py (did you mean 'act.py'?)",
        ),
        (
            dag(additional_includes="[../gone.py, ../shared.zip]"),
            "flow.dag.yaml:1: ../gone.py: no such file or folder",
        ),
    ],
)
def test_a_mistake_in_a_flows_yaml_is_told_with_its_line(tmp_path, yaml, said):
    write(tmp_path, {"flow.dag.yaml": yaml, "act.py": ""})
    with pytest.raises(ConfigError) as raised:
        read_flow(tmp_path)
    assert said in str(raised.value)


@needs_promptflow
@pytest.mark.parametrize(
    ("flow", "settings", "said"),
    [
        ("everythin", {}, r"no such flow: .*everythin \(did you mean 'everything'\?\)"),
        ("shared", {}, r"shared holds no flow.dag.yaml and no flow.flex.yaml"),
        ("everything", {"variant": "ask.longer"}, r"has no variant 'ask.longer' \(did you mean 'ask.long'\?\)"),
        ("desk", {"variant": "a.b"}, r"variant 'a.b': a flex flow has no variants \(choose with `init`\)"),
        ("everything", {"inputs": {"qestion": "q"}}, r"has no input 'qestion' \(did you mean 'question'\?\)"),
        ("stream", {"inputs": {"text": "q"}}, r"has no input 'text' \(known: how, question\)"),
        ("everything", {"pick": "answr"}, r"has no output 'answr' \(did you mean 'answer'\?\)"),
        ("everything", {"init": {"a": 1}}, "`init` is for flex classes"),
    ],
)
def test_what_a_target_names_and_the_flow_lacks_is_told_before_anything_starts(flow, settings, said):
    async def opened():
        async with flow_target(flow, **settings).open():
            pass

    with pytest.raises(PlimsollError) as raised:
        asyncio.run(opened())
    assert re.search(said, str(raised.value))


def test_only_inputs_that_the_flow_has_are_given_to_it():
    flow = read_flow(FLOWS / "stream")
    case = a_case({"question": "Why?", "source": "x"}, expected="Because.")
    assert line_inputs(flow, case, {}) == {"question": "Why?"}
    assert line_inputs(flow, case, {"how": "expected"}) == {"question": "Why?", "how": "Because."}


def test_an_input_without_default_that_the_case_lacks_is_told():
    with pytest.raises(CellError, match="the flow needs question; the case has how") as raised:
        line_inputs(read_flow(FLOWS / "stream"), a_case({"how": "words"}), {})
    assert raised.value.kind is FailureKind.MISSING_FIELD


def test_a_chat_flow_never_answers_its_own_default_question():
    with pytest.raises(CellError, match="the flow needs question; the case has mode"):
        line_inputs(read_flow(FLOWS / "everything"), a_case({"mode": "plain"}), {})


def test_a_mapped_input_goes_before_the_conversation():
    flow = read_flow(FLOWS / "everything")
    case = a_case({"asked": "This?"}, [QUESTION])
    assert line_inputs(flow, case, {"question": "asked"})["question"] == "This?"


CHAT = ChatForm(question="question", history="history", answer="reply")


def test_turns_hold_what_was_asked_and_answered_under_the_flows_own_names():
    said: list[Message] = [
        {"role": "assistant", "content": "Welcome."},
        QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
        {"role": "assistant", "content": "Because."},
        QUESTION,
    ]
    assert chat_inputs(CHAT, said, turns=True) == {
        "question": "Why?",
        "history": [
            {"inputs": {"question": ""}, "outputs": {"reply": "Welcome."}},
            {"inputs": {"question": "Why?"}, "outputs": {"reply": "Because."}},
        ],
    }


@pytest.mark.parametrize(
    ("url", "vision", "given"),
    [
        (f"data:image/png;base64,{PIXEL}", False, {"data:image/png;base64": PIXEL}),
        ("https://example.org/a.png", False, {"data:image/*;url": "https://example.org/a.png"}),
        (
            "https://example.org/a.png",
            True,
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        ),
    ],
)
def test_images_go_in_the_flows_multimedia_form(url, vision, given):
    message = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is it?"}],
    }
    text = {"type": "text", "text": "What is it?"} if vision else "What is it?"
    chat = ChatForm("question", "history", "answer", as_list=True, vision=vision)
    assert chat_inputs(chat, [message], turns=True)["question"] == [given, text]


@pytest.mark.parametrize(
    ("chat", "messages", "said"),
    [
        (CHAT, [QUESTION, {"role": "assistant", "content": "Because."}], "ends with a message of the assistant"),
        (ChatForm("question", None, "answer"), [QUESTION, QUESTION], "the flow has no chat history"),
        (CHAT, [{"role": "user", "content": [{"type": "input_audio"}, {"type": "image_url"}]}], "not 'input_audio'"),
    ],
)
def test_a_conversation_that_does_not_fit_the_flow_is_a_failed_cell(chat, messages, said):
    with pytest.raises(CellError, match=said):
        chat_inputs(chat, messages, turns=True)


def test_a_generation_depends_on_the_flow_the_models_and_the_inputs():
    async def generation(**identity):
        model = ScriptedModel(lambda _: "a", identity={"model": "m", **identity})
        async with flow_target("stream", model).open() as target:
            return target.generation(a_case({"question": "Why?", "unused": 1}))

    if find_spec("promptflow") is None:
        pytest.skip("promptflow is not installed")
    assert asyncio.run(generation(base_url="a")) == {
        "target": "sha256:0",
        "models": {DEFAULT_CONNECTION: {"model": "m", "base_url": "a"}},
        "values": {"question": "Why?"},
    }


SCRIPT = """
from typing import Union
from promptflow.core import tool
from promptflow.connections import AzureOpenAIConnection, CustomConnection, SerpConnection

@tool
def act(
    text: str,
    either: Union[CustomConnection, AzureOpenAIConnection],
    custom: CustomConnection,
    serp: "SerpConnection",
):
    ...
"""


@pytest.mark.parametrize(("argument", "kind"), [("either", "AzureOpenAIConnection"), ("custom", "CustomConnection")])
def test_a_python_node_gets_the_kind_of_connection_that_its_annotation_names(tmp_path, argument, kind):
    write(tmp_path, {"act.py": SCRIPT})
    node = {"name": "a", "type": "python", "source": {"path": "act.py"}, "inputs": {argument: "c", "text": "c"}}
    found = Connections({}, ENDPOINT).of_dag({"nodes": [node]}, tmp_path, lambda _: {})
    assert found["c"]["type"] == kind
    assert found["c"]["value"]["api_base"] == "http://g/0"


@pytest.mark.parametrize(
    ("connections", "argument", "said"),
    [
        (Connections({}, None), "custom", "node a uses the connection 'c', which no model stands for"),
        (
            Connections({}, ENDPOINT),
            "serp",
            "node a uses the connection 'c' as SerpConnection: a model can't be that",
        ),
    ],
)
def test_a_connection_that_cannot_be_given_is_told(tmp_path, connections, argument, said):
    write(tmp_path, {"act.py": SCRIPT})
    node = {"name": "a", "type": "python", "source": {"path": "act.py"}, "inputs": {argument: "c"}}
    with pytest.raises(PlimsollError) as raised:
        connections.of_dag({"nodes": [node]}, tmp_path, lambda _: {})
    assert raised.value.message == said


def test_a_named_connection_goes_before_the_default_and_only_the_chosen_variant_counts(tmp_path):
    named = Endpoint("http://g/1/v1", "http://g/1", "k", "v", "big")
    data = read_flow(FLOWS / "everything").document.data
    found = Connections({"open_ai_connection": named}, None).of_dag(data, FLOWS / "everything", lambda _: {})
    assert {name: given["value"]["base_url"] for name, given in found.items()} == {
        "open_ai_connection": "http://g/1/v1"
    }


def test_a_model_configuration_with_an_address_of_its_own_is_left_alone(tmp_path):
    parameters = tool_parameters(FLOWS / "desk" / "desk.py")
    own = {"azure_endpoint": "https://mine", "api_key": "k", "azure_deployment": "d"}
    given, _ = Connections({}, ENDPOINT).of_class({"model_config": own}, parameters)
    assert given["model_config"] == own
    given, named = Connections({}, ENDPOINT).of_class({"model_config": {"azure_deployment": "gpt-4"}}, parameters)
    assert given["model_config"]["azure_deployment"] == "small"
    assert named["connection"]["type"] == "AzureOpenAIConnection"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("sys.stdout = open('x')", True),
        ("os.environ['A'] = 'b'", True),
        ("os.environ.update(a='b')", True),
        ("with redirect_stdout(None): pass", True),
        ("os.chdir('/')", True),
        ("print(os.environ['A'], sys.stdout)", False),
        ("found = {}; found.update(a='b')", False),
    ],
)
def test_code_that_changes_what_its_process_shares_is_found(tmp_path, body, found):
    head = "import os, sys\nfrom contextlib import redirect_stdout\nos.environ['AT'] = 'import'\n"
    write(tmp_path, {"a.py": f"{head}def act():\n    {body}\n"})
    assert bool(shared_state([tmp_path / "a.py"])) is found


def test_the_workers_environment_leads_to_the_model_and_past_every_proxy(tmp_path):
    given = {"OPENAI_API_KEY": "sk-real-key", "OPENAI_ORG_ID": "o", "no_proxy": "intranet", "MINE": "1"}
    found = worker_environment(given, tmp_path, ENDPOINT)
    assert found["OPENAI_API_KEY"] == found["AZURE_OPENAI_API_KEY"] == "throw-away"
    assert found["OPENAI_BASE_URL"] == "http://g/0/v1"
    assert found["AZURE_OPENAI_ENDPOINT"] == "http://g/0"
    assert found["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert "OPENAI_ORG_ID" not in found
    assert found["MINE"] == "1"
    assert worker_environment(given, tmp_path, None)["OPENAI_API_KEY"] == "sk-real-key"
    assert list(secret_values({**given, "A_TOKEN": "short"})) == ["sk-real-key"]
