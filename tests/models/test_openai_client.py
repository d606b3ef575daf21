import asyncio
import gc
import time
import traceback
from datetime import UTC, datetime

import pytest

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, FailureKind
from plimsoll.models import open_models
from plimsoll.models.failures import retry_after
from plimsoll.models.retries import Backoff
from plimsoll.testing import ManualClock, Reply, ScriptedEndpoint
from plimsoll.types import ChatRequest

QUESTION = ChatRequest(messages=({"role": "user", "content": "What is the capital of France?"},))


def in_turn(*replies):
    """A script that gives these replies one after the other."""
    left = list(replies)
    return lambda request: left.pop(0)


def error_body(message, **fields):
    return {"error": {"message": message, **fields}}


def test_an_answer_comes_back_with_usage_latency_and_the_endpoints_name_for_the_model(ask):
    asked = ask(lambda request: Reply(text="Paris, of course.", model="m-2026-01-01", delay=0.05))
    reply = asked.reply
    assert (reply.text, reply.finish, reply.model) == ("Paris, of course.", "stop", "m-2026-01-01")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.requests) == (6, 3, 1)
    assert 0.05 <= reply.latency < 5
    (received,) = asked.requests
    assert received.json == {"model": "m", "messages": list(QUESTION.messages)}
    assert received.headers["authorization"] == "Bearer key-1234567"


def test_the_models_parameters_are_sent_and_the_requests_own_go_over_them(ask):
    request = ChatRequest(messages=QUESTION.messages, parameters={"temperature": 0.5, "tools": [], "stream": True})
    settings = {"temperature": 0, "max_tokens": 20, "stop": ["\n"], "extra_body": {"top_k": 1}}
    asked = ask(lambda request: "Paris", request=request, **settings)
    sent = asked.requests[0].json
    assert sent == {
        "model": "m",
        "messages": list(QUESTION.messages),
        "temperature": 0.5,
        "max_tokens": 20,
        "stop": ["\n"],
        "tools": [],
        "top_k": 1,
    }


def test_a_reasoning_model_gets_its_own_parameters_and_identity_holds_them_as_sent(ask):
    asked = ask(lambda request: "Paris", model="o3-mini", temperature=0, max_tokens=20)
    sent = asked.requests[0].json
    assert sent["max_completion_tokens"] == 20
    assert {"temperature", "max_tokens"}.isdisjoint(sent)
    assert asked.model.identity() == {
        "provider": "openai",
        "base_url": asked.endpoint.base_url,
        "model": "o3-mini",
        "parameters": {"max_completion_tokens": 20},
    }
    assert asked.model.notes == (
        "max_tokens is sent as max_completion_tokens: o3-mini is a reasoning model",
        "temperature is left out: o3-mini is a reasoning model, which refuses it",
    )


def test_tool_calls_without_text_are_an_answer(ask):
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    reply = ask(lambda request: Reply(text=None, tool_calls=[call], finish_reason="tool_calls")).reply
    assert (reply.text, reply.finish, reply.tool_calls) == ("", "tool_calls", (call,))


def test_an_answer_cut_by_the_token_limit_is_an_answer_that_says_so(ask):
    assert ask(lambda request: Reply(text="Par", finish_reason="length")).reply.finish == "length"


def test_log_probabilities_and_unknown_usage_come_through(ask):
    tokens = [{"token": "Paris", "logprob": -0.1}]
    reply = ask(lambda request: Reply(text="Paris", logprobs={"content": tokens}, usage=None)).reply
    assert reply.logprobs == tuple(tokens)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (None, None)


def test_text_in_parts_is_joined(ask):
    body = {"choices": [{"message": {"content": [{"type": "text", "text": "Pa"}, {"type": "text", "text": "ris"}]}}]}
    assert ask(lambda request: Reply(body=body)).reply.text == "Paris"


