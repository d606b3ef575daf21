"""Prompts where their users look for them: as versions in the server's prompt registry, one for each bundle.

A projection, like the alias: what runs or is promoted becomes a version once, tagged with its bundle's digest; the
alias follows the ledger; what somebody rewrote is put right when it is read or logged again. Nothing is decided on it
and nothing of ours is served from it. A suite has one prompt, `SUITE.prompt`, whichever target runs or is promoted, so
that who loads `prompts:/SUITE.prompt@champion` need not know the targets. A version is a prompt with its model: the
same text asked of another model is another bundle, and another version, since an alias must name one of the two.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from plimsoll.canonical import DIGEST_PREFIX, digest, dumps
from plimsoll.config import parse_yaml
from plimsoll.errors import ConfigError
from plimsoll.prompts.front_matter import split
from plimsoll.registry.bundle import Bundle
from plimsoll.registry.ledger import Entry
from plimsoll.registry.versions import load_bundle
from plimsoll.tracking.contract import DIGEST_TAG, PROMPT_LIMIT, PromptDraft, PromptText, RegistryStore
from plimsoll.tracking.kept_prompts import keep_prompt, versions_of
from plimsoll.tracking.masks import walk
from plimsoll.tracking.redact import without_nul

_NO_PROMPT = "none"
_MESSAGE_LIMIT = 5000
"""Characters that MLflow's tables hold of a version's description."""
_ROLES = ("system", "user", "assistant", "function", "tool")
_PLAIN_ROLES = _ROLES[:3]
_MARKER = re.compile(rf"^[^\S\n]*#?[^\S\n]*({'|'.join(_ROLES)})[^\S\n]*:[^\S\n]*$", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_MLFLOWS_NAMES = {"max_completion_tokens": "max_tokens", "stop": "stop_sequences"}
_BOUNDS: dict[str, tuple[type[float], float, float]] = {
    "temperature": (float, 0, math.inf),
    "top_p": (float, 0, 1),
    "max_tokens": (int, 1, math.inf),
    "top_k": (int, 1, math.inf),
    "frequency_penalty": (float, -math.inf, math.inf),
    "presence_penalty": (float, -math.inf, math.inf),
}
"""Parameters that MLflow checks: one beyond them would make it refuse the version, though the endpoint may take it."""


def prompt_name(suite: str) -> str:
    """What the suite's prompt is called."""
    return f"{suite}.prompt"


def prompt_draft(suite: str, target: str, bundle: Bundle, *, commit: str = "", message: str = "") -> PromptDraft | None:
    """What the version of a bundle's prompt has to be; None where it is no prompt.

    Args:
        suite: Its name.
        target: What the bundle is called where it is first seen.
        bundle: The target's.
        commit: Of the workspace, `-dirty` behind it where files differed.
        message: Why it is as it is.
    """
    content = prompt_text(bundle)
    if content is None:
        return None
    tags = {
        DIGEST_TAG: bundle.digest,
        "plimsoll.suite": suite,
        "plimsoll.target": target,
        "plimsoll.models": dumps(bundle.content["models"]).decode(),
        "plimsoll.parameters": dumps(dict(bundle.settings.parameters)).decode(),
        "plimsoll.commit": commit,
    }
    kept = {name: value for name, value in tags.items() if value and len(value) <= PROMPT_LIMIT}
    # A database may refuse NUL, and the tracking store replaces it in all that is logged.
    stored = msgspec.convert(walk(msgspec.to_builtins(content), without_nul), PromptText)
    return PromptDraft(prompt=prompt_name(suite), content=stored, tags=kept, message=message[:_MESSAGE_LIMIT])


def follow_prompt(store: RegistryStore, suite: str, alias: str, entry: Entry) -> str | None:
    """Make the prompt's version and alias follow the ledger's newest entry; a note where a version was rewritten.

    Raises:
        PlimsollError: the store can't be read or written, or holds a prompt of this name that is somebody else's.
    """
    name = prompt_name(suite)
    number, note = _kept(store, suite, entry)
    if store.prompt_alias(name, alias) != number:
        store.set_prompt_alias(name, alias, number)
    return note


