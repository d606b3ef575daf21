"""The answer as a whole against a reference answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from plimsoll.evaluators.equality import same_json
from plimsoll.evaluators.fields import as_text
from plimsoll.evaluators.strict_json import parse_json
from plimsoll.evaluators.text.matching import TextMatch
from plimsoll.evaluators.text.quoting import quoted
from plimsoll.types import Output


class ExactMatch(TextMatch):
    """The answer is the reference answer, or one of several.

    White space at both ends doesn't count. A number is compared as a number, an object as JSON.
    """

    shorthand: ClassVar[str | None] = "expected"
    version: ClassVar[str] = "2"

    name: str = "exact_match"

    def _has(self, output: Output, wanted: Any) -> bool:
        if isinstance(wanted, Mapping):
            return _same_object(wanted, output)
        if isinstance(wanted, int | float) and not isinstance(wanted, bool):
            return _number(output.text) == wanted
        return self._key(as_text(wanted).strip()) == self._key(output.text.strip())

    def _found(self, found: Sequence[Any]) -> str:
        return f"is {quoted(found)}"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _same_object(reference: Mapping[str, Any], output: Output) -> bool:
    if isinstance(output.value, Mapping):
        return same_json(output.value, reference)
    try:
        return same_json(parse_json(output.text), reference)
    except ValueError:
        return False
