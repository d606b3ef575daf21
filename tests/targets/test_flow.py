"""Flows in their worker. Starting promptflow takes seconds: each flow is opened once, and all that it does is kept."""

import asyncio
import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.targets.flow_parts import FLOWS, flow_target, outcome

from plimsoll.errors import CellError, FailureKind, MissingExtraError, UsageError
from plimsoll.targets.flow_running import require
from plimsoll.testing.scripted import ScriptedModel
from plimsoll.types import ChatReply, Output, Usage

pytestmark = [
    pytest.mark.promptflow,
    pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)"),
]

WATCH = """
import os, sys
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn"):
        with open(os.environ["FLOW_TEST_WATCHED"], "a") as file:
            print(event, args[1] if event == "socket.connect" else args[0], file=file)
sys.addaudithook(watch)
"""
HISTORY = [
    {"role": "system", "content": "You are a clerk."},
    {"role": "user", "content": "Who are you?"},
    {"role": "assistant", "content": "A clerk."},
    {"role": "user", "content": "Of what?"},
]


def refusing(kind):
    def answer(request):
        raise CellError(kind, "m at http://model: no", requests=2)

    return ScriptedModel(answer, name="refusing")


def echo(request):
    return f"re: {request.messages[-1]['content']}"


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """What the DAG did, by name, in one worker with an empty home, watched."""
    home, watch = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("watch")
    (watch / "sitecustomize.py").write_text(WATCH)
    watched = watch / "events"
    watched.touch()
    environment = {
        **{key: value for key, value in os.environ.items() if "OPENAI" not in key},
        "HOME": str(home),
        "PYTHONPATH": str(watch),
        "FLOW_TEST_WATCHED": str(watched),
        "FLOW_TEST_KEY": "very-secret-value",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    model = ScriptedModel(echo, name="m", identity={"provider": "scripted", "model": "small", "parameters": {}})
    before = tree(FLOWS)

    async def all_of_it():
        found = {"model": model, "home": home, "events": watched, "flows_before": before}
        async with flow_target("everything", model, environment=environment).open() as target:
            found["plain"] = await outcome(target, {"question": "Why?"})
            found["history"] = await outcome(target, messages=HISTORY)
            modes = ("fallback", "raise", "stream", "nan", "empty", "exit")
            given = await asyncio.gather(*(outcome(target, {"question": mode, "mode": mode}) for mode in modes))
            found |= dict(zip(modes, given, strict=True))
            found["after exit"] = await outcome(target, {"question": "Still there?"})
            found["nothing"] = await outcome(target, {"unrelated": 1})
            found["home_after"], found["flows_after"] = tree(home), tree(FLOWS)
        return found

    return asyncio.run(all_of_it())


def test_a_dag_of_python_prompt_and_llm_nodes_answers_with_the_suites_model(everything):
    output = everything["plain"]
    assert (output.text, output.finish, output.model) == ("re: Why?", "stop", "m")
    request = everything["model"].requests[0]
    assert [message["role"] for message in request.messages] == ["system", "user"]
    assert request.messages[0]["content"] == "Be brief."
    assert request.parameters["max_tokens"] == 7
    assert "model" not in request.parameters


def test_tokens_requests_latency_and_spans_of_a_line_are_known(everything):
    output = everything["plain"]
    assert output.usage == Usage(prompt_tokens=3, completion_tokens=2, requests=1)
    assert output.latency is not None
    assert 0 < output.latency < 10
    names = {span.name for span in output.spans}
    assert names == {"act", "style", "ask", "m", "join"}, "bypassed and aggregation nodes did not run"
    ask = next(span for span in output.spans if span.name == "ask")
    assert ask.inputs["model"] == "small"
    assert ask.output == "re: Why?"
    call = next(span for span in output.spans if span.kind == "model")
    assert call.inputs["messages"][-1] == {"role": "user", "content": "Why?"}
    assert call.output["choices"][0]["message"]["content"] == "re: Why?"
    assert call.output["usage"]["total_tokens"] == 5


def test_outputs_beside_the_answer_are_kept_and_aggregations_left_out(everything):
    extra = everything["plain"].extra
    assert set(extra) == {"detail"}
    assert extra["detail"]["ask"] is True


def test_a_conversation_becomes_chat_history_and_the_last_question(everything):
    assert everything["history"].text == "re: Of what?"
    sent = everything["model"].requests[1].messages
    assert [message["content"] for message in sent[1:]] == ["Who are you?", "A clerk.", "Of what?"]


def test_a_branch_that_is_not_active_is_skipped(everything):
    output = everything["fallback"]
    assert output.text == "no model was asked: fallback"
    assert output.usage == Usage(requests=0)


def test_a_streamed_output_is_read_to_its_end(everything):
    assert everything["stream"].text == "a stream of words"


def test_a_node_that_raises_is_a_failed_cell_that_names_it_and_no_secret(everything):
    error = everything["raise"]
    assert isinstance(error, CellError)
    assert error.kind is FailureKind.TARGET
    assert error.message == "Execution failure in 'act': (ValueError) no such thing; the key was ***"


def test_sys_exit_in_a_node_ends_its_line_only(everything):
    error = everything["exit"]
    assert isinstance(error, CellError)
    assert "sys.exit(3) was called" in error.message
    assert everything["after exit"].text == "re: Still there?"


@pytest.mark.parametrize("mode", ["nan", "empty"])
def test_an_answer_that_says_nothing_is_a_failed_cell(everything, mode):
    assert isinstance(everything[mode], CellError)
    assert everything[mode].kind is FailureKind.EMPTY


def test_a_case_with_none_of_the_flows_inputs_does_not_run_on_defaults(everything):
    error = everything["nothing"]
    assert isinstance(error, CellError)
    assert error.kind is FailureKind.MISSING_FIELD
    assert error.message == "the flow needs question, chat_history, mode; the case has unrelated"


def test_nothing_is_written_to_the_home_or_the_flows_folder(everything):
    assert everything["home_after"] == []
    assert everything["flows_after"] == everything["flows_before"]
    folder = everything["plain"].extra["detail"]["folder"]
    assert not folder.startswith(str(FLOWS))
    assert not Path(folder).exists()


def test_the_worker_speaks_to_the_gateway_and_nobody_else(everything):
    events = everything["events"].read_text().splitlines()
    assert any(event.startswith("socket.connect") for event in events), "the watcher saw nothing at all"
    # Python itself asks uname which system this is.
    elsewhere = [e for e in events if ("127.0.0.1" not in e or "23333" in e) and e != "subprocess.Popen uname"]
    assert elsewhere == []


def test_the_flow_never_sees_a_real_key(everything):
    assert len(everything["plain"].extra["detail"]["key"]) == 48


@pytest.fixture(scope="module")
def disturbed():
    """A DAG with a line that hangs and one that ends its process, beside lines that do neither."""

    async def all_of_it():
        model = ScriptedModel(echo)
        settings = {"timeout": 4.0, "variant": "ask.long", "connections": {"other_connection": model}}
        async with flow_target("everything", refusing(FailureKind.AUTH), **settings).open() as target:
            found = {"model": model, "first": await outcome(target, {"question": "Up?"})}
            hang = asyncio.create_task(outcome(target, {"question": "hang", "mode": "hang"}))
            await asyncio.sleep(3.5)
            found["innocent"] = await outcome(target, {"question": "slow", "mode": "slow"})
            found["hang"] = await hang
            found["die"], found["beside"] = await asyncio.gather(
                outcome(target, {"question": "die", "mode": "die"}),
                outcome(target, {"question": "slow", "mode": "slow"}),
            )
        return found

    return asyncio.run(all_of_it())


@pytest.mark.long
def test_a_variant_and_a_connection_are_chosen_by_the_target(disturbed):
    assert disturbed["first"].text == "re: Up?"
    assert disturbed["model"].requests[0].parameters["max_tokens"] == 700


@pytest.mark.long
def test_a_line_that_hangs_is_killed_and_the_others_go_on(disturbed):
    assert disturbed["hang"].kind is FailureKind.TIMEOUT
    assert disturbed["hang"].message == "no answer within 4 s"
    # Its answer is empty, which is what the flow says: it was not killed with the line that hung.
    assert disturbed["innocent"].kind is FailureKind.EMPTY


@pytest.mark.long
def test_a_line_that_ends_the_process_with_exit_code_0_is_a_failed_cell(disturbed):
    error = disturbed["die"]
    assert error.kind is FailureKind.WORKER
    assert "ended with exit code 0" in error.message
    assert disturbed["beside"].kind is FailureKind.EMPTY


@pytest.fixture(scope="module")
def desk():
    """What the flex class did."""

    async def answer(request):
        said = str(request.messages[-1]["content"])
        if "refuse" in said:
            raise CellError(FailureKind.RATE_LIMIT, "m at http://model answered 429: slow down", requests=3)
        await asyncio.sleep(0.02)
        cut = "length" if "cut" in said else "stop"
        return ChatReply(text=f"<{said}>", finish=cut, usage=Usage(prompt_tokens=1, completion_tokens=1, requests=1))

    async def all_of_it():
        model = ScriptedModel(answer)
        async with flow_target("desk", model, init={"greeting": "Hello"}).open() as target:
            many = await asyncio.gather(
                *(outcome(target, {"question": f"q{n}", "times": n, "chat_history": []}) for n in range(1, 9))
            )
            names = ("raise", "exit", "prompty", "named connection")
            found = dict(
                zip(names, [await outcome(target, {"question": "q", "how": how}) for how in names], strict=True)
            )
            found["refused"] = await outcome(target, {"question": "refuse"})
            found["cut"] = await outcome(target, {"question": "cut"})
            found["history"] = await outcome(target, messages=HISTORY)
        return {**found, "many": many, "model": model}

    return asyncio.run(all_of_it())


def test_a_flex_class_gets_its_init_and_the_suites_model_as_connection_and_configuration(desk):
    assert desk["many"][0].value == {"text": "<Hello q1 0>", "asked": 1}


def test_lines_that_run_at_once_know_their_own_requests(desk):
    assert [output.usage.requests for output in desk["many"]] == list(range(1, 9))
    assert [output.usage.prompt_tokens for output in desk["many"]] == list(range(1, 9))


def test_a_flex_line_that_raises_is_a_failed_cell(desk):
    assert desk["raise"].kind is FailureKind.TARGET
    assert "nobody at the desk" in desk["raise"].message
    assert "sys.exit(0) was called" in desk["exit"].message


def test_prompty_files_inside_a_flow_reach_the_suites_model(desk):
    assert desk["prompty"].value["text"] == "<q>"
    assert desk["named connection"].value["text"] == "<q>"


def test_a_models_failure_keeps_its_kind_through_the_flow(desk):
    error = desk["refused"]
    assert error.kind is FailureKind.RATE_LIMIT
    assert error.message == "m at http://model answered 429: slow down"
    assert error.requests == 3


def test_an_answer_cut_by_the_token_limit_says_so(desk):
    assert (desk["cut"].finish, desk["history"].finish) == ("length", "stop")


def test_a_flex_flow_gets_its_history_as_messages(desk):
    sent = desk["model"].requests[-1].messages
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]


