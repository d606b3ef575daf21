"""Open the models that are asked for, share what they can share, close all: the one way to get a `ChatModel`.

`openai` takes a second of CPU to import and the embedded model longer to start: both wait for the first request.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from plimsoll.config import ModelSettings, PriceSettings
from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.models.connection import PLACEHOLDER_KEY, Connection, resolve_connections
from plimsoll.models.network import HttpSessionSettings, http_session_settings, split_login

if TYPE_CHECKING:
    import httpx2
    import openai

    from plimsoll.models.breaker import Breaker
    from plimsoll.models.calling import Caller
    from plimsoll.models.chat_model import OpenAIChatModel
    from plimsoll.models.embedded import EmbeddedModel
    from plimsoll.models.failures import Secrets
    from plimsoll.models.limits import Limiter
    from plimsoll.models.openai_client import OpenAIClient
    from plimsoll.models.retries import Backoff
    from plimsoll.models.spending import Meter, Spend

_CONNECTIONS = 4096
"""More than any suite's concurrency: the limit on requests is the model's, not the connection pool's."""


@asynccontextmanager
async def open_models(
    settings: Mapping[str, ModelSettings],
    default_concurrency: int,
    environ: Mapping[str, str],
    *,
    backoff: Backoff | None = None,
    azure_credential: Any | None = None,
    spend: Spend | None = None,
    prices: Mapping[str, PriceSettings] | None = None,
    asked: bool = True,
) -> AsyncIterator[Mapping[str, OpenAIChatModel]]:
    """The models of `settings`, open, by name. Nothing is sent until the first request.

    Args:
        settings: only those that are wanted.
        default_concurrency: for a model that doesn't say.
        environ: where `${NAME}`, keys, proxies and CAs are read.
        backoff: waits between attempts.
        azure_credential: an async Azure credential instead of `DefaultAzureCredential`; the caller closes it.
        spend: the ledger that their answers are charged to; default: one that nobody reads.
        prices: the project's, by the model's name at its endpoint.
        asked: False refuses every request: they are only identified.

    Raises:
        ConfigError: every setting and variable that is missing, of all models.
        UsageError: a proxy or CA bundle is unusable, or a package is missing.
        InfrastructureError: the embedded model can't be started.
    """
    connections = resolve_connections(settings, environ)
    if not settings:
        yield {}
        return
    from plimsoll.models.quotas import shared_breakers, shared_limiters
    from plimsoll.models.retries import Backoff
    from plimsoll.models.spending import Spend, open_meter

    waits = backoff or Backoff()
    limiters = shared_limiters(settings, connections, default_concurrency)
    breakers = shared_breakers(connections, waits)
    async with AsyncExitStack() as stack:
        opener = _Opener(
            stack,
            settings,
            http_session_settings(environ),
            environ,
            backoff=waits,
            azure_credential=azure_credential,
            asked=asked,
        )
        models: dict[str, OpenAIChatModel] = {}
        ledger = spend or Spend()
        for name, model in settings.items():
            meter = open_meter(ledger, model, connections.get(name), prices or {})
            if model.provider == "embedded":
                models[name] = await opener.embedded(name, model, meter)
            else:
                caller = _caller(model, connections[name], limiters[name], breakers[name], waits)
                models[name] = await opener.hosted(name, model, connections[name], caller, meter)
        yield models


