"""Prompts where their users look for them: the champion's text as a version in the server's prompt registry.

A projection, like the alias: a promoted prompt becomes a version once, tagged with its bundle's digest; the alias
follows the ledger; what somebody rewrote is put right when it is read. Nothing is decided on it and nothing of ours is
served from it. A suite has one prompt, `SUITE.prompt`, whichever target is promoted, so that who loads
`prompts:/SUITE.prompt@champion` need not know the targets.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from plimsoll.canonical import DIGEST_PREFIX, digest, dumps
from plimsoll.errors import ConfigError
from plimsoll.prompts.front_matter import split
from plimsoll.registry.bundle import Bundle
from plimsoll.registry.ledger import Entry
from plimsoll.registry.versions import DIGEST_TAG, load_bundle
from plimsoll.tracking.contract import PromptText, PromptVersion, RegistryStore

_NO_PROMPT = "none"
_ROLES = ("system", "user", "assistant", "function", "tool")
_PLAIN_ROLES = _ROLES[:3]
_MARKER = re.compile(rf"^[^\S\n]*#?[^\S\n]*({'|'.join(_ROLES)})[^\S\n]*:[^\S\n]*$", re.IGNORECASE | re.MULTILINE)


def prompt_name(suite: str) -> str:
    """What the suite's prompt is called."""
    return f"{suite}.prompt"


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
    """What a bundle's prompt says; None where it is no prompt.

    The template as it is written, without front matter. Messages where each of them is a whole template by itself;
    else, for instance with a role inside a loop, one text.
    """
    if bundle.settings.prompt is None:
        return None
    path = posixpath.normpath(bundle.settings.prompt)
    text = bundle.files.get(path, b"").decode(errors="replace")
    if path.endswith(".prompty"):
        try:
            text = split(text, path).template
        except ConfigError:
            return PromptText(text)
    messages = list(_messages(text))
    if not messages or not all(_whole(message["content"]) for message in messages):
        return PromptText(text)
    return PromptText(dumps(messages).decode(), chat=True)


def _messages(text: str) -> Iterator[dict[str, str]]:
    """The messages that a template's own markers make; none where something stands before or a tool speaks."""
    found = list(_MARKER.finditer(text))
    roles = [marker[1].lower() for marker in found]
    if not found or text[: found[0].start()].strip() or not set(roles) <= set(_PLAIN_ROLES):
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
    name = prompt_name(suite)
    known = store.records(suite).get(_key(entry.bundle))
    if known == _NO_PROMPT:
        return None, None
    found = _of_bundle(store, name, entry.bundle)
    for version in found:
        if known == _digest(version.content):
            return version.number, None
    content = prompt_text(bundle := load_bundle(store, suite, entry.bundle))
    # A record can't change: what a version has to say is known from then on, whoever rewrites it.
    store.create_record(suite, _key(entry.bundle), _NO_PROMPT if content is None else _digest(content))
    if content is None:
        return None, None
    if not found:
        return _make(store, name, content, entry, bundle), None
    if content == found[0].content:
        return found[0].number, None
    store.rewrite_prompt(name, found[0].number, content)
    return found[0].number, f"version {found[0].number} of the prompt {name} had been rewritten, and was put right"


def _make(store: RegistryStore, name: str, content: PromptText, entry: Entry, bundle: Bundle) -> int:
    tags = {
        DIGEST_TAG: entry.bundle,
        "plimsoll.suite": entry.suite,
        "plimsoll.target": entry.target,
        "plimsoll.models": dumps(bundle.content["models"]).decode(),
        "plimsoll.parameters": dumps(dict(bundle.settings.parameters)).decode(),
    }
    if entry.commit:
        tags["plimsoll.commit"] = entry.commit
    number = store.create_prompt(name, content, tags)
    first = min((version.number for version in _of_bundle(store, name, entry.bundle)), default=number)
    if first < number:
        # Another process was quicker: one version stays.
        store.delete_prompt(name, number)
    return min(first, number)


def _of_bundle(store: RegistryStore, name: str, bundle: str) -> tuple[PromptVersion, ...]:
    return store.prompts(name, {DIGEST_TAG: bundle})


def _digest(content: PromptText) -> str:
    return digest([content.text, content.chat])


def _key(bundle: str) -> str:
    return f"prompt.{bundle.removeprefix(DIGEST_PREFIX)}"