@pytest.fixture(scope="module")
def stream():
    async def all_of_it():
        model = ScriptedModel(echo)
        async with flow_target("stream", model).open() as target:
            found = {"stream": await outcome(target, {"question": "one two"})}
            found["environment"] = await outcome(target, {"question": "q", "how": "environment"})
            found["many"] = await asyncio.gather(
                *(outcome(target, {"question": f"q{n}", "how": "redirect"}) for n in range(20))
            )
        return {**found, "model": model}

    return asyncio.run(all_of_it())


def test_a_flex_functions_generator_is_read_to_its_end(stream):
    assert stream["stream"].text == "onetwo"


def test_a_flow_that_reads_the_environment_reaches_the_suites_model_by_the_old_completions_too(stream):
    assert stream["environment"].text == "re: q"
    assert stream["model"].requests[0].parameters == {"max_tokens": 5}


def test_a_flow_that_changes_what_its_process_shares_runs_one_line_at_a_time(stream):
    assert [output.text for output in stream["many"]] == [f"q{n}" for n in range(20)]


def test_a_flow_that_cant_be_loaded_is_told_once_for_all_cases():
    async def all_of_it():
        async with flow_target("broken", ScriptedModel(echo)).open() as target:
            return await asyncio.gather(*(outcome(target, {"question": "q"}) for _ in range(5)))

    errors = asyncio.run(all_of_it())
    assert {type(error) for error in errors} == {UsageError}
    assert len({str(error) for error in errors}) == 1
    assert errors[0].message == (
        f"the flow can't be loaded: PythonLoadError: Failed to load python module for {FLOWS}/broken/flow.flex.yaml: "
        "(ModuleNotFoundError) No module named 'a_package_that_nobody_has'"
    )
    assert errors[0].remedy == "install what the flow's requirements name (a_package_that_nobody_has) beside plimsoll"


def test_without_promptflow_the_extra_is_named():
    with pytest.raises(MissingExtraError) as raised:
        require(["promptflow-core", "a-package-that-nobody-has"])
    assert str(raised.value) == (
        "a flow target needs packages that are not installed (pip install 'plimsoll-llm[promptflow]')"
    )


def test_outputs_have_a_json_form(everything):
    assert isinstance(everything["plain"], Output)
    json.dumps([span.inputs for span in everything["plain"].spans], allow_nan=False)
