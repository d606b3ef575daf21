import asyncio
import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import openai
import pytest

from plimsoll.errors import CellError, FailureKind
from plimsoll.models import ChatModel
from plimsoll.testing import ManualClock, Reply, ScriptedEndpoint, ScriptedModel
from plimsoll.types import ChatReply, ChatRequest

MESSAGES: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_in_a_thread_it_answers_a_caller_without_an_event_loop():
    with ScriptedEndpoint(lambda request: request["messages"][0]["content"].upper()) as endpoint:
        answer = post(f"{endpoint.base_url}/chat/completions", {"model": "m", "messages": MESSAGES})
        assert answer["choices"][0]["message"]["content"] == "WHAT IS THE CAPITAL OF FRANCE?"
        assert answer["usage"] == {"prompt_tokens": 6, "completion_tokens": 6, "total_tokens": 12}
        with urllib.request.urlopen(f"{endpoint.base_url}/models", timeout=10) as models:
            assert [entry["id"] for entry in json.load(models)["data"]] == ["scripted"]
    assert [request.path for request in endpoint.requests] == ["/v1/chat/completions", "/v1/models"]
    with pytest.raises(urllib.error.URLError):
        post(f"{endpoint.base_url}/chat/completions", {})


def test_a_script_that_raises_is_a_500_and_kept_for_the_test():
    def script(request):
        raise ValueError("a mistake in the test")

    with ScriptedEndpoint(script) as endpoint, pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{endpoint.base_url}/chat/completions", {"messages": MESSAGES})
    with caught.value as error:
        assert error.code == 500
        assert "a mistake in the test" in error.read().decode()
    assert [str(error) for error in endpoint.errors] == ["a mistake in the test"]


@pytest.mark.parametrize(("path", "body", "status"), [("elsewhere", {}, 404), ("chat/completions", [1], 400)])
def test_what_it_does_not_serve_is_refused(path, body, status):
    with ScriptedEndpoint(lambda request: "") as endpoint, pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{endpoint.base_url}/{path}", body)
    with caught.value as error:
        assert error.code == status


def test_streaming_gives_the_same_text_usage_and_tool_calls_in_pieces():
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}

    async def scenario():
        async with (
            ScriptedEndpoint(lambda request: Reply(text="The capital is Paris.", tool_calls=[call])) as endpoint,
            openai.AsyncOpenAI(base_url=endpoint.base_url, api_key="none") as client,
        ):
            stream = await client.chat.completions.create(
                model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
            return [chunk async for chunk in stream]

    chunks = asyncio.run(scenario())
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "The capital is Paris."
    assert [delta.tool_calls[0].function.name for delta in deltas if delta.tool_calls] == ["look"]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == 4


def test_an_async_script_can_wait_and_a_delay_holds_the_answer_back():
    async def script(request):
        await asyncio.sleep(0.05)
        return Reply(text="Paris", delay=0.05)

    with ScriptedEndpoint(script) as endpoint:
        began = time.monotonic()
        post(f"{endpoint.base_url}/chat/completions", {"messages": MESSAGES})
        assert time.monotonic() - began >= 0.1


def chat(model: ChatModel, text):
    return asyncio.run(model.chat(ChatRequest(messages=({"role": "user", "content": text},))))


def test_a_scripted_model_is_a_chat_model_that_keeps_its_requests():
    model = ScriptedModel(lambda request: f"{len(request.messages)} message")
    reply = chat(model, "one two three")
    assert (reply.text, reply.usage.prompt_tokens, reply.usage.completion_tokens) == ("1 message", 3, 2)
    assert reply.usage.requests == 1
    assert [request.messages[0]["content"] for request in model.requests] == ["one two three"]
    assert model.identity() == {"provider": "scripted", "model": "scripted", "parameters": {}}


def test_a_scripted_model_gives_whole_replies_and_failures():
    whole = ChatReply(text="cut", finish="length")

    async def answer(request):
        if request.messages[0]["content"] == "fail":
            raise CellError(FailureKind.REFUSED, "no")
        return whole

    assert chat(ScriptedModel(answer), "say") is whole
    with pytest.raises(CellError, match="no"):
        chat(ScriptedModel(answer), "fail")


def test_a_manual_clock_stands_still_until_it_is_moved():
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock() == clock() == datetime(2026, 1, 1, tzinfo=UTC)
    clock.advance(90)
    assert (clock().isoformat(), clock.seconds) == ("2026-01-01T00:01:30+00:00", 90)
    with pytest.raises(ValueError, match="does not go backwards"):
        clock.advance(-1)
