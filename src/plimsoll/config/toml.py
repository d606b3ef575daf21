"""TOML with lines: Python's own reader gives the data, and this the line of each statement in it.

A statement (a table's head, or a key with its value) ends where Python's reader takes it, so that quotes, comments and
values of several lines are read by the one that knows them. Reading a statement line by line is slow for a list of a
thousand lines: this is for telling mistakes, not for every start.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plimsoll.config.document import Document, Place
from plimsoll.errors import ConfigError, Mistake, Where

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse_toml(text: str, shown: Path | str) -> dict[str, Any]:
    """The data of a TOML file, which messages call `shown`.

    Raises:
        ConfigError: it is not valid TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = _AT.search(str(error))
        problem = _AT.sub("", str(error))
        line = None if told is None else int(told[1]) if told[1] else text.rstrip("\n").count("\n") + 1
        column = f", column {told[2]}" if told and told[2] else ""
        raise ConfigError([Mistake(f"not valid TOML: {problem}{column}", Where(shown, line))]) from None


def with_lines(text: str, shown: Path | str, table: tuple[str, ...] = ()) -> Document:
    """A table of a valid TOML text as a document, in which a value of several lines stands on its first."""
    data = tomllib.loads(text)
    for name in table:
        data = data[name]
    lines: dict[Place, int] = {}
    for place, line in _places(text):
        if place[: len(table)] == table:
            lines.setdefault(place[len(table) :], line)
    return Document(shown, data, lines)


def _places(text: str) -> Iterator[tuple[Place, int]]:
    """Every place that a statement makes, with the statement's line, in the order of the file."""
    head: Place = ()
    for statement, line in _statements(text):
        made = list(_within(tomllib.loads(statement), ()))
        if statement.lstrip().startswith("["):
            # Of a list of tables each is told as the list: no setting is one.
            head = tuple(step for step in made[-1] if isinstance(step, str))
            made = [head[:end] for end in range(1, len(head) + 1)]
        else:
            made = [(*head, *place) for place in made]
        yield from ((place, line) for place in made)


def _within(value: Any, place: Place) -> Iterator[Place]:
    if place:
        yield place
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in below:
        yield from _within(inner, (*place, step))


def _statements(text: str) -> Iterator[tuple[str, int]]:
    """Every statement of a valid text, and the line on which it begins."""
    begun, pending = 1, ""
    # Only these are TOML's ends of lines; Python knows more.
    for number, line in enumerate(text.split("\n"), 1):
        if not pending:
            begun = number
        pending += line + "\n"
        try:
            found = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        if found:
            yield pending, begun
        pending = ""