FINAL_FAULTS = {
    "wrong key": (
        Reply(status=401, body=error_body("Incorrect API key provided: key-1234567.")),
        FailureKind.AUTH,
        "answered 401: Incorrect API key provided: ***.",
        "check the API key",
    ),
    "forbidden": (
        Reply(status=403, body=error_body("not yours")),
        FailureKind.AUTH,
        "answered 403: not yours",
        "API key",
    ),
    "a portal's page in place of the API": (
        Reply(status=403, body="<!DOCTYPE html><html><title>Log in to the\nnetwork</title></html>"),
        FailureKind.AUTH,
        "answered 403: a page of HTML titled 'Log in to the network'",
        "this is no API: check base_url (most end in /v1) and the proxy",
    ),
    "unknown model": (
        Reply(status=404, body=error_body("The model `m` does not exist")),
        FailureKind.NOT_FOUND,
        "m at http://127.0.0.1:PORT/v1 answered 404: The model `m` does not exist",
        "check the model's name and base_url",
    ),
    "bad parameter": (
        Reply(status=400, body=error_body("unknown parameter: foo")),
        FailureKind.INVALID_REQUEST,
        "answered 400: unknown parameter: foo",
        "check parameters and prompt length",
    ),
    "validation list of another server": (
        Reply(status=422, body={"detail": [{"loc": ["temperature"], "msg": "too big"}]}),
        FailureKind.INVALID_REQUEST,
        "too big",
        "refused the request as it stands",
    ),
    "prompt too long, by code": (
        Reply(status=400, body=error_body("8193 tokens", code="context_length_exceeded")),
        FailureKind.INVALID_REQUEST,
        "the prompt is too long for the model; m at",
        "shorten the prompt or its context",
    ),
    "prompt too long, by words": (
        Reply(status=400, body=error_body("request (5010 tokens) exceeds the available context size (2048 tokens)")),
        FailureKind.INVALID_REQUEST,
        "the prompt is too long for the model",
        "larger window",
    ),
    "content filter of the prompt": (
        Reply(status=400, body=error_body("filtered", code="content_filter")),
        FailureKind.REFUSED,
        "answered 400: filtered",
        "content filter refused this case",
    ),
    "content filter, named inside": (
        Reply(status=400, body=error_body("no", innererror={"code": "ResponsibleAIPolicyViolation"})),
        FailureKind.REFUSED,
        "answered 400: no",
        "content filter",
    ),
    "no quota left": (
        Reply(status=429, body=error_body("You exceeded your current quota", code="insufficient_quota")),
        FailureKind.AUTH,
        "answered 429: You exceeded your current quota",
        "the account's quota is used up: check its plan and billing",
    ),
    "not implemented": (
        Reply(status=501, body=error_body("no chat here")),
        FailureKind.INVALID_REQUEST,
        "answered 501: no chat here",
        "refused the request",
    ),
    "HTML with status 200": (
        Reply(body="<html><title>Welcome</title></html>"),
        FailureKind.BAD_RESPONSE,
        "the answer is not JSON: a page of HTML titled 'Welcome'",
        "check base_url",
    ),
    "torn JSON": (Reply(body='{"choices": ['), FailureKind.BAD_RESPONSE, "the answer is not JSON", "check base_url"),
    "no body": (Reply(body=""), FailureKind.BAD_RESPONSE, "the answer has no body", "check base_url"),
    "a JSON list": (Reply(body="[1]"), FailureKind.BAD_RESPONSE, "not a JSON object", "check base_url"),
    "no choices": (Reply(body={"choices": []}), FailureKind.BAD_RESPONSE, "holds no choices", "check base_url"),
    "choices null": (Reply(body={"choices": None}), FailureKind.BAD_RESPONSE, "holds no choices", "check base_url"),
    "choices missing": (Reply(body={"id": "x"}), FailureKind.BAD_RESPONSE, "holds no choices", "check base_url"),
    "no message": (Reply(body={"choices": [{}]}), FailureKind.BAD_RESPONSE, "has no message", "check base_url"),
    "content of another type": (
        Reply(body={"choices": [{"message": {"content": 5}}]}),
        FailureKind.BAD_RESPONSE,
        "neither text nor parts",
        "check base_url",
    ),
    "aborted generation": (
        Reply(text="Par", finish_reason="abort"),
        FailureKind.BAD_RESPONSE,
        "the answer ended with 'abort', which is no complete answer",
        "check base_url",
    ),
    "empty text": (Reply(text=""), FailureKind.EMPTY, "the answer is empty", "look at the prompt and at max_tokens"),
    "white space": (Reply(text=" \n "), FailureKind.EMPTY, "the answer is empty", "max_tokens"),
    "null text": (Reply(text=None), FailureKind.EMPTY, "the answer is empty", "max_tokens"),
    "limit spent before the first word": (
        Reply(text="", finish_reason="length"),
        FailureKind.EMPTY,
        "the token limit was used up before its first word",
        "raise max_tokens",
    ),
    "answer filtered": (
        Reply(text="half an", finish_reason="content_filter"),
        FailureKind.REFUSED,
        "the model refused to answer by its content filter",
        "content filter",
    ),
    "refusal": (
        Reply(text=None, refusal="I can't help with that."),
        FailureKind.REFUSED,
        "the model refused to answer: I can't help with that.",
        "content filter",
    ),
}


