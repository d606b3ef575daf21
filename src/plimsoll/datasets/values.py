"""JSON values inside a row: what they are called, what is wrong with them, and how a text cell becomes one.

A case is digested as canonical JSON and sent to models as UTF-8, so a value that either would refuse (NaN, a lone
surrogate, a `bytes`) is told here with the field that holds it.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

FieldType = Literal["string", "number", "integer", "boolean", "list", "object"]

_A = {
    "string": "a string",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "list": "a list",
    "object": "an object",
}
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SHOWN = 40
_LONGEST_INTEGER = 10_000
"""Bits: about 3,000 digits. Python writes no more than 4,300."""


def a(field_type: str) -> str:
    """A type with its article, as messages say it."""
    return _A[field_type]


def kind_of(value: Any) -> str:
    """What a value is, as messages say it."""
    if isinstance(value, bool):
        return _A["boolean"]
    if value is None:
        return "null"
    for types, name in ((str, "string"), (int, "integer"), (float, "number"), (list | tuple, "list"), (dict, "object")):
        if isinstance(value, types):
            return _A[name]
    return f"of type {type(value).__name__}"


def clipped(value: Any) -> str:
    """A value as a message quotes it: one line, not long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; a list within itself
        return "…"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def shown_name(name: str) -> str:
    """A field's or key's name as messages say it: as it is where it can be printed, else escaped."""
    return name if name.isprintable() and name else repr(name)


def closest(word: str, known: Iterable[str]) -> str | None:
    """A remedy that names what may have been meant; None where nothing is near."""
    found = nearest(word, known)
    return None if found is None else f"did you mean {found!r}?"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that may have been meant; None where nothing is near."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)), None)


def has_type(value: Any, field_type: FieldType) -> bool:
    """Whether a JSON value is of a card's type. Every integer is a number; true and false are neither."""
    if field_type == "boolean":
        return isinstance(value, bool)
    if field_type in ("number", "integer"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (field_type == "number" or isinstance(value, int) or float(value).is_integer())
    return isinstance(value, {"string": str, "list": list | tuple, "object": dict}[field_type])


def as_type(value: Any, field_type: FieldType) -> Any:
    """A JSON value as the card's type: 5.0 in an integer field is 5, else unchanged.

    NaN and infinity pass: they are `problems` of every value, typed or not.

    Raises:
        ValueError: it is of another type.
    """
    if isinstance(value, float) and not math.isfinite(value) and field_type in ("number", "integer"):
        return value
    if not has_type(value, field_type):
        raise ValueError(f"is {kind_of(value)}, not {a(field_type)}: {clipped(value)}")
    return int(value) if field_type == "integer" else value


def parse_cell(text: str, field_type: FieldType) -> Any:
    """A text cell (CSV) as the card's type.

    Raises:
        ValueError: the text is not one.
    """
    stripped = text.strip()
    if field_type == "string":
        return text
    if field_type == "integer" and _INTEGER.fullmatch(stripped):
        return int(stripped)
    if field_type == "number" and _NUMBER.fullmatch(stripped):
        return int(stripped) if _INTEGER.fullmatch(stripped) else float(stripped)
    if field_type == "boolean" and stripped.lower() in ("true", "false"):
        return stripped.lower() == "true"
    if field_type not in ("list", "object"):
        raise ValueError(f"can't be read as {a(field_type)}: {clipped(text)}")
    try:
        value = parse_json(text)
    except ValueError as error:
        raise ValueError(f"can't be read as {a(field_type)}: {error}") from None
    return as_type(value, field_type)


def parse_json(text: str) -> Any:
    """JSON as the standard has it: no NaN, no infinity, no key twice in one object.

    Raises:
        ValueError: the text is not that; the message gives the column where there is one.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        detail = (error.msg[:1].lower() + error.msg[1:]).removesuffix(" starting at")
        place = f"column {error.colno}" if error.lineno == 1 else f"its line {error.lineno}, column {error.colno}"
        raise ValueError(f"not valid JSON at {place}: {detail}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        # Python's own refusal speaks of settings of the interpreter.
        raise ValueError("an integer is too long" if "integer string" in str(error) else str(error)) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return found


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON; write null, or leave the field out")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def problems(value: Any, at: str) -> Iterator[str]:
    """What keeps a value from being canonical JSON and plain text, each with its place."""
    if isinstance(value, str):
        yield from (f"{at} {problem}" for problem in text_problems(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{at} has the key {key!r}, which is not text"
                continue
            yield from (f"a key of {at} {problem}" for problem in text_problems(key))
            yield from problems(item, f"{at}.{shown_name(key)}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from problems(item, f"{at}[{index}]")
    elif value is not None:
        yield from (f"{at} {problem}" for problem in _other_problems(value))


def _other_problems(value: Any) -> Iterator[str]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield f"is {value}, which is not a number of JSON"
    elif isinstance(value, int):
        if value.bit_length() > _LONGEST_INTEGER:
            yield "is an integer that is too long"
    else:
        yield f"is {kind_of(value)}, which has no JSON form"


def text_problems(text: str) -> Iterator[str]:
    """What keeps a string from being plain UTF-8 text."""
    lone = next((character for character in text if "\ud800" <= character <= "\udfff"), None)
    if lone is not None:
        yield f"holds a lone surrogate (\\u{ord(lone):04x}), which is half a character"
    if "\0" in text:
        yield "holds a NUL character"


def plain(value: Any) -> Any:
    """A value from memory, an Arrow or a pandas column as a JSON value, where it has a plain one.

    Dates and times become ISO 8601 text, numpy's scalars and arrays Python's; what has no JSON form stays as it
    is, for `problems` to tell.
    """
    if value is None or type(value) in (str, bool, int, float):
        return value
    # A subclass (an enum, numpy's float64) may be written otherwise than its plain value.
    for base, to_base in ((str, str.__str__), (int, int), (float, float)):
        if isinstance(value, base):
            return to_base(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    to_list: Callable[[], Any] | None = getattr(value, "tolist", None)
    return plain(to_list()) if callable(to_list) else value
