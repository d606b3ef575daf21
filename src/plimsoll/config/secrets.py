"""Secrets stay here: what is recorded, shown or sent passes through a `Redactor` first.

A secret is the value of an environment variable whose name says that it is one, or which a suite puts into a key or a
header. Its value is replaced wherever it stands, in texts, in structured values, in files, and in the forms that texts
are written in; a provider's error message that quotes a key is the usual way out.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, quote_plus

from plimsoll.config.environment import named_variables

_NAME = re.compile(
    r"(^|_)(API_?KEY|KEY|(ACCESS)?TOKEN|SECRET|PASSWORD|PASSWD|PASS|PAT|CREDENTIALS?|CONNECTION_STRING)($|_\d*$)",
    re.IGNORECASE,
)
_HOLDING = ("api_key", "headers")
"""Settings whose variables are secrets, whatever their names."""
_SIMPLE = re.compile(r"[A-Za-z0-9_.~@+ -]*")
"""Nothing in it is written otherwise in JSON, HTML or Python."""
_BLOCK = 1 << 20
_SHORTEST = 8
"""Characters: what is shorter is found by chance, and replacing it would ruin texts."""
_UNMISTAKABLE = 16
"""Characters of letters and digits that nobody writes by chance."""
_OURS = ("plimsoll", "mlflow")
"""Stand in commands that are told, and in the names of tags."""
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_UNESCAPED = ("", "/", "!'()*", "/:@!$&'()*+,;=")
"""What programs leave as it is in an address, beside letters and digits: each of these, some of them."""


def secrets_of(environ: Mapping[str, str], settings: Any = None) -> dict[str, str]:
    """Name → value of the environment's secrets.

    Args:
        environ: The environment.
        settings: Of a suite, with its `${NAME}` as written: what they put into a key or a header is a secret too.
    """
    named = frozenset(_variables_in(settings))
    return {
        name: value
        for name, value in environ.items()
        if (name in named or _NAME.search(name)) and len(value.strip()) >= _SHORTEST
    }


def unmistakable(secrets: Mapping[str, str]) -> dict[str, str]:
    """Those that no text holds by chance: a password may be a word of the language, as in a development's `.env`."""
    return {
        name: value
        for name, value in secrets.items()
        if len(value.strip()) >= _UNMISTAKABLE and re.search(r"\d", value) and re.search(r"[^\W\d_]", value)
    }


def _variables_in(settings: Any) -> Iterator[str]:
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from named_variables(value) if key in _HOLDING else _variables_in(value)
    elif isinstance(settings, list | tuple):
        for item in settings:
            yield from _variables_in(item)


