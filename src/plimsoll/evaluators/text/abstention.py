"""Answers that say they can't answer: recognised by phrases, and scored for whether that was right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field, field_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import as_text, references
from plimsoll.evaluators.text.words import words
from plimsoll.types import Case, Metric, MetricKind, Output, Scored

_SOURCE = r"(?:context|passage|text|page|article|documents?|documentation|sources?|information|faq|manual|guide)"
_NOT = r"(?:do not|don't|does not|doesn't|cannot|can not|can't|could not|couldn't)"
_CANNOT = rf"(?:{_NOT}|(?:am|'m|are|'re|is) (?:not able|unable) to)"
_SAY = r"(?:say|state|specify|mention|provide|contain|include|give|answer|tell|cover|address|explain|indicate)"
_PHRASES = re.compile(
    "|".join(
        (
            rf"\b{_SOURCE}(?: \w+){{0,2}} {_CANNOT} {_SAY}\b",
            rf"\b(?:i|we)(?: \w+)? ?{_CANNOT} (?:know|answer|say|tell|determine|find|provide|help)\b",
            rf"\b{_NOT} have (?:\w+ )?(?:enough|information|details|an answer)\b",
            r"\bnot (?:mentioned|stated|specified|given|provided|found|covered|answered)\b",
            r"\b(?:no|not enough|insufficient|not sufficient) (?:\w+ )?(?:information|details|mention)\b",
            r"\bunable to (?:answer|determine|find|say|tell)\b",
            r"\b(?:cannot|can't|can not|could not) be (?:answered|determined|known)\b",
            r"\bunanswerable\b",
            r"^\W*(?:unknown|not known|n/a|none given)\W*$",
        )
    )
)
_APOLOGY = re.compile(r"^\W*(?:(?:i'm|i am|we're|we are) )?(?:very |so )?(?:sorry|unfortunately|i apologi[sz]e)\W*$")
# A clause ends where a claim may follow an abstention: «The page does not say, but it is £5.»
_CLAUSES = re.compile(r"(?<=[.!?])\s+|[;\n]+|\b(?:but|however|although|though)\b|[,:]\s+(?=(?:it|that|this|the|you)\b)")


def plain(text: str) -> str:
    """The text as phrases are looked for in it: lower case, with straight apostrophes."""
    return text.lower().replace("’", "'")


def abstains(text: str, phrases: Iterable[str] = ()) -> bool:
    """Whether the text says somewhere that it can't answer (English phrases, and further literal ones)."""
    lower = plain(text)
    return any(plain(phrase) in lower for phrase in phrases) or any(
        _PHRASES.search(clause) for clause in _CLAUSES.split(lower)
    )


def claims(text: str, phrases: Iterable[str] = ()) -> str:
    """The text without the clauses that only abstain or apologise, in lower case, a clause a line."""
    lower = plain(text)
    for phrase in phrases:
        lower = lower.replace(plain(phrase), "\n")
    kept = [clause for clause in _CLAUSES.split(lower) if not _PHRASES.search(clause) and not _APOLOGY.match(clause)]
    return "\n".join(kept)


def not_blank(phrases: tuple[str, ...]) -> tuple[str, ...]:
    """The phrases, checked.

    Raises:
        ValueError: one is empty, and would be found in every answer.
    """
    if any(not words(phrase) for phrase in phrases):
        raise ValueError("an empty phrase is found in every answer")
    return phrases


class Abstention(SettingsEvaluator):
    """The answer abstains where the question can't be answered, and only there.

    A case is unanswerable when it is in the slice `unanswerable` names, else when its reference answer abstains.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)

    name: str = "abstention"
    expected: str = Field("expected", description="The field with the reference answer.")
    unanswerable: str | None = Field(None, description="The slice of unanswerable cases, instead of the reference.")
    phrases: tuple[str, ...] = Field((), description="Further phrases that abstain, as they stand.")

    _checked = field_validator("phrases")(staticmethod(not_blank))

    @property
    def requires(self) -> frozenset[str]:
        """The reference's field, unless a slice tells."""
        return frozenset() if self.unanswerable else frozenset({self.expected})

    @property
    def reusable(self) -> bool:
        """Unless slices tell: they are no field, and the score's key would not see them change."""
        return self.unanswerable is None

    def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer."""
        if not output.text.strip():
            return Scored(value=False, reason="the answer is empty")
        should = self._unanswerable(case, output)
        did = abstains(output.text, self.phrases)
        if did == should:
            return Scored(value=True)
        return Scored(
            value=False, reason="abstains from a question that has an answer" if did else "answers the unanswerable"
        )

    def _unanswerable(self, case: Case, output: Output) -> bool:
        if self.unanswerable:
            return self.unanswerable in case.slices
        wanted = references(self.expected, case, output)
        return all(abstains(as_text(reference), self.phrases) for reference in wanted)