@pytest.mark.parametrize("fault", FINAL_FAULTS)
def test_a_fault_that_trying_again_cannot_mend_fails_at_once_with_its_reason_and_remedy(ask, fault):
    answer, kind, message, remedy = FINAL_FAULTS[fault]
    asked = ask(lambda request: answer)
    assert asked.reply is None
    assert asked.failure.kind is kind
    assert message in asked.failure.message.replace(str(asked.endpoint.port), "PORT")
    assert remedy in asked.failure.remedy
    assert len(asked.requests) == asked.model.requests == 1


PASSING_FAULTS = {
    "rate limit": (Reply(status=429, body=error_body("slow down")), FailureKind.RATE_LIMIT, "answered 429: slow down"),
    "server error": (Reply(status=500, body=error_body("oops")), FailureKind.SERVER, "answered 500: oops"),
    "bad gateway": (Reply(status=502, body="<html></html>"), FailureKind.SERVER, "answered 502: a page of HTML"),
    "overloaded": (Reply(status=503, body=""), FailureKind.SERVER, "answered 503: no message"),
    "request timeout": (Reply(status=408, body=""), FailureKind.TIMEOUT, "answered 408"),
    "an error with status 200": (
        Reply(body=error_body("upstream failed")),
        FailureKind.SERVER,
        "the endpoint answered with an error: upstream failed",
    ),
    "closed without an answer": (Reply(cut=0), FailureKind.CONNECTION, "closed the connection without an answer"),
    "cut in the body": (Reply(text="Paris", cut=30), FailureKind.CONNECTION, "cut in the middle of its body"),
    "no answer in time": (Reply(delay=30), FailureKind.TIMEOUT, "gave no answer within 0.5 s"),
}


@pytest.mark.parametrize("fault", PASSING_FAULTS)
def test_a_fault_that_may_pass_is_tried_again_and_the_answer_counts_every_attempt(ask, fault):
    answer, _, _ = PASSING_FAULTS[fault]
    timeout = 0.5 if fault == "no answer in time" else 30
    asked = ask(in_turn(answer, answer, "Paris"), timeout=timeout)
    assert asked.failure is None
    assert asked.reply.text == "Paris"
    assert asked.reply.usage.requests == len(asked.requests) == asked.model.requests == 3


@pytest.mark.parametrize("fault", PASSING_FAULTS)
def test_a_fault_that_stays_fails_after_the_retries(ask, fault):
    answer, kind, message = PASSING_FAULTS[fault]
    timeout = 0.5 if fault == "no answer in time" else 30
    asked = ask(lambda request: answer, retries=1, timeout=timeout)
    assert asked.failure.kind is kind
    assert message in asked.failure.message
    assert asked.failure.remedy
    assert len(asked.requests) == 2


def test_latency_is_the_successful_attempts_alone(ask):
    slow_failure = Reply(status=500, body=error_body("oops"), delay=0.5)
    began = time.monotonic()
    reply = ask(in_turn(slow_failure, Reply(text="Paris", delay=0.05))).reply
    assert 0.05 <= reply.latency < time.monotonic() - began - 0.5


