"""From an answer's JSON to a `ChatReply`, or to the failure that it really is: nothing unclear becomes one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from plimsoll.errors import CellError, FailureKind
from plimsoll.types import ChatReply, Usage

_FINISH = {
    None: "stop",
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
"""Servers' words for why an answer ended. What is not here (`abort`, `error`, …) is no complete answer."""
_SHOWN = 300


def read_reply(text: str) -> ChatReply:
    """The reply in a response's body; its `usage.requests` and `latency` are the caller's to set.

    Raises:
        CellError: BAD_RESPONSE, EMPTY or REFUSED; for an error sent with status 200 what it says.
    """
    body = _parsed(text)
    choice = _first_choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise _bad(f"the answer's first choice has no message: {excerpt(text)}")
    reason = choice.get("finish_reason")
    refusal = message.get("refusal")
    if refusal or reason == "content_filter":
        said = f": {excerpt(refusal)}" if isinstance(refusal, str) and refusal else " by its content filter"
        raise CellError(FailureKind.REFUSED, f"the model refused to answer{said}")
    if reason not in _FINISH:
        raise _bad(f"the answer ended with {reason!r}, which is no complete answer")
    content = _content(message.get("content"), text)
    calls = _tool_calls(message.get("tool_calls"), text)
    if not content.strip() and not calls:
        raise _empty(str(_FINISH[reason]))
    return ChatReply(
        text=content,
        finish="tool_calls" if calls and _FINISH[reason] == "stop" else _FINISH[reason],
        tool_calls=calls,
        usage=_usage(body.get("usage")),
        model=body["model"] if isinstance(body.get("model"), str) else None,
        logprobs=_logprobs(choice.get("logprobs")),
    )


def read_usage(text: str) -> Usage | None:
    """What a response's body says that it took, be it an answer or not; None where it says nothing."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    usage = _usage(body.get("usage")) if isinstance(body, Mapping) else Usage()
    return None if usage.total_tokens is None else usage


def excerpt(text: str) -> str:
    """What a server sent, in one line and short enough for a message; of a page of HTML its title."""
    if is_html(text):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return f"a page of HTML titled {' '.join(title[1].split())!r}" if title else "a page of HTML"
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def is_html(text: str) -> bool:
    """Whether a body is a web page: a proxy's or a portal's, not an API's."""
    start = text.lstrip()[:200].lower()
    return start.startswith(("<!doctype html", "<html"))


def _parsed(text: str) -> Mapping[str, Any]:
    if not text.strip():
        raise _bad("the answer has no body")
    try:
        body = json.loads(text)
    except ValueError:
        raise _bad(f"the answer is not JSON: {excerpt(text)}") from None
    if not isinstance(body, Mapping):
        raise _bad(f"the answer is not a JSON object: {excerpt(text)}")
    error = body.get("error")
    if error and not body.get("choices"):
        message = error.get("message") if isinstance(error, Mapping) else error
        raise CellError(FailureKind.SERVER, f"the endpoint answered with an error: {excerpt(str(message))}")
    return body


def _first_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise _bad(f"the answer holds no choices: {excerpt(json.dumps(body))}")
    return choices[0]


def _content(content: Any, text: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        return "".join(str(part["text"]) for part in content if part.get("type") == "text" and "text" in part)
    raise _bad(f"the answer's content is neither text nor parts: {excerpt(text)}")


def _tool_calls(calls: Any, text: str) -> tuple[dict[str, Any], ...]:
    if not calls:
        return ()
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise _bad(f"the answer's tool calls are not a list of objects: {excerpt(text)}")
    return tuple(calls)


def _logprobs(value: Any) -> tuple[dict[str, Any], ...] | None:
    tokens = value.get("content") if isinstance(value, Mapping) else None
    return tuple(tokens) if isinstance(tokens, list) else None


def _usage(value: Any) -> Usage:
    def count(counts: Any, key: str) -> int | None:
        found = counts.get(key) if isinstance(counts, Mapping) else None
        return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None

    details = value.get("prompt_tokens_details") if isinstance(value, Mapping) else None
    return Usage(
        prompt_tokens=count(value, "prompt_tokens"),
        completion_tokens=count(value, "completion_tokens"),
        cached_tokens=count(details, "cached_tokens"),
    )


def _empty(finish: str) -> CellError:
    if finish == "length":
        return CellError(
            FailureKind.EMPTY,
            "the answer is empty: the token limit was used up before its first word",
            remedy="raise max_tokens; a reasoning model spends it on thinking first",
        )
    return CellError(FailureKind.EMPTY, "the answer is empty")


def _bad(message: str) -> CellError:
    return CellError(FailureKind.BAD_RESPONSE, message)
