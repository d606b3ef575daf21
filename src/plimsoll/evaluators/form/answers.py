"""An answer as the form it claims to have."""

from __future__ import annotations

import re
from typing import Any

from plimsoll.evaluators.fields import as_text
from plimsoll.evaluators.strict_json import parse_json
from plimsoll.types import Output

_FENCE = re.compile(r"```[A-Za-z0-9_+-]*[^\S\n]*\n(.*)\n[^\S\n]*```", re.DOTALL)

EMPTY = "the answer is empty"
FENCED = "the answer is wrapped in a code fence"


def json_of(output: Output) -> Any:
    """The answer's structured form, or its text read as JSON.

    Raises:
        ValueError: it is no JSON; the message says why, for people.
    """
    if output.value is not None:
        return output.value
    try:
        return parse_json(output.text)
    except ValueError as error:
        raise ValueError(why_no_json(output.text, error)) from None


def unfenced(text: str) -> str:
    """What stands in the code fence around the whole text, or the text itself where there is none."""
    found = _FENCE.fullmatch(text.strip())
    return found[1] if found else text


def is_fenced(text: str) -> bool:
    """Whether the text begins with a code fence."""
    return text.lstrip().startswith("```")


def clipped(text: str, most: int = 80) -> str:
    """A text short enough for a reason."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shown(value: Any, most: int = 60) -> str:
    """A value of JSON short enough for a reason; text is quoted, so that "7" is not taken for 7."""
    return clipped(repr(value) if isinstance(value, str) else as_text(value), most)


def listed(items: list[str], most: int = 5) -> str:
    """The first of some texts, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more


def why_no_json(text: str, error: ValueError) -> str:
    """In a reason: what kept a text from being JSON."""
    if not text.strip():
        return EMPTY
    return FENCED if is_fenced(text) else f"not JSON: {error}"
