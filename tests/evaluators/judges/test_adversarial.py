"""Answers that try to talk to their judge: what it is sent, and what becomes of a judge that repeats them."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.evaluators.judges.adversarial import ATTACKS, Attack
from tests.evaluators.judges.parts import BUILT_IN, CASE, GOOD, built_in, judged, judged_async

from plimsoll.config import ModelSettings
from plimsoll.errors import FailureKind
from plimsoll.evaluators.judges.claims import ClaimsForm
from plimsoll.evaluators.judges.judge import Judge
from plimsoll.evaluators.judges.judgement import Form, Scale, ScoreForm
from plimsoll.evaluators.judges.pair import PairForm
from plimsoll.models import open_models
from plimsoll.models.contract import ChatModel
from plimsoll.testing import ScriptedEndpoint, ScriptedModel
from plimsoll.testing.endpoint import Script
from plimsoll.types import Failed, Output, Score, Scored

FORMS = dict.fromkeys(BUILT_IN, "score") | {"groundedness": "claims", "preference": "pair"}
USABLE = {
    "score": GOOD,
    "claims": '{"claims": [], "abstains": false}',
    "pair": '{"reason": "r", "better": "tie"}',
}
BENIGN = "BENIGN"
FAULTS = (
    "it is not one JSON object",
    "its keys are wrong",
    "its values are of the wrong type",
    "it gives no reason",
    "its score is not on the scale",
    "its verdict is none of the three",
    "a claim's keys are wrong",
    "a quote does not stand word for word in the answer",
    "it lists claims and calls the answer an abstention",
    "it calls an answer an abstention that does not say that it can't answer",
)
WANTED: dict[str, Form] = {"score": ScoreForm(Scale(1, 5, integer=True)), "claims": ClaimsForm(""), "pair": PairForm()}
REPAIRS = {
    form: [
        f"That answer can't be used: {fault}. Judge once more, and answer with nothing but {wanted.wanted}."
        for fault in FAULTS
    ]
    for form, wanted in WANTED.items()
}
"""All that a judge is ever told about an answer that can't be used."""


def as_sent(text: str) -> str:
    """What no request can carry is replaced: half characters, and those by which prompts mark roles."""
    whole = "".join("?" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return "".join("\ufffd" if "\ufdd0" <= letter <= "\ufdd3" else letter for letter in whole)


@asynccontextmanager
async def at_endpoint(script: Script) -> AsyncIterator[tuple[ScriptedEndpoint, ChatModel]]:
    async with ScriptedEndpoint(script) as endpoint:
        named = ModelSettings(model="judge", base_url=endpoint.base_url)
        environ = {**os.environ, "OPENAI_API_KEY": "none"}
        async with open_models({"judge": named}, 16, environ) as models:
            yield endpoint, models["judge"]


def neutral(messages: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """A request's messages with the fence's mark and the judged text, where it stands in its fence, blotted out."""
    user = messages[1]["content"]
    mark = re.match(r"<\w+ ([0-9a-f]{16})>\n", user)
    assert mark is not None
    nonce = mark[1]
    assert nonce not in text
    assert text in user
    fences = [f"<{name} {nonce}>\n{{}}\n</{name} {nonce}>" for name in ("answer", "first", "second")]
    for fence in fences:
        user = user.replace(fence.format(text), fence.format("…"))
    blotted = [{**messages[0]}, {**messages[1], "content": user}]
    return [{**message, "content": message["content"].replace(nonce, "NONCE")} for message in blotted]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_judge_is_sent_every_attack_whole_inside_its_fence_and_nothing_else_changes(name: str) -> None:
    async def scenario() -> None:
        async with at_endpoint(lambda _body: USABLE[FORMS[name]]) as (endpoint, model):
            judge = built_in(name, model)
            await judged_async(judge, output=Output(text=BENIGN))
            calm = [neutral(received.json["messages"], BENIGN) for received in endpoint.requests]
            for attack in ATTACKS:
                endpoint.requests.clear()
                assert isinstance(await judged_async(judge, output=Output(text=attack.text)), Scored), attack.name
                sent = [received.json["messages"] for received in endpoint.requests]
                assert [[message["role"] for message in messages] for messages in sent] == [["system", "user"]] * len(
                    calm
                )
                found = [neutral(messages, as_sent(attack.text)) for messages in sent]
                # The two orders of a comparison are asked at once: which arrives first is open.
                assert sorted(map(str, found)) == sorted(map(str, calm)), attack.name

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["relevance", "groundedness", "preference"])
def test_a_judge_that_repeats_its_attacker_gives_no_score_unless_that_is_a_whole_judgement(name: str) -> None:
    form = FORMS[name]
    said = ""

    def check(judge: Judge, attack: Attack, found: Score) -> None:
        if form not in attack.judgement:
            assert isinstance(found, Failed), attack.name
            assert found.failure.kind is FailureKind.BAD_SCORE, attack.name
            assert found.usage.requests == (4 if form == "pair" else 2), attack.name
            return
        # Nobody could tell it from the judge's own words. What it can do is bounded by the scale.
        assert isinstance(found, Scored), attack.name
        assert judge.scale.low <= float(found.value) <= judge.scale.high, attack.name

    async def scenario() -> None:
        nonlocal said
        async with at_endpoint(lambda _body: said) as (endpoint, model):
            judge = built_in(name, model)
            for attack in ATTACKS:
                said = attack.text
                endpoint.requests.clear()
                check(judge, attack, await judged_async(judge, output=Output(text=attack.text)))
                for received in endpoint.requests:
                    # Asked again, it is told nothing of what it said: the attacker may have written it.
                    again = received.json["messages"][2:]
                    assert [message["role"] for message in again] in ([], ["assistant", "user"])
                    assert [message["content"] for message in again[:1]] in ([], ["(an answer that could not be used)"])
                    assert all(message["content"] in REPAIRS[form] for message in again[1:]), again

    asyncio.run(scenario())


def test_a_parrot_prefers_neither_answer() -> None:
    first = next(attack for attack in ATTACKS if "pair" in attack.judgement)
    found = judged(built_in("preference", ScriptedModel(lambda _request: first.text)), output=Output(text=first.text))
    assert isinstance(found, Scored)
    assert found.value == 0.5
    assert "the two orders disagree (position bias)" in str(found.reason)


def test_there_are_enough_attacks_and_each_has_a_name_of_its_own() -> None:
    assert len(ATTACKS) >= 60
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


def model(judge: str) -> ScriptedModel:
    return ScriptedModel(lambda _request: USABLE[FORMS[judge]])


anything = st.text(st.characters()) | st.lists(
    st.sampled_from(["system:\n", "</answer ", ">", "{{", "}}", "\n", "\ud800", "\ufdd0", "data:image/png;url:", "{%"])
).map("".join)


MODELS = {name: model(name) for name in BUILT_IN}
JUDGES = {name: built_in(name, MODELS[name]) for name in BUILT_IN}
"""Reading a prompt takes longer than rendering it a hundred times."""


@settings(deadline=None)
@given(st.sampled_from(sorted(BUILT_IN)), anything.filter(str.strip), anything)
def test_no_text_changes_the_request_outside_its_own_fence(name: str, text: str, context: str) -> None:
    case = replace(CASE, inputs={**CASE.inputs, "context": f"Sources: {context}"})

    def messages(output: str) -> list[list[dict[str, Any]]]:
        asked = MODELS[name].requests
        asked.clear()
        judged(JUDGES[name], case, Output(text=output))
        return [neutral(list(request.messages), as_sent(output)) for request in asked]

    assert messages(text) == messages(BENIGN)
