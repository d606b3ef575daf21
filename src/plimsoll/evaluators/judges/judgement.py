"""A judge's answer: the JSON it has to be, and nothing that merely looks like it.

The judged text may try to speak through the judge. So nothing is searched for in the answer: it is parsed whole, by
strict rules, or it is no judgement.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from plimsoll.evaluators.strict_json import parse_json

_MARK = "```"
_SHOWN = 40


class Judgement(NamedTuple):
    """What the judge said."""

    score: float
    reason: str


class UnusableAnswerError(ValueError):
    """An answer that is no judgement. Its message is for people and may quote the answer."""

    def __init__(self, message: str, fault: str) -> None:
        super().__init__(message)
        self.fault = fault
        """The same for the judge, in fixed words: the judged text may have written the answer, and must not write
        the question that follows it."""


class Form(Protocol):
    """What a judge is asked to answer with."""

    @property
    def response_format(self) -> dict[str, Any]:
        """The request's: a strict JSON schema, in which the reason comes before the verdict."""
        ...

    @property
    def wanted(self) -> str:
        """The same in words, for a judge that missed it."""
        ...

    @property
    def key(self) -> str:
        """The key of the answer whose value is the verdict."""
        ...

    @property
    def literals(self) -> Mapping[str, float]:
        """Each JSON text that the verdict may be → its worth; empty where there are too many to list."""
        ...

    def parse(self, text: str) -> Judgement:
        """The judgement in an answer.

        Raises:
            UnusableAnswerError: the answer is anything else; says what is wrong.
        """
        ...


class Scale(NamedTuple):
    """The scores that a judge may give, both ends included."""

    low: float
    high: float
    integer: bool

    def __str__(self) -> str:
        number = "whole number" if self.integer else "number"
        return f"a {number} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class ScoreForm:
    """One score on a scale: `{"reason": …, "score": …}`."""

    scale: Scale
    key: str = "score"

    @property
    def response_format(self) -> dict[str, Any]:
        """Two keys, the reason first."""
        # Not every endpoint knows minimum and maximum; all know enum. The answer is checked here in any case.
        if self.scale.integer:
            score: dict[str, Any] = {"type": "integer", "enum": list(self._whole())}
        else:
            score = {"type": "number"}
        return strict_schema("judgement", {"reason": {"type": "string"}, "score": score})

    @property
    def wanted(self) -> str:
        """The two keys in words."""
        return f'one JSON object with exactly two keys: "reason", a text, and "score", {self.scale}'

    @property
    def literals(self) -> Mapping[str, float]:
        """The whole scores; none of a scale with scores between."""
        return {str(score): float(score) for score in self._whole()} if self.scale.integer else {}

    def parse(self, text: str) -> Judgement:
        """The score and its reason."""
        answer = read_object(text, ("reason", "score"))
        reason = read_text(answer["reason"], "its reason")
        return Judgement(_on_scale(answer["score"], self.scale), reason)

    def _whole(self) -> range:
        return range(int(self.scale.low), int(self.scale.high) + 1)


def strict_schema(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The `response_format` for an object with exactly these keys, in their order."""
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "strict": True, "schema": strict_object(properties)},
    }


def strict_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of an object with exactly these keys."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def json_span(text: str) -> tuple[int, int]:
    """Where the JSON of an answer stands: all of it but white space and one code fence around the whole.

    Some endpoints without structured output fence every JSON answer.
    """
    start, end = _stripped(text, 0, len(text))
    if not (text.startswith(_MARK, start) and text.endswith(_MARK, start + len(_MARK), end)):
        return start, end
    line = text.find("\n", start, end)
    if line < 0 or text[start:line].strip() not in (_MARK, f"{_MARK}json"):
        return start, end
    return _stripped(text, line, end - len(_MARK))


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    inside = text[start:end]
    cut = len(inside) - len(inside.lstrip())
    return start + cut, start + cut + len(inside.strip())


def read_object(text: str, keys: Collection[str]) -> dict[str, Any]:
    """The answer's only JSON object, with exactly these keys.

    Raises:
        UnusableAnswerError: it is something else.
    """
    start, end = json_span(text)
    try:
        answer = parse_json(text[start:end])
    except ValueError as error:
        raise UnusableAnswerError(f"not JSON: {error}", "it is not one JSON object") from None
    if not isinstance(answer, dict):
        raise UnusableAnswerError("not a JSON object", "it is not one JSON object")
    if answer.keys() != set(keys):
        found = ", ".join(sorted(answer)) or "none"
        raise UnusableAnswerError(f"its keys are {shown(found)}; wanted are {' and '.join(keys)}", "its keys are wrong")
    return answer


def read_text(value: Any, what: str) -> str:
    """A text of an answer, without white space around it.

    Raises:
        UnusableAnswerError: it is none, or nothing but white space.
    """
    if not isinstance(value, str) or not value.strip():
        raise UnusableAnswerError(f"{what} is not a text, or empty", "it gives no reason")
    return value.strip()


def shown(value: str, length: int = _SHOWN) -> str:
    """A piece of an answer, short enough for a message."""
    return value if len(value) <= length else f"{value[: length - 1]}…"


def _on_scale(score: Any, scale: Scale) -> float:
    fits = isinstance(score, int | float) and not isinstance(score, bool) and scale.low <= score <= scale.high
    if not fits or not math.isfinite(score) or (scale.integer and score != int(score)):
        raise UnusableAnswerError(f"its score is {shown(repr(score))}, not {scale}", "its score is not on the scale")
    return float(score)
