"""Between OpenAI's requests and answers as they go over the wire and the harness's `ChatRequest` and `ChatReply`.

Pure functions. What a flow sends is kept as it is, except what names a model or the form of the answer; the older
`functions` become `tools`, which every server of today understands, and come back as they were asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.types import ChatReply, Message

_FORM = ("model", "messages", "prompt", "n", "stream", "stream_options", "functions", "function_call")
_COMPLETIONS_ONLY = ("suffix", "best_of", "echo", "logprobs")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read."""

    messages: tuple[Message, ...]
    parameters: Mapping[str, Any]
    choices: int
    stream: bool
    usage_in_stream: bool
    chat: bool
    """Chat completions; else completions."""
    functions: bool
    """The older `functions`, not `tools`."""


def read_request(body: Any, *, chat: bool) -> Asked:
    """Read a request's JSON.

    Raises:
        ValueError: it isn't one.
    """
    if not isinstance(body, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  # the caller's one error for a request that it can't read
    left_out = _FORM if chat else (*_FORM, *_COMPLETIONS_ONLY)
    parameters = {key: value for key, value in body.items() if key not in left_out and value not in (None, "", {})}
    functions = body.get("functions")
    if functions:
        parameters["tools"] = [{"type": "function", "function": function} for function in functions]
        parameters |= _tool_choice(body.get("function_call"))
    return Asked(
        messages=_messages(body.get("messages")) if chat else _prompt(body.get("prompt")),
        parameters=parameters,
        choices=max(1, int(body.get("n") or 1)),
        stream=bool(body.get("stream")),
        usage_in_stream=bool((body.get("stream_options") or {}).get("include_usage")),
        chat=chat,
        functions=bool(functions),
    )


def completion(asked: Asked, replies: Sequence[ChatReply], model: str) -> dict[str, Any]:
    """The whole answer."""
    choices = [{"index": index, **_choice(asked, reply)} for index, reply in enumerate(replies)]
    kind = "chat.completion" if asked.chat else "text_completion"
    return {**_head(kind, replies, model), "choices": choices, **_usage(replies)}


def stream_events(asked: Asked, replies: Sequence[ChatReply], model: str) -> Iterator[bytes]:
    """The answer as a stream of server-sent events, in one piece a choice."""
    head = _head("chat.completion.chunk" if asked.chat else "text_completion", replies, model)
    for index, reply in enumerate(replies):
        whole = _choice(asked, reply)
        if asked.chat:
            delta = whole["message"]
            for number, call in enumerate(delta.get("tool_calls", ())):
                call["index"] = number
            yield _event({**head, "choices": [{"index": index, "delta": delta, "finish_reason": None}]})
            end = {"index": index, "delta": {}, "finish_reason": whole["finish_reason"]}
            yield _event({**head, "choices": [end]})
        else:
            yield _event({**head, "choices": [{"index": index, **whole}]})
    if asked.usage_in_stream:
        yield _event({**head, "choices": [], **_usage(replies)})
    yield b"data: [DONE]\n\n"


def _messages(given: Any) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(message, dict) for message in given):
        raise ValueError("`messages` is no list of messages")
    return tuple(given)


def _prompt(given: Any) -> tuple[Message, ...]:
    text = given[0] if isinstance(given, list) and len(given) == 1 else given
    if not isinstance(text, str):
        raise ValueError("`prompt` is not one text")  # noqa: TRY004  # the caller's one error
    return ({"role": "user", "content": text},)


def _tool_choice(choice: Any) -> dict[str, Any]:
    if isinstance(choice, dict):
        return {"tool_choice": {"type": "function", "function": choice}}
    return {"tool_choice": choice} if choice else {}


def _choice(asked: Asked, reply: ChatReply) -> dict[str, Any]:
    if not asked.chat:
        return {"text": reply.text, "finish_reason": reply.finish, "logprobs": None}
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    finish = reply.finish
    if reply.tool_calls and asked.functions:
        message["function_call"] = dict(reply.tool_calls[0].get("function", {}))
        finish = "function_call"
    elif reply.tool_calls:
        message["tool_calls"] = [dict(call) for call in reply.tool_calls]
    logprobs = None if reply.logprobs is None else {"content": list(reply.logprobs)}
    return {"message": message, "finish_reason": finish, "logprobs": logprobs}


def _head(kind: str, replies: Sequence[ChatReply], model: str) -> dict[str, Any]:
    named = next((reply.model for reply in replies if reply.model), model)
    return {"id": "plimsoll", "object": kind, "created": int(time.time()), "model": named}


def _usage(replies: Sequence[ChatReply]) -> dict[str, Any]:
    total = sum((reply.usage for reply in replies[1:]), replies[0].usage)
    if total.total_tokens is None:
        return {}
    prompt, answer = total.prompt_tokens, total.completion_tokens
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total.total_tokens}}


def _event(chunk: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()
