"""What stands where a secret would: `<your-key>`, `${TOKEN}`, `********`, `changeme`.

Only a value that is a placeholder as a whole is one. A secret may well contain «your» or «example».
"""

from __future__ import annotations

import re

_POINTING = "your|example|sample|dummy|fake|placeholder|insert|enter|replace|change|redacted|removed|hidden|masked|todo"
_GENERIC = (
    "passphrase|password|passwd|pass|pwd|secret|token|access|auth|client|api|key|value|string|user|my|the|some|new|"
    "here|with|this|me|it|id"
)
# Atomic, so that a long run of such words takes no longer than its length.
_WORDS = rf"(?>(?:(?>{_POINTING}|{_GENERIC})[-_.]?)+)"

_PLACEHOLDER = re.compile(
    r"<[^<>]*>?"  # a name with spaces in it breaks off at the first one
    r"|\{+[^{}]*\}*"
    r"|\$\{[^{}]*\}|\$\([^()]*\)|\$(?-i:[A-Z_][A-Z0-9_]*|[a-zA-Z]+(?:_\w+)*)|%\w+%|%\(\w+\)s"
    r"|.{0,8}?(?:[*•]{3,}|x{4,}).{0,4}"  # masked but for its ends
    r"|.{0,7}?(?:\.{3}|…).{0,4}"  # cut short
    rf"|{_WORDS}|(?:{_POINTING})[-_.]?{_WORDS}?[0-9]{{1,2}}",
    re.IGNORECASE,
)
# Markup and punctuation of the sentence that it stands in.
_AROUND = "*_`\"'()[].,;:!?"


def is_placeholder(value: str) -> bool:
    """Whether all of a value stands in a secret's place."""
    return any(_PLACEHOLDER.fullmatch(each) for each in (value, value.strip(_AROUND)))
