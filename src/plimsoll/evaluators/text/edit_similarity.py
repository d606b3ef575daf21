"""Similarity by edit distance."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from plimsoll.evaluators.text.reference import AgainstReference


class EditSimilarity(AgainstReference):
    """The share of characters that need no edit to make the reference of the answer (Levenshtein 1966).

    1 - distance ÷ length of the longer text, where an insertion, a deletion and a replacement cost 1 each. White
    space at both ends doesn't count. Of several references the best counts.
    """

    libraries: ClassVar[tuple[str, ...]] = ("rapidfuzz",)
    extra: ClassVar[str] = "text"

    name: str = "edit_similarity"
    ignore_case: bool = Field(False, description="Compare without case.")

    def compare(self, answer: str, wanted: Sequence[str]) -> float:
        """The best normalised similarity."""
        from rapidfuzz.distance import Levenshtein

        given = self._key(answer)
        return max(Levenshtein.normalized_similarity(given, self._key(reference)) for reference in wanted)

    def _key(self, text: str) -> str:
        plain = unicodedata.normalize("NFC", text).strip()
        return plain.casefold() if self.ignore_case else plain
