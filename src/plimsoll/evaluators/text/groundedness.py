"""Groundedness by overlap: how much of what an answer says stands in its sources, word for word and in order."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import all_text, lookup
from plimsoll.evaluators.text.abstention import claims, not_blank
from plimsoll.evaluators.text.order import in_order
from plimsoll.evaluators.text.words import content_words, words
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, Output, Scored, Skipped

_LISTED = 8
_QUICK = 1_000_000
"""Characters of the answer times those of the sources: with more, scoring may take longer than others should wait."""
_YES_NO = frozenset(("yes", "no"))


class GroundednessOverlap(SettingsEvaluator):
    """The share of the answer that stands in the sources: its content words, and the order of its words.

    Three parts of the score are the share of the answer's content words that stand in the sources; one part is the
    share of all its words that stand there in the answer's order, each sentence wherever it fits best. A clause that
    only abstains claims nothing and doesn't count; an answer of nothing else is grounded. A bare yes or no has no
    word to look for, and is skipped. An overlap can't see a negation or a swapped pair of names; a paraphrase scores
    low.
    """

    metric: ClassVar[Metric] = Metric(name="", low=0.0, high=1.0)
    shorthand: ClassVar[str | None] = "sources"
    version: ClassVar[str] = "3"

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

    def evaluate(self, case: Case, output: Output) -> Scored | Skipped | Awaitable[Scored | Skipped]:
        """Score the answer, in a thread where the texts are long."""
        sources = [all_text(lookup(name, case, output)) for name in self.sources]
        if len(output.text) * sum(map(len, sources)) > _QUICK:
            return in_thread(partial(self.score, output.text, sources))
        return self.score(output.text, sources)

    def score(self, answer: str, sources: Sequence[str]) -> Scored | Skipped:
        """Score an answer by the text of each source.

        Raises:
            CellError: the sources hold no words.
        """
        source = [word for text in sources for word in words(text)]
        if not source:
            # Without a source there is nothing to be grounded in: no score, above all not a good one.
            raise CellError(FailureKind.MISSING_FIELD, f"{' and '.join(self.sources)} holds no words")
        said = words(answer)
        if not said:
            return Scored(value=0.0, reason="the answer has no words")
        if _YES_NO.issuperset(said):
            return Skipped(reason="a bare yes or no: whether it is right can't be seen by its words")
        claimed = claims(answer, self.phrases)
        if not words(claimed):
            if self.abstentions == "skip":
                return Skipped(reason="the answer abstains")
            return Scored(value=1.0, reason="the answer abstains: it claims nothing")
        return _score(claimed, source)


def _score(claimed: str, source: list[str]) -> Scored:
    """The score of clauses, one a line."""
    found = set(source)
    content = content_words(claimed)
    supported = sum(word in found for word in content)
    clauses = [words(clause) for clause in claimed.split("\n")]
    ordered = in_order(clauses, source) / sum(map(len, clauses))
    value = (3 * supported / len(content) + ordered) / 4
    return Scored(value=value, reason=None if value == 1 else _reason(content, found, ordered))


def _reason(content: list[str], found: set[str], ordered: float) -> str:
    unsupported = [word for word in content if word not in found]
    listed = list(dict.fromkeys(unsupported))
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    missing = f"; not: {', '.join(listed[:_LISTED])}{more}" if listed else ""
    return (
        f"{len(content) - len(unsupported)} of {len(content)} content words are in the sources{missing}; "
        f"{ordered:.0%} of its words in the same order"
    )
