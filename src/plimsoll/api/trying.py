"""Trying one prompt with one set of variables: no suite, no dataset, nothing kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from plimsoll.api.loop import run_blocking
from plimsoll.api.runs import RUNS
from plimsoll.api.targets import own_model
from plimsoll.config import ModelSettings, Workspace, environment
from plimsoll.errors import CellError, InfrastructureError, PlimsollError, UsageError
from plimsoll.models import open_models
from plimsoll.prompts import Prompt, load_prompt
from plimsoll.runs.folders import run_folders
from plimsoll.runs.scrubbing import Scrub
from plimsoll.types import ChatReply, ChatRequest, Message


class Tried(Struct, frozen=True, kw_only=True):
    """What was sent, and what came back."""

    messages: tuple[Message, ...]
    reply: ChatReply | None
    """None where nothing was sent."""


def try_prompt(
    path: Path,
    values: Mapping[str, Any],
    *,
    model: str | None = None,
    base_url: str | None = None,
    send: bool = True,
) -> Tried:
    """Render a prompt, and ask a model.

    Args:
        path: A prompty or Jinja2 file.
        values: Variable → value; a prompty's own sample fills what is left out.
        model: A model's name at the endpoint, or `embedded`; None is the prompty's own.
        base_url: An OpenAI-compatible endpoint.
        send: False only renders.

    Raises:
        ConfigError: the file is wrong.
        UsageError: a variable is missing, or no model is known.
        InfrastructureError: the model does not answer.
    """
    prompt = load_prompt(path, path)
    try:
        messages = prompt.render({**(prompt.sample or {}), **values})
    except CellError as error:
        raise UsageError(error.message, remedy="give it with --var NAME=VALUE") from None
    if not send:
        return Tried(messages=messages, reply=None)
    # Somebody waits: what a second request does not mend is told at once.
    settings = model_for(prompt, model, base_url).model_copy(update={"retries": 1})
    return Tried(messages=messages, reply=run_blocking(_ask(prompt, messages, settings)))


def model_for(prompt: Prompt, model: str | None, base_url: str | None) -> ModelSettings:
    """The model to ask with a prompt: what the caller names, else the prompt's own.

    Raises:
        UsageError: there is none.
        ConfigError: the prompt's own is wrong.
    """
    if model == "embedded":
        return ModelSettings(provider="embedded")
    if model is not None or base_url is not None:
        return ModelSettings(provider="openai", model=model or prompt.configuration.get("model"), base_url=base_url)
    if prompt.configuration:
        return own_model(prompt)
    raise UsageError("the prompt names no model", remedy="give --model NAME (and --base-url), or --model embedded")


def environment_here() -> dict[str, str]:
    """That of the workspace that the current folder is in, else of the folder: a `.env` counts in folders below it."""
    try:
        return environment(Workspace.find().root)
    except PlimsollError:
        return environment(Path.cwd())


def names_here() -> frozenset[str]:
    """What suites and runs of that workspace are called: people are told of them by these names."""
    try:
        workspace = Workspace.find()
        suites = {path.stem for path in workspace.suite_files()}
        return frozenset(suites.union(folder.name for folder in run_folders(workspace.state / RUNS)))
    except (PlimsollError, OSError):
        return frozenset()


async def _ask(prompt: Prompt, messages: tuple[Message, ...], settings: ModelSettings) -> ChatReply:
    environ = environment_here()
    scrub = Scrub(environ, {"models": settings.model_dump(mode="json")})
    async with open_models({"model": settings}, 1, environ) as models:
        try:
            reply = await models["model"].chat(ChatRequest(messages=messages, parameters=dict(prompt.parameters)))
        except CellError as error:
            raise InfrastructureError(scrub.text(error.message), remedy=scrub.text(error.remedy)) from None
    return scrub.without(reply)
