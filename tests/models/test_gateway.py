"""The gateway answers what flows' clients send, through the real client, and nothing else."""

import asyncio
import json
from typing import Any

import openai
import pytest

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, FailureKind
from plimsoll.models import open_models
from plimsoll.models.gateway import LINE_HEADER, Call, LineCalls, ModelGateway
from plimsoll.targets.flow_answer import flow_output, usage_of, waited
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.testing.scripted import ScriptedModel
from plimsoll.types import ChatReply, Usage

ASK: list[Any] = [{"role": "user", "content": "Why?"}]
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def served(answer, ask, *, lines=()):
    """What `ask(gateway, openai client, azure client)` gave, with the model that answered."""
    model = ScriptedModel(answer, name="m")

    async def once():
        async with ModelGateway([model]) as gateway:
            calls = {line: gateway.open_line(line) for line in lines}
            plain = openai.AsyncOpenAI(base_url=gateway.openai_url(0), api_key=gateway.key)
            azure = openai.AsyncAzureOpenAI(azure_endpoint=gateway.azure_url(0), api_key=gateway.key, api_version="v")
            async with plain, azure:
                return await ask(gateway, plain, azure), calls

    return (*asyncio.run(once()), model)


def test_both_kinds_of_client_reach_the_model_whatever_they_name():
    async def ask(gateway, plain, azure):
        clients = (plain, azure)
        return [await c.chat.completions.create(model="gpt-9", messages=ASK, temperature=0) for c in clients]

    answers, _, model = served(lambda _: "Because.", ask)
    assert [answer.choices[0].message.content for answer in answers] == ["Because.", "Because."]
    assert answers[0].usage.completion_tokens == 1
    assert [request.parameters for request in model.requests] == [{"temperature": 0}] * 2


def test_several_choices_are_several_requests_to_the_model():
    async def ask(gateway, plain, azure):
        return await plain.chat.completions.create(model="m", messages=ASK, n=3)

    answer, calls, model = served(lambda _: "a", ask, lines=["l"])
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert usage_of(calls["l"]).requests == len(model.requests) == 3


def test_the_old_completions_api_is_a_chat_of_one_message():
    async def ask(gateway, plain, azure):
        return await azure.completions.create(
            model="d", prompt="Why?", best_of=1, echo=False, logit_bias={}, max_tokens=5
        )

    answer, _, model = served(lambda _: "Because.", ask)
    assert answer.choices[0].text == "Because."
    assert model.requests[0].messages == tuple(ASK)
    assert model.requests[0].parameters == {"max_tokens": 5}


@pytest.mark.parametrize("chat", [True, False])
def test_a_stream_is_streamed(chat):
    async def ask(gateway, plain, azure):
        if chat:
            options = {"include_usage": True}
            stream = await plain.chat.completions.create(model="m", messages=ASK, stream=True, stream_options=options)
            return "".join([c.choices[0].delta.content or "" for c in [x async for x in stream] if c.choices])
        stream = await plain.completions.create(model="m", prompt="Why?", stream=True)
        return "".join([chunk.choices[0].text async for chunk in stream])

    answer, _, model = served(lambda _: "a b c", ask)
    assert answer == "a b c"
    assert model.requests[0].parameters == {}


def test_tools_and_the_older_functions_come_back_as_they_were_asked_for():
    async def ask(gateway, plain, azure):
        function = {"name": "look", "parameters": {"type": "object", "properties": {}}}
        tools = [{"type": "function", "function": function}]
        new = await plain.chat.completions.create(model="m", messages=ASK, tools=tools)
        old = await plain.chat.completions.create(
            model="m", messages=ASK, functions=[function], function_call={"name": "look"}
        )
        return new.choices[0], old.choices[0]

    (new, old), _, model = served(lambda _: ChatReply(text="", finish="tool_calls", tool_calls=(CALL,)), ask)
    assert (new.finish_reason, new.message.tool_calls[0].function.name) == ("tool_calls", "look")
    assert (old.finish_reason, old.message.function_call.name) == ("function_call", "look")
    assert model.requests[0].parameters["tools"] == model.requests[1].parameters["tools"]
    assert model.requests[1].parameters["tool_choice"] == {"type": "function", "function": {"name": "look"}}


def test_a_failure_is_not_tried_again_and_found_again_in_the_flows_message():
    def refuse(request):
        raise CellError(FailureKind.SERVER, "m at http://model answered 503: busy", requests=5)

    async def ask(gateway, plain, azure):
        with pytest.raises(openai.BadRequestError) as raised:
            await plain.chat.completions.create(model="m", messages=ASK)
        return str(raised.value)

    said, calls, model = served(refuse, ask, lines=["l"])
    assert len(model.requests) == 1
    failure = calls["l"].failure_in(f"node a: OpenAI API hits BadRequestError: {said}")
    assert failure is not None
    assert failure.kind is FailureKind.SERVER
    assert calls["l"].failure_in("node a: something else") is None
    answer = {"error": said, "node": "a", "nodes": [], "started": 0.0}
    with pytest.raises(CellError) as raised:
        flow_output(answer, calls["l"], None)
    assert raised.value.message == "node a: m at http://model answered 503: busy"
    assert raised.value.requests == 5
    with pytest.raises(CellError) as raised:
        flow_output({**answer, "error": "division by zero"}, calls["l"], None)
    assert raised.value.kind is FailureKind.SERVER
    assert raised.value.message == ("node a: division by zero; before that, m at http://model answered 503: busy")


