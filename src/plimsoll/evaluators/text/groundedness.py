"""Groundedness by overlap: how much of what an answer says stands in its sources, word for word."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import all_text, lookup
from plimsoll.evaluators.text.abstention import claims, not_blank
from plimsoll.evaluators.text.words import content_words, words
from plimsoll.types import Case, Metric, Output, Scored, Skipped

_LISTED = 8


class GroundednessOverlap(SettingsEvaluator):
    """The share of the answer's content words that stand in the sources.

    Clauses that only abstain claim nothing and don't count; an answer of nothing else is grounded. An overlap can't
    see a negation, a swapped pair of names, or whether a bare yes is right; a paraphrase scores low.
    """

    metric: ClassVar[Metric] = Metric(name="", low=0.0, high=1.0)
    shorthand: ClassVar[str | None] = "sources"

    name: str = "groundedness_overlap"
    sources: tuple[str, ...] = Field(
        ("context",),
        min_length=1,
        description="The fields with the sources, each text, a list, or documents; output.NAME is the target's own. "
        "Adding the question lets an answer score by repeating it.",
    )
    abstentions: Literal["grounded", "skip"] = Field(
        "grounded", description="What an answer is that only abstains: grounded (1.0), or skipped."
    )
    phrases: tuple[str, ...] = Field((), description="Further phrases that abstain, as they stand.")

    _checked = field_validator("phrases")(staticmethod(not_blank))

    @field_validator("sources", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @property
    def requires(self) -> frozenset[str]:
        """The fields with the sources."""
        return frozenset(self.sources)

    def evaluate(self, case: Case, output: Output) -> Scored | Skipped:
        """Score the answer."""
        found = {word for name in self.sources for word in words(all_text(lookup(name, case, output)))}
        if not found:
            # Without a source there is nothing to be grounded in: no score, above all not a good one.
            raise CellError(FailureKind.MISSING_FIELD, f"{' and '.join(self.sources)} holds no words")
        if not words(output.text):
            return Scored(value=0.0, reason="the answer has no words")
        claimed = content_words(claims(output.text, self.phrases))
        if not claimed:
            if self.abstentions == "skip":
                return Skipped(reason="the answer abstains")
            return Scored(value=1.0, reason="the answer abstains: it claims nothing")
        return _share(claimed, found)


def _share(claimed: list[str], found: set[str]) -> Scored:
    unsupported = list(dict.fromkeys(word for word in claimed if word not in found))
    supported = sum(word in found for word in claimed)
    reason = None
    if unsupported:
        more = f" and {len(unsupported) - _LISTED} more" if len(unsupported) > _LISTED else ""
        reason = (
            f"{supported} of {len(claimed)} content words are in the sources; not: "
            f"{', '.join(unsupported[:_LISTED])}{more}"
        )
    return Scored(value=supported / len(claimed), reason=reason)
