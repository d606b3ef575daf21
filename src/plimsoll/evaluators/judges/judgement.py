"""A judge's answer: the JSON it has to be, and nothing that merely looks like it.

The judged text may try to speak through the judge. So nothing is searched for in the answer: it is parsed whole, by
strict rules, or it is no judgement.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from plimsoll.evaluators.strict_json import parse_json

# Some endpoints without structured output fence every JSON answer. Accepted only around the whole answer.
_FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)


class Judgement(NamedTuple):
    """What the judge said."""

    score: float
    reason: str


class Scale(NamedTuple):
    """The scores that a judge may give, both ends included."""

    low: float
    high: float
    integer: bool

    def __str__(self) -> str:
        number = "whole number" if self.integer else "number"
        return f"a {number} from {self.low:g} to {self.high:g}"


def schema(scale: Scale) -> dict[str, Any]:
    """The `response_format` of a request: reason before score, so that the score follows from it."""
    # Not every endpoint knows minimum and maximum; all know enum. The answer is checked here in any case.
    if scale.integer:
        score: dict[str, Any] = {"type": "integer", "enum": list(range(int(scale.low), int(scale.high) + 1))}
    else:
        score = {"type": "number"}
    return {
        "type": "json_schema",
        "json_schema": {
            "name": "judgement",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"reason": {"type": "string"}, "score": score},
                "required": ["reason", "score"],
                "additionalProperties": False,
            },
        },
    }


def parse_judgement(text: str, scale: Scale) -> Judgement:
    """The judgement in a judge's answer.

    Raises:
        ValueError: the answer is anything but one object with a reason and a score on the scale; says what is wrong.
    """
    bare = text.strip()
    fenced = _FENCE.fullmatch(bare)
    try:
        answer = parse_json(fenced[1] if fenced else bare)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(answer, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # a wrong value of an answer, no wrong call
    if answer.keys() != {"reason", "score"}:
        raise ValueError(f"its keys are {', '.join(sorted(answer)) or 'none'}; wanted are reason and score")
    reason, score = answer["reason"], answer["score"]
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError("its reason is not a text, or empty")
    return Judgement(_on_scale(score, scale), reason.strip())


def _on_scale(score: Any, scale: Scale) -> float:
    fits = isinstance(score, int | float) and not isinstance(score, bool) and scale.low <= score <= scale.high
    if not fits or not math.isfinite(score) or (scale.integer and score != int(score)):
        shown = repr(score)
        raise ValueError(f"its score is {shown if len(shown) <= 40 else shown[:39] + '…'}, not {scale}")
    return float(score)