@pytest.mark.parametrize(
    ("key", "said"),
    [("wrong", "this address is only for what the harness runs now"), (None, "/v1/embeddings is neither")],
)
def test_strangers_and_other_apis_are_refused(key, said):
    async def ask(gateway, plain, azure):
        client = plain.with_options(api_key=key) if key else plain
        with pytest.raises(openai.APIStatusError) as raised:
            await client.embeddings.create(model="m", input="text")
        return str(raised.value)

    told, _, model = served(lambda _: "a", ask)
    assert said in told
    assert model.requests == []


@pytest.mark.parametrize("body", [{"messages": []}, {"messages": "Why?"}, {"prompt": ["a", "b"]}, []])
def test_a_request_that_cannot_be_read_is_told(body):
    async def ask(gateway, plain, azure):
        path = "/completions" if "prompt" in body else "/chat/completions"
        with pytest.raises(openai.BadRequestError) as raised:
            await plain.post(path, body=body, cast_to=object)
        return str(raised.value)

    told, _, _ = served(lambda _: "a", ask)
    assert "the request can't be read" in told


def test_each_line_knows_its_requests_and_says_so_where_they_cannot_be_told_apart():
    async def ask(gateway, plain, azure):
        for line in ("a", "a", "b", "gone"):
            headers = {LINE_HEADER: json.dumps({"root_run_id": line})}
            await plain.chat.completions.create(model="m", messages=ASK, extra_headers=headers)

    _, calls, _ = served(lambda _: "x y", ask, lines=["a", "b"])
    assert [len(calls[line].calls) for line in "ab"] == [2, 1]
    assert usage_of(calls["a"]) == Usage(requests=2), "tokens are unknown once a request may have been anybody's"


def call(start, seconds, latency):
    reply = ChatReply(text="a", latency=latency, usage=Usage(prompt_tokens=1, completion_tokens=2, requests=1))
    return Call("m", start, seconds, (), (reply,))


def test_waiting_for_a_permit_is_not_latency():
    # 1 s of waiting alone; then 2 s in which one call works while the other waits.
    assert waited([call(0.0, 3.0, 2.0), call(1.0, 3.0, 1.0)]) == pytest.approx(1.0)
    answer = {"started": 0.0, "seconds": 5.0, "nodes": [], "output": {"a": "yes", "b": float("nan")}}
    output = flow_output(answer, LineCalls([call(0.0, 3.0, 2.0)]), "a")
    assert output.latency == pytest.approx(4.0)
    assert output.extra == {"b": None}
    assert output.usage == Usage(prompt_tokens=1, completion_tokens=2, requests=1)


def test_a_flow_without_outputs_for_a_line_is_a_failed_cell():
    answer = {"started": 0.0, "seconds": 1.0, "nodes": [], "output": {}}
    with pytest.raises(CellError) as raised:
        flow_output(answer, LineCalls(), None)
    assert raised.value.kind is FailureKind.EMPTY
    assert "aggregation nodes don't run for a single case" in raised.value.remedy


def test_a_lines_cost_is_that_of_all_its_requests():
    async def once():
        usage = {"prompt_tokens": 1000, "completion_tokens": 100}
        async with ScriptedEndpoint(lambda _: Reply(text="a", usage=usage)) as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, price={"input": 1, "output": 2})
            async with open_models({"m": settings}, 4, {}) as models, ModelGateway(list(models.values())) as gateway:
                line = gateway.open_line("l")
                async with openai.AsyncOpenAI(base_url=gateway.openai_url(0), api_key=gateway.key) as client:
                    for _ in range(2):
                        await client.chat.completions.create(model="m", messages=ASK)
                return usage_of(line)

    assert asyncio.run(once()).cost == pytest.approx(2 * 0.0012)


def test_a_line_has_an_address_of_its_own_until_it_ends():
    async def ask(gateway, plain, azure):
        async def at(line):
            async with openai.AsyncOpenAI(base_url=gateway.line_url(0, line), api_key=gateway.key) as client:
                return await client.chat.completions.create(model="m", messages=ASK)

        await asyncio.gather(at("one"), at("two"), at("two"))
        gateway.close_line("two")
        with pytest.raises(openai.AuthenticationError):
            await at("two")

    _, calls, model = served(lambda _: "Because.", ask, lines=["one", "two"])
    assert [usage_of(calls[line]).requests for line in ("one", "two")] == [1, 2]
    assert all(calls[line].exact for line in calls)
    assert len(model.requests) == 3


def test_a_line_knows_how_long_it_waited_for_its_model():
    calls = LineCalls()
    assert calls.waited() == 0
    with calls.asking(), calls.asking():
        within = calls.waited()
    whole = calls.waited()
    assert 0 < within < whole == calls.waited()
