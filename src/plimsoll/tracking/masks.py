"""Texts without what must not be in them: values that are known, and what patterns find. Secrets: `config.secrets`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from unicodedata import normalize

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
_RUN = re.compile(r"[A-Za-z0-9]+")
_HELD, _END = "\ue000", "\ue001"
"""Around the number of a mark, until every value is replaced: one may stand in another's mark."""
_PLACE = re.compile(f"{_HELD}(\\d+){_END}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|[0-9a-f]{40}(-dirty)?")
"""Of a content, or of a commit."""


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
        yield from (text for text in _written(value) if sum(map(str.isdecimal, text)) >= SHORTEST_NUMBER)


def walk(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every text in it changed, keys too; digests stay. A number that is changed is text then."""
    if isinstance(value, str):
        return value if _DIGEST.fullmatch(value) else change(value)
    if isinstance(value, int | float):
        return value if isinstance(value, bool) else _number(value, change)
    if isinstance(value, Mapping):
        return {change(str(key)): walk(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [walk(item, change) for item in value]
    return value


def _number(value: float, change: Callable[[str], str]) -> float | str:
    written = str(value)
    shown = change(written)
    return value if shown == written else shown


def _written(number: Any) -> Iterator[str]:
    """A number in the ways in which texts and JSON have it: 7 is 7.0 to some."""
    yield str(number)
    yield str(number).replace("e+", "e")
    if isinstance(number, float) and number.is_integer():
        yield str(int(number))


class Values:
    """Values that are known, each with its mark; in the forms in which one text stands in another, in any case."""

    def __init__(self, found: Iterable[tuple[str, str]]) -> None:
        """Values and their marks; of one value with two marks the first holds."""
        self._found = tuple(found)
        marks: dict[str, str] = {}
        for value, shown in self._found:
            # An accented letter may be one character or two.
            for form in {value: 0, normalize("NFC", value): 0, normalize("NFD", value): 0}:
                marks.setdefault(form, shown)
        forms: dict[str, tuple[str, str]] = {}
        for value, shown in marks.items():
            for form in (value, *(() if _PLAIN.fullmatch(value) else written_forms(value))):
                # Letters of any case are found by one form; outside of ASCII they may be of two lengths.
                forms.setdefault(form.lower() if form.isascii() else form, (form, shown))
        self._forms = sorted(forms.values(), key=lambda item: -len(item[0]))
        self._low = [form.lower() for form, _ in self._forms]
        self._stems = list(set(map(_stem, marks)))
        self._heads = [(" ".join(value.split()), shown) for value, shown in marks.items() if len(value) >= _LONG]

    def and_those_of(self, other: Values) -> Values:
        """These and others."""
        return Values((*self._found, *other._found))

    def stand_in(self, lowered: str) -> bool:
        """Whether a text, given in lower case, holds one of them, or the first part of a long one."""
        return self._in(lowered) or any(value[:_HEAD].lower() in lowered for value, _ in self._heads)

    def _in(self, lowered: str) -> bool:
        return any(map(lowered.__contains__, self._stems)) and any(map(lowered.__contains__, self._low))

    def text(self, text: str, *, cut: bool = False) -> str:
        """The text without them.

        Args:
            text: Any.
            cut: It may quote only the first part of one, as messages do.
        """
        lowered = text.lower()
        if self._in(lowered):
            text = self._replaced(text)
        if cut:
            for value, shown in self._heads:
                if value[:_HEAD].lower() in lowered:
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


def _stem(value: str) -> str:
    """What stands in every form of a value, in lower case; of one without a letter or digit that is nothing at all."""
    return max(_RUN.findall(value), key=len, default="").lower()


def _without_head(text: str, value: str, shown: str) -> str:
    """The text with what begins as the value does, as far as it goes on like it, replaced."""
    head, kept, done = re.compile(re.escape(value[:_HEAD]), re.IGNORECASE), "", 0
    while (found := head.search(text, done)) is not None:
        kept += text[done : found.start()] + shown
        done = found.end()
        for letter in value[_HEAD:]:
            if text[done : done + 1].lower() != letter.lower():
                break
            done += 1
    return kept + text[done:]


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
