"""Texts without what must not be in them: values that are known, and what patterns find. Secrets: `config.secrets`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from plimsoll.config.secrets import written_forms

SHORTEST = 4
"""Characters of a text, from which on it is sought outside its own place: a shorter one is part of other words."""
SHORTEST_NUMBER = 6
"""Digits of a number, likewise."""
PATIENCE = 0.5
"""Seconds that a pattern may take for one text."""
_TIMES = 10
"""How often it may take longer, before it is tried no more."""
_KINDS = ("type", "role")
"""Keys whose values are words of the form, as in a message and its parts."""
_HEAD = 16
_LONG = 24
"""Characters of a value, from which on it is known by its first `_HEAD` where a message has cut it."""
_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")
_HELD, _END = "\ue000", "\ue001"
"""Around the number of a mark, until every value is replaced: one may stand in another's mark."""
_PLACE = re.compile(f"{_HELD}(\\d+){_END}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def mark(name: str) -> str:
    """What stands in place of a value."""
    return f"[{name} redacted]"


def worth_seeking(value: Any) -> Iterator[str]:
    """The texts and numbers in a value that are long enough to be sought elsewhere."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) >= SHORTEST and not (text.isdecimal() and len(text) < SHORTEST_NUMBER):
            yield text
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name not in _KINDS:
                yield from worth_seeking(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from worth_seeking(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
        if sum(map(str.isdecimal, text)) >= SHORTEST_NUMBER:
            yield text


def walk(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every text in it changed, keys too; digests stay."""
    if isinstance(value, str):
        return value if _DIGEST.fullmatch(value) else change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): walk(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [walk(item, change) for item in value]
    return value


class Values:
    """Values that are known, each with its mark; in the forms in which one text stands in another, in any case."""

    def __init__(self, found: Iterable[tuple[str, str]]) -> None:
        """Values and their marks; of one value with two marks the first holds."""
        self._found = tuple(found)
        marks: dict[str, str] = {}
        for value, shown in self._found:
            marks.setdefault(value, shown)
        forms: dict[str, str] = {}
        for value, shown in marks.items():
            forms.setdefault(value, shown)
            if not _PLAIN.fullmatch(value):
                for form in written_forms(value):
                    forms.setdefault(form, shown)
        self._forms = sorted(forms.items(), key=lambda item: -len(item[0]))
        self._low = [form.lower() for form, _ in self._forms]
        self._heads = [(" ".join(value.split()), shown) for value, shown in marks.items() if len(value) >= _LONG]

    def and_those_of(self, other: Values) -> Values:
        """These and others."""
        return Values((*self._found, *other._found))

    def stand_in(self, lowered: str) -> bool:
        """Whether a text, given in lower case, holds one of them, or the first part of a long one."""
        return any(map(lowered.__contains__, self._low)) or any(
            value[:_HEAD].lower() in lowered for value, _ in self._heads
        )

    def text(self, text: str, *, cut: bool = False) -> str:
        """The text without them.

        Args:
            text: Any.
            cut: It may quote only the first part of one, as messages do.
        """
        lowered = text.lower()
        if any(map(lowered.__contains__, self._low)):
            text = self._replaced(text)
        if cut:
            for value, shown in self._heads:
                text = _without_head(text, value, shown)
        return text

    def _replaced(self, text: str) -> str:
        for number, (form, _) in enumerate(self._forms):
            if form in text:
                text = text.replace(form, f"{_HELD}{number}{_END}")
        lowered = text.lower()
        for number, (form, _) in enumerate(self._forms):
            if self._low[number] in lowered:
                text = re.sub(re.escape(form), f"{_HELD}{number}{_END}", text, flags=re.IGNORECASE)
        return _PLACE.sub(self._mark, text)

    def _mark(self, match: re.Match[str]) -> str:
        number = int(match[1])
        return self._forms[number][1] if number < len(self._forms) else match[0]


def _without_head(text: str, value: str, shown: str) -> str:
    """The text with what begins as the value does, as far as it goes on like it, replaced."""
    head, low = value[:_HEAD].lower(), value.lower()
    at = text.lower().find(head)
    while at >= 0:
        end = at + _HEAD
        while end < len(text) and end - at < len(low) and text[end].lower() == low[end - at]:
            end += 1
        text = f"{text[:at]}{shown}{text[end:]}"
        at = text.lower().find(head, at + len(shown))
    return text


class Patterns:
    """What regular expressions find is replaced; where one takes too long, the whole text is."""

    def __init__(self, patterns: Mapping[str, str], *, patience: float = PATIENCE) -> None:
        """Compile them.

        Args:
            patterns: Name → regular expression, as the settings have checked them.
            patience: Seconds that each may take for one text.
        """
        self._compiled: dict[str, Any] = {}
        if patterns:
            import regex

            self._compiled = {name: regex.compile(pattern) for name, pattern in patterns.items()}
        self._patience = patience
        self._slow: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._compiled)

    @property
    def slow(self) -> tuple[str, ...]:
        """Those that took too long for some text; after a few, every text is replaced and none is tried."""
        return tuple(self._slow)

    def text(self, text: str) -> str:
        """The text without what they find."""
        if text:
            for name, pattern in self._compiled.items():
                text = self._without(name, pattern, text)
        return text

    def _without(self, name: str, pattern: Any, text: str) -> str:
        shown = mark(name)
        if self._slow.get(name, 0) >= _TIMES:
            return shown
        try:
            # Where an expression finds nothing at all between two letters, nothing is to be put there.
            return str(pattern.sub(lambda match: shown if match[0] else "", text, timeout=self._patience))
        except TimeoutError:
            self._slow[name] += 1
            return shown
