"""The formats of JSON Schema that are checked: those that need no further package, and times as RFC 3339 has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import FormatChecker


def format_checker(of_draft: FormatChecker, schemas: Iterable[Mapping[str, Any]]) -> FormatChecker:
    """The checks of a draft.

    Args:
        of_draft: Those that jsonschema has for it.
        schemas: Every schema that may ask for a format.

    Raises:
        ValueError: one of the schemas asks for a format that nobody checks.
    """
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    checker.checkers = dict(of_draft.checkers)
    checker.checks("date-time", raises=ValueError)(_is_date_time)
    checker.checks("time", raises=ValueError)(_is_time)
    unknown = sorted({each["format"] for each in schemas if "format" in each} - set(checker.checkers))
    if unknown:
        known = ", ".join(sorted(checker.checkers))
        raise ValueError(f"no check is known for the format {unknown[0]!r}; known are {known}")
    return checker


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    day, mark, clock = value[:10], value[10:11], value[11:]
    return (
        len(day) == 10
        and day[4::3] == "--"
        and mark in ("T", "t", " ")
        and bool(date.fromisoformat(day))
        and _is_time(clock)
    )


def _is_time(value: object) -> bool:
    """Whether a text is a full-time of RFC 3339: hours, minutes, seconds and an offset. Other values aren't asked."""
    if not isinstance(value, str):
        return True
    clock = value.upper()
    # A leap second is a time of RFC 3339 and none of Python's.
    clock = clock.replace(":60", ":59", 1) if clock[5:8] == ":60" else clock
    return clock[2:3] == clock[5:6] == ":" and time.fromisoformat(clock).tzinfo is not None
