"""Whether an answer is as long as it should be."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.text.quoting import EMPTY
from plimsoll.evaluators.text.sentences import sentences
from plimsoll.evaluators.text.words import words
from plimsoll.types import Case, Metric, MetricKind, Output, Scored


class Length(SettingsEvaluator):
    """The answer is no longer than `max` and no shorter than `min`, in words, characters, sentences or lines.

    White space at both ends and blank lines don't count. A truth value and no count: more is not better, nor is less,
    and an empty answer would be the shortest.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "max"
    version: ClassVar[str] = "2"

    name: str = "length"
    unit: Literal["words", "characters", "sentences", "lines"] = Field("words", description="What is counted.")
    min: int | None = Field(None, ge=1, description="At least so many.")
    max: int | None = Field(None, ge=1, description="At most so many.")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no length is at least {self.min} and at most {self.max}")
        return self

    def evaluate(self, case: Case, output: Output) -> Scored:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        text = output.text.strip()
        if not text:
            return Scored(value=False, reason=EMPTY)
        count = self._count(text)
        if self.min is not None and count < self.min:
            return Scored(value=False, reason=f"{count} {self.unit}, fewer than {self.min}")
        if self.max is not None and count > self.max:
            return Scored(value=False, reason=f"{count} {self.unit}, more than {self.max}")
        return Scored(value=True, reason=f"{count} {self.unit}")

    def _count(self, text: str) -> int:
        if self.unit == "characters":
            return len(text)
        if self.unit == "words":
            return len(words(text))
        if self.unit == "sentences":
            return len(sentences(text))
        return sum(bool(line.strip()) for line in text.splitlines())
