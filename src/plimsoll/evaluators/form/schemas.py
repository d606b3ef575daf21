"""A JSON Schema, checked before it is used: its own form, its references, and the formats that it asks for.

Nothing is fetched. A reference to another document, or a format that nobody checks, is a mistake told at once: passed
over in silence either would let wrong answers through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time
from itertools import islice
from typing import TYPE_CHECKING, Any

from plimsoll.evaluators.form.answers import clipped

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from jsonschema.protocols import Validator
    from referencing.jsonschema import SchemaRegistry, SchemaResource

DEFAULT = "https://json-schema.org/draft/2020-12/schema"
_COUNTED = 100


class CompiledSchema:
    """A schema that answers can be held against."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator

    def mistakes(self, value: Any) -> list[str]:
        """What is wrong with a value, each with its place as a JSONPath; at most 100. Empty where it is valid."""
        try:
            found = list(islice(self._validator.iter_errors(value), _COUNTED))
        except RecursionError:
            return ["nested too deeply"]
        except OverflowError:
            return ["a number is too large to check"]
        return [f"{clipped(error.json_path)}: {clipped(error.message, 120)}" for error in found]


def compile_schema(schema: Any, *, formats: bool = False) -> CompiledSchema:
    """The schema, ready for use.

    Args:
        schema: A schema of the draft that its `$schema` names, of draft 2020-12 where it names none.
        formats: Check `format` too.

    Raises:
        ValueError: it is no valid schema, refers to something outside itself, or asks for a format that isn't known.
    """
    from jsonschema import SchemaError
    from referencing import Registry
    from referencing.jsonschema import specification_with

    if not isinstance(schema, Mapping | bool):
        raise ValueError("a JSON Schema is an object, or true or false")  # noqa: TRY004  # what the user wrote
    dialect = schema.get("$schema", DEFAULT) if isinstance(schema, Mapping) else DEFAULT
    kind = _draft(str(dialect))
    try:
        kind.check_schema(schema)
        specification = specification_with(str(dialect))
        resource = specification.create_resource(schema)
        registry: SchemaRegistry = Registry().with_resource(resource.id() or "", resource).crawl()
        _check_references(resource, registry)
    except SchemaError as error:
        raise ValueError(f"not a valid JSON Schema: {clipped(error.message, 120)} at {error.json_path}") from None
    except RecursionError:
        raise ValueError("the schema is nested too deeply") from None
    checker = _formats(kind.FORMAT_CHECKER) if formats else None
    if checker is not None:
        _check_formats(resource, checker)
    return CompiledSchema(kind(schema, registry=registry, format_checker=checker))


def _draft(name: str) -> Any:
    """The validator class of a draft, named as `$schema` does."""
    from jsonschema import validators as known

    drafts = (
        known.Draft202012Validator,
        known.Draft201909Validator,
        known.Draft7Validator,
        known.Draft6Validator,
        known.Draft4Validator,
    )
    for draft in drafts:
        if name.rstrip("#") == str(draft.ID_OF(draft.META_SCHEMA)).rstrip("#"):
            return draft
    raise ValueError(f"no draft of JSON Schema is known as {clipped(name)!r}")


def _check_references(resource: SchemaResource, registry: SchemaRegistry) -> None:
    from referencing.exceptions import Unresolvable

    resolver = registry.resolver_with_root(resource)
    pending = [(resource, resolver)]
    while pending:
        part, inside = pending.pop()
        for reference in _references(part):
            try:
                inside.lookup(reference)
            except Unresolvable:
                message = f"$ref {reference!r} leads to nothing inside the schema, and nothing is fetched"
                raise ValueError(f"{message}: put what it means under $defs") from None
        pending += [(each, inside.in_subresource(each)) for each in part.subresources()]


def _references(part: SchemaResource) -> list[str]:
    contents = part.contents if isinstance(part.contents, Mapping) else {}
    return [contents[key] for key in ("$ref", "$dynamicRef") if isinstance(contents.get(key), str)]


def _check_formats(resource: SchemaResource, checker: FormatChecker) -> None:
    asked = {part["format"] for part in _objects(resource) if "format" in part}
    unknown = sorted(asked - set(checker.checkers))
    if unknown:
        known = ", ".join(sorted(checker.checkers))
        raise ValueError(f"no check is known for the format {unknown[0]!r}; known are {known}")


def _objects(resource: SchemaResource) -> Iterator[Mapping[str, Any]]:
    pending = [resource]
    while pending:
        part = pending.pop()
        if isinstance(part.contents, Mapping):
            yield part.contents
        pending += part.subresources()


def _formats(of_draft: FormatChecker) -> FormatChecker:
    """The draft's checks that need no further package, and times as RFC 3339 writes them."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    checker.checkers = dict(of_draft.checkers)
    checker.checks("date-time", raises=ValueError)(_is_date_time)
    checker.checks("time", raises=ValueError)(_is_time)
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
