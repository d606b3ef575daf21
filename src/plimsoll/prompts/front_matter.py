"""A prompty's front matter: what stands between the first two lines of dashes, checked.

Unknown keys are refused inside `model`. At the top a prompty may carry any metadata (authors, tags, a version),
so only a misspelt key is refused there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from plimsoll.config import Document, Strict, parse_yaml, validate
from plimsoll.errors import ConfigError, Mistake, Where, near_match
from plimsoll.prompts.references import Resolver, load_file
from plimsoll.prompts.tools import tool_mistakes

_FENCE = re.compile(r"^-{3,}[^\S\n]*$", re.MULTILINE)
_KNOWN = (
    "name",
    "description",
    "model",
    "inputs",
    "outputs",
    "sample",
    "template",
    "format",
    "authors",
    "tags",
    "version",
    "judge",
)


class ModelSection(Strict):
    """`model:` of a prompty."""

    api: str = "chat"
    configuration: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    response: Literal["first", "all"] = "first"

    @field_validator("configuration", "parameters", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("api")
    @classmethod
    def _chat_only(cls, value: str) -> str:
        if value == "completion":
            raise ValueError("completion endpoints are not called; write `api: chat`")
        if value != "chat":
            raise ValueError(f"unknown api {value!r}; known: chat")
        return value


class InputSection(BaseModel):
    """One entry of `inputs:`; further keys are notes for other tools."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str | None = None
    default: Any = None


class FrontMatter(BaseModel):
    """What this package reads of a prompty's front matter."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str | None = None
    description: str | None = None
    model: ModelSection = Field(default_factory=ModelSection)
    inputs: dict[str, InputSection] = Field(default_factory=dict)
    outputs: dict[str, Any] = Field(default_factory=dict)
    sample: dict[str, Any] | str | None = None
    template: Any = "jinja2"
    format: str = "jinja2"

    @field_validator("model", "inputs", "outputs", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("inputs", mode="before")
    @classmethod
    def _input_without_type(cls, value: Any) -> Any:
        return (
            {key: {} if item is None else item for key, item in value.items()} if isinstance(value, Mapping) else value
        )

    @field_validator("template", "format")
    @classmethod
    def _jinja_only(cls, value: Any) -> Any:
        engine = (value.get("format") or value.get("type") or "jinja2") if isinstance(value, Mapping) else value
        if engine != "jinja2":
            raise ValueError(f"unknown template format {engine!r}; known: jinja2")
        return value


@dataclass(frozen=True, slots=True)
class Parts:
    """A prompty file cut in two."""

    yaml: str
    yaml_line: int
    template: str
    template_line: int


@dataclass(frozen=True, slots=True)
class Head:
    """A prompty's front matter with its references resolved."""

    matter: FrontMatter
    document: Document
    files: tuple[Path, ...]
    sample: Mapping[str, Any] | None
    """The sample's values; None where there is none."""


def split(text: str, shown: Path | str) -> Parts:
    """Front matter and template.

    Raises:
        ConfigError: the file doesn't begin with a line of dashes, or there is no second one.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    fences = list(_FENCE.finditer(text))
    if not fences or text[: fences[0].start()].strip():
        raise ConfigError(
            [Mistake("no front matter", Where(shown, 1), "a prompty begins with a line ---, YAML, and a line ---")]
        )
    first = fences[0]
    opening_line = text.count("\n", 0, first.start()) + 1
    if len(fences) < 2:
        raise ConfigError(
            [Mistake("the front matter has no end", Where(shown, opening_line), "put a line --- before the template")]
        )
    second = fences[1]
    closing_line = text.count("\n", 0, second.start()) + 1
    return Parts(
        yaml=text[first.end() + 1 : second.start()],
        yaml_line=opening_line + 1,
        template=text[second.end() + 1 :],
        template_line=closing_line + 1,
    )


def read_front_matter(parts: Parts, path: Path, shown: Path | str, environ: Mapping[str, str]) -> Head:
    """The checked front matter.

    Raises:
        ConfigError: every mistake in it.
    """
    document = parse_yaml(parts.yaml, shown, first_line=parts.yaml_line)
    if document.data is None:
        document = replace(document, data={})
    if not isinstance(document.data, dict):
        raise ConfigError([Mistake("the front matter is not a mapping of keys", Where(shown, parts.yaml_line))])
    resolver = Resolver(document, path.parent, environ)
    resolved = replace(document, data=resolver.resolve(document.data))
    mistakes = [*resolver.mistakes, *_misspelt_keys(document)]
    # A reference that failed leaves nothing behind: what is said about that nothing is no news.
    told = {mistake.where for mistake in resolver.mistakes}
    try:
        matter = validate(resolved, FrontMatter)
    except ConfigError as error:
        mistakes += [mistake for mistake in error.mistakes if mistake.where not in told]
        raise ConfigError(_by_line(mistakes)) from None
    mistakes += [found for found in tool_mistakes(matter.model.parameters, resolved) if found.where not in told]
    files = list(resolver.files)
    sample = _sample(matter, resolved, path, files, mistakes)
    if mistakes:
        raise ConfigError(_by_line(mistakes))
    return Head(matter, document, tuple(dict.fromkeys(files)), sample)


def _misspelt_keys(document: Document) -> list[Mistake]:
    found = []
    for key in document.data:
        close = near_match(str(key), _KNOWN) or ""
        if key not in _KNOWN and close.startswith("did you mean"):
            found.append(document.mistake((key,), f"unknown key {key!r}", close))
    return found


def _sample(
    matter: FrontMatter, document: Document, path: Path, files: list[Path], mistakes: list[Mistake]
) -> Mapping[str, Any] | None:
    """The sample's values. A missing file matters only where the sample is all that declares the inputs."""
    if not isinstance(matter.sample, str):
        return matter.sample
    name = matter.sample.removeprefix("file:")
    file = path.parent / name
    if not name.endswith(".json"):
        mistakes.append(document.mistake(("sample",), "sample must be a mapping, or name a JSON file"))
        return None
    if not file.is_file():
        if not matter.inputs:
            mistakes.append(document.mistake(("sample",), f"the sample file {name!r} does not exist"))
        return None
    files.append(file)
    try:
        data = load_file(file, str(Path(document.file).parent / name))
    except ConfigError as error:
        mistakes += error.mistakes
        return None
    if isinstance(data, dict):
        return data
    mistakes.append(document.mistake(("sample",), f"{name!r} must hold one JSON object"))
    return None


def _by_line(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: (mistake.where.line or 0) if mistake.where else 0)