def test_retry_after_is_honoured(ask):
    began = time.monotonic()
    asked = ask(in_turn(Reply(status=429, headers={"Retry-After": "0.4"}, body=error_body("slow down")), "Paris"))
    assert asked.reply.text == "Paris"
    assert time.monotonic() - began >= 0.4


def test_a_retry_after_beyond_the_budget_fails_at_once(ask):
    asked = ask(lambda request: Reply(status=429, headers={"Retry-After": "3600"}, body=error_body("come back later")))
    assert asked.failure.kind is FailureKind.RATE_LIMIT
    assert asked.failure.retry_after == 3600
    assert len(asked.requests) == 1


def test_the_time_spent_on_retries_is_bounded(ask):
    backoff = Backoff(initial=0.1, longest=0.1, jitter=0)
    began = time.monotonic()
    asked = ask(lambda request: Reply(status=500, body=""), retries=1000, backoff=backoff, give_up_after=0.35)
    assert asked.failure.kind is FailureKind.SERVER
    assert 2 <= len(asked.requests) <= 5
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"Retry-After": "Thu, 01 Jan 2026 00:01:00 GMT"}, 30),
        ({"Retry-After": "Thu, 01 Jan 2020 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers, seconds):
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.advance(30)
    assert retry_after(headers, clock()) == seconds


def test_a_refused_connection_and_an_unknown_name_say_so():
    async def scenario(base_url):
        settings = ModelSettings(model="m", base_url=base_url, retries=0)
        async with open_models({"it": settings}, 1, {}) as models:
            with pytest.raises(CellError) as caught:
                await models["it"].chat(QUESTION)
        return caught.value

    refused = asyncio.run(scenario("http://127.0.0.1:9/v1"))
    assert refused.kind is FailureKind.CONNECTION
    assert refused.message == "m at http://127.0.0.1:9/v1: the connection was refused; is the server running?"
    unknown = asyncio.run(scenario("http://no-such-host.invalid/v1"))
    assert unknown.kind is FailureKind.CONNECTION
    assert unknown.message == "m at http://no-such-host.invalid/v1: its name can't be resolved"


def test_tls_towards_a_plain_server_is_told_and_not_tried_again():
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris") as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url.replace("http:", "https:"))
            async with open_models({"it": settings}, 1, {}) as models:
                with pytest.raises(CellError, match="no TLS connection") as caught:
                    await models["it"].chat(QUESTION)
                assert models["it"].requests == 1
                assert "https:// or http://" in caught.value.remedy

    asyncio.run(scenario())


def test_no_more_requests_are_under_way_than_the_concurrency_allows():
    async def scenario():
        under_way, most = 0, 0

        async def script(request):
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.02)
            under_way -= 1
            return "Paris"

        async with ScriptedEndpoint(script) as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, concurrency=3)
            async with open_models({"it": settings}, 16, {}) as models:
                assert models["it"].concurrency == 3
                replies = await asyncio.gather(*(models["it"].chat(QUESTION) for _ in range(12)))
        assert most == 3
        assert len(replies) == 12

    asyncio.run(scenario())


def test_waiting_for_a_permit_does_not_count_as_latency():
    async def scenario():
        async with ScriptedEndpoint(lambda request: Reply(text="Paris", delay=0.2)) as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, concurrency=1)
            async with open_models({"it": settings}, 16, {}) as models:
                began = time.monotonic()
                replies = await asyncio.gather(*(models["it"].chat(QUESTION) for _ in range(4)))
                # One after the other: their latencies fill the time, and none holds another's.
                assert sum(reply.latency for reply in replies) <= time.monotonic() - began

    asyncio.run(scenario())


