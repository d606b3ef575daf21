"""What the texts of a suite name: files of the workspace, found without running any code of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from plimsoll.config.document import Place
from plimsoll.errors import PlimsollError
from plimsoll.prompts import load_prompt
from plimsoll.prompts.load import PROMPT_SUFFIXES
from plimsoll.targets.code import source_files
from plimsoll.targets.flow import flow_files

_LONGEST = 1000
_FILE_KEYS = frozenset({"dataset", "prompt", "flow", "recorded"})
"""Keys whose text can be nothing but a file."""


class Named(NamedTuple):
    """What a text names."""

    files: tuple[Path, ...] = ()
    """A file with what it includes, a flow's, or a function's code."""
    problem: str | None = None
    """Why these may not be all: something of it is missing or can't be read."""


def texts_of(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text of a document, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from texts_of(each, (*place, key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from texts_of(each, (*place, number))


def named_by(text: str, root: Path, place: Place = ()) -> Named:
    """What a text names, of the workspace at `root`; nothing where it is a word like any other."""
    if "\n" in text or len(text) > _LONGEST:
        return Named()
    path, key = root / text, place[-1] if place else None
    try:
        files = _files(text, path, root)
        absent = not files and (key in _FILE_KEYS or path.suffix.lower() in PROMPT_SUFFIXES)
        code = text.rpartition(":")[0]
        gone = code.endswith(".py") and not (root / code).is_file()
        return Named(files, f"{code if gone else text}: no such file" if absent or gone else None)
    except (PlimsollError, OSError, ValueError) as error:
        return _beside(path, error, isinstance(error, PlimsollError) and key in _FILE_KEYS | {"judge"})


def _files(text: str, path: Path, root: Path) -> tuple[Path, ...]:
    if path.suffix.lower() in PROMPT_SUFFIXES and path.is_file():
        return tuple(load_prompt(path, text).files)
    if path.is_dir() or path.suffix in (".yaml", ".yml"):
        return flow_files(path)
    if path.is_file():
        return (path,)
    return source_files(text, root) if ":" in text else ()


def _beside(path: Path, error: Exception, told: bool) -> Named:
    """Of what can't be read the file itself, or all that lies in the folder."""
    try:
        below = tuple(sorted(each for each in path.rglob("*") if each.is_file())) if told and path.is_dir() else ()
        files = (path,) if path.is_file() else below
    except (OSError, ValueError):
        files = ()
    problem = str(error).splitlines()[0] if told or (files and path.suffix.lower() in PROMPT_SUFFIXES) else None
    return Named(files, problem)