def prompt_text(bundle: Bundle) -> PromptText | None:
    """What a bundle's prompt says and is asked with; None where it is no prompt.

    The template as it is written, without front matter. Messages where each of them is a whole template by itself;
    else, for instance with a role inside a loop, one text.
    """
    if bundle.settings.prompt is None:
        return None
    path = posixpath.normpath(bundle.settings.prompt)
    text = bundle.files.get(path, b"").decode(errors="replace")
    own: Mapping[str, Any] = {}
    if path.endswith(".prompty"):
        try:
            parts = split(text, path)
            own, text = _own_parameters(parts.yaml, path), parts.template
        except ConfigError:
            return PromptText(text)
    configuration, response_format = _asked_with(bundle, own)
    messages = list(_messages(text))
    if messages and all(_whole(message["content"]) for message in messages):
        return PromptText(dumps(messages).decode(), True, configuration, response_format)
    return PromptText(text, False, configuration, response_format)


def _own_parameters(yaml: str, path: str) -> Mapping[str, Any]:
    """`model.parameters` of a front matter, references to files and variables as they are written."""
    data: Any = parse_yaml(yaml, path).data
    for key in ("model", "parameters"):
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _asked_with(bundle: Bundle, own: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Model and parameters by MLflow's names (the target's over the prompt's over the model's), and the format."""
    model = bundle.settings.model
    settings = bundle.models.get(model) if isinstance(model, str) else None
    given: dict[str, Any] = {}
    if settings is not None:
        named = {key: getattr(settings, key) for key in ("temperature", "top_p", "max_tokens", "seed", "stop")}
        given = {**named, "response_format": settings.response_format, **settings.extra_body}
    given |= {**own, **bundle.settings.parameters}
    merged = {_MLFLOWS_NAMES.get(key, key): value for key, value in given.items()}
    response_format = merged.pop("response_format", None)
    stop = merged.get("stop_sequences")
    if isinstance(stop, str):
        merged["stop_sequences"] = [stop]
    found = {key: value for key, value in merged.items() if value is not None and _fits(key, value)}
    if settings is not None:
        found |= {"provider": settings.provider, **({"model_name": settings.model} if settings.model else {})}
    try:
        plain = json.loads(dumps(found))
    except (TypeError, ValueError):
        return {}, None
    fits = len(json.dumps(plain)) <= PROMPT_LIMIT
    return plain if fits else {}, response_format if isinstance(response_format, dict) else None


def _fits(key: str, value: Any) -> bool:
    """Whether MLflow takes the parameter."""
    if key == "stop_sequences":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if key in ("extra_params", "provider", "model_name"):
        return False
    if key not in _BOUNDS:
        return True
    kind, least, most = _BOUNDS[key]
    return isinstance(value, int | kind) and not isinstance(value, bool) and least <= value <= most


def _messages(text: str) -> Iterator[dict[str, str]]:
    """The messages that a template's own markers make; none where more than comments stand before or a tool speaks."""
    found = list(_MARKER.finditer(text))
    roles = [marker[1].lower() for marker in found]
    if not found or _COMMENT.sub("", text[: found[0].start()]).strip() or not set(roles) <= set(_PLAIN_ROLES):
        return
    ends = [*(marker.start() for marker in found[1:]), len(text)]
    for marker, role, end in zip(found, roles, ends, strict=True):
        yield {"role": role, "content": text[marker.end() : end].strip()}


def _whole(text: str) -> bool:
    """Whether it is a template by itself: no block that began in another message."""
    from jinja2 import Environment, TemplateSyntaxError

    try:
        Environment(autoescape=False).parse(text)  # noqa: S701  # parsed, never rendered
    except TemplateSyntaxError:
        return False
    return True


def _kept(store: RegistryStore, suite: str, entry: Entry) -> tuple[int | None, str | None]:
    """The version that says what the entry's bundle says, made or put right; None where that is no prompt."""
    known = store.records(suite).get(_key(entry.bundle))
    if known == _NO_PROMPT:
        return None, None
    for version in versions_of(store, prompt_name(suite), entry.bundle):
        if known == _digest(version.content):
            return version.number, None
    bundle = load_bundle(store, suite, entry.bundle)
    draft = prompt_draft(suite, entry.target, bundle, commit=entry.commit, message=entry.reason)
    # A record can't change: what a version has to say is known from then on, whoever rewrites it.
    store.create_record(suite, _key(entry.bundle), _NO_PROMPT if draft is None else _digest(draft.content))
    if draft is None:
        return None, None
    kept = keep_prompt(store, draft)
    return kept.version, kept.note


def _digest(content: PromptText) -> str:
    """Of its words alone: another version of this package may read more, or less, out of a bundle's parameters."""
    return digest([content.text, content.chat])


def _key(bundle: str) -> str:
    return f"prompt.{bundle.removeprefix(DIGEST_PREFIX)}"
