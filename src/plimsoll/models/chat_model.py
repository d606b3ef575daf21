"""The one chat model: any OpenAI-compatible endpoint, or the embedded model behind one.

Its client is opened with the first request: where every answer is in the cache, no client is imported and no embedded
model is started.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError
from plimsoll.models.calling import Caller
from plimsoll.models.connection import Connection
from plimsoll.models.failures import Secrets
from plimsoll.models.identity import model_identity
from plimsoll.models.limits import Permit
from plimsoll.models.parameters import sent_parameters
from plimsoll.models.replies import read_reply, read_usage
from plimsoll.models.spending import Fare, Meter, Spend
from plimsoll.models.tokens import TokenEstimate
from plimsoll.types import ChatReply, ChatRequest

if TYPE_CHECKING:
    from plimsoll.models.openai_client import OpenAIClient


class OpenAIChatModel:
    """A `ChatModel`, made by `open_models`."""

    def __init__(
        self,
        name: str,
        settings: ModelSettings,
        connection: Connection,
        client: Callable[[], Awaitable[OpenAIClient]],
        caller: Caller,
        *,
        place: Mapping[str, Any] | None = None,
        secrets: Secrets | None = None,
        meter: Meter | None = None,
    ) -> None:
        """A model.

        Args:
            name: the suite's name for it.
            settings: as written.
            connection: where it is, all variables filled.
            client: opens it; called once, with the first request. Whoever made the model closes it.
            caller: its limits, retries and breaker.
            place: the part of the identity that says where it is, where that is not the address.
            secrets: further ones to keep out of messages.
            meter: what its answers cost, and the run's ledger.
        """
        self.connection = connection
        self.settings = settings
        self._open = client
        self._opening = asyncio.Lock()
        self._client: OpenAIClient | None = None
        self.secrets = secrets or Secrets(connection.secrets)
        self._name = name
        self._caller = caller
        self._identity = model_identity(settings, connection, place)
        self._own_adapted: dict[str, Any] = self._identity["parameters"]
        self._tokens = TokenEstimate()
        self._meter = meter or Meter(Spend())
        self._requests = 0

    @property
    def name(self) -> str:
        """The suite's name for it."""
        return self._name

    @property
    def concurrency(self) -> int:
        """Requests at once; with adaptive concurrency the most that it may come to."""
        return self._caller.limiter.concurrency

    @property
    def requests(self) -> int:
        """Requests sent so far, those of failed calls too."""
        return self._requests

    @property
    def down(self) -> str | None:
        """Why its endpoint was given up; None as far as is known."""
        why = self._caller.breaker.why
        return None if why is None else self.secrets.scrub(why)

    @property
    def shown(self) -> str:
        """The model and its address, as messages name it."""
        return self.connection.shown

    @property
    def notes(self) -> tuple[str, ...]:
        """How the model's own parameters were adapted."""
        return self.adapted({})[1]

    def adapted(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The parameters of a request as they are sent, with a note for each change by rule."""
        return sent_parameters(self.settings, self.connection.model, parameters)

    def identity(self) -> dict[str, Any]:
        """Provider, address or weights, model, and its own parameters as they are sent."""
        return {**self._identity, "parameters": dict(self._own_adapted)}

    async def chat(self, request: ChatRequest) -> ChatReply:
        """Send one request; see `ChatModel.chat`. `usage.requests` counts every attempt."""
        body = self._body(request)
        tokens = self._tokens.of(body) if self._caller.limiter.counts_tokens else 0
        fare = self._meter.fare(self._tokens.most(body) if self._meter.capped else None)

        async def attempt(permit: Permit) -> ChatReply:
            reply = await self._attempt(client, body, fare)
            permit.used(reply.usage.total_tokens)
            return reply

        client = await self._opened()

        try:
            async with fare:
                reply, requests = await self._caller.call(attempt, tokens)
        except CellError as error:
            # From None: what the client raised may quote a key.
            raise self._scrubbed(error) from None
        if self._caller.limiter.counts_tokens or self._meter.capped:
            self._tokens.learn(body, reply.usage)
        return msgspec.structs.replace(reply, usage=msgspec.structs.replace(reply.usage, requests=requests))

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        sent = self.adapted(request.parameters)[0] if request.parameters else self._own_adapted
        return {"messages": request.messages, **sent, "model": self.connection.model}

    async def _attempt(self, client: OpenAIClient, body: dict[str, Any], fare: Fare) -> ChatReply:
        """One request and its answer; its latency is from sending to the last byte."""
        self._requests += 1
        began = time.perf_counter()
        text = await client.complete(body)
        latency = time.perf_counter() - began
        try:
            reply = read_reply(text)
        except CellError:
            useless = read_usage(text)
            if useless is not None:
                await fare.charge(useless)
            raise
        return msgspec.structs.replace(reply, latency=latency, usage=await fare.charge(reply.usage))

    async def list_models(self) -> str:
        """The body of the endpoint's list of models, asked for once.

        Raises:
            CellError: classified.
        """
        try:
            return await (await self._opened()).list_models()
        except CellError as error:
            raise self._scrubbed(error) from None

    async def _opened(self) -> OpenAIClient:
        if self._client is None:
            async with self._opening:
                if self._client is None:
                    self._client = await self._open()
        return self._client

    def _scrubbed(self, error: CellError) -> CellError:
        clean = type(error)(
            error.kind,
            self.secrets.scrub(error.message),
            remedy=self.secrets.scrub(error.remedy),
            retry_after=error.retry_after,
            requests=error.requests,
            down=error.down,
        )
        return clean.with_traceback(None)
