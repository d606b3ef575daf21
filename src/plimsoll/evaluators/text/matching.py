"""Deterministic evaluators of an answer's text. An empty answer never passes, negated or not."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import as_text, references
from plimsoll.evaluators.strict_json import parse_json
from plimsoll.evaluators.text.words import normalise, tokens
from plimsoll.types import Case, Metric, MetricKind, Output, Scored

_EMPTY = "the answer is empty"
_BOOL = Metric(name="", kind=MetricKind.BOOL)
_SHARE = Metric(name="", low=0.0, high=1.0)


class ExactMatch(SettingsEvaluator):
    """The answer is the reference answer, or one of several.

    White space at both ends doesn't count. A number is compared as a number, an object as JSON.
    """

    metric: ClassVar[Metric] = _BOOL
    shorthand: ClassVar[str | None] = "expected"

    name: str = "exact_match"
    expected: str = Field("expected", description="The field with the reference answer or a list of them.")
    ignore_case: bool = False
    normalise: bool = Field(False, description="Compare without case, punctuation and articles (SQuAD).")

    @property
    def requires(self) -> frozenset[str]:
        """The reference's field, where it reads one."""
        return frozenset({self.expected})

    def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer."""
        if not output.text.strip():
            return Scored(value=False, reason=_EMPTY)
        wanted = references(self.expected, case, output)
        if any(self._matches(reference, output) for reference in wanted):
            return Scored(value=True)
        return Scored(value=False, reason=f"expected {_quoted(wanted)}")

    def _matches(self, reference: Any, output: Output) -> bool:
        if isinstance(reference, Mapping):
            return _same_object(reference, output)
        if isinstance(reference, int | float) and not isinstance(reference, bool):
            return _number(output.text) == reference
        return self._key(as_text(reference)) == self._key(output.text)

    def _key(self, text: str) -> str:
        if self.normalise:
            return normalise(text)
        plain = unicodedata.normalize("NFC", text).strip()
        return plain.casefold() if self.ignore_case else plain


class Contains(SettingsEvaluator):
    """The answer contains the reference answer (one of several), or given words.

    With `whole_words`, `£12` is not found in `£120`, nor `3` in `13:30` or `2.3`.
    """

    metric: ClassVar[Metric] = _BOOL
    shorthand: ClassVar[str | None] = "value"

    name: str = "contains"
    expected: str | None = Field(None, description="The field with the text or a list of texts. Default: expected.")
    value: str | None = Field(None, description="This text.")
    any: list[str] | None = Field(None, min_length=1, description="At least one of these texts.")
    all: list[str] | None = Field(None, min_length=1, description="Every one of these texts.")
    ignore_case: bool = False
    whole_words: bool = Field(False, description="Only where no letter, digit or part of a figure adjoins.")
    negate: bool = Field(False, description="True where it is not so.")

    @field_validator("value", "any", "all")
    @classmethod
    def _not_blank(cls, value: str | list[str] | None) -> str | list[str] | None:
        # Every answer contains the empty text.
        if any(not text.strip() for text in ([value] if isinstance(value, str) else value or [])):
            raise ValueError("an empty text is contained in every answer")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Contains:
        given = [key for key in ("expected", "value", "any", "all") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of expected, value, any, all; found {' and '.join(given)}")
        return self

    @property
    def requires(self) -> frozenset[str]:
        """The reference's field, where it reads one."""
        literal = self.value is not None or self.any is not None or self.all is not None
        return frozenset() if literal else frozenset({self.expected or "expected"})

    def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer."""
        if not output.text.strip():
            return Scored(value=False, reason=_EMPTY)
        wanted = self._wanted(case, output)
        found = [text for text in wanted if self._found(text, output.text)]
        holds = len(found) == len(wanted) if self.all is not None else bool(found)
        if holds == self.negate:
            missing = [text for text in wanted if text not in found]
            reason = f"contains {_quoted(found)}" if self.negate else f"does not contain {_quoted(missing)}"
            return Scored(value=False, reason=reason)
        return Scored(value=True)

    def _wanted(self, case: Case, output: Output) -> list[str]:
        if self.value is not None:
            return [self.value]
        literal = self.any if self.any is not None else self.all
        if literal is not None:
            return literal
        return [as_text(reference).strip() for reference in references(self.expected or "expected", case, output)]

    def _found(self, text: str, inside: str) -> bool:
        needle, haystack = (unicodedata.normalize("NFC", each) for each in (text, inside))
        if self.ignore_case:
            needle, haystack = needle.casefold(), haystack.casefold()
        if not self.whole_words:
            return needle in haystack
        before = r"(?<!\w)(?<!\d[.,:])" if needle[:1].isalnum() else ""
        after = r"(?!\w)(?![.,:]\d)" if needle[-1:].isalnum() else ""
        return re.search(before + re.escape(needle) + after, haystack) is not None


class Regex(SettingsEvaluator):
    """The answer has a match of a regular expression (Python's `re`)."""

    metric: ClassVar[Metric] = _BOOL
    shorthand: ClassVar[str | None] = "pattern"

    name: str = "regex"
    pattern: str = Field(min_length=1)
    ignore_case: bool = False
    full: bool = Field(False, description="The whole answer must match, without the white space at its ends.")
    negate: bool = Field(False, description="True where nothing matches.")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    def evaluate(self, case: Case, output: Output) -> Scored:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        if not output.text.strip():
            return Scored(value=False, reason=_EMPTY)
        pattern = re.compile(self.pattern, re.IGNORECASE if self.ignore_case else 0)
        match = pattern.fullmatch(output.text.strip()) if self.full else pattern.search(output.text)
        if (match is None) == self.negate:
            return Scored(value=True)
        return Scored(value=False, reason=f"matches {_quoted([match[0]])}" if match else f"no match of {self.pattern}")


class TokenF1(SettingsEvaluator):
    """Harmonic mean of precision and recall of the answer's words; of several references the best counts."""

    metric: ClassVar[Metric] = _SHARE
    shorthand: ClassVar[str | None] = "expected"

    name: str = "token_f1"
    expected: str = Field("expected", description="The field with the reference answer or a list of them.")

    @property
    def requires(self) -> frozenset[str]:
        """The reference's field, where it reads one."""
        return frozenset({self.expected})

    def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer."""
        wanted = [as_text(reference) for reference in references(self.expected, case, output)]
        best = max(token_f1(output.text, reference) for reference in wanted)
        return Scored(value=best, reason=None if best == 1 else f"expected {_quoted(wanted)}")


def token_f1(answer: str, reference: str) -> float:
    """Token F1 as in SQuAD v1.1, in [0, 1]; 0 where either text is blank."""
    given, wanted = Counter(tokens(answer)), Counter(tokens(reference))
    shared = (given & wanted).total()
    # 2PR/(P+R) with P = shared/given and R = shared/wanted, without the rounding of two divisions.
    return 2 * shared / (given.total() + wanted.total()) if shared else 0.0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _same_object(reference: Mapping[str, Any], output: Output) -> bool:
    if isinstance(output.value, Mapping):
        return _same_json(output.value, reference)
    try:
        return _same_json(parse_json(output.text), reference)
    except ValueError:
        return False


def _same_json(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same_json(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_same_json(*pair) for pair in zip(one, other, strict=True))
    # Python's True equals 1; JSON's does not.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _quoted(texts: Any, most: int = 3) -> str:
    shown = [as_text(text) for text in texts]
    cut = [repr(text if len(text) <= 80 else f"{text[:79]}…") for text in shown[:most]]
    return ", ".join(cut) + (f" and {len(shown) - most} more" if len(shown) > most else "")
