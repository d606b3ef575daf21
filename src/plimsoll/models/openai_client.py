"""The `openai` client over aiohttp, open: a request goes out, its answer comes back as text or as a classified failure.

It gives the response back as it is, by its own documented `post`: its typed methods spend as much processor time again
on models of an answer that is read by `replies` anyway, and would let one without choices pass. Its retries are off:
`calling` owns them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai  # noqa: TID253  # an adapter: imported with the first request

from plimsoll.errors import FailureKind, boundary
from plimsoll.models.failures import status_failure, timeout_failure
from plimsoll.models.transport import transport_failure


class OpenAIClient:
    """One endpoint's client, as one model uses it."""

    def __init__(self, client: openai.AsyncOpenAI, *, shown: str, timeout: float) -> None:
        """A client that is open.

        Args:
            client: open; its own retries are never used.
            shown: the model and its address, for messages.
            timeout: seconds for a request.
        """
        self.client = client
        self._shown = shown
        self._timeout = timeout

    async def complete(self, body: dict[str, Any]) -> str:
        """The body of the answer to a chat request.

        Raises:
            CellError: classified.
        """
        options: Any = {"timeout": self._timeout}
        return await self._once(
            self.client.post("/chat/completions", body=body, cast_to=httpx2.Response, options=options)
        )

    async def list_models(self) -> str:
        """The body of the endpoint's list of models.

        Raises:
            CellError: classified.
        """
        options: Any = {"timeout": self._timeout}
        try:
            async with asyncio.timeout(self._timeout):
                return await self._once(self.client.get("/models", cast_to=httpx2.Response, options=options))
        except TimeoutError:
            raise timeout_failure(self._shown, self._timeout) from None

    async def _once(self, sending: Awaitable[httpx2.Response]) -> str:
        with boundary(FailureKind.INVALID_REQUEST, f"{self._shown}: the request can't be sent"):
            try:
                return (await sending).text
            except openai.APIStatusError as error:
                status, body, headers = error.status_code, error.response.text, error.response.headers
                raise status_failure(status, body, headers, at=self._shown, now=datetime.now(UTC)) from error
            except openai.APIConnectionError as error:
                raise transport_failure(error, at=self._shown, timeout=self._timeout) from error
