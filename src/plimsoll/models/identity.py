"""What makes two models the same one, known from settings alone: nothing is opened, imported or started to know it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from typing import Any

from plimsoll.config import ModelSettings
from plimsoll.errors import MissingExtraError
from plimsoll.models.connection import PLACEHOLDER_KEY, Connection, resolve_connections
from plimsoll.models.parameters import sent_parameters
from plimsoll.types import ChatReply, ChatRequest


def model_identity(
    settings: ModelSettings, connection: Connection, place: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Provider, address or weights, model, and its own parameters as they are sent; no limit, timeout or price.

    Args:
        settings: As written.
        connection: Where it is.
        place: What says which model it is, where that is not the address.
    """
    if place is None:
        place = {"provider": connection.kind, "base_url": connection.shown_url}
        if connection.api_version:
            place = {**place, "api_version": connection.api_version}
    return {**place, "model": connection.model, "parameters": sent_parameters(settings, connection.model, {})[0]}


@dataclass(frozen=True, slots=True)
class IdentifiedModel:
    """A model that is known and not open: for keys that are computed without asking anything."""

    name: str
    known: Mapping[str, Any]
    concurrency: int = 1

    def identity(self) -> dict[str, Any]:
        """That of the open model."""
        return dict(self.known)

    async def chat(self, request: ChatRequest) -> ChatReply:  # noqa: ARG002  # the protocol's signature
        """Nobody asks it.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"model {self.name} is not open")


def identify_models(settings: Mapping[str, ModelSettings], environ: Mapping[str, str]) -> dict[str, IdentifiedModel]:
    """The models of `settings`, by name, with the identities that `open_models` would give them.

    Raises:
        ConfigError: every setting and variable that is missing, of all models.
        MissingExtraError: the embedded model's engine is not installed.
    """
    connections = resolve_connections(settings, environ)
    return {
        name: IdentifiedModel(
            name,
            _embedded(model, environ) if model.provider == "embedded" else model_identity(model, connections[name]),
        )
        for name, model in settings.items()
    }


def _embedded(settings: ModelSettings, environ: Mapping[str, str]) -> dict[str, Any]:
    from plimsoll.models.embedded import EmbeddedModel

    server = EmbeddedModel(environ={**os.environ, **environ})
    try:
        place = server.place
    except PackageNotFoundError:
        raise MissingExtraError("the embedded model", "embedded") from None
    # It has no address until it is started, and none is needed: its weights and engine say which model it is.
    connection = Connection(kind="openai", base_url="", model=server.model, api_key=PLACEHOLDER_KEY)
    return model_identity(settings, connection, place)
