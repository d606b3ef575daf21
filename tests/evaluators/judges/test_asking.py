"""Expected scores, endpoints that refuse token probabilities, repeats, and what all attempts took together."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from typing import Any

import pytest
from tests.evaluators.judges.parts import GOOD, build, built_in, judged, judged_async, model

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, ConfigError, FailureKind
from plimsoll.models import open_models
from plimsoll.testing import Reply, ScriptedEndpoint, ScriptedModel
from plimsoll.types import ChatReply, ChatRequest, Failed, Score, Scored, Usage


def logprobs(score: str, alternatives: dict[str, float]) -> list[dict[str, Any]]:
    """The tokens of a judgement with that score."""
    top = [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in alternatives.items()]
    head = {"token": '{"reason": "It answers.", "score": ', "logprob": 0.0, "bytes": None, "top_logprobs": []}
    own = {"token": score, "logprob": math.log(alternatives[score]), "bytes": None, "top_logprobs": top}
    return [head, own, {"token": "}", "logprob": 0.0, "bytes": None, "top_logprobs": []}]


def weighed(alternatives: dict[str, float]) -> ChatReply:
    return ChatReply(text=GOOD, logprobs=tuple(logprobs("4", alternatives)), usage=Usage(requests=1))


def at_endpoint(script: Callable[[dict[str, Any]], str | Reply], times: int = 1, **settings: Any) -> list[Score]:
    async def scenario() -> list[Score]:
        async with ScriptedEndpoint(script) as endpoint:
            named = ModelSettings(model="m", base_url=endpoint.base_url, price={"input": 1, "output": 1})
            async with open_models({"m": named}, 4, {**os.environ, "OPENAI_API_KEY": "none"}) as models:
                judge = built_in("relevance", models["m"], **settings)
                return [await judged_async(judge) for _ in range(times)]

    return asyncio.run(scenario())


def test_an_endpoint_that_tells_token_probabilities_is_asked_once_for_the_expected_score() -> None:
    asked: list[dict[str, Any]] = []

    def script(body: dict[str, Any]) -> Reply:
        asked.append(body)
        return Reply(text=GOOD, logprobs={"content": logprobs("4", {"4": 0.6, "3": 0.3, "5": 0.1})})

    (found,) = at_endpoint(script, repeats=3)
    assert isinstance(found, Scored)
    assert found.value == pytest.approx(3.8)
    assert found.reason == "It answers. (said 4; 3.80 expected over the token probabilities)"
    assert len(asked) == 1
    assert (asked[0]["logprobs"], asked[0]["top_logprobs"]) == (True, 5)


def test_an_endpoint_that_refuses_token_probabilities_is_asked_without_them_from_then_on() -> None:
    asked: list[bool] = []

    def script(body: dict[str, Any]) -> Reply:
        asked.append("logprobs" in body)
        if "logprobs" in body:
            return Reply(status=400, body={"error": {"message": "logprobs is not supported", "code": "unsupported"}})
        return Reply(text=GOOD)

    found = at_endpoint(script, times=3)
    assert asked == [True, False, False, False]
    assert [each.value for each in found if isinstance(each, Scored)] == [4, 4, 4]
    assert [each.usage.requests for each in found if isinstance(each, Scored)] == [2, 1, 1]
    first = found[0]
    assert isinstance(first, Scored)
    assert first.usage.cost is not None


def test_a_request_that_is_refused_for_another_reason_fails_and_nothing_is_learnt_from_it() -> None:
    asked: list[bool] = []
    refusal = Reply(status=400, body={"error": {"message": "no such thing"}})

    def script(body: dict[str, Any]) -> Reply:
        asked.append("logprobs" in body)
        return refusal

    found = at_endpoint(script, times=2)
    assert asked == [True, False, True, False]
    assert all(isinstance(each, Failed) and each.failure.kind is FailureKind.INVALID_REQUEST for each in found)
    assert [each.usage.requests for each in found if isinstance(each, Failed)] == [2, 2]


def test_without_probabilities_it_is_asked_repeatedly_and_every_answer_is_told() -> None:
    answers = [GOOD.replace("4", score) for score in "3445"]
    scripted = model(*answers)
    found = judged(built_in("relevance", scripted, repeats=4))
    assert isinstance(found, Scored)
    assert (found.value, found.reason) == (4.0, "It answers. (asked 4 times: 3, 4, 4, 5)")
    assert found.usage.requests == 4


def test_probabilities_that_tell_too_little_leave_it_to_repeats() -> None:
    vague = weighed({"4": 0.5, "x": 0.5})
    found = judged(built_in("relevance", model(vague, vague), repeats=2))
    assert isinstance(found, Scored)
    assert (found.value, found.reason) == (4.0, "It answers. (asked 2 times: 4, 4)")


def test_probabilities_can_be_turned_off() -> None:
    scripted = model(weighed({"4": 0.6, "3": 0.4}))
    found = judged(built_in("relevance", scripted, probabilities="off"))
    assert isinstance(found, Scored)
    assert (found.value, found.reason) == (4.0, "It answers.")
    assert "logprobs" not in scripted.requests[0].parameters


def test_one_repeat_that_gives_no_judgement_fails_the_score_and_all_are_paid() -> None:
    found = judged(built_in("relevance", model(GOOD, GOOD, "no", "no"), repeats=3))
    # Repeats are asked at once: which of them gets the unusable answers is open.
    assert isinstance(found, Failed)
    assert found.failure.kind is FailureKind.BAD_SCORE
    assert found.usage.requests == 4
    assert found.usage.prompt_tokens


def test_a_repeat_that_can_not_be_sent_fails_the_score_with_all_that_was_sent() -> None:
    down = CellError(FailureKind.SERVER, "the provider is down", requests=5)
    found = judged(built_in("relevance", model(GOOD, GOOD, down), repeats=3))
    assert isinstance(found, Failed)
    assert (found.failure.kind, found.usage.requests) == (FailureKind.SERVER, 7)


def test_a_scale_of_more_than_five_scores_asks_for_more_alternatives() -> None:
    asked: list[ChatRequest] = []

    def answer(request: ChatRequest) -> str:
        asked.append(request)
        return GOOD

    scripted = ScriptedModel(answer)
    judged(built_in("rubric", scripted, range=[0, 10]))
    judged(built_in("rubric", scripted, range=[0, 1], integer=False, probabilities="auto"))
    assert asked[0].parameters["top_logprobs"] == 20
    assert "logprobs" not in asked[1].parameters


def test_the_suites_parameters_go_over_the_prompts() -> None:
    scripted = model(GOOD)
    judged(built_in("relevance", scripted, parameters={"temperature": 0.7, "seed": 3}))
    sent = scripted.requests[0].parameters
    assert (sent["temperature"], sent["seed"], sent["max_tokens"]) == (0.7, 3, 1000)


@pytest.mark.parametrize("repeats", [0, 101, "many"])
def test_repeats_are_a_number_from_1_to_100(repeats: Any) -> None:
    with pytest.raises(ConfigError, match="relevance: Input should be"):
        build({"relevance": {"repeats": repeats}}, [model()])
