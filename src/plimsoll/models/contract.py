"""What the rest of the harness knows of a model: one method that answers, and an identity."""

from __future__ import annotations

from typing import Any, Protocol

from plimsoll.types import ChatReply, ChatRequest


class ChatModel(Protocol):
    """A chat model behind an endpoint, opened and closed by whoever made it."""

    @property
    def name(self) -> str:
        """The suite's name for it."""
        ...

    @property
    def concurrency(self) -> int:
        """Requests that it takes at once."""
        ...

    def identity(self) -> dict[str, Any]:
        """Provider, address, model and parameters: what makes two requests with equal messages the same one."""
        ...

    async def chat(self, request: ChatRequest) -> ChatReply:
        """Send one request, with its own retries and limits.

        Raises:
            CellError: classified; only what can't be answered after the retries.
        """
        ...