class Crowd(ScriptedEndpoint):
    """Answers so many at once, and 429 to whoever comes beyond them."""

    def __init__(self, room):
        super().__init__(self.answer)
        self.room = room
        self.under_way = self.refused = 0
        self.seen = []

    async def answer(self, request):
        self.seen.append(self.under_way + 1)
        if self.under_way >= self.room:
            self.refused += 1
            return Reply(status=429, body=error_body("slow down"))
        self.under_way += 1
        await asyncio.sleep(0.02)
        self.under_way -= 1
        return "Paris"


def test_adaptive_concurrency_finds_what_the_endpoint_bears_and_every_request_is_answered():
    async def scenario():
        async with Crowd(room=12) as endpoint:
            settings = ModelSettings(
                model="m", base_url=endpoint.base_url, concurrency="adaptive", max_concurrency=48, retries=20
            )
            quick = Backoff(isolated=0.01, initial=0.02, longest=0.1)
            async with open_models({"it": settings}, 16, {}, backoff=quick) as models:
                assert models["it"].concurrency == 48
                asked = iter(range(600))

                async def worker():
                    return [(await models["it"].chat(QUESTION)).text for _ in asked]

                answers = await asyncio.gather(*(worker() for _ in range(48)))
        return [text for some in answers for text in some], endpoint

    answers, endpoint = asyncio.run(scenario())
    assert answers == ["Paris"] * 600
    # It passed what the endpoint bears by a few at first, and by one at a time from then on; never by all 48.
    assert 12 < max(endpoint.seen) <= 24
    assert max(endpoint.seen[300:]) <= 14
    assert endpoint.refused < 150


def test_a_fixed_concurrency_far_above_the_endpoints_loses_no_request_either():
    async def scenario():
        async with Crowd(room=12) as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, concurrency=48, retries=20)
            quick = Backoff(isolated=0.01, initial=0.02, longest=0.1)
            async with open_models({"it": settings}, 16, {}, backoff=quick) as models:
                return await asyncio.gather(*(models["it"].chat(QUESTION) for _ in range(200)))

    assert [reply.text for reply in asyncio.run(scenario())] == ["Paris"] * 200


async def outcomes_of(settings, calls, *, environ=None):
    quick = Backoff(isolated=0.001, initial=0.001, longest=0.01, jitter=0)
    async with open_models({"it": settings}, 16, environ or {}, backoff=quick) as models:
        found = await asyncio.gather(*(models["it"].chat(QUESTION) for _ in range(calls)), return_exceptions=True)
        return found, models["it"].requests


@pytest.mark.parametrize("concurrency", [1, 2, 64])
@pytest.mark.parametrize(
    ("answer", "kind", "message", "remedy"),
    [
        (Reply(status=401, body=error_body("wrong key")), FailureKind.AUTH, "401: wrong key", "check the API key"),
        (Reply(status=404, body=error_body("no such model")), FailureKind.NOT_FOUND, "404: no such model", "base_url"),
    ],
)
def test_an_endpoint_that_lets_nobody_in_is_given_up_after_few_requests(concurrency, answer, kind, message, remedy):
    async def scenario():
        async with ScriptedEndpoint(lambda request: answer) as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, concurrency=concurrency)
            found, requests = await outcomes_of(settings, 200)
            return found, requests, len(endpoint.requests)

    found, requests, received = asyncio.run(scenario())
    assert {error.kind for error in found} == {kind}
    assert all(message in error.message and remedy in error.remedy for error in found)
    down = [error for error in found if error.down]
    assert len(down) > 100
    assert all("10 attempts in a row failed, so it counts as down" in error.message for error in down)
    assert received <= requests == sum(error.requests for error in found) <= 10 + concurrency


def test_an_endpoint_that_is_not_there_is_given_up_and_every_call_says_why():
    settings = ModelSettings(model="m", base_url="http://127.0.0.1:9/v1", concurrency=8, retries=100_000)
    found, requests = asyncio.run(outcomes_of(settings, 40))
    assert all(error.down and error.kind is FailureKind.CONNECTION for error in found)
    assert all("the connection was refused; is the server running?" in error.message for error in found)
    assert all("plimsoll doctor" in error.remedy for error in found)
    assert sum(error.requests for error in found) == requests


