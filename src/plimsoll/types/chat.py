"""What goes to a chat model and what comes back, independent of any client library."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from msgspec import Struct, field

Number = TypeVar("Number", int, float)

Message: TypeAlias = dict[str, Any]
"""One message in OpenAI's form: `role`, and `content` (text or parts), `tool_calls`, `tool_call_id`, `name`."""


def message_text(message: Message) -> str:
    """A message's text; of content parts, the texts among them, each on a line of its own."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    return str(content or "")


class Usage(Struct, frozen=True, kw_only=True):
    """What answering cost, as the endpoint counted it. None is unknown, never zero."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the prompt's tokens, those that the provider had cached and charges less for."""
    requests: int = 0
    """Requests sent to models, with those that were sent again."""
    cost: float | None = None
    """USD, by the price known when it was answered; None is unknown."""

    @property
    def total_tokens(self) -> int | None:
        """Prompt and completion together; None if either is unknown."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        def both(a: Number | None, b: Number | None) -> Number | None:
            return None if a is None or b is None else a + b

        return Usage(
            prompt_tokens=both(self.prompt_tokens, other.prompt_tokens),
            completion_tokens=both(self.completion_tokens, other.completion_tokens),
            cached_tokens=both(self.cached_tokens, other.cached_tokens),
            requests=self.requests + other.requests,
            cost=both(self.cost, other.cost),
        )


class ChatRequest(Struct, frozen=True, kw_only=True):
    """One request: the messages, and parameters that go over the model's own (temperature, tools, …)."""

    messages: tuple[Message, ...]
    parameters: dict[str, Any] = field(default_factory=dict)


class ChatReply(Struct, frozen=True, kw_only=True):
    """One answer of a chat model."""

    text: str
    """The answer's text; empty where the model only called tools."""
    finish: str = "stop"
    """Why it ended: `stop`, `length` (cut by the token limit), `tool_calls`."""
    tool_calls: tuple[dict[str, Any], ...] = ()
    usage: Usage = Usage()
    latency: float = 0.0
    """Seconds from sending the request that succeeded to its last byte, without waiting in our own queue."""
    model: str | None = None
    """The model's name as the endpoint reports it."""
    logprobs: tuple[dict[str, Any], ...] | None = None
    """Per generated token, in OpenAI's form, where they were asked for."""
