"""Secrets stay here: what leaves the process for a tracking server passes through a `Redactor` first.

A secret is the value of an environment variable whose name says that it is one. Its value is replaced wherever it
stands, in texts, in structured values, in files; a provider's error message that quotes a key is the usual way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

_NAME = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|PAT|CREDENTIALS?|CONNECTION_STRING)($|_\d*$)", re.IGNORECASE
)
_BLOCK = 1 << 20
_SHORTEST = 8
"""Characters: what is shorter is found by chance, and replacing it would ruin texts."""


def secrets_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Name → value of the environment's secrets."""
    return {name: value for name, value in environ.items() if _NAME.search(name) and len(value.strip()) >= _SHORTEST}


class Redactor:
    """Replaces secrets by their names."""

    def __init__(self, secrets: Mapping[str, str], more: Iterable[str | None] = ()) -> None:
        named = {value.strip(): f"[{name} redacted]" for name, value in secrets.items()}
        named |= {value: "[redacted]" for value in more if value}
        # The longest first: one secret may be the start of another. Each also as it stands inside JSON and URLs.
        self._marks = {
            form: mark
            for value, mark in sorted(named.items(), key=lambda item: -len(item[0]))
            for form in dict.fromkeys((value, json.dumps(value)[1:-1], quote(value, safe="")))
        }
        self._data = {secret.encode(): mark.encode() for secret, mark in self._marks.items()}

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret, mark in self._marks.items():
            text = text.replace(secret, mark)
        return text

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file without secrets, a block at a time.

        Raises:
            OSError: one of the two can't be opened, read or written.
        """
        longest = max(map(len, self._data), default=1)
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
            starts = [data.find(secret, max(0, cut - len(secret) + 1), cut + len(secret) - 1) for secret in self._data]
            inside = any(0 <= start < cut for start in starts)
            cut = min((start for start in starts if 0 <= start < cut), default=cut)
        return cut

    def _clean(self, data: bytes) -> bytes:
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
