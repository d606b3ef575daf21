"""A chat model in memory: a function gives the answers, and every request is kept to be looked at."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from plimsoll.types import ChatReply, ChatRequest, Usage

Answer: TypeAlias = Callable[[ChatRequest], "str | ChatReply | Awaitable[str | ChatReply]"]
"""From a request to its answer; it may raise a `CellError`, as a real model does."""


class ScriptedModel:
    """A `ChatModel` without an endpoint."""

    def __init__(
        self,
        answer: Answer,
        *,
        name: str = "scripted",
        concurrency: int = 16,
        identity: dict[str, Any] | None = None,
    ) -> None:
        self.requests: list[ChatRequest] = []
        """Every request so far."""
        self._answer = answer
        self._name = name
        self._concurrency = concurrency
        self._identity = identity or {"provider": "scripted", "model": name, "parameters": {}}

    @property
    def name(self) -> str:
        """The suite's name for it."""
        return self._name

    @property
    def concurrency(self) -> int:
        """Requests that it takes at once."""
        return self._concurrency

    def identity(self) -> dict[str, Any]:
        """What was given, else its name."""
        return dict(self._identity)

    async def chat(self, request: ChatRequest) -> ChatReply:
        """The function's answer; a plain text becomes a reply with words counted as tokens."""
        self.requests.append(request)
        answer = self._answer(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, ChatReply):
            return answer
        prompt = sum(len(str(message.get("content") or "").split()) for message in request.messages)
        usage = Usage(prompt_tokens=prompt, completion_tokens=len(answer.split()), requests=1)
        return ChatReply(text=answer, usage=usage, model=self._name)
