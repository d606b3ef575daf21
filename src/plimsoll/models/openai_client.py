"""The one chat model: any OpenAI-compatible endpoint, through the `openai` client over aiohttp.

Here is the only owner of retries and of the limit on requests at once; the client's own retries are off. The
permit is kept while waiting to try again, so that a provider that is short of capacity sees fewer of us, not more.
The answer is read from its JSON by `replies`: the client's own parsing would let an answer without choices pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import openai  # noqa: TID253  # an adapter: imported with the first model that is opened

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, FailureKind, boundary
from plimsoll.models.connection import Connection
from plimsoll.models.failures import Secrets, status_failure, timeout_failure, transport_failure
from plimsoll.models.parameters import adapt_parameters, own_parameters
from plimsoll.models.replies import read_reply
from plimsoll.models.retries import Backoff, attempts
from plimsoll.types import ChatReply, ChatRequest


class OpenAIChatModel:
    """A `ChatModel` over an open client. Made by `open_models`, which closes the client."""

    def __init__(
        self,
        name: str,
        settings: ModelSettings,
        connection: Connection,
        client: openai.AsyncOpenAI,
        *,
        limiter: asyncio.Semaphore,
        concurrency: int,
        place: Mapping[str, Any] | None = None,
        secrets: Secrets | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """A model.

        Args:
            name: the suite's name for it.
            settings: as written.
            connection: where it is, all variables filled.
            client: open; its own retries are never used.
            limiter: permits of `concurrency`; models that share an endpoint's slots share it.
            concurrency: requests at once.
            place: the part of the identity that says where it is, where that is not the address.
            secrets: further ones to keep out of messages.
            backoff: waits between attempts.
        """
        self.connection = connection
        self.settings = settings
        self.client = client
        self.secrets = secrets or Secrets(connection.secrets)
        self._name = name
        self._limiter = limiter
        self._concurrency = concurrency
        self._place = dict(place) if place is not None else _address(connection)
        self._backoff = backoff or Backoff()
        self._requests = 0

    @property
    def name(self) -> str:
        """The suite's name for it."""
        return self._name

    @property
    def concurrency(self) -> int:
        """Requests that it takes at once."""
        return self._concurrency

    @property
    def requests(self) -> int:
        """Requests sent so far, those of failed calls too."""
        return self._requests

    @property
    def shown(self) -> str:
        """The model and its address, as messages name it."""
        return f"{self.connection.model} at {self.connection.shown_url}"

    @property
    def notes(self) -> tuple[str, ...]:
        """How the model's own parameters were adapted."""
        return self.adapted({})[1]

    def adapted(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The parameters of a request as they are sent, with a note for each change by rule."""
        merged = {**own_parameters(self.settings), **parameters}
        sent, notes = adapt_parameters(merged, model=self.connection.model, reasoning=self.settings.reasoning)
        return {**sent, **self.settings.extra_body}, notes

    def identity(self) -> dict[str, Any]:
        """Provider, address or weights, model, and its own parameters as they are sent."""
        return {**self._place, "model": self.connection.model, "parameters": self.adapted({})[0]}

    async def chat(self, request: ChatRequest) -> ChatReply:
        """Send one request; see `ChatModel.chat`. `usage.requests` counts every attempt."""
        body = {**self.adapted(request.parameters)[0], "model": self.connection.model}
        async with self._limiter:
            try:
                return await self._attempts(request, body)
            except CellError as error:
                # From None: what the client raised may quote a key.
                raise self._scrubbed(error) from None

    async def _attempts(self, request: ChatRequest, body: dict[str, Any]) -> ChatReply:
        number = 0
        async for attempt in attempts(self.settings.retries, self._backoff):
            with attempt:
                number += 1
                self._requests += 1
                began = time.perf_counter()
                try:
                    text = await self._send(request, body)
                    latency = time.perf_counter() - began
                    reply = read_reply(text)
                except CellError as error:
                    error.requests = number
                    raise
                usage = msgspec.structs.replace(reply.usage, requests=number)
                return msgspec.structs.replace(reply, usage=usage, latency=latency)
        raise AssertionError("unreachable: the last attempt raises")

    async def list_models(self) -> str:
        """The body of the endpoint's list of models, asked for once.

        Raises:
            CellError: classified.
        """
        try:
            return await self._once(self.client.models.with_raw_response.list(timeout=self.settings.timeout))
        except CellError as error:
            raise self._scrubbed(error) from None

    async def _send(self, request: ChatRequest, body: dict[str, Any]) -> str:
        return await self._once(
            self.client.chat.completions.with_raw_response.create(
                messages=cast("Any", list(request.messages)),
                model=self.connection.model,
                extra_body=body,
                timeout=self.settings.timeout,
            )
        )

    async def _once(self, sending: Awaitable[Any]) -> str:
        """One attempt: the response's body, or the failure classified."""
        timeout = self.settings.timeout
        with boundary(FailureKind.INVALID_REQUEST, f"{self.shown}: the request can't be sent"):
            try:
                # The client's timeout is for each read; a server that trickles must end too.
                async with asyncio.timeout(timeout):
                    response = await sending
                    return str(response.http_response.text)
            except TimeoutError:
                raise timeout_failure(self.shown, timeout) from None
            except openai.APIStatusError as error:
                status, body, headers = error.status_code, error.response.text, error.response.headers
                raise status_failure(status, body, headers, at=self.shown, now=datetime.now(UTC)) from error
            except openai.APIConnectionError as error:
                raise transport_failure(error, at=self.shown, timeout=timeout) from error

    def _scrubbed(self, error: CellError) -> CellError:
        clean = type(error)(
            error.kind,
            self.secrets.scrub(error.message),
            remedy=self.secrets.scrub(error.remedy),
            retry_after=error.retry_after,
            requests=error.requests,
        )
        return clean.with_traceback(None)


def _address(connection: Connection) -> dict[str, Any]:
    place: dict[str, Any] = {"provider": connection.kind, "base_url": connection.shown_url}
    if connection.api_version:
        place["api_version"] = connection.api_version
    return place
