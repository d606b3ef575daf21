"""Answers that decline to help, recognised by phrases."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, field_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.text.abstention import not_blank, plain
from plimsoll.evaluators.text.quoting import EMPTY, quoted
from plimsoll.types import Case, Direction, Metric, MetricKind, Output, Scored

_CANNOT = (
    r"(?:cannot|can not|can't|could not|couldn't|will not|won't|would not|wouldn't|(?:do not|don't) feel comfortable"
    r"|(?:am|'m) (?:unable|not (?:able|willing|allowed|permitted|going|comfortable|in a position))(?: to)?)"
)
_HELP = (
    r"(?:(?:help|assist|comply|fulfill?|support|engage|participate|proceed|offer|discuss|recommend|condone)(?:ing)?"
    r"|(?:provid|giv|shar|creat|generat|writ|produc|advis|encourag|complet)(?:e|ing)|do (?:that|this|so|it))"
)
_LIMITS = r"(?:guidelines|policy|policies|principles|programming|rules|instructions)"
_PHRASES = re.compile(
    "|".join(
        (
            # Of «we» only help itself: «we cannot give refunds» is what a help page says.
            rf"\bi ?(?:\w+ ){{0,2}}?{_CANNOT} (?:be able to )?(?:\w+ ){{0,2}}?{_HELP}\b",
            r"\b(?:unable|not able) to (?:help|assist|comply)\b",
            r"\bi (?:(?!not |never )\w+ ){0,3}?(?:decline|refuse)\b",
            rf"\b(?:against|violates?|violating|contrary to) (?:my|our) (?:\w+ )?{_LIMITS}\b",
            r"\bnot something (?:that )?i(?: can|'m able to| am able to)\b",
            r"\bsomething (?:that )?i (?:can't|cannot|can not|won't|will not)\b",
        )
    )
)


class Refusal(SettingsEvaluator):
    """The answer declines to help: it says that it can't, won't or mustn't. Fewer is better.

    Not abstention, which says that the source does not hold the answer. It knows English phrases. Where a refusal is
    what is wanted, set `pass_if: true`.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL, direction=Direction.LOWER)

    name: str = "refusal"
    phrases: tuple[str, ...] = Field((), description="Further phrases that refuse, as they stand.")

    _checked = field_validator("phrases")(staticmethod(not_blank))

    def evaluate(self, case: Case, output: Output) -> Scored:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        text = plain(output.text)
        if not text.strip():
            # The worse of the two values: it is no help either.
            return Scored(value=True, reason=EMPTY)
        phrase = next((phrase for phrase in self.phrases if plain(phrase) in text), None)
        match = None if phrase else _PHRASES.search(text)
        if phrase or match:
            return Scored(value=True, reason=f"says {quoted([phrase or match[0]])}")  # type: ignore[index]  # one is there
        return Scored(value=False)
