"""The body of an HTTP target's request: a template with `{{ field }}` places, filled from a case."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from plimsoll.errors import CellError, FailureKind, near_match

_PLACE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A template with its places filled; a string that is one place alone takes the field's own type.

    `{{ order.items.0 }}` leads into objects and lists.

    Raises:
        CellError: a place names a field that the case lacks.
    """
    if isinstance(template, Mapping):
        return {key: fill(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if not isinstance(template, str):
        return template
    whole = _PLACE.fullmatch(template.strip())
    if whole:
        return _value(whole[1], values)
    return _PLACE.sub(lambda match: as_text(_value(match[1], values)), template)


def as_text(value: Any) -> str:
    """A value inside a text or a query: text as it is, all else as its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name in values:
        return values[name]
    found: Any = values
    for step in name.split("."):
        if isinstance(found, Mapping) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise CellError(
                FailureKind.MISSING_FIELD,
                f"the body names {name!r}; the case has {', '.join(sorted(values)) or 'nothing'}",
                remedy=near_match(name, values),
            )
    return found
