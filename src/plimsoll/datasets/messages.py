"""A case's `messages`: a conversation that a chat endpoint would accept, checked message by message.

The roles, tool calls and their results are checked; content parts of types that we don't know pass, because
endpoints add their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plimsoll.datasets.values import kind_of
from plimsoll.errors import near_match

ROLES = ("system", "developer", "user", "assistant", "tool")

Finding = tuple[str, str | None]
"""A message, and a remedy where there is one."""


def message_problems(messages: Any) -> Iterator[Finding]:
    """Everything wrong with a conversation."""
    if not isinstance(messages, list):
        yield f"messages is {kind_of(messages)}, not a list of messages", None
        return
    if not messages:
        yield "messages is an empty list", "leave it out where there is no conversation"
    called: set[str] = set()
    for index, message in enumerate(messages):
        at = f"messages[{index}]"
        if not isinstance(message, dict):
            yield f"{at} is {kind_of(message)}, not an object with role and content", None
            continue
        yield from _one(message, at, called)


def _one(message: dict[str, Any], at: str, called: set[str]) -> Iterator[Finding]:
    role = message.get("role")
    if role is None:
        yield f"{at} has no role", f"one of {', '.join(ROLES)}"
    elif role not in ROLES:
        yield f"{at} has the unknown role {role!r}", near_match(str(role), ROLES)
    calls = message.get("tool_calls")
    yield from _content(message.get("content"), at, needed=not calls, may_be_blank=role == "tool")
    if calls is not None:
        if role != "assistant":
            yield f"{at} has tool_calls, but only an assistant calls tools", None
        yield from _calls(calls, at, called)
    if role == "tool":
        result_of = message.get("tool_call_id")
        if result_of is None:
            yield f"{at} is a tool's result without tool_call_id", None
        elif not isinstance(result_of, str) or result_of not in called:
            yield f"{at} is the result of the call {result_of!r}, which no message before it makes", None


def _content(content: Any, at: str, *, needed: bool, may_be_blank: bool) -> Iterator[Finding]:
    if content is None or content == []:
        if needed:
            yield f"{at} has neither content nor tool_calls", None
    elif isinstance(content, str):
        if needed and not may_be_blank and not content.strip():
            yield f"{at} has blank content", None
    else:
        yield from content_problems(content, f"{at}.content")


def content_problems(content: Any, at: str) -> Iterator[Finding]:
    """Everything wrong with what a message says: text that is not blank, or content parts."""
    if isinstance(content, str):
        if not content.strip():
            yield f"{at} is blank", None
    elif isinstance(content, list):
        for index, part in enumerate(content):
            yield from _part(part, f"{at}[{index}]")
    else:
        yield f"{at} is {kind_of(content)}, not text or a list of parts", None


def _part(part: Any, at: str) -> Iterator[Finding]:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        yield f"{at} is not a content part", 'write {"type": "text", "text": …}'
    elif kind == "text" and not isinstance(part.get("text"), str):
        yield f"{at} is a text part without text", None
    elif kind == "image_url":
        image = part.get("image_url")
        if not isinstance(image, dict) or not isinstance(image.get("url"), str) or not image["url"]:
            yield f"{at} is an image part without a URL", 'write {"type": "image_url", "image_url": {"url": …}}'


def _calls(calls: Any, at: str, called: set[str]) -> Iterator[Finding]:
    if not isinstance(calls, list) or not calls:
        yield f"{at}.tool_calls is not a list of calls", None
        return
    for index, call in enumerate(calls):
        place = f"{at}.tool_calls[{index}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            yield f"{place} names no function", 'write {"id": …, "type": "function", "function": {"name": …}}'
            continue
        if not isinstance(function.get("arguments", ""), str):
            yield f"{place}.function.arguments is {kind_of(function['arguments'])}, not JSON text", None
        identity = call.get("id")
        if not isinstance(identity, str) or not identity:
            yield f"{place} has no id", None
        elif identity in called:
            yield f"{place} has the id {identity!r} of an earlier call", None
        else:
            called.add(identity)
