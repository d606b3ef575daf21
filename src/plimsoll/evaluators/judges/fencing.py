"""The fence around what is judged: a mark that can't stand inside it, and nothing in it that a prompt reads as its own.

A prompt's own rendering sees to roles and template code in values. What is left is half characters, which can't be
sent, the characters by which prompts mark their own roles, and texts that read as the name of an image.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from plimsoll import canonical
from plimsoll.prompts.marks import RESERVED
from plimsoll.types import encodable


def harmless(value: Any) -> Any:
    """A value with every text in it as it can be sent: half a character is `?`, a reserved noncharacter U+FFFD."""
    if isinstance(value, str):
        return RESERVED.sub("\ufffd", encodable(value))
    if isinstance(value, Mapping):
        return {harmless(key): harmless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [harmless(item) for item in value]
    return value


def nonce(values: Mapping[str, Any]) -> str:
    """A token that stands in none of the values: a fence of it can't be closed from inside.

    Derived from what it fences, so that the same judgement is the same request: to know it, a text would have to hold
    its own digest. One that holds it all the same gets another.
    """
    fenced = repr(values)
    encoded = fenced.encode("utf-8", "replace")
    tokens = (canonical.short(canonical.digest_bytes(b"%d %s" % (number, encoded)), 16) for number in count())
    return next(token for token in tokens if token not in fenced)
