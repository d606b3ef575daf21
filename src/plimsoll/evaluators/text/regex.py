"""Regular expressions that match in the answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.text.quoting import EMPTY, quoted
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, MetricKind, Output, Scored

if TYPE_CHECKING:
    from regex import Match

_QUICK = 0.005
"""Seconds of processor time that other cells may wait for a match; what takes longer starts again in a thread."""
_LIMIT = 2.0
"""Seconds of processor time for one answer: the time of a pattern such as `(a|aa)+$` may double with every letter."""


class Regex(SettingsEvaluator):
    """The answer has a match of a regular expression, or of one or all of several.

    Written as for Python's `re`, and matched by the package regex, which can be stopped: after 2 s of processor time
    the score fails.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "pattern"
    version: ClassVar[str] = "2"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)

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
        import regex

        for pattern in [value] if isinstance(value, str) else value or []:
            if not pattern:
                raise ValueError("an empty regular expression matches every answer")
            try:
                regex.compile(pattern)
            except regex.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("pattern", "any", "all") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of pattern, any, all; found {' and '.join(given) or 'none'}")
        return self

    def evaluate(self, case: Case, output: Output) -> Scored | Awaitable[Scored]:  # noqa: ARG002  # the contract's
        """Score the answer, in a thread where that takes longer than others should wait."""
        if not output.text.strip():
            return Scored(value=False, reason=EMPTY)
        try:
            return self._score(output.text, _QUICK)
        except TimeoutError:
            return in_thread(partial(self._within_limit, output.text))

    def _within_limit(self, text: str) -> Scored:
        try:
            return self._score(text, _LIMIT)
        except TimeoutError:
            message = f"{self.name}: the pattern took too long, more than {_LIMIT:g} s of processor time"
            remedy = "write the pattern without a repeat inside a repeat, such as (a+)+"
            raise CellError(FailureKind.TIMEOUT, message, remedy=remedy) from None

    def _score(self, text: str, seconds: float) -> Scored:
        patterns = [self.pattern] if self.pattern else self.any or self.all or []
        end = time.monotonic() + seconds
        matches = {pattern: match for pattern in patterns if (match := self._match(pattern, text, end))}
        holds = len(matches) == len(patterns) if self.all else bool(matches)
        if holds != self.negate:
            return Scored(value=True)
        return Scored(value=False, reason=_reason(patterns, matches, negate=self.negate))

    def _match(self, pattern: str, text: str, end: float) -> Match[str] | None:
        import regex

        compiled = regex.compile(pattern, regex.IGNORECASE if self.ignore_case else 0)
        seconds = end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        # Concurrent: other threads go on meanwhile.
        if self.full:
            return compiled.fullmatch(text.strip(), timeout=seconds, concurrent=True)
        return compiled.search(text, timeout=seconds, concurrent=True)


def _reason(patterns: Sequence[str], matches: Mapping[str, Match[str]], *, negate: bool) -> str:
    if negate:
        return f"matches {quoted(match[0] for match in matches.values())}"
    return f"no match of {', '.join(pattern for pattern in patterns if pattern not in matches)}"
