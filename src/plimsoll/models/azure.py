"""Azure OpenAI without a key: a bearer token from `DefaultAzureCredential`, fetched anew before it expires."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from plimsoll.errors import FailureKind, MissingExtraError, boundary
from plimsoll.models.failures import Secrets

SCOPE = "https://cognitiveservices.azure.com/.default"
TokenProvider: TypeAlias = Callable[[], Awaitable[str]]


@asynccontextmanager
async def token_provider(credential: Any | None, secrets: Secrets) -> AsyncIterator[TokenProvider]:
    """A function that gives a valid token; azure-identity keeps it and asks for a new one in time.

    Args:
        credential: an async Azure credential, which stays the caller's to close; None is `DefaultAzureCredential`,
            which reads the process's own environment.
        secrets: told of every token.

    Raises:
        MissingExtraError: azure-identity is not installed.
    """
    try:
        from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider
    except ImportError:
        raise MissingExtraError("auth: default_credential", "azure") from None

    used = DefaultAzureCredential() if credential is None else credential
    fetch = get_bearer_token_provider(used, SCOPE)

    async def provide() -> str:
        with boundary(FailureKind.AUTH, "no token for Azure OpenAI"):
            token: str = await fetch()
        secrets.add(token)
        return token

    try:
        yield provide
    finally:
        if credential is None:
            await used.close()
