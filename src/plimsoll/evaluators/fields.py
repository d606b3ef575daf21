"""What evaluators read: fields of a case, further outputs of a target, and both as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from plimsoll.errors import CellError, FailureKind
from plimsoll.types import Case, Output

OF_OUTPUT = "output."
OF_TARGET = "target."
"""Begins the name under which a case holds another target's answer, for the evaluators that ask for it."""
CONVERSATION = "conversation"
"""The field in which an evaluator of a whole conversation finds all that was said, as text."""


def lookup(name: str, case: Case, output: Output) -> Any:
    """A case's field, or with `output.NAME` a named output of the target; None where there is none."""
    if not name.startswith(OF_OUTPUT):
        return case.fields().get(name)
    key = name.removeprefix(OF_OUTPUT)
    if key in output.extra:
        return output.extra[key]
    return output.value.get(key) if isinstance(output.value, Mapping) else None


def absent(names: Iterable[str], case: Case, output: Output) -> list[str]:
    """The names that have no value: not there, null, or text of nothing but white space."""
    return sorted(name for name in names if _blank(lookup(name, case, output)))


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def as_text(value: Any) -> str:
    """A value as text: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def references(name: str, case: Case, output: Output) -> tuple[Any, ...]:
    """The reference answers in a field: a list is several, of which one is enough.

    Raises:
        CellError: there is none, or one of them is empty.
    """
    value = lookup(name, case, output)
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not found or any(_blank(reference) for reference in found):
        raise CellError(FailureKind.MISSING_FIELD, f"the case's {name!r} holds no reference answer, or an empty one")
    return found


def all_text(value: Any) -> str:
    """Every text inside a value, joined: a passage, a list of passages, documents with titles."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(all_text(item) for item in value.values())
    if isinstance(value, list | tuple):
        return "\n".join(all_text(item) for item in value)
    return "" if value is None else as_text(value)
