"""What evaluators share that look for given texts: where the texts stand, how they are compared, what negation is.

An empty answer never passes, negated or not: it is an answer, and a bad one.
"""

from __future__ import annotations

import unicodedata
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import references
from plimsoll.evaluators.text.quoting import EMPTY, quoted
from plimsoll.evaluators.text.words import normalise
from plimsoll.types import Case, Metric, MetricKind, Output, Scored

_SOURCES = ("expected", "value", "any", "all")


class TextMatch(SettingsEvaluator):
    """The answer has, by a subclass's meaning of having, one of the wanted texts: a field's, or given ones."""

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)

    expected: str | None = Field(None, description="The field with the text or a list of texts. Default: expected.")
    value: str | None = Field(None, description="This text.")
    any: list[str] | None = Field(None, min_length=1, description="At least one of these texts.")
    ignore_case: bool = Field(False, description="Compare without case.")
    normalise: bool = Field(False, description="Compare without case, punctuation and articles (SQuAD).")
    negate: bool = Field(False, description="True where it is not so.")

    @field_validator("value", "any", "all", check_fields=False)
    @classmethod
    def _not_blank(cls, value: str | list[str] | None) -> str | list[str] | None:
        # Every answer contains the empty text.
        if any(not text.strip() for text in ([value] if isinstance(value, str) else value or [])):
            raise ValueError("an empty text is contained in every answer")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        keys = [key for key in _SOURCES if key in type(self).model_fields]
        given = [key for key in keys if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(keys)}; found {' and '.join(given)}")
        return self

    @property
    def requires(self) -> frozenset[str]:
        """The field with the texts, where they are not given."""
        return frozenset() if self._given() else frozenset({self.expected or "expected"})

    def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer."""
        if not output.text.strip():
            return Scored(value=False, reason=EMPTY)
        wanted = self._given() or self._references(case, output)
        found = [text for text in wanted if self._has(output, text)]
        if self._enough(found, wanted) != self.negate:
            return Scored(value=True)
        reason = self._found(found) if self.negate else self._missing([text for text in wanted if text not in found])
        return Scored(value=False, reason=reason)

    def _given(self) -> Sequence[str]:
        """The texts that the settings give; none where a field has them."""
        return [self.value] if self.value is not None else self.any or []

    def _references(self, case: Case, output: Output) -> Sequence[Any]:
        found = references(self.expected or "expected", case, output)
        return [each.strip() if isinstance(each, str) else each for each in found]

    def _enough(self, found: Sequence[Any], wanted: Sequence[Any]) -> bool:  # noqa: ARG002  # for subclasses
        """Whether so many of the wanted texts are what was asked for."""
        return bool(found)

    def _key(self, text: str) -> str:
        """What is compared in place of the text."""
        plain = normalise(text) if self.normalise else unicodedata.normalize("NFC", text)
        return plain.casefold() if self.ignore_case else plain

    @abstractmethod
    def _has(self, output: Output, wanted: Any) -> bool:
        """Whether the answer has one text: a reference answer of any type, or text of the settings."""

    @abstractmethod
    def _found(self, found: Sequence[Any]) -> str:
        """Why a negated one is false."""

    def _missing(self, missing: Sequence[Any]) -> str:
        """Why it is false."""
        return f"expected {quoted(missing)}"
