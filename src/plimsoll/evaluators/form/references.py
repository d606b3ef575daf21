"""Every part of a JSON Schema that an answer may be held against, checked: also what only a `$ref` leads to.

OpenAPI keeps its schemas under keywords that JSON Schema doesn't know. Unchecked, a mistake there would come out case
by case, or let a wrong answer through.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from plimsoll.evaluators.form.answers import clipped

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from referencing import Specification
    from referencing.jsonschema import Schema, SchemaRegistry

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# The keywords whose schemas are held against the same value, not against what is inside it.
_LISTS = ("allOf", "anyOf", "oneOf")
_CONDITION = ("if", "then", "else")
_BY_NAME = ("dependentSchemas", "dependencies")


def check_form(draft: type[Validator], schema: Any, what: str = "") -> None:
    """See that a schema has the form that its draft asks for.

    Raises:
        ValueError: it has not.
    """
    from jsonschema import SchemaError

    try:
        draft.check_schema(schema)
    except SchemaError as error:
        raise ValueError(
            f"{what}not a valid JSON Schema: {clipped(error.message, 120)} at {clipped(error.json_path)}"
        ) from None


def reachable(
    draft: type[Validator], specification: Specification[Schema], schema: Schema, registry: SchemaRegistry
) -> list[Mapping[str, Any]]:
    """A schema, all inside it and all that references lead to, each once; without `true` and `false`.

    Args:
        draft: The validator of the draft, for its keywords and the form that it asks for.
        specification: Where schemas stand inside schemas of the draft.
        schema: Of the draft's form.
        registry: Knows the schema, and by what names it and those inside are referred to.

    Raises:
        ValueError: one has another form than the draft's or a `$schema` of its own, a reference leads to nothing inside
            the schema, or a schema refers to itself for the same value, so that no answer could ever be checked.
    """
    found: dict[int, Mapping[str, Any]] = {}
    same_value: dict[int, list[int]] = {}
    root = specification.create_resource(schema)
    pending = deque([(root, registry.resolver_with_root(root), "")])
    while pending:
        part, inside, source = pending.popleft()
        contents = part.contents
        if id(contents) in found:
            continue
        if source:
            check_form(draft, contents, f"what $ref {clipped(source)!r} leads to is ")
        if not isinstance(contents, Mapping):
            continue
        if "$schema" in contents:
            raise ValueError("$schema stands inside the schema too: it counts at the top alone, remove it there")
        found[id(contents)] = contents
        of_same_value = list(_of_same_value(draft, contents))
        same_value[id(contents)] = [id(each) for each in of_same_value]
        for reference in _references(draft, contents):
            target = _target(reference, inside)
            same_value[id(contents)].append(id(target.contents))
            pending.append((specification.create_resource(target.contents), target.resolver, reference))
        # First what is inside: then a reference to it needs no check of its own.
        # Referencing passes over `dependencies` whose first is a list of names.
        parts = [*part.subresources(), *map(specification.create_resource, of_same_value)]
        schemas = [each for each in parts if isinstance(each.contents, Mapping)]
        pending.extendleft((each, inside.in_subresource(each), "") for each in schemas)
    _refuse_loops(draft, found, same_value)
    return list(found.values())


def _references(draft: type[Validator], schema: Mapping[str, Any]) -> list[str]:
    return [schema[key] for key in _REFERENCES if key in draft.VALIDATORS and isinstance(schema.get(key), str)]


def _target(reference: str, inside: Any) -> Any:
    """What a resolver finds, in the types that referencing doesn't make public."""
    from referencing.exceptions import Unresolvable

    try:
        return inside.lookup(reference)
    except (Unresolvable, TypeError, ValueError):  # the last two: a way through a text, or by name into a list
        message = f"$ref {clipped(reference)!r} leads to nothing inside the schema, and nothing is fetched"
        raise ValueError(f"{message}: put what it means under $defs") from None


def _of_same_value(draft: type[Validator], schema: Mapping[str, Any]) -> Iterator[Any]:
    known = {key: value for key, value in schema.items() if key in draft.VALIDATORS}
    for key in _LISTS:
        yield from known.get(key, ())
    for key in _BY_NAME:
        yield from (each for each in known.get(key, {}).values() if isinstance(each, Mapping))
    yield from (known[key] for key in ("not",) if key in known)
    yield from (schema[key] for key in _CONDITION if key in schema and "if" in known)


def _refuse_loops(
    draft: type[Validator], found: Mapping[int, Mapping[str, Any]], same_value: Mapping[int, list[int]]
) -> None:
    try:
        TopologicalSorter(same_value).prepare()
    except CycleError as error:
        around = [reference for each in error.args[1] for reference in _references(draft, found[each])]
        named = clipped(", ".join(dict.fromkeys(around)))
        message = f"the schema refers to itself for the same value ({named}), so that no answer could be checked"
        raise ValueError(f"{message}: refer to it from inside, such as from properties or items") from None
