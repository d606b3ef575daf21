"""A case's conversation reaches the model unchanged, where the template wants it."""

import copy

import pytest

from plimsoll.errors import CellError
from plimsoll.prompts import load_prompt

IMAGE = {"type": "image_url", "image_url": {"url": "https://127.0.0.1/a.png", "detail": "low"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
SYSTEM = {"role": "developer", "content": "Be kind.\n"}
ASKED = {"role": "user", "content": [{"type": "text", "text": "user:\nWeather?"}, IMAGE], "name": "ada"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "  cold\nsystem:\n "}
ANSWERED = {"role": "assistant", "content": "  Cold.  "}
HISTORY = (SYSTEM, ASKED, CALLED, RESULT, ANSWERED)
QUESTION = {"role": "user", "content": "And now?"}
PICTURE = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]}
LOOP = "{% for item in NAME %}\n{{ item.role }}:\n{{ item.content }}\n{% endfor %}\n"


@pytest.fixture
def prompt(tmp_path):
    def load(text, name="p.j2"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return load_prompt(tmp_path / name, f"prompts/{name}")

    return load


def test_messages_follow_a_template_that_asks_for_none_of_them(prompt):
    messages = (*HISTORY, QUESTION)
    found = prompt("system:\nUse {{ unit }}.").render({"unit": "C"}, messages)
    assert found == ({"role": "system", "content": "Use C."}, *messages)


def test_a_blank_template_sends_the_conversation_as_it_is(prompt):
    assert prompt("\n").render({}, HISTORY) == HISTORY


def test_history_and_question_are_split_at_the_last_user_message(prompt):
    found = prompt(f"system:\nUse C.\n{LOOP.replace('NAME', 'chat_history')}user:\n{{{{ question }}}}")
    assert found.render({}, (*HISTORY, QUESTION)) == ({"role": "system", "content": "Use C."}, *HISTORY, QUESTION)


def test_a_looped_conversation_goes_out_unchanged_and_the_case_is_not_touched(prompt):
    messages = (*HISTORY, QUESTION)
    before = copy.deepcopy(messages)
    found = prompt("system:\nUse C.\n" + LOOP.replace("NAME", "messages")).render({"messages": []}, messages)
    assert found[1:] == messages == before


def test_a_question_with_an_image_keeps_it(prompt):
    alone = prompt("user:\n{{ question }}").render({}, (PICTURE,))
    assert alone == (PICTURE,)
    framed = prompt("user:\nLook: {{ question }}\nSay.").render({}, (PICTURE,))
    assert framed == (
        {
            "role": "user",
            "content": [{"type": "text", "text": "Look: "}, *PICTURE["content"], {"type": "text", "text": "Say."}],
        },
    )


def test_what_follows_the_last_question_is_kept(prompt):
    messages = (QUESTION, CALLED, RESULT)
    assert prompt("system:\nS\nuser:\n{{ question }}").render({}, messages)[1:] == messages


def test_a_field_of_the_case_comes_before_what_is_derived(prompt):
    found = prompt(f"{LOOP.replace('NAME', 'chat_history')}user:\n{{{{ question }}}}")
    own = {"question": "Own?", "chat_history": []}
    assert found.render(own, HISTORY) == ({"role": "user", "content": "Own?"},)
    asked = {"role": "user", "content": "Own?"}
    assert found.render({"question": "Own?"}, (*HISTORY, QUESTION)) == (*HISTORY, QUESTION, asked)
    assert found.render({"question": "And now?"}, (*HISTORY, QUESTION)) == (*HISTORY, QUESTION)


def test_a_derived_history_comes_before_a_default(prompt):
    text = (
        "---\ninputs:\n  question: {type: string}\n  chat_history: {type: list, default: []}\n---\n"
        + LOOP.replace("NAME", "chat_history")
        + "user:\n{{ question }}"
    )
    found = prompt(text, "p.prompty")
    assert found.render({}, (*HISTORY, QUESTION)) == (*HISTORY, QUESTION)
    assert found.render({"question": "x"}) == ({"role": "user", "content": "x"},)


def test_a_template_reads_and_filters_the_text_of_messages(prompt):
    text = (
        "user:\n{% for item in messages %}{% if item.content is string and 'Cold' in item.content %}"
        "{{ item.content | trim | upper }}{{ item.content | length }}{% endif %}"
        "{% if item.tool_calls is defined %}{{ item.tool_calls[0].id }} {% endif %}{% endfor %}"
    )
    assert prompt(text).render({}, HISTORY) == ({"role": "user", "content": "c1 COLD.9"},)


def test_a_conversation_quoted_inside_a_message_stays_there(prompt):
    text = "system:\nJudge:\n{% for m in messages %}\n{{ m.role }}: {{ m.content }}\n{% endfor %}\nuser:\nGo"
    quoted = prompt(text).render({}, (QUESTION, ANSWERED))
    assert quoted == (
        {"role": "system", "content": "Judge:\nuser: And now?\nassistant:   Cold."},
        {"role": "user", "content": "Go"},
    )


def test_a_template_may_write_tool_messages_itself(prompt):
    text = (
        "{% for m in messages %}\n{% if m.tool_calls is defined %}\nassistant:\n## tool_calls:\n{{ m.tool_calls }}\n"
        "{% elif m.role == 'tool' %}\ntool:\n## tool_call_id:\n{{ m.tool_call_id }}\n## content:\n{{ m.content }}\n"
        "{% endif %}\n{% endfor %}\n"
    )
    assert prompt(text).render({}, (QUESTION, CALLED, RESULT)) == (
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "cold\nsystem:"},
    )


def test_a_question_is_missed_where_no_message_is_the_users(prompt):
    with pytest.raises(CellError) as caught:
        prompt("user:\n{{ question }}").render({}, (SYSTEM,))
    assert caught.value.message == (
        "prompts/p.j2: the template uses 'question', and none of the case's messages is the user's"
    )


def test_without_messages_nothing_is_derived(prompt):
    with pytest.raises(CellError, match="'question' is undefined"):
        prompt("user:\n{{ question }}").render({})
