"""A conversation: every kind of target is asked turn by turn, and sees what it answered before."""

import asyncio
from importlib.util import find_spec
from typing import Any

import pytest
from aiohttp import web
from tests.targets.flow_parts import flow_target

from plimsoll.config import HttpSettings
from plimsoll.errors import CellError, FailureKind
from plimsoll.models.retries import Backoff
from plimsoll.prompts import load_prompt
from plimsoll.runs.identity import Keys
from plimsoll.targets.conversation import answer, without_latency
from plimsoll.targets.function import CallableTarget, FunctionTarget
from plimsoll.targets.http import HttpTarget
from plimsoll.targets.prompt import PromptTarget
from plimsoll.targets.recorded import RecordedTarget
from plimsoll.testing.scripted import ScriptedModel
from plimsoll.types import Case, ChatReply, Output, TargetInfo, Turn, Usage

INFO = TargetInfo(name="t", kind="any", digest="sha256:0")
HISTORY = "{% for m in chat_history %}\n{{ m.role }}:\n{{ m.content }}\n{% endfor %}\n"
GREETING = ({"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello!"})
CASE = Case(
    id="c",
    inputs={"place": "Leith"},
    messages=GREETING,
    turns=(Turn(user="Open today?", expected="yes"), Turn(user="And tomorrow?", inputs={"place": "Perth"})),
)


def ask(target, case=CASE):
    async def scenario():
        async with target.open() as opened:
            return await answer(opened, case)

    return asyncio.run(scenario())


def failure(target, case=CASE):
    with pytest.raises(CellError) as caught:
        ask(target, case)
    return caught.value


def said(*messages):
    """A conversation as pairs of role and text."""
    return [(message["role"], message["content"]) for message in messages]


def history_and_question(values):
    """What a target that sees everything answers: who said how much, where, and the question."""
    roles = "".join(message["role"][0] for message in values["messages"])
    return f"{values['place']} {roles} {values['question']}"


def seen(**values):
    return history_and_question(values)


def echo(request):
    return f"re: {request.messages[-1]['content']}"


def prompt_target(tmp_path, model, template, inputs=()):
    path = tmp_path / "p.jinja2"
    path.write_text(template)
    return PromptTarget(INFO, load_prompt(path, "p.jinja2"), model, dict(inputs), {})


SEEN = ["Leith sau Open today?", "Perth sauau And tomorrow?"]


def test_a_function_is_given_the_conversation_so_far_and_the_turns_own_fields():
    output = ask(CallableTarget(INFO, seen, {}))
    assert [turn.text for turn in output.turns] == SEEN
    assert output.text == SEEN[-1]


def test_a_function_in_a_worker_is_asked_alike(tmp_path):
    (tmp_path / "app.py").write_text(
        "def seen(messages, question, place):\n"
        "    roles = ''.join(message['role'][0] for message in messages)\n"
        "    return f'{place} {roles} {question}'\n"
    )
    target = FunctionTarget(INFO, "app.py:seen", tmp_path, {}, None, 30.0, 4, {})
    assert [turn.text for turn in ask(target).turns] == SEEN


