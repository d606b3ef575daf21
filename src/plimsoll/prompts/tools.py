"""Tool and function definitions among a prompt's parameters, checked before an endpoint refuses them.

The rules are promptflow's, and its defaults too: with tools the choice is `auto` where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plimsoll.config import Document
from plimsoll.errors import Mistake

_AT = ("model", "parameters")
_CHOICES = ("auto", "none", "required")


def with_defaults(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they are sent.

    Without `stream`: a harness reads whole answers, and streaming changes none.
    """
    sent = {key: value for key, value in parameters.items() if key not in {"stream", "stream_options"}}
    if "tools" in sent:
        sent["tool_choice"] = sent.get("tool_choice") or "auto"
    elif "functions" in sent:
        sent["function_call"] = sent.get("function_call") or "auto"
    return sent


def tool_mistakes(parameters: Mapping[str, Any], document: Document) -> Iterator[Mistake]:
    """Everything wrong with `tools`, `tool_choice`, `functions`."""
    for key in ("tools", "functions"):
        if key not in parameters:
            continue
        listed = parameters[key]
        if not isinstance(listed, list) or not listed:
            yield document.mistake((*_AT, key), f"{key} must be a list of at least one definition")
            continue
        for at, entry in enumerate(listed):
            for problem in _tool(entry) if key == "tools" else _function(entry):
                yield document.mistake((*_AT, key, at), f"{key}[{at}]: {problem}")
    yield from _choice(parameters, document)


def _tool(tool: Any) -> Iterator[str]:
    if not isinstance(tool, Mapping):
        yield "not a mapping with type and function"
        return
    missing = [key for key in ("type", "function") if key not in tool]
    if missing:
        yield f"lacks {' and '.join(missing)}"
    if "function" in tool:
        yield from _function(tool["function"])


def _function(function: Any) -> Iterator[str]:
    if not isinstance(function, Mapping):
        yield "the function is not a mapping with name and parameters"
        return
    missing = [key for key in ("name", "parameters") if key not in function]
    if missing:
        yield f"the function lacks {' and '.join(missing)}"
    if "parameters" not in function:
        return
    schema = function["parameters"]
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        yield "the function's parameters must be a JSON Schema of type object"
    elif not isinstance(schema.get("properties"), Mapping):
        yield "the function's parameters need properties, a mapping (it may be empty)"


def _choice(parameters: Mapping[str, Any], document: Document) -> Iterator[Mistake]:
    choice = parameters.get("tool_choice")
    if choice is None or "tools" not in parameters or choice in _CHOICES:
        return
    named = choice.get("function") if isinstance(choice, Mapping) and "type" in choice else None
    if not isinstance(named, Mapping) or "name" not in named:
        yield document.mistake(
            (*_AT, "tool_choice"),
            f"tool_choice must be one of {', '.join(_CHOICES)}, or name a function",
            "write {type: function, function: {name: …}}",
        )
