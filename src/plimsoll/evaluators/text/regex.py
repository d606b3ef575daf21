"""Regular expressions that match in the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.text.quoting import EMPTY, quoted
from plimsoll.types import Case, Metric, MetricKind, Output, Scored


class Regex(SettingsEvaluator):
    """The answer has a match of a regular expression (Python's `re`), or of one or all of several."""

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "pattern"

    name: str = "regex"
    pattern: str | None = Field(None, min_length=1, description="This regular expression.")
    any: list[str] | None = Field(None, min_length=1, description="At least one of these.")
    all: list[str] | None = Field(None, min_length=1, description="Every one of these.")
    ignore_case: bool = Field(False, description="Compare without case.")
    full: bool = Field(False, description="The whole answer must match, without the white space at its ends.")
    negate: bool = Field(False, description="True where it is not so.")

    @field_validator("pattern", "any", "all")
    @classmethod
    def _compiles(cls, value: str | list[str] | None) -> str | list[str] | None:
        for pattern in [value] if isinstance(value, str) else value or []:
            if not pattern:
                raise ValueError("an empty regular expression matches every answer")
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("pattern", "any", "all") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of pattern, any, all; found {' and '.join(given) or 'none'}")
        return self

    def evaluate(self, case: Case, output: Output) -> Scored:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        if not output.text.strip():
            return Scored(value=False, reason=EMPTY)
        patterns = [self.pattern] if self.pattern else self.any or self.all or []
        matches = {pattern: match for pattern in patterns if (match := self._match(pattern, output.text))}
        holds = len(matches) == len(patterns) if self.all else bool(matches)
        if holds != self.negate:
            return Scored(value=True)
        return Scored(value=False, reason=_reason(patterns, matches, negate=self.negate))

    def _match(self, pattern: str, text: str) -> re.Match[str] | None:
        compiled = re.compile(pattern, re.IGNORECASE if self.ignore_case else 0)
        return compiled.fullmatch(text.strip()) if self.full else compiled.search(text)


def _reason(patterns: Sequence[str], matches: dict[str, re.Match[str]], *, negate: bool) -> str:
    if negate:
        return f"matches {quoted(match[0] for match in matches.values())}"
    return f"no match of {', '.join(pattern for pattern in patterns if pattern not in matches)}"
