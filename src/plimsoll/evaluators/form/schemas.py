"""A JSON Schema, checked before it is used: its own form, its references, and the formats that it asks for.

Nothing is fetched. A reference to another document, or a format that nobody checks, is a mistake told at once: passed
over in silence either would let wrong answers through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from plimsoll.evaluators.equality import exact, is_finite, normal_form
from plimsoll.evaluators.form.answers import clipped
from plimsoll.evaluators.form.formats import format_checker
from plimsoll.evaluators.form.references import check_form, reachable

if TYPE_CHECKING:
    from jsonschema import ValidationError
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
        return [f"{clipped(error.json_path)}: {clipped(error.message, 120)}" for error in found]


def compile_schema(schema: Any, *, formats: bool = False) -> CompiledSchema:
    """The schema, ready for use.

    Args:
        schema: A schema of the draft that its `$schema` names, of draft 2020-12 where it names none.
        formats: Check `format` too.

    Raises:
        ValueError: it is no valid schema, refers to something outside itself or only to itself, or asks for a format
            that isn't known.
    """
    from referencing.jsonschema import specification_with

    if not isinstance(schema, Mapping | bool):
        raise ValueError("a JSON Schema is an object, or true or false")  # noqa: TRY004  # what the user wrote
    dialect = schema.get("$schema", DEFAULT) if isinstance(schema, Mapping) else DEFAULT
    draft = _draft(str(dialect))
    specification = specification_with(str(dialect))
    try:
        check_form(draft, schema)
        if isinstance(schema, Mapping):
            # Where jsonschema comes upon it again, it would go on with a validator that isn't ours.
            schema = {key: value for key, value in schema.items() if key != "$schema"}
        resource = specification.create_resource(schema)
        registry = _registry(resource)
        parts = reachable(draft, specification, schema, registry)
    except RecursionError:
        raise ValueError("the schema is nested too deeply") from None
    checker = format_checker(draft.FORMAT_CHECKER, parts) if formats else None
    return CompiledSchema(draft(schema, registry=registry, format_checker=checker))


def _registry(resource: SchemaResource) -> SchemaRegistry:
    from referencing import Registry

    registry: SchemaRegistry = Registry().with_resource(resource.id() or "", resource)
    try:
        return registry.crawl()
    except AttributeError:  # referencing takes a list of names for a schema where it comes after one
        raise ValueError("under dependencies, write the lists of names before the schemas") from None


def _draft(name: str) -> type[Validator]:
    """The validator class of a draft, named as `$schema` does."""
    for draft in _drafts():
        if name.rstrip("#") == draft.META_SCHEMA["$schema"].rstrip("#"):
            return draft
    raise ValueError(f"no draft of JSON Schema is known as {clipped(name)!r}")


@cache
def _drafts() -> tuple[type[Validator], ...]:
    from jsonschema import validators as known

    drafts = (
        known.Draft202012Validator,
        known.Draft201909Validator,
        known.Draft7Validator,
        known.Draft6Validator,
        known.Draft4Validator,
    )
    own = {"multipleOf": _multiple_of, "uniqueItems": _unique_items}
    return tuple(known.extend(draft, own) for draft in drafts)  # type: ignore[no-untyped-call]


def _multiple_of(validator: Validator, step: Any, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`multipleOf` by the numbers as they are written: between floats 19.99 would be no multiple of 0.01."""
    from jsonschema import ValidationError

    if not validator.is_type(value, "number"):
        return
    if not (is_finite(value) and is_finite(step)) or exact(value) % exact(step):
        yield ValidationError(f"{value!r} is not a multiple of {step!r}")


def _unique_items(validator: Validator, unique: Any, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`uniqueItems` by hash: jsonschema compares each object with each, 20 s for 3,000 of them."""
    from jsonschema import ValidationError

    if unique and validator.is_type(value, "array") and len({normal_form(each) for each in value}) < len(value):
        yield ValidationError(f"{value!r} has non-unique elements")
