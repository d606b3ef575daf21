"""Texts that stand in the answer, anywhere or at its start."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from plimsoll.evaluators.fields import as_text
from plimsoll.evaluators.text.matching import TextMatch
from plimsoll.evaluators.text.quoting import quoted
from plimsoll.types import Output


class _Standing(TextMatch):
    shorthand: ClassVar[str | None] = "value"

    whole_words: bool = Field(False, description="Only where no letter, digit or part of a figure adjoins.")

    def _bounded(self, needle: str) -> re.Pattern[str]:
        """The text where at its ends no word or figure is cut."""
        before = r"(?<!\w)(?<!\d[.,:])" if needle[:1].isalnum() else ""
        after = r"(?!\w)(?![.,:]\d)" if needle[-1:].isalnum() else ""
        return re.compile(before + re.escape(needle) + after)


class Contains(_Standing):
    """The answer contains the reference answer (one of several), or given texts.

    With `whole_words`, `£12` is not found in `£120`, nor `3` in `13:30` or `2.3`.
    """

    name: str = "contains"
    all: list[str] | None = Field(None, min_length=1, description="Every one of these texts.")

    def _given(self) -> Sequence[str]:
        return self.all or super()._given()

    def _enough(self, found: Sequence[Any], wanted: Sequence[Any]) -> bool:
        return len(found) == len(wanted) if self.all else bool(found)

    def _has(self, output: Output, wanted: Any) -> bool:
        needle, text = self._key(as_text(wanted)), self._key(output.text)
        return self._bounded(needle).search(text) is not None if self.whole_words else needle in text

    def _found(self, found: Sequence[Any]) -> str:
        return f"contains {quoted(found)}"

    def _missing(self, missing: Sequence[Any]) -> str:
        return f"does not contain {quoted(missing)}"


class StartsWith(_Standing):
    """The answer starts with the reference answer (one of several), or a given text.

    White space before it doesn't count. With `whole_words`, `Yes` does not start `Yesterday`.
    """

    name: str = "starts_with"

    def _has(self, output: Output, wanted: Any) -> bool:
        needle, text = self._key(as_text(wanted)).lstrip(), self._key(output.text).lstrip()
        return self._bounded(needle).match(text) is not None if self.whole_words else text.startswith(needle)

    def _found(self, found: Sequence[Any]) -> str:
        return f"starts with {quoted(found)}"

    def _missing(self, missing: Sequence[Any]) -> str:
        return f"does not start with {quoted(missing)}"
