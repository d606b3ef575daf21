"""Texts in a score's reason: quoted, cut, and not too many of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from plimsoll.evaluators.fields import as_text

EMPTY = "the answer is empty"
"""Why an empty answer has the worst value, whatever the evaluator."""


def quoted(texts: Iterable[Any], most: int = 3, length: int = 80) -> str:
    """The first of the texts, each cut at a length, and how many more there are."""
    shown = [as_text(text) for text in texts]
    cut = [repr(text if len(text) <= length else f"{text[: length - 1]}…") for text in shown[:most]]
    return ", ".join(cut) + (f" and {len(shown) - most} more" if len(shown) > most else "")
