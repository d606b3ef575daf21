"""A request's parameters: the model's own, and what a reasoning model takes instead of them, by rule in the open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from plimsoll.config import ModelSettings

_OWN = ("temperature", "top_p", "max_tokens", "seed", "stop", "response_format")
_REASONING = re.compile(r"^(o[134]($|[-.])|gpt-5(?!(\.\d+)?-chat))")
_REFUSED = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)
_OF_THE_ANSWERS_FORM: Mapping[str, tuple[Any, ...]] = {
    "stream": (None, False),
    "stream_options": (None,),
    "n": (None, 1),
}
"""Parameters that would change the answer's form → the values that don't."""


def own_parameters(settings: ModelSettings) -> dict[str, Any]:
    """The parameters that a model's settings give, without those left out."""
    return {key: value for key in _OWN if (value := getattr(settings, key)) is not None}


def sent_parameters(
    settings: ModelSettings, model: str, given: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parameters of a request as they are sent: `given` over the model's own. And a note for each change by rule.

    Args:
        settings: The model's.
        model: Its name at the endpoint.
        given: The request's.
    """
    merged = {**own_parameters(settings), **given}
    sent, notes = adapt_parameters(merged, model=model, reasoning=settings.reasoning)
    return {**sent, **settings.extra_body}, notes


def is_reasoning_model(model: str, reasoning: bool | None = None) -> bool:
    """Whether the parameters are adapted: as the settings say, else by the model's name.

    Names o1…, o3…, o4… and gpt-5… (not gpt-5-chat…) are reasoning models, behind a prefix like `openai/` too.
    """
    if reasoning is not None:
        return reasoning
    return _REASONING.match(model.rpartition("/")[2].lower()) is not None


def adapt_parameters(
    parameters: Mapping[str, Any], *, model: str, reasoning: bool | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parameters as they are sent, and a note for each change.

    A reasoning model gets `max_completion_tokens` instead of `max_tokens`, and no sampling parameters. For every
    model, what would change the form of the answer (`stream`, `n`) is left out: answers are read whole, one each.
    """
    adapted = dict(parameters)
    notes = [
        f"{key} is left out: an answer is read whole, one a request"
        for key, harmless in _OF_THE_ANSWERS_FORM.items()
        if adapted.pop(key, None) not in harmless
    ]
    if is_reasoning_model(model, reasoning):
        if "max_tokens" in adapted:
            limit = adapted.pop("max_tokens")
            adapted.setdefault("max_completion_tokens", limit)
            notes.append(f"max_tokens is sent as max_completion_tokens: {model} is a reasoning model")
        notes += [
            f"{key} is left out: {model} is a reasoning model, which refuses it"
            for key in _REFUSED
            if adapted.pop(key, None) is not None
        ]
    return adapted, tuple(notes)