class Redactor:
    """Replaces secrets by their names.

    A name that a secret is a part of stays whole where it is known to be one (`keeping`): by a name something is found
    again, and a mark inside one would tell the secret to whoever knows the name.
    """

    def __init__(self, secrets: Mapping[str, str], more: Iterable[str | None] = (), names: Iterable[str] = ()) -> None:
        """Of secrets by their variables' names, and of more that have none; `names` stay whole."""
        self._given = secrets, tuple(more)
        named = {value.strip(): f"[{name} redacted]" for name, value in secrets.items()}
        named |= {value: "[redacted]" for value in self._given[1] if value}
        forms: dict[str, str] = {}
        for value, mark in named.items():
            for form in (value, *written_forms(value), *_encoded(value), *_lines(value)):
                forms.setdefault(form, mark)
        # The longest first: one secret may be the start of another.
        self._marks = dict(sorted(forms.items(), key=lambda item: -len(item[0])))
        self._data = {secret.encode(): mark.encode() for secret, mark in self._marks.items()}
        self._names = frozenset(name for name in (*_OURS, *names) if any(form in name for form in self._marks))
        every = sorted({*self._marks, *self._names}, key=lambda form: (-len(form), form)) if self._names else []
        self._all = re.compile("|".join(map(re.escape, every)))
        """Secrets and names, where there are names that a secret is a part of."""
        self._all_data = re.compile(b"|".join(re.escape(form.encode()) for form in every))

    def __bool__(self) -> bool:
        return bool(self._marks)

    def keeping(self, names: Iterable[str]) -> Self:
        """One that leaves these names whole, too."""
        secrets, more = self._given
        return type(self)(secrets, more, (*self._names, *names))

    @property
    def kept(self) -> tuple[str, ...]:
        """What would stand in place of secrets that are parts of names, and stay there."""
        return tuple(sorted({mark for form, mark in self._marks.items() if any(form in name for name in self._names)}))

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._names:
            return self._all.sub(lambda found: self._shown(found[0]), text)
        for secret, mark in self._marks.items():
            text = text.replace(secret, mark)
        return text

    def _shown(self, found: str) -> str:
        return found if found in self._names else self._marks[found]

    def finds(self, data: bytes) -> bool:
        """Whether UTF-8 text holds a secret."""
        return any(secret in data for secret in self._data) and (not self._names or self._clean(data) != data)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file without secrets, a block at a time.

        Raises:
            OSError: one of the two can't be opened, read or written.
        """
        longest = max(map(len, self._parts), default=1)
        with source.open("rb") as reader, target.open("wb") as writer:
            rest = b""
            while block := reader.read(_BLOCK):
                rest += block
                # What begins later may be the start of a secret that goes on in the next block.
                cut = self._before_any(rest, len(rest) - longest + 1)
                writer.write(self._clean(rest[:cut]))
                rest = rest[cut:]
            writer.write(self._clean(rest))

    def _before_any(self, data: bytes, cut: int) -> int:
        """The last place up to `cut` that lies inside no secret."""
        cut = max(0, cut)
        inside = True
        while inside:
            starts = [data.find(part, max(0, cut - len(part) + 1), cut + len(part) - 1) for part in self._parts]
            inside = any(0 <= start < cut for start in starts)
            cut = min((start for start in starts if 0 <= start < cut), default=cut)
        return cut

    @property
    def _parts(self) -> list[bytes]:
        """What must not be cut."""
        return [*self._data, *(name.encode() for name in self._names)]

    def _clean(self, data: bytes) -> bytes:
        if self._names:
            return self._all_data.sub(lambda found: self._shown(found[0].decode()).encode(), data)
        for secret, mark in self._data.items():
            data = data.replace(secret, mark)
        return data

    def value(self, value: Any) -> Any:
        """A JSON value without secrets, also in its keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def written_forms(value: str) -> tuple[str, ...]:
    """Other ways in which a text stands inside another: in JSON, in HTML, in an address, in Python, on one line."""
    forms = [" ".join(value.split()), *_in_addresses(value)]
    if not _SIMPLE.fullmatch(value):
        forms += [*_in_json(value), repr(value)[1:-1], *_in_html(value)]
    return tuple(form for form in dict.fromkeys(forms) if form != value)


def _in_addresses(value: str) -> Iterator[str]:
    escaped = [quote(value, safe=unescaped, errors="replace") for unescaped in _UNESCAPED]
    for form in (*escaped, quote_plus(value, errors="replace")):
        yield form
        yield _ESCAPE.sub(lambda found: found[0].lower(), form)


def _in_json(value: str) -> Iterator[str]:
    """In a string of a document, and in one of a document that is a string of another."""
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        # Some writers escape it, so that no script of a page ends there.
        for form in (once, once.replace("/", "\\/")):
            twice = json.dumps(form, ensure_ascii=ascii_only)[1:-1]
            yield from (form, twice, twice.replace("/", "\\/"))


def _in_html(value: str) -> Iterator[str]:
    plain = html.escape(value, quote=False)
    for form in (html.escape(value), plain.replace('"', "&#34;").replace("'", "&#39;")):
        yield form
        yield form.replace("/", "&#x2F;")


def _encoded(value: str) -> Iterator[str]:
    """In base64, wherever in the encoded text it begins: `Authorization: Basic` has a user before it."""
    data = value.encode("utf-8", "replace")
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode()
        # What comes before and after it shares a character with it.
        form = whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(form) >= _SHORTEST:
            yield form
            yield form.translate(str.maketrans("+/", "-_"))


def _lines(value: str) -> Iterator[str]:
    """Of a key that has several, as a private key does, each that is long enough to be known by."""
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _UNMISTAKABLE and not line.startswith("-----"))