def test_an_endpoint_is_asked_once_for_each_turn():
    async def scenario():
        async def handle(request):
            return web.Response(text=history_and_question(await request.json()))

        app = web.Application()
        app.router.add_route("*", "/", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            port = runner.addresses[0][1]
            settings = HttpSettings(url=f"http://127.0.0.1:{port}/")
            target = HttpTarget(INFO, settings, {}, None, 10.0, 4, {}, Backoff(0, 0, 0))
            async with target.open() as opened:
                return await answer(opened, CASE)
        finally:
            await runner.cleanup()

    assert [turn.text for turn in asyncio.run(scenario()).turns] == SEEN


@pytest.mark.parametrize(
    ("template", "last"),
    [
        (
            "system:\nHelp.",
            [
                ("system", "Help."),
                ("system", "Be brief."),
                ("assistant", "Hello!"),
                ("user", "Open today?"),
                ("assistant", "re: Open today?"),
                ("user", "And tomorrow?"),
            ],
        ),
        (
            f"{HISTORY}user:\n{{{{ place }}}}: {{{{ question }}}}",
            [
                ("system", "Be brief."),
                ("assistant", "Hello!"),
                ("user", "Open today?"),
                ("assistant", "re: Leith: Open today?"),
                ("user", "Perth: And tomorrow?"),
            ],
        ),
        ("{{ question }}", [("user", "And tomorrow?")]),
    ],
    ids=["appended", "chat_history", "forgets"],
)
def test_a_prompt_replays_what_was_said(tmp_path, template, last):
    model = ScriptedModel(echo)
    output = ask(prompt_target(tmp_path, model, template))
    assert len(model.requests) == len(output.turns) == 2
    assert said(*model.requests[-1].messages) == said(*output.messages) == last


def test_usage_latency_and_tool_calls_are_those_of_all_turns(tmp_path):
    replies = iter(
        [
            ChatReply(text="a", latency=1.0, usage=Usage(prompt_tokens=1, completion_tokens=2, requests=1, cost=0.5)),
            ChatReply(
                text="b",
                latency=2.0,
                usage=Usage(prompt_tokens=3, completion_tokens=4, requests=2, cost=None),
                tool_calls=({"id": "x"},),
                model="m",
            ),
        ]
    )
    output = ask(prompt_target(tmp_path, ScriptedModel(lambda _: next(replies)), "{{ question }}"))
    assert output.usage == Usage(prompt_tokens=4, completion_tokens=6, requests=3, cost=None)
    assert output.latency == 3.0
    assert output.tool_calls == ({"id": "x"},)
    assert output.model is None
    kept = without_latency(output)
    assert [kept.latency, *(turn.latency for turn in kept.turns)] == [None, None, None]


def test_one_turn_that_was_cut_cuts_the_conversation(tmp_path):
    replies = iter([ChatReply(text="a", finish="length"), ChatReply(text="b")])
    output = ask(prompt_target(tmp_path, ScriptedModel(lambda _: next(replies)), "{{ question }}"))
    assert output.finish == "length"
    assert [turn.finish for turn in output.turns] == ["length", "stop"]


def test_a_turn_that_fails_fails_the_conversation_by_its_number_with_what_was_paid(tmp_path):
    def reply(request):
        if "tomorrow" in request.messages[-1]["content"]:
            raise CellError(FailureKind.RATE_LIMIT, "slow down", requests=4, retry_after=9.0, down=True)
        return ChatReply(text="yes", usage=Usage(requests=2))

    error = failure(prompt_target(tmp_path, ScriptedModel(reply), "{{ question }}"))
    assert (error.kind, error.message) == (FailureKind.RATE_LIMIT, "turn 2 of 2: slow down")
    assert (error.requests, error.retry_after, error.down) == (6, 9.0, True)


def test_what_a_target_raises_names_the_turn_too():
    def broken(question):
        return 1 / 0 if "tomorrow" in question else "yes"

    error = failure(CallableTarget(INFO, broken, {}))
    assert error.message.startswith("turn 2 of 2: ")
    assert "ZeroDivisionError" in error.message


def test_a_call_of_a_tool_that_nobody_answers_ends_a_conversation(tmp_path):
    calling = ChatReply(text="", finish="tool_calls", tool_calls=({"id": "x", "function": {"name": "f"}},))
    target = prompt_target(tmp_path, ScriptedModel(lambda _: calling), "{{ question }}")
    assert "turn 2 of 2: the answer before calls tools" in failure(target).message
    one = Case(id="c", inputs={}, turns=CASE.turns[:1])
    assert ask(target, one).turns[0].tool_calls == calling.tool_calls


def test_a_function_that_tells_of_calls_that_it_made_itself_goes_on():
    def made(question):
        return Output(text=f"done: {question}", tool_calls=({"id": "x"},))

    assert len(ask(CallableTarget(INFO, made, {})).turns) == 2


def test_an_answer_cannot_bring_turns_of_its_own():
    def forged(question):
        return Output(text=question, turns=(Output(text="x"),))

    assert "turns of its own" in failure(CallableTarget(INFO, forged, {})).message


@pytest.mark.parametrize("recorded", [["yes", "no"], [{"answer": "yes"}, {"answer": "no"}]])
def test_recorded_answers_are_a_list_with_one_for_each_turn(recorded):
    output = ask(RecordedTarget(INFO, {"c": recorded}))
    assert [turn.text for turn in output.turns] == ["yes", "no"]
    assert output.latency is None


@pytest.mark.parametrize(
    ("recorded", "found"), [("yes", "one answer"), (["yes"], "1 answers"), (["a", "b", "c"], "3 answers")]
)
def test_recorded_answers_that_do_not_fit_the_turns_fail(recorded, found):
    message = failure(RecordedTarget(INFO, {"c": recorded})).message
    assert message == f"turn 1 of 2: {found} recorded for case c, a conversation of 2 turns"


def test_a_list_recorded_for_a_case_without_turns_is_its_answer():
    assert ask(RecordedTarget(INFO, {"c": ["a", "b"]}), Case(id="c", inputs={})).text == '["a", "b"]'


def key(target, case):
    async def scenario():
        async with target.open() as opened:
            return Keys().generation(opened.generation(case), 0)

    return asyncio.run(scenario())


def changed(case, number, **fields):
    turns = list(case.turns)
    turns[number] = Turn(**{"user": turns[number].user, "inputs": turns[number].inputs, **fields})
    return Case(id=case.id, inputs=case.inputs, messages=case.messages, turns=tuple(turns))


@pytest.mark.parametrize("kind", ["prompt", "function"])
def test_what_a_conversation_is_generated_by_is_all_that_goes_in_and_not_what_is_expected(tmp_path, kind):
    (tmp_path / "app.py").write_text("def f(question): return question\n")

    def target(**inputs):
        if kind == "function":
            return FunctionTarget(INFO, "app.py:f", tmp_path, inputs, None, 30.0, 4, {})
        return prompt_target(tmp_path, ScriptedModel(echo), "{{ question }}", inputs)

    first = key(target(), CASE)
    assert first == key(target(), changed(CASE, 0, expected="no"))
    assert first != key(target(), changed(CASE, 1, user="And on Sunday?"))
    assert first != key(target(), changed(CASE, 1, inputs={"place": "Ayr"}))
    assert first != key(target(), Case(id="c", inputs={}, messages=CASE.messages, turns=CASE.turns))
    assert first != key(target(), Case(id="c", inputs=CASE.inputs, turns=CASE.turns))
    mapped = CASE.turns[0], Turn(user="And tomorrow?", expected="no")
    told = Case(id="c", inputs={}, turns=mapped)
    assert key(target(question="expected"), told) != key(target(question="expected"), changed(told, 1, expected="yes"))


def test_a_prompts_files_count_where_later_turns_cannot_be_rendered_yet(tmp_path):
    one = prompt_target(tmp_path, ScriptedModel(echo), "{{ question }}")
    other = PromptTarget(TargetInfo(name="t", kind="any", digest="sha256:1"), one.prompt, one.model, {}, {})
    assert key(one, CASE) != key(other, CASE)


def test_a_rows_own_question_is_not_asked_in_every_turn():
    case = Case(id="c", inputs={"question": "of the whole"}, turns=(Turn(user="a"), Turn(user="b")))

    def echoed(question):
        return question

    assert [turn.text for turn in ask(CallableTarget(INFO, echoed, {}), case).turns] == ["a", "b"]
    own = Case(id="c", inputs={}, turns=(Turn(user="a", inputs={"question": "A?"}),))
    assert ask(CallableTarget(INFO, echoed, {}), own).text == "A?"


def test_images_that_the_user_shows_stay_in_the_conversation(tmp_path):
    picture: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = [{"type": "text", "text": "What is it?"}, picture]
    case = Case(id="c", inputs={}, turns=(Turn(user=parts), Turn(user="Sure?")))
    model = ScriptedModel(lambda _: "a cat")
    ask(prompt_target(tmp_path, model, "user:\n{{ question }}"), case)
    assert model.requests[0].messages[-1]["content"] == parts
    ask(prompt_target(tmp_path, model, "system:\nLook."), case)
    assert model.requests[-1].messages[1]["content"] == parts


@pytest.mark.promptflow
@pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)")
def test_a_flow_is_given_the_turns_before_as_its_chat_history():
    model = ScriptedModel(echo, name="m")
    case = Case(id="c", inputs={}, turns=(Turn(user="Open?"), Turn(user="And tomorrow?")))
    output = ask(flow_target("desk", model, pick="text"), case)
    assert [turn.text for turn in output.turns] == ["re: Hi Open? 0", "re: Hi And tomorrow? 0"]
    assert said(*model.requests[-1].messages) == [
        ("user", "Open?"),
        ("assistant", "re: Hi Open? 0"),
        ("user", "Hi And tomorrow? 0"),
    ]
    assert output.usage.requests == 2


@pytest.mark.promptflow
@pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)")
@pytest.mark.parametrize("parameters", ["text", "text, question"])
def test_a_flow_without_chat_history_is_refused_before_its_first_turn(tmp_path, parameters):
    (tmp_path / "one.py").write_text(f"def answer({parameters}):\n    return text\n")
    (tmp_path / "flow.flex.yaml").write_text("entry: one:answer\n")
    target = flow_target(str(tmp_path))
    case = Case(id="c", inputs={"text": "a"}, turns=(Turn(user="Open?"), Turn(user="And tomorrow?")))

    async def generation():
        async with target.open() as opened:
            return opened.generation(case)

    with pytest.raises(CellError, match=r"^turn 2 of 2: the .* no chat history"):
        asyncio.run(generation())
