"""Answers that say they can't answer: recognised by phrases, and scored for whether that was right.

The subject of a phrase is the source or the speaker, or the clause has nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field, field_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import as_text, references
from plimsoll.evaluators.text.words import words
from plimsoll.types import Case, Metric, MetricKind, Output, Scored

_SOURCE = r"(?:context|passages?|text|page|article|documents?|documentation|sources?|information|faq|manual|guide)"
_NOT = r"(?:do not|don't|does not|doesn't|did not|didn't|cannot|can not|can't|could not|couldn't)"
_ABLE = r"(?:cannot|can not|can't|could not|couldn't|(?:am|'m|are|'re|is) (?:not able|unable) to)"
_SAY = r"(?:say|state|specify|mention|provide|contain|include|give|answer|tell|cover|address|explain|indicate)"
_TOLD = r"(?:\w+ly )?(?:mentioned|stated|specified)"
_GIVEN = r"(?:given|provided|found|covered|answered)"
_KNOWN = r"(?:information|details|data|context|evidence|mention|answer)"
# What is asked about, as the subject of a passive: a second verb before it would be a claim.
_SUBJECT = (
    r"^\W*(?:(?!(?:is|are|was|were|has|have|had|which|as)\b)[\w'-]+,? ){0,12}?(?:is|are|was|were|has been|have been)"
)
_ABOUT = r"(?=\W*$| (?:about|on|regarding|concerning|as to|in|of|for|to|from|that|whether|available|given|provided)\b)"
_HOLDS = rf"\b(?:there(?: is|'s| are)|(?:i|we) (?:have|found|find)|{_SOURCE} (?:has|have|gives?|contains?|provides?))"
_TOO_LITTLE = r"(?:no|not enough|insufficient|not sufficient)"
# Said of the source or by the speaker. «Refunds are not given» and «No details are stored» are answers.
_PHRASES = re.compile(
    "|".join(
        (
            rf"\b{_SOURCE}(?: \w+){{0,2}} (?:{_NOT}|{_ABLE}) {_SAY}\b",
            r"\b(?:i|we)(?: \w+)? ?(?:do not|don't) (?:\w+ly )?know\b",
            rf"\b(?:i|we)(?: \w+)? ?{_ABLE} (?:know|answer|say|tell|determine|find)\b",
            rf"\bi ?{_ABLE} help\b",
            rf"\b(?:i|we)(?: \w+)? ?{_ABLE} (?:provide|give) (?:\w+ ){{0,3}}{_KNOWN}\b",
            rf"\b(?:i|we|{_SOURCE})(?: \w+)? {_NOT} have (?:\w+ ){{0,2}}{_KNOWN}\b",
            rf"{_SUBJECT}(?: not|n't) (?:{_TOLD}|{_GIVEN}) (?:\w+ )?(?:in|by|on) (?:\w+ ){{0,3}}{_SOURCE}\b",
            rf"{_SUBJECT}(?: not|n't) {_TOLD}(?: (?:anywhere|here|there))?\W*$",
            rf"{_HOLDS} {_TOO_LITTLE} (?:\w+ )?{_KNOWN}\b{_ABOUT}",
            rf"^\W*{_TOO_LITTLE} (?:\w+ )?{_KNOWN}(?:\W*$| (?:about|on|of|to answer|in the)\b)",
            rf"^\W*no (?:\w+ )?{_KNOWN} (?:is|are|was|were) (?:{_GIVEN}|available)(?:\W*$| (?:about|on|in)\b)",
            r"^\W*(?:unable|not able) to (?:answer|determine|find|say|tell)\b",
            r"\bit(?: is|'s) (?:not possible|impossible) to (?:say|tell|determine|answer)\b",
            r"\b(?:cannot|can't|could not) be (?:answered|determined|known)(?=\W*$| (?:from|by|with|based on)\b)",
            r"(?:\b(?:question|this|that|it)(?: is|'s) |^\W*)unanswerable\b",
            r"^\W*(?:unknown|n/a|none given|not (?:known|given|found|answered|mentioned|stated|specified))\W*$",
        )
    )
)
_FIGURE = re.compile(r"\d")
# What comes before an abstention and says nothing of the matter.
_OPENING = re.compile(
    r"^\W*(?:(?:i'm|i am|we're|we are) )?(?:very |so )?(?:sorry|afraid|unfortunately|i apologi[sz]e)\W*$"
    rf"|^\W*(?:based on|according to|from|given) (?:\w+ ){{0,3}}{_SOURCE}(?: (?:provided|given|above))?\W*$"
    r"|^\W*as an? (?:\w+ ){0,3}(?:assistant|model|ai)\W*$"
)
# What comes with one, regrets it or sends the reader elsewhere.
_COURTESY = re.compile(
    r"^\W*(?:(?:i'm|i am|we're|we are) (?:very |so )?sorry for|i apologi[sz]e for"
    r"|please|let me know|feel free|i (?:recommend|suggest|would (?:recommend|suggest))"
    r"|(?:you|to|i'd|it would)(?: \w+){0,4} (?:ask|contact|check|call|email|visit|consult|help|assist)|if you have)\b"
)
# A clause ends where a claim may follow an abstention: «The page does not say, but it is £5.»
_CLAUSES = re.compile(
    r"(?<=[.!?])\s+|[;\n]+|\b(?:but|however|although|though)\b"
    r"|[,:]\s+(?=(?:it|that|this|the|you)\b)"
    rf"|,\s+(?=(?:i|we)(?: \w+)? ?(?:{_NOT}|{_ABLE})\b|there(?: is|'s| are) (?:no|not)\b)"
)


def plain(text: str) -> str:
    """The text as phrases are looked for in it: lower case, with straight apostrophes."""
    return text.lower().replace("’", "'")


def abstains(text: str, phrases: Iterable[str] = ()) -> bool:
    """Whether the text says that it can't answer, and claims nothing beside that.

    By English phrases, and by further literal ones. An apology, or advice whom to ask, is no claim.
    """
    lower = plain(text).replace(_LITERAL, " ")
    for phrase in phrases:
        lower = lower.replace(plain(phrase), _LITERAL)
    clauses = _CLAUSES.split(lower)
    silent = [_abstaining(clause) for clause in clauses]
    return any(silent) and not any(
        _claims(clause) for clause, is_silent in zip(clauses, silent, strict=True) if not is_silent
    )


def claims(text: str, phrases: Iterable[str] = ()) -> str:
    """The text without the clauses that only abstain or apologise, in lower case, a clause a line.

    A clause with a figure stays: «I don't know why the fee is £9» says what the fee is.
    """
    lower = plain(text)
    for phrase in phrases:
        lower = lower.replace(plain(phrase), "\n")
    kept = [
        clause
        for clause in _CLAUSES.split(lower)
        if _FIGURE.search(clause) or not (_abstaining(clause) or _OPENING.match(clause))
    ]
    return "\n".join(kept)


_LITERAL = "\0"
"""Stands for a literal phrase while clauses are looked at."""


def _abstaining(clause: str) -> bool:
    if _LITERAL in clause:
        return True
    found = _PHRASES.search(clause)
    return found is not None and not _FIGURE.search(clause[: found.start()])


def _claims(clause: str) -> bool:
    """Whether a clause that does not abstain says something of the matter."""
    if _FIGURE.search(clause):
        return True
    return bool(words(clause)) and not (_OPENING.match(clause) or _COURTESY.match(clause))


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

    version: ClassVar[str] = "2"

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