class _Opener:
    """Makes models that share one HTTP client for each endpoint and one embedded server."""

    def __init__(
        self,
        stack: AsyncExitStack,
        settings: Mapping[str, ModelSettings],
        network: HttpSessionSettings,
        environ: Mapping[str, str],
        *,
        backoff: Backoff,
        azure_credential: Any | None,
        asked: bool,
    ) -> None:
        self._stack = stack
        self._asked = asked
        self._settings = settings
        self._network = network
        self._environ = environ
        self._backoff = backoff
        self._azure_credential = azure_credential
        self._clients: dict[tuple[str, str], httpx2.AsyncClient] = {}
        self._server: EmbeddedModel | None = None
        self._starting = asyncio.Lock()
        self._slots: tuple[Limiter, Breaker] | None = None

    async def hosted(
        self, name: str, settings: ModelSettings, connection: Connection, caller: Caller, meter: Meter
    ) -> OpenAIChatModel:
        from plimsoll.models.chat_model import OpenAIChatModel
        from plimsoll.models.failures import Secrets

        if self._network.ca is not None and connection.base_url.startswith("https:"):
            # Told now, not with the first request.
            self._network.ssl_context()
        proxy = self._network.proxy_for(connection.base_url)
        password = urlsplit(proxy).password if proxy else None
        secrets = Secrets([*connection.secrets, password or "", unquote(password or "")])
        if connection.auth == "default_credential":
            # Now too: a package that is missing, or a credential that there is not.
            opened = await self._hosted_client(settings, connection, secrets)
            return OpenAIChatModel(name, settings, connection, _always(opened), caller, secrets=secrets, meter=meter)
        client = partial(self._hosted_client, settings, connection, secrets) if self._asked else _refused
        return OpenAIChatModel(name, settings, connection, client, caller, secrets=secrets, meter=meter)

    async def _hosted_client(self, settings: ModelSettings, connection: Connection, secrets: Secrets) -> OpenAIClient:
        from plimsoll.models.openai_client import OpenAIClient

        http = self._http_client(connection.base_url)
        client: openai.AsyncOpenAI
        if connection.kind == "azure":
            client = await self._azure_client(connection, http, secrets)
        else:
            client = _openai_client(connection, http, self._environ)
        return OpenAIClient(client, shown=connection.shown, timeout=settings.timeout)

    async def embedded(self, name: str, settings: ModelSettings, meter: Meter) -> OpenAIChatModel:
        from plimsoll.models.breaker import Breaker
        from plimsoll.models.chat_model import OpenAIChatModel
        from plimsoll.models.embedded import EmbeddedModel
        from plimsoll.models.quotas import slots_limiter

        server = self._server or EmbeddedModel(environ={**os.environ, **self._environ})
        if settings.model not in (None, server.model):
            raise UsageError(
                f"models.{name}: the embedded model is {server.model!r}, not {settings.model!r}",
                remedy="leave `model` out",
            )
        if self._server is None:
            await server.find()
            self._server = server
            # Shared: a request that waits for another model's slot would count the waiting as latency.
            self._slots = slots_limiter(self._settings.values(), server.workers), Breaker(self._backoff)
        assert self._slots is not None
        # It has no address until it is started.
        connection = Connection(kind="openai", base_url="", model=server.model, api_key=PLACEHOLDER_KEY)
        return OpenAIChatModel(
            name,
            settings,
            connection,
            partial(self._embedded_client, settings, server) if self._asked else _refused,
            _caller(settings, connection, *self._slots, self._backoff),
            place=server.place,
            meter=meter,
        )

    async def _embedded_client(self, settings: ModelSettings, server: EmbeddedModel) -> OpenAIClient:
        """A client of the embedded model, which the first of them starts."""
        from plimsoll.models.openai_client import OpenAIClient

        async with self._starting:
            if not server.started:
                await self._stack.enter_async_context(server)
        connection = Connection(kind="openai", base_url=server.base_url, model=server.model, api_key=PLACEHOLDER_KEY)
        client = _openai_client(connection, self._http_client(connection.base_url), {})
        return OpenAIClient(client, shown=connection.shown, timeout=settings.timeout)

    def _http_client(self, url: str) -> httpx2.AsyncClient:
        import httpx2
        from openai import DefaultAioHttpClient

        parts = urlsplit(url)
        origin = (parts.scheme, parts.netloc)
        if origin not in self._clients:
            client = DefaultAioHttpClient(
                # All that it would read from the process's environment is given here instead.
                trust_env=False,
                proxy=_proxy(self._network.proxy_for(url)),
                verify=self._network.ssl_context() if parts.scheme == "https" else False,
                limits=httpx2.Limits(max_connections=_CONNECTIONS),
            )
            self._stack.push_async_callback(client.aclose)
            self._clients[origin] = client
        return self._clients[origin]

    async def _azure_client(
        self, connection: Connection, http: httpx2.AsyncClient, secrets: Secrets
    ) -> openai.AsyncAzureOpenAI:
        from openai import AsyncAzureOpenAI

        provider = None
        if connection.auth == "default_credential":
            from plimsoll.models.azure import token_provider

            provider = await self._stack.enter_async_context(token_provider(self._azure_credential, secrets))
        return AsyncAzureOpenAI(
            azure_endpoint=connection.base_url,
            api_version=connection.api_version,
            api_key=connection.api_key or None,
            azure_ad_token_provider=provider,
            default_headers=connection.headers,
            max_retries=0,
            http_client=http,
        )


def _always(client: OpenAIClient) -> Callable[[], Awaitable[OpenAIClient]]:
    async def opened() -> OpenAIClient:
        return client

    return opened


async def _refused() -> OpenAIClient:
    raise CellError(FailureKind.NOT_RECORDED, "no model is asked, and the cache holds no answer to this")


def _caller(
    settings: ModelSettings, connection: Connection, limiter: Limiter, breaker: Breaker, backoff: Backoff
) -> Caller:
    from plimsoll.models.calling import Caller

    return Caller(
        at=connection.shown,
        limiter=limiter,
        breaker=breaker,
        timeout=settings.timeout,
        retries=settings.retries,
        give_up_after=settings.give_up_after,
        backoff=backoff,
    )


def _proxy(url: str | None) -> httpx2.Proxy | None:
    import httpx2

    if url is None:
        return None
    address, headers = split_login(url)
    return httpx2.Proxy(address, headers=headers or None)


def _openai_client(connection: Connection, http: httpx2.AsyncClient, environ: Mapping[str, str]) -> openai.AsyncOpenAI:
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        base_url=connection.base_url,
        api_key=connection.api_key,
        organization=environ.get("OPENAI_ORG_ID"),
        project=environ.get("OPENAI_PROJECT_ID"),
        default_headers=connection.headers,
        max_retries=0,
        http_client=http,
    )