def test_an_endpoint_that_is_restarted_costs_no_request():
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris") as first:
            settings = ModelSettings(model="m", base_url=first.base_url, concurrency=8)
            quick = Backoff(isolated=0.001, initial=0.01, longest=0.05)
            async with open_models({"it": settings}, 16, {}, backoff=quick) as models:
                assert (await models["it"].chat(QUESTION)).text == "Paris"
                await first.stop()
                calls = [asyncio.create_task(models["it"].chat(QUESTION)) for _ in range(40)]
                while models["it"].requests < 20:
                    await asyncio.sleep(0.01)
                again = ScriptedEndpoint(lambda request: "Paris")
                again.port = first.port
                async with again:
                    return await asyncio.gather(*calls)

    assert [reply.text for reply in asyncio.run(scenario())] == ["Paris"] * 40


def test_tokens_a_minute_are_counted_as_the_endpoint_counts_them():
    async def scenario():
        # 8 words at 4 characters a token and 20 for the answer would be 29 each; the endpoint counts 9.
        async with ScriptedEndpoint(lambda request: "Paris of course") as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, max_tokens=20, tokens_per_minute=600)
            async with open_models({"it": settings}, 4, {}) as models:
                first = [await models["it"].chat(QUESTION) for _ in range(12)]
                assert {reply.usage.total_tokens for reply in first} == {9}
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await asyncio.gather(*(models["it"].chat(QUESTION) for _ in range(60)))
                return len(endpoint.requests)

    # Ten seconds' worth are 100 tokens: eleven requests of nine, and the ones that a few moments more allow.
    assert 12 <= asyncio.run(scenario()) < 20


KEY = "sk-proj-abcdefghijklmnop"
HEADER = "header-secret-0123"


@pytest.mark.parametrize(
    "answer",
    [
        Reply(status=401, body=error_body(f"Incorrect API key provided: {KEY}; header {HEADER}")),
        Reply(status=500, body=f"<html><title>{KEY}</title></html>"),
        Reply(status=400, body=f"Authorization: Bearer {KEY}"),
        Reply(body=f"you sent {KEY} and {HEADER}"),
        Reply(text=None, refusal=f"I won't repeat {KEY}"),
        Reply(status=400, body=error_body("a key of somebody else: sk-live-zyxwvutsrqpo")),
    ],
)
def test_no_key_appears_in_any_error(ask, answer):
    environ = {"MY_KEY": KEY, "MY_HEADER": HEADER}
    asked = ask(
        lambda request: answer,
        environ=environ,
        api_key="${MY_KEY}",
        headers={"X-Gateway": "${MY_HEADER}"},
        retries=0,
    )
    assert asked.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert asked.requests[0].headers["x-gateway"] == HEADER
    everything = "".join(traceback.format_exception(asked.failure)) + repr(asked.failure) + asked.failure.remedy
    assert "***" in asked.failure.message
    for secret in (KEY, HEADER, "sk-live-zyxwvutsrqpo"):
        assert secret not in everything
    assert KEY not in repr(asked.model.connection) + str(asked.model.identity())
    assert HEADER not in repr(asked.model.connection)


def test_a_request_that_cannot_be_sent_is_classified(ask):
    request = ChatRequest(messages=({"role": "user", "content": object()},))
    asked = ask(lambda request: "Paris", request=request)
    assert asked.failure.kind is FailureKind.INVALID_REQUEST
    assert "the request can't be sent" in asked.failure.message
    assert asked.requests == []


def test_a_cancelled_request_gives_its_permit_back():
    async def scenario():
        delays = iter([30, 0])
        async with ScriptedEndpoint(lambda request: Reply(text="Paris", delay=next(delays))) as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, concurrency=1)
            async with open_models({"it": settings}, 1, {}) as models:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await models["it"].chat(QUESTION)
                assert (await models["it"].chat(QUESTION)).text == "Paris"

    asyncio.run(scenario())


def test_closing_leaves_nothing_open(ask):
    ask(lambda request: "Paris")
    # Warnings are errors: a session left open would warn here.
    gc.collect()
