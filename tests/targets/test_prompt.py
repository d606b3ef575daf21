import asyncio

import pytest

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.models import open_models
from plimsoll.prompts import load_prompt
from plimsoll.runs.identity import Keys, output_digest
from plimsoll.targets.prompt import PromptTarget
from plimsoll.testing import ScriptedEndpoint, ScriptedModel
from plimsoll.types import Case, ChatReply, TargetInfo, Usage

CASE = Case(id="c1", inputs={"question": "Capital of France?"}, expected="Paris", slices=("easy",))
TALK = (
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": "Capital of France?"},
)


@pytest.fixture
def target(tmp_path):
    """Make a target: `target(template, model, …)`."""

    def make(template, model=None, *, suffix=".jinja2", name="p", inputs=None, parameters=None):
        path = tmp_path / f"{name}{suffix}"
        path.write_text(template)
        info = TargetInfo(name=name, kind="prompt", digest="sha256:0")
        prompt = load_prompt(path, path.name)
        return PromptTarget(info, prompt, model or ScriptedModel(lambda _: "Paris"), inputs or {}, parameters or {})

    return make


def run(target, case=CASE):
    async def scenario():
        async with target.open() as opened:
            return await opened.run(case)

    return asyncio.run(scenario())


def key(target, case=CASE):
    return Keys().generation(target.generation(case), 0)


def test_the_rendered_messages_are_sent_and_the_reply_is_the_output(target):
    reply = ChatReply(
        text="Paris", finish="length", usage=Usage(completion_tokens=1, requests=2), latency=0.5, model="m"
    )
    model = ScriptedModel(lambda _: reply)
    output = run(target("Answer: {{ question }}", model, parameters={"temperature": 0}))
    assert model.requests[0].messages == ({"role": "user", "content": "Answer: Capital of France?"},)
    assert model.requests[0].parameters == {"temperature": 0}
    assert output.messages == model.requests[0].messages
    assert (output.text, output.finish, output.latency, output.model) == ("Paris", "length", 0.5, "m")
    assert output.usage == reply.usage
    assert output.value is None


def test_inputs_are_mapped_and_the_reference_answer_is_not_among_them(target):
    assert target("{{ q }}", inputs={"q": "question"}).render(CASE)[0]["content"] == "Capital of France?"
    with pytest.raises(CellError, match="expected"):
        target("{{ expected }}").render(CASE)
    assert target("{{ hint }}", inputs={"hint": "expected"}).render(CASE)[0]["content"] == "Paris"


def test_a_conversation_is_appended_or_replayed_where_the_template_says(target):
    case = Case(id="c", inputs={}, messages=TALK)
    system = {"role": "system", "content": "Be brief."}
    assert target("system:\nBe brief.\n").render(case) == (system, *TALK)
    turns = "{% for m in chat_history %}\n{{ m.role }}:\n{{ m.content }}\n{% endfor %}"
    loop = f"system:\nBe brief.\n{turns}\nuser:\n{{{{ question }}}}\n"
    assert target(loop).render(case) == (system, *TALK)


def test_an_input_that_the_prompt_does_not_read_is_refused_when_it_is_opened(target):
    with pytest.raises(UsageError) as caught:
        run(target("{{ question }}", inputs={"qestion": "question"}))
    assert caught.value.message == "`inputs` names 'qestion', and p.jinja2 has no such input"
    assert caught.value.remedy == "did you mean 'question'?"
    case = Case(id="c", inputs={"turns": []}, messages=TALK)
    assert run(target("{{ chat_history }}{{ question }}", inputs={"chat_history": "turns"}), case).text == "Paris"


def test_two_prompts_that_render_alike_share_their_answers(target):
    one = target("Answer: {{ question }}", name="one")
    two = target("{# another #}Answer: {{ q }}", name="two", inputs={"q": "question"})
    assert key(one) == key(two)


def test_the_answer_depends_on_messages_model_and_parameters_and_on_nothing_else(target):
    base = target("{{ question }}")
    other_model = ScriptedModel(lambda _: "x", identity={"provider": "scripted", "model": "other", "parameters": {}})
    different = [
        base,
        target("{{ question }}!", name="a"),
        target("{{ question }}", name="b", parameters={"temperature": 0}),
        target("{{ question }}", other_model, name="c"),
    ]
    assert len({key(each) for each in different}) == 4
    same = Case(id="another", inputs={**CASE.inputs, "unused": 1}, expected="Lyon", slices=("hard",), group="g")
    assert key(base, same) == key(base)
    assert key(base, Case(id="c1", inputs={"question": "Capital of Italy?"})) != key(base)


def test_a_case_that_can_not_be_rendered_fails_before_anything_is_sent(target):
    model = ScriptedModel(lambda _: "x")
    with pytest.raises(CellError) as caught:
        target("{{ qestion }}", model).generation(CASE)
    assert caught.value.kind is FailureKind.TEMPLATE
    assert model.requests == []


PROMPTY = """---
name: capital
model:
  api: chat
  parameters:
    temperature: 0.2
    max_tokens: 20
inputs:
  question: {type: string}
---
user:
{{ question }}
"""


def test_parameters_go_model_then_prompt_then_target(target):
    async def scenario():
        async with ScriptedEndpoint(lambda _: "Paris") as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, temperature=0.1, max_tokens=10, top_p=0.5)
            async with open_models({"m": settings}, 1, {}) as models:
                made = target(PROMPTY, models["m"], suffix=".prompty", parameters={"max_tokens": 30})
                await made.run(CASE)
            sent = endpoint.requests[0].json
            return sent["top_p"], sent["temperature"], sent["max_tokens"]

    assert asyncio.run(scenario()) == (0.5, 0.2, 30)


JSON_WANTED = {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"city": "Paris"}', {"city": "Paris"}),
        ("no JSON", None),
        ("NaN", None),
        ('{"x": 1e999}', None),
        ('{"x": "\\ud800"}', None),
        ('{"x": 1, "x": 2}', None),
        ("[" * 5000 + "]" * 5000, None),
    ],
    ids=["object", "text", "nan", "infinite", "half a character", "key twice", "deep"],
)
def test_an_answer_that_was_to_be_json_has_its_value_where_it_is_json(target, answer, value):
    output = run(target("{{ question }}", ScriptedModel(lambda _: answer), parameters=JSON_WANTED))
    assert (output.text, output.value) == (answer, value)
    assert output_digest(output)


def test_json_is_read_where_the_models_own_settings_ask_for_it_and_not_where_nobody_does(target):
    own = {"provider": "scripted", "model": "m", "parameters": JSON_WANTED}
    assert run(target("{{ question }}", ScriptedModel(lambda _: "[1]", identity=own))).value == [1]
    assert run(target("{{ question }}", ScriptedModel(lambda _: "42"))).value is None
    text = {"response_format": {"type": "text"}}
    assert run(target("{{ question }}", ScriptedModel(lambda _: "42"), parameters=text)).value is None


def test_an_answer_that_can_not_be_stored_is_the_endpoints_failure(target):
    with pytest.raises(CellError) as caught:
        run(target("{{ question }}", ScriptedModel(lambda _: "half \ud800")))
    assert caught.value.kind is FailureKind.BAD_RESPONSE


def test_prompts_that_ask_one_model_share_its_lane(target):
    model = ScriptedModel(lambda _: "x", name="local", concurrency=3)
    one, two = target("a {{ question }}", model, name="one"), target("b {{ question }}", model, name="two")
    assert (one.lane, one.concurrency) == (two.lane, two.concurrency) == ("local", 3)
