"""Is a model's endpoint there, does it let us in, and does it have the model? For `plimsoll doctor`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plimsoll.errors import CellError, FailureKind, near_match
from plimsoll.models.replies import excerpt
from plimsoll.types import ChatRequest

if TYPE_CHECKING:
    from plimsoll.models.chat_model import OpenAIChatModel


@dataclass(frozen=True, slots=True)
class Probe:
    """What a model's endpoint said."""

    model: str
    """The suite's name for the model."""
    ok: bool
    """It answered, let us in, and nothing says that it lacks the model."""
    message: str
    remedy: str | None = None
    offered: tuple[str, ...] = ()
    """The models that it lists."""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """How the model's parameters are adapted."""


async def probe(model: OpenAIChatModel) -> Probe:
    """Ask an open model's endpoint for its list of models, without retries; if it has none, for one short answer.

    Never raises a `CellError`: that is what it tells.
    """
    began = time.perf_counter()
    try:
        offered = await _offered(model)
        found = _compared(model, offered)
    except CellError as error:
        found = await _asked(model) if error.kind is FailureKind.NOT_FOUND else _failed(model, error)
    return replace(found, seconds=time.perf_counter() - began, notes=model.notes)


def _compared(model: OpenAIChatModel, offered: tuple[str, ...]) -> Probe:
    wanted = model.connection.model
    # Azure lists base models; a deployment's name is not among them.
    if model.connection.kind == "azure" or wanted in offered:
        message = f"{model.shown} answers and lists {len(offered)} model{'s' if len(offered) != 1 else ''}"
        return Probe(model.name, ok=True, message=message, offered=offered)
    return Probe(
        model.name,
        ok=False,
        message=f"{model.connection.shown_url} answers, but does not list the model {wanted!r}",
        remedy=near_match(wanted, offered) or "it lists no model at all",
        offered=offered,
    )


async def _asked(model: OpenAIChatModel) -> Probe:
    # A server without a list and a wrong base_url both say 404; only an answer tells them apart.
    question = ChatRequest(messages=({"role": "user", "content": "Answer with OK."},), parameters={"max_tokens": 16})
    try:
        await model.chat(question)
    except CellError as error:
        if error.kind is not FailureKind.EMPTY:
            return _failed(model, error)
    return Probe(model.name, ok=True, message=f"{model.shown} answers; it has no list of models")


def _failed(model: OpenAIChatModel, error: CellError) -> Probe:
    return Probe(model.name, ok=False, message=error.message, remedy=error.remedy)


async def _offered(model: OpenAIChatModel) -> tuple[str, ...]:
    body = await model.list_models()
    try:
        data = json.loads(body).get("data")
        return tuple(sorted(entry["id"] for entry in data if isinstance(entry, Mapping)))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CellError(
            FailureKind.BAD_RESPONSE, f"{model.shown} answers, but not with a list of models: {excerpt(body)}"
        ) from None
