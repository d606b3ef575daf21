"""From a rendered prompt to messages, by promptflow's rules.

A marker (`system:`, `# user:`) alone on its line opens a message. Inside one, `## name:` and `## content:` name
its author, `## tool_call_id:` says which call a tool's result answers, `## tool_calls:` holds an assistant's
calls as a Python or JSON list. A message with an image becomes a list of parts, one for each line or image.
Only what the template itself wrote counts as a marker or heading: see `marks`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from plimsoll.prompts.images import image_part
from plimsoll.prompts.marks import CLOSE, COLON, LINE, OPEN, ROLES, unmark
from plimsoll.types import Message

# A template can't write `developer:` (promptflow reads that as text), but a replayed message may have the role.
_MARKER = re.compile(
    rf"^[^\S\n]*(?:#[^\S\n]*)?{LINE}({'|'.join(ROLES)}|developer)\s*:{COLON}\s*\n", re.IGNORECASE | re.MULTILINE
)
_CONTENT = rf"\s*\n*#{{0,2}}\s*content\s*:{COLON}\s*\n?(.*)"
_NAMED = re.compile(rf"\n*#{{0,2}}\s*name\s*:{COLON}\s*\n+\s*(\S+){_CONTENT}", re.DOTALL)
_TOOL_RESULT = re.compile(rf"\n*#{{0,2}}\s*tool_call_id\s*:{COLON}\s*\n+\s*(\S+){_CONTENT}", re.DOTALL)
_TOOL_CALLS = re.compile(rf"\n*#{{0,2}}\s*tool_calls\s*:{COLON}\s*\n+\s*(\[.*?\])\s*$", re.DOTALL)
_TOKEN = re.compile(f"{OPEN}([IM])([^{CLOSE}]*){CLOSE}")


class ChatFormatError(ValueError):
    """A rendered prompt that doesn't read as messages, and why."""


def parse_chat(text: str, replayed: Sequence[Message] = (), *, needs_roles: bool = True) -> list[Message]:
    """The messages of a rendered prompt. Text without any marker is one user message, unless `needs_roles`.

    Raises:
        ChatFormatError: text stands before the first marker, or a message lacks what its role needs.
    """
    markers = list(_MARKER.finditer(text))
    before = text[: markers[0].start()] if markers else text
    if before.strip():
        if markers or needs_roles:
            raise ChatFormatError(_stray(before))
        return [{"role": "user", "content": _content(text, replayed)}]
    ends = [*(marker.start() for marker in markers[1:]), len(text)] if markers else []
    messages = []
    for number, (marker, end) in enumerate(zip(markers, ends, strict=True), start=1):
        role = marker[1].lower()
        try:
            messages.append(_message(role, text[marker.end() : end], replayed))
        except ChatFormatError as error:
            raise ChatFormatError(f"message {number} ({role}): {error}") from None
    return messages


def _stray(before: str) -> str:
    first = unmark(before).strip().splitlines()[0]
    shown = first if len(first) <= 60 else first[:59] + "…"
    return f"text before the first role marker: {_TOKEN.sub('…', shown)!r}"


def _message(role: str, chunk: str, replayed: Sequence[Message]) -> Message:
    whole = _TOKEN.fullmatch(unmark(chunk).strip()) if OPEN in chunk else None
    if whole and whole[1] == "M" and replayed[int(whole[2])].get("role") == role:
        return dict(replayed[int(whole[2])])
    if role == "tool":
        result = _TOOL_RESULT.search(chunk)
        if result is None:
            raise ChatFormatError("a tool's message needs '## tool_call_id:' and '## content:', each on its own line")
        return {"role": role, "tool_call_id": unmark(result[1]), "content": _content(result[2], replayed)}
    if role == "assistant":
        calls = _TOOL_CALLS.search(chunk)
        if calls is not None:
            return {"role": role, "tool_calls": _calls(unmark(calls[1]))}
    named = _NAMED.search(chunk) if COLON in chunk else None
    if named is not None:
        return {"role": role, "name": unmark(named[1]), "content": _content(named[2], replayed)}
    if role == "function":
        raise ChatFormatError("a function's message needs '## name:' and '## content:', each on its own line")
    return {"role": role, "content": _content(chunk, replayed)}


def _calls(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    try:
        return json.loads(text)
    except ValueError:
        raise ChatFormatError("what follows '## tool_calls:' is neither a Python nor a JSON list") from None


def _content(chunk: str, replayed: Sequence[Message]) -> str | list[dict[str, Any]]:
    def as_text(token: re.Match[str]) -> str:
        content = replayed[int(token[2])].get("content") if token[1] == "M" else []
        return token[0] if isinstance(content, list) else content or ""

    text = unmark(chunk)
    text = (_TOKEN.sub(as_text, text) if OPEN in text else text).strip()
    if OPEN not in text:
        return text
    return [part for line in text.split("\n") for part in _parts(line, replayed)]


def _parts(line: str, replayed: Sequence[Message]) -> Iterator[dict[str, Any]]:
    at = 0
    for token in _TOKEN.finditer(line):
        yield from _text_part(line[at : token.start()])
        if token[1] == "I":
            yield image_part(token[2])
        else:
            yield from replayed[int(token[2])]["content"]
        at = token.end()
    yield from _text_part(line[at:])


def _text_part(text: str) -> Iterator[dict[str, Any]]:
    if text.strip():
        yield {"type": "text", "text": text}
