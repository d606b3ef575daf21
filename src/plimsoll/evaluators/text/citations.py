"""Whether an answer cites its sources, and whether what it cites is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from pydantic import Field, field_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.text.abstention import abstains, claims
from plimsoll.evaluators.text.quoting import EMPTY, quoted
from plimsoll.evaluators.text.reference import SHARE
from plimsoll.evaluators.text.sentences import sentences
from plimsoll.evaluators.text.words import words
from plimsoll.types import Case, Metric, MetricKind, Output, Scored, Skipped

_BRACKETED = r"\[(\d+(?:\s*[,;]\s*\d+)*)\]"
_LIST = re.compile(r"\s*[,;]\s*")


class Citations(SettingsEvaluator):
    """The answer cites a source, and every source that it cites is there; or the share of its sentences that do.

    Says nothing of whether the source holds what it is cited for. An answer that only abstains has nothing to cite,
    and is skipped.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "sources"
    version: ClassVar[str] = "2"

    name: str = "citations"
    sources: str = Field("context", description="The field with the documents; output.NAME is the target's own.")
    id: str = Field(
        "id", min_length=1, description="Where a document has its id; one without is cited by its place, from 1."
    )
    pattern: str = Field(
        _BRACKETED,
        description="A regular expression for a citation, whose first group is the id or several between commas. "
        "Default: [1], [1, 2].",
    )
    per_sentence: bool = Field(
        False, description="The share of sentences whose citations are there, 0 to 1, in place of a truth value."
    )

    @field_validator("pattern")
    @classmethod
    def _has_a_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if not groups:
            raise ValueError("it has no group for the id: put the id in parentheses")
        return value

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """A truth value, or the share of sentences."""
        (usual,) = super().metrics
        if not self.per_sentence:
            return (usual,)
        return (msgspec.structs.replace(SHARE, name=usual.name, pass_if=usual.pass_if),)

    @property
    def requires(self) -> frozenset[str]:
        """The field with the documents."""
        return frozenset({self.sources})

    def evaluate(self, case: Case, output: Output) -> Scored | Skipped:
        """Score the answer."""
        if not output.text.strip():
            return self._worst(EMPTY)
        if abstains(output.text) and not words(claims(re.sub(self.pattern, "", output.text))):
            return Skipped(reason="the answer abstains: it has nothing to cite")
        known = self._ids(lookup(self.sources, case, output))
        cited = self._cited(output.text)
        if not cited:
            return self._worst("no citation")
        unknown = [each for each in dict.fromkeys(cited) if each not in known]
        reason = f"no document {quoted(unknown)} among {len(known)}" if unknown else None
        if not self.per_sentence:
            return Scored(value=not unknown, reason=reason)
        return self._share(output.text, known, reason)

    def _share(self, text: str, known: frozenset[str], reason: str | None) -> Scored:
        parts = [part for part in self._sentences(text) if words(claims(part))]
        if not parts:
            return self._worst("no sentence beside the citations")
        good = sum(bool(cited := self._cited(part)) and known.issuperset(cited) for part in parts)
        if good == len(parts):
            return Scored(value=1.0)
        told = f"{good} of {len(parts)} sentences cite documents that are there"
        return Scored(value=good / len(parts), reason=f"{told}; {reason}" if reason else told)

    def _sentences(self, text: str) -> list[str]:
        """The sentences, each with the citations that stand after its full stop."""
        found: list[str] = []
        for part in sentences(text):
            leading = re.match(rf"(?:\s*(?:{self.pattern}))+", part)
            if leading and found:
                found[-1] += leading[0]
            rest = part[leading.end() :] if leading and found else part
            if words(re.sub(self.pattern, "", rest)):
                found.append(rest)
        return found

    def _cited(self, text: str) -> list[str]:
        groups = [match[1] for match in re.finditer(self.pattern, text) if match[1]]
        return [each for group in groups for each in _LIST.split(group.strip()) if each]

    def _ids(self, documents: Any) -> frozenset[str]:
        listed = list(documents) if isinstance(documents, list | tuple) else [documents]
        return frozenset(
            str(each[self.id]) if isinstance(each, Mapping) and self.id in each else str(place)
            for place, each in enumerate(listed, 1)
        )

    def _worst(self, reason: str) -> Scored:
        return Scored(value=0.0 if self.per_sentence else False, reason=reason)
