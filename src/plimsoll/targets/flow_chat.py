"""From a case to a flow's inputs: fields by name, and a conversation in the form that chat flows take it.

promptflow's chat history is a list of turns, `{"inputs": {question: …}, "outputs": {answer: …}}`; flex flows by
custom take messages in OpenAI's form. Nothing of a conversation is dropped silently except system messages: a flow
brings its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from plimsoll.errors import CellError, FailureKind
from plimsoll.targets.flow_definition import ChatForm, FlowDefinition
from plimsoll.targets.values import bind
from plimsoll.types import Case, Message, message_text

_DATA_URI = re.compile(r"^data:image/([A-Za-z0-9.+*-]+);base64,(.*)$", re.DOTALL)


def line_inputs(flow: FlowDefinition, case: Case, mapping: Mapping[str, str]) -> dict[str, Any]:
    """What the flow is given for a case.

    Raises:
        CellError: an input without default has no value, no input has one at all (the flow's defaults would answer
            every case alike), or the conversation doesn't fit the flow.
    """
    values = bind(case, mapping)
    if case.messages and flow.chat is not None:
        said = chat_inputs(flow.chat, case.messages, turns=flow.kind == "dag")
        values |= {name: value for name, value in said.items() if name not in mapping}
    if case.turn > 1 and flow.chat is None and "messages" not in mapping.values():
        raise CellError(
            FailureKind.MISSING_FIELD,
            "the flow has no chat history, and a conversation goes on here",
            remedy="give the flow the inputs question and chat_history, or map `messages` to an input",
        )
    if flow.inputs is None:
        return values
    known = {name: values[name] for name in flow.inputs if name in values}
    missing = [name for name, given in flow.inputs.items() if given.required and name not in known]
    if flow.chat is not None and flow.chat.question not in known:
        missing.append(flow.chat.question)
    if flow.inputs and not known:
        missing = list(flow.inputs)
    if missing:
        fields = ", ".join(sorted(case.fields())) or "nothing"
        raise CellError(
            FailureKind.MISSING_FIELD,
            f"the flow needs {', '.join(dict.fromkeys(missing))}; the case has {fields}",
            remedy="map it under `inputs:` of the target",
        )
    return known


def chat_inputs(chat: ChatForm, messages: Sequence[Message], *, turns: bool) -> dict[str, Any]:
    """The chat input and the history for a conversation.

    Args:
        chat: The flow's form.
        messages: In OpenAI's form; the last one is the user's.
        turns: The history as promptflow's turns; else as messages.

    Raises:
        CellError: the last message isn't the user's, or the flow has no place for those before it.
    """
    *before, last = messages
    if last.get("role") != "user":
        raise CellError(
            FailureKind.MISSING_FIELD,
            f"the conversation ends with a message of the {last.get('role')}, not of the user",
            remedy="end the case's messages with the question to be answered",
        )
    before = [message for message in before if message.get("role") not in ("system", "developer")]
    found = {chat.question: _question(chat, last)}
    if chat.history is not None:
        found[chat.history] = _turns(chat, before) if turns else before
    elif before:
        raise CellError(
            FailureKind.MISSING_FIELD,
            f"the conversation has {len(before)} earlier messages, and the flow has no chat history",
            remedy="give the flow an input chat_history, or leave this case out",
        )
    return found


def _turns(chat: ChatForm, messages: Sequence[Message]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.get("role") == "user":
            turns.append({"inputs": {chat.question: _question(chat, message)}, "outputs": {chat.answer: ""}})
        elif message.get("role") == "assistant" and message.get("content"):
            if not turns:
                # A greeting: a turn without a question.
                turns.append({"inputs": {chat.question: [] if chat.as_list else ""}, "outputs": {}})
            turns[-1]["outputs"][chat.answer] = message_text(message)
    return turns


def _question(chat: ChatForm, message: Message) -> Any:
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": str(content or "")}]
    images = any(part.get("type") == "image_url" for part in parts)
    if not images and not chat.as_list:
        return message_text(message)
    return [_part(chat, part) for part in parts]


def _part(chat: ChatForm, part: Mapping[str, Any]) -> Any:
    if part.get("type") == "text":
        return {"type": "text", "text": part["text"]} if chat.vision else part["text"]
    if part.get("type") != "image_url":
        raise CellError(FailureKind.INVALID_REQUEST, f"a flow takes texts and images, not {part.get('type')!r}")
    url = str(part["image_url"]["url"])
    if chat.vision:
        return {"type": "image_url", "image_url": {"url": url}}
    inline = _DATA_URI.match(url)
    return {f"data:image/{inline[1]};base64": inline[2]} if inline else {"data:image/*;url": url}
