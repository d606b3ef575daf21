"""Reading files that people write: YAML with lines, and every mistake in them listed at once.

A `Document` keeps, beside the data, the line of each key, so that a mistake found by a pydantic model is told
with its file, its line, and a near match where a word is misspelt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from plimsoll.errors import NO_SUCH_FILE, ConfigError, Mistake, Where, near_match

Place = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


class Strict(BaseModel):
    """Base of every settings model: unknown keys are mistakes, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain data, and the line on which each place in it stands."""

    file: Path | str
    data: Any
    lines: dict[Place, int] = field(default_factory=dict)

    def where(self, place: Place = ()) -> Where:
        """The nearest known line at or above `place`."""
        for end in range(len(place), -1, -1):
            if place[:end] in self.lines:
                return Where(self.file, self.lines[place[:end]])
        return Where(self.file)

    def mistake(self, place: Place, message: str, remedy: str | None = None) -> Mistake:
        """A mistake at a place of this file."""
        return Mistake(message, self.where(place), remedy)

    def placed(self, mistake: Mistake, place: Place = ()) -> Mistake:
        """A mistake found behind a place of this file: at its own place where it has one that exists, else here."""
        if mistake.where is None:
            return self.mistake(place, mistake.message, mistake.remedy)
        if mistake.message == NO_SUCH_FILE:
            return self.mistake(place, f"{NO_SUCH_FILE}: {mistake.where}", mistake.remedy)
        return mistake


def misplaced(place: Place, message: str, remedy: str | None = None) -> PydanticCustomError:
    """What a validator of a whole model raises about one place inside it."""
    context = {"place": list(place), "message": message, "remedy": remedy}
    return PydanticCustomError("misplaced", "{message}", context)


def read_text(path: Path, shown: Path | str) -> str:
    """The file's text.

    Raises:
        ConfigError: the file is missing, is a folder, can't be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        there = path.parent.iterdir() if path.parent.is_dir() else ()
        siblings = [entry.name for entry in there if not entry.name.startswith(".")]
        raise ConfigError([Mistake(NO_SUCH_FILE, Where(shown), near_match(path.name, siblings))]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Mistake("not valid UTF-8", Where(shown, line), "save the file as UTF-8")]) from None
    except OSError as error:
        raise ConfigError([Mistake(f"can't be read: {error.strerror}", Where(shown))]) from error


def read_yaml(path: Path, shown: Path | str | None = None) -> Document:
    """Read a YAML 1.2 file. `shown` is how messages name it.

    Raises:
        ConfigError: the file can't be read or is not one YAML document.
    """
    name = shown or path
    return parse_yaml(read_text(path, name), name)


def parse_yaml(text: str, shown: Path | str, first_line: int = 1) -> Document:
    """Parse YAML text that starts on `first_line` of the file `shown`.

    Raises:
        ConfigError: the text is not one YAML document, or a key occurs twice in one mapping.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        data = yaml.load(text)
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + first_line if mark else None
        problem = (error.problem or error.context or "not valid YAML").strip()
        raise ConfigError([Mistake(f"not valid YAML: {problem}", Where(shown, line))]) from None
    except YAMLError as error:
        raise ConfigError([Mistake(f"not valid YAML: {error}", Where(shown))]) from None
    lines: dict[Place, int] = {}
    if node is not None:
        _collect_lines(node, (), lines, first_line)
    return Document(shown, data, lines)


def _collect_lines(node: Node, place: Place, lines: dict[Place, int], first_line: int) -> None:
    lines.setdefault(place, node.start_mark.line + first_line)
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                at = (*place, key.value)
                lines[at] = key.start_mark.line + first_line
                _collect_lines(value, at, lines, first_line)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*place, index), lines, first_line)


def validate(document: Document, model: type[ModelT], at: Place = ()) -> ModelT:
    """The part of a document at `at` as a settings model.

    Raises:
        ConfigError: every mistake that the model finds, each with its line.
    """
    data = document.data
    for step in at:
        data = data[step]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(mistakes_of(error, document, model, at)) from None


def mistakes_of(error: ValidationError, document: Document, model: type[BaseModel], at: Place = ()) -> list[Mistake]:
    """Pydantic's findings in our words, in the order of the file."""
    found = [_mistake(details, document, model, at) for details in error.errors(include_url=False)]
    unique = {(str(mistake.where), mistake.message): mistake for mistake in found}
    return sorted(unique.values(), key=lambda mistake: (mistake.where.line or 0) if mistake.where else 0)


def _mistake(details: ErrorDetails, document: Document, model: type[BaseModel], at: Place) -> Mistake:
    # A location may name union branches that are not in the file: keep the steps that the file knows.
    place, named = at, []
    for step in details["loc"]:
        if (*place, step) in document.lines:
            place = (*place, step)
            named.append(str(step))
    # A file without lines knows no step: better a step too many than no name.
    what = ".".join(named or ([] if document.lines else map(str, details["loc"])))
    if details["type"] == "misplaced":
        context = details["ctx"]
        return document.mistake((*place, *context["place"]), context["message"], context["remedy"])
    if details["type"] == "extra_forbidden":
        word = str(details["loc"][-1])
        return document.mistake(place, f"unknown key {word!r}", near_match(word, _known_keys(model, details["loc"])))
    if details["type"] == "missing":
        name = str(details["loc"][-1])
        inside = f" in {what}" if what else ""
        return document.mistake(place, f"missing key {name!r}{inside}")
    message = details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    # YAML has no tuples.
    message = message.replace("valid tuple", "valid list").replace("Tuple should", "List should")
    return document.mistake(place, f"{what}: {message}" if what else message)


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys allowed where an unknown one stands: found by walking the model's JSON Schema."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    nodes = [schema]
    for step in loc[:-1]:
        nodes = [child for node in nodes for child in _step_into(node, step, definitions)] or nodes
    return sorted({key for node in nodes for key in _expand_keys(node, definitions)})


def _alternatives(node: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in node:
        return _alternatives(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    branches = node.get("anyOf", []) + node.get("oneOf", [])
    return [leaf for branch in branches for leaf in _alternatives(branch, definitions)] or [node]


def _step_into(node: dict[str, Any], step: int | str, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    children = []
    for leaf in _alternatives(node, definitions):
        child = leaf.get("items") if isinstance(step, int) else leaf.get("properties", {}).get(step)
        if child is None and isinstance(step, str):
            free = [leaf.get("additionalProperties"), *leaf.get("patternProperties", {}).values()]
            child = next((values for values in free if isinstance(values, dict)), None)
        if isinstance(child, dict):
            children.append(child)
    return children


def _expand_keys(node: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    return [key for leaf in _alternatives(node, definitions) for key in leaf.get("properties", {})]
