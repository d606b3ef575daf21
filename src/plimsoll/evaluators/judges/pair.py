"""Which of two answers is better: `{"reason": …, "better": "first" | "second" | "tie"}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.evaluators.judges.judgement import (
    Judgement,
    UnusableAnswerError,
    read_object,
    read_text,
    shown,
    strict_schema,
)
from plimsoll.types import Failed, Scored

_WORTH = {"first": 1.0, "tie": 0.5, "second": 0.0}
_UNDECIDED = 0.5


@dataclass(frozen=True, slots=True)
class PairForm:
    """The share of preference for the first answer: 1, 0.5 for a tie, 0."""

    key: str = "better"

    @property
    def response_format(self) -> dict[str, Any]:
        """Two keys, the reason first."""
        better = {"type": "string", "enum": list(_WORTH)}
        return strict_schema("preference", {"reason": {"type": "string"}, "better": better})

    @property
    def wanted(self) -> str:
        """The two keys in words."""
        return (
            'one JSON object with exactly two keys: "reason", a text, and "better", which is "first", "second" or "tie"'
        )

    @property
    def literals(self) -> Mapping[str, float]:
        """The three verdicts as JSON."""
        return {f'"{word}"': worth for word, worth in _WORTH.items()}

    def parse(self, text: str) -> Judgement:
        """The verdict's worth and its reason."""
        answer = read_object(text, ("reason", "better"))
        reason, better = read_text(answer["reason"], "its reason"), answer["better"]
        if not isinstance(better, str) or better not in _WORTH:
            raise UnusableAnswerError(
                f"better is {shown(repr(better))}, not first, second or tie", "its verdict is none of the three"
            )
        return Judgement(_WORTH[better], reason)


def both_orders(first: Scored | Failed, second: Scored | Failed) -> Scored | Failed:
    """The preference for the judged answer, 0 to 1, averaged over both orders.

    Args:
        first: With the judged answer in the first place.
        second: With the other answer in the first place.

    Where one order failed there is no preference: the other order alone would have its position's bias.
    """
    usage = first.usage + second.usage
    for order in (first, second):
        if isinstance(order, Failed):
            return Failed(failure=order.failure, usage=usage)
    assert isinstance(first, Scored)
    assert isinstance(second, Scored)
    one, other = float(first.value), 1 - float(second.value)
    value = (one + other) / 2
    return Scored(value=value, reason=f"{_told(one, other)}; {_reasons(first, second)}", usage=usage)


def _told(one: float, other: float) -> str:
    if (one - _UNDECIDED) * (other - _UNDECIDED) < 0:
        place = "first" if one > other else "second"
        return f"the two orders disagree (position bias): each prefers the answer in the {place} place"
    value = (one + other) / 2
    if value == _UNDECIDED:
        return "a tie in both orders"
    preferred = "preferred" if value > _UNDECIDED else "the other answer is preferred"
    return f"{preferred} in {'one order, a tie in the other' if _UNDECIDED in (one, other) else 'both orders'}"


def _reasons(first: Scored, second: Scored) -> str:
    return f"in the first place: {first.reason}; in the second place: {second.reason}"
