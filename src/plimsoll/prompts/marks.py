"""Marks that tell a template's own text from the values in it, so that no value can open a message.

A rendered prompt is one text in which lines such as `user:` open messages. A case's text may hold the same
line. Here the template's own markers get a mark when the template is lexed, before any value is in it; only a
marked line opens a message, and every mark is taken out again. The characters used are Unicode noncharacters,
which no text may carry; a value that does is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ROLES = ("system", "user", "assistant", "function", "tool")
"""Roles that a template may write out."""
LINE = "\ufdd0"
"""Before a role on a line that the template began."""
COLON = "\ufdd1"
"""After a colon that the template wrote."""
OPEN, CLOSE = "\ufdd2", "\ufdd3"
"""Around a token that stands for an image or for a replayed message."""

RESERVED = re.compile("[\ufdd0-\ufdd3]")
_MARKS = str.maketrans("", "", LINE + COLON)
_ROLE = "|".join(ROLES)
_MARKER = re.compile(rf"^([^\S\n]*#?[^\S\n]*)((?:{_ROLE})\s*:)", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(
    r"((?:name|tool_call_id|tool_calls)\s*:)(?=\s*\n)|^([^\S\n]*#{0,2}[^\S\n]*content\s*:)", re.MULTILINE
)
_BEFORE_ROLE = re.compile(r"(?:^|\n)[^\S\n]*#?[^\S\n]*\Z")
_AFTER_ROLE = re.compile(r"\A[^\S\n]*:")


def mark_text(text: str) -> str:
    """A stretch of template text with its role markers (`user:`) and headings (`## name:`) marked."""
    text = _MARKER.sub(rf"\1{LINE}\2{COLON}", text)
    return _HEADING.sub(lambda match: match[0] + COLON, text)


def ends_before_role(text: str) -> bool:
    """Whether an expression right after this template text stands at the start of a line, as a role does."""
    return bool(_BEFORE_ROLE.search(text))


def starts_after_role(text: str) -> bool:
    """Whether this template text, right after an expression, makes the expression's value a role."""
    return bool(_AFTER_ROLE.match(text))


def mark_colon(text: str) -> str:
    """Template text right after an expression that names a role, with its colon marked."""
    return _AFTER_ROLE.sub(lambda match: match[0] + COLON, text)


def unmark(text: str) -> str:
    """The text as the author and the case wrote it."""
    # Looking is cheaper than translating, and most text has none.
    return text.translate(_MARKS) if LINE in text or COLON in text else text


def reserved_in(value: Any) -> bool:
    """Whether a value carries a character that is a mark here."""
    if isinstance(value, str):
        return RESERVED.search(value) is not None
    if isinstance(value, Mapping):
        return any(reserved_in(key) or reserved_in(item) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return any(reserved_in(item) for item in value)
    return False
