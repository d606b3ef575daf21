"""References in a prompty's front matter: `${env:NAME}` and `${file:PATH}`, each the whole of a value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.config import Document, parse_yaml, read_text
from plimsoll.errors import ConfigError, Mistake, UsageError, Where, near_match

_REFERENCE = re.compile(r"^\$\{(env|file):([^{}]*)\}$")
_BEGINS = re.compile(r"^\$\{(env|file):")
_LATE = ("model", "configuration")
"""Where environment references stay: a suite may give another model, and keys are read only when used."""

Place = tuple[str | int, ...]


@dataclass(slots=True)
class Resolver:
    """Puts in what references name; gathers the files read and the mistakes found."""

    document: Document
    folder: Path
    environ: Mapping[str, str]
    files: list[Path] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def resolve(self, value: Any, place: Place = ()) -> Any:
        """`value` with its references replaced; a file is read as JSON or YAML by its suffix, else as text."""
        if isinstance(value, Mapping):
            return {key: self.resolve(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, (*place, at)) for at, item in enumerate(value)]
        if not isinstance(value, str) or not _BEGINS.match(value):
            return value
        reference = _REFERENCE.match(value)
        if reference is None:
            self._mistake(place, f"{value!r}: a reference must be the whole value")
            return None
        kind, name = reference[1], reference[2]
        return self._environment(name, value, place) if kind == "env" else self._file(name, place)

    def _environment(self, name: str, written: str, place: Place) -> Any:
        if place[:2] == _LATE or place[:1] == ("sample",):
            return self.environ.get(name, written) if place[:1] == ("sample",) else written
        if name not in self.environ:
            self._mistake(
                place, f"the environment variable {name} is not set", f"export {name}=…, or write it into .env"
            )
        return self.environ.get(name)

    def _file(self, name: str, place: Place) -> Any:
        path = self.folder / name
        where = self.document.where(place)
        if not path.is_file():
            there = [file.name for file in self.folder.iterdir() if file.is_file()]
            self._mistake(place, f"the file {name!r} does not exist", near_match(name, there))
            return None
        self.files.append(path)
        shown = str(Path(where.file).parent / name)
        try:
            return load_file(path, shown)
        except ConfigError as error:
            self.mistakes += error.mistakes
            return None

    def _mistake(self, place: Place, message: str, remedy: str | None = None) -> None:
        named = ".".join(str(step) for step in place)
        self.mistakes.append(self.document.mistake(place, f"{named}: {message}", remedy))


def load_file(path: Path, shown: Path | str) -> Any:
    """A file's content: JSON or YAML by its suffix, else its text.

    Raises:
        ConfigError: it can't be read as that.
    """
    text = read_text(path, shown)
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError([Mistake(f"not valid JSON: {error.msg}", Where(shown, error.lineno))]) from None
    if path.suffix.lower() in {".yml", ".yaml"}:
        return parse_yaml(text, shown).data
    return text


def with_environment(value: Any, environ: Mapping[str, str], at: str) -> Any:
    """`value` with its `${env:NAME}` references filled.

    Raises:
        UsageError: a variable is not set; `at` says where it was written.
    """
    if isinstance(value, Mapping):
        return {key: with_environment(item, environ, f"{at}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [with_environment(item, environ, at) for item in value]
    reference = _REFERENCE.match(value) if isinstance(value, str) else None
    if reference is None or reference[1] != "env":
        return value
    if reference[2] not in environ:
        raise UsageError(
            f"{at} needs the environment variable {reference[2]}, which is not set",
            remedy=f"export {reference[2]}=…, or write it into .env",
        )
    return environ[reference[2]]
