"""ROUGE: runs of words, or words in order, that answer and reference share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field

from plimsoll.evaluators.text.reference import AgainstReference
from plimsoll.evaluators.text.words import runs
from plimsoll.types import Skipped


class Rouge(AgainstReference):
    """ROUGE: shared words, word pairs, or the longest common subsequence, of answer and reference (Lin 2004).

    As the package rouge-score gives it without stemming. Of several references the best counts; one too short to hold
    a pair, with `rouge2`, is left out.
    """

    libraries: ClassVar[tuple[str, ...]] = ("rapidfuzz",)
    extra: ClassVar[str] = "text"
    shorthand: ClassVar[str | None] = "variant"
    version: ClassVar[str] = "2"

    name: str = "rouge"
    variant: Literal["rouge1", "rouge2", "rougeL"] = Field("rougeL", description="Words, pairs of words, or order.")
    measure: Literal["f", "precision", "recall"] = Field(
        "f", description="Of the answer's words (precision), the reference's (recall), or both (f)."
    )

    def compare(self, answer: str, wanted: Sequence[str]) -> float | Skipped:
        """The best of the measure."""
        given = self._units(answer)
        fit = [units for reference in wanted if (units := self._units(reference))]
        if not fit:
            return Skipped(reason=f"no reference has {'two words' if self.variant == 'rouge2' else 'a word'}")
        return max(self._measured(self._shared(given, units), len(given), len(units)) for units in fit)

    def _units(self, text: str) -> list[str]:
        """What is compared: words, or pairs of them."""
        # The words of the reference package rouge-score, which knows none but a to z and 0 to 9, in every script.
        words = runs(text)
        return [" ".join(pair) for pair in pairwise(words)] if self.variant == "rouge2" else words

    def _shared(self, given: list[str], wanted: list[str]) -> int:
        if self.variant != "rougeL":
            return (Counter(given) & Counter(wanted)).total()
        from rapidfuzz.distance import LCSseq

        return LCSseq.similarity(given, wanted)

    def _measured(self, shared: int, given: int, wanted: int) -> float:
        if not shared:
            return 0.0
        if self.measure == "f":
            return 2 * shared / (given + wanted)
        return shared / (given if self.measure == "precision" else wanted)
