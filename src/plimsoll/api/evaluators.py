"""The evaluators that a suite may name: listing them, showing one's settings, starting a new one with its test."""

from __future__ import annotations

import keyword
import types
import typing
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Literal, get_args, get_origin

from msgspec import Struct
from pydantic.fields import FieldInfo

from plimsoll.config import Workspace
from plimsoll.errors import UsageError, unwritable
from plimsoll.evaluators import EvaluatorSettings, Factory, discover
from plimsoll.evaluators.contract import About

FOLDER = "evaluators"
TESTS = "tests"


class Listed(Struct, frozen=True, kw_only=True):
    """An evaluator as lists show it; the fields are those of `About`."""

    name: str
    summary: str
    needs: tuple[str, ...]
    gives: str
    judged: bool
    cost: str
    source: str
    extra: str


class Setting(Struct, frozen=True, kw_only=True):
    """A key that an evaluator takes in a suite."""

    name: str
    type: str
    default: str
    """As YAML has it; empty where it has to be given."""
    description: str


class Shown(Struct, frozen=True, kw_only=True):
    """An evaluator with its settings."""

    evaluator: Listed
    main: str | None
    """The setting that a plain value stands for."""
    settings: tuple[Setting, ...]


def list_evaluators(workspace: Workspace | None) -> tuple[Listed, ...]:
    """Every evaluator that a suite of the workspace may name; without one, what is built in or installed.

    Raises:
        ConfigError: a file of `evaluators/` can't be read.
    """
    return tuple(_listed(name, factory.about) for name, factory in sorted(_factories(workspace).items()))


def show_evaluator(workspace: Workspace | None, name: str) -> Shown:
    """One evaluator with its settings.

    Raises:
        UsageError: there is none of that name, or its package can't be loaded.
    """
    factory = _factories(workspace)[name]
    model = factory.settings()
    # What every evaluator takes comes last: people look for what is this one's own.
    fields = sorted(model.model_fields.items(), key=lambda item: item[0] in EvaluatorSettings.model_fields)
    settings = tuple(_setting(key, field) for key, field in fields)
    return Shown(evaluator=_listed(name, factory.about), main=getattr(model, "shorthand", None), settings=settings)


def new_evaluator(workspace: Workspace, name: str, kind: Literal["function", "judge"]) -> tuple[Path, ...]:
    """Write an evaluator that works as it is, and a test of it, to be made one's own.

    Returns:
        The files written, relative to the workspace.

    Raises:
        UsageError: the name can't be one, is taken, or a file is there already.
        InfrastructureError: a file can't be written.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise UsageError(f"{name!r} can't be an evaluator's name", remedy="use letters, digits and _, as in is_polite")
    if name in _factories(workspace):
        raise UsageError(f"there is an evaluator named {name!r} already", remedy="choose another name")
    suffix = {"function": ".py", "judge": ".prompty"}[kind]
    skeletons = files("plimsoll.api") / "skeletons"
    wanted = {
        Path(FOLDER, f"{name}{suffix}"): skeletons / f"{kind}{suffix}.txt",
        Path(TESTS, f"test_{name}.py"): skeletons / f"test_{kind}.py.txt",
    }
    for path in wanted:
        if (workspace.root / path).exists():
            raise UsageError(f"{path} is there already", remedy="choose another name, or remove it")
    written = {
        path: Template(skeleton.read_text(encoding="utf-8")).substitute(name=name, words=name.replace("_", " "))
        for path, skeleton in wanted.items()
    }
    try:
        for path in written:
            (workspace.root / path).parent.mkdir(exist_ok=True)
        for path, text in written.items():
            (workspace.root / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(error) from error
    return tuple(wanted)


def _factories(workspace: Workspace | None) -> typing.Mapping[str, Factory]:
    return discover(workspace.root if workspace else None)


def _listed(name: str, about: About) -> Listed:
    return Listed(
        name=name,
        summary=about.summary,
        needs=about.needs,
        gives=about.gives,
        judged=about.judged,
        cost=about.cost,
        source=about.source,
        extra=about.extra,
    )


def _setting(name: str, field: FieldInfo) -> Setting:
    default = "" if field.is_required() else _written(field.get_default(call_default_factory=True))
    return Setting(
        name=name,
        type=" or ".join(dict.fromkeys(_type_words(field.annotation))),
        default=default,
        description=field.description or "",
    )


def _written(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(_written, value)) or "–" if isinstance(value, tuple | list | dict) else str(value)


def _type_words(annotation: Any) -> Iterator[str]:
    """A type in the words of someone who writes YAML."""
    origin = get_origin(annotation)
    if annotation in (None, types.NoneType):
        return
    if origin is typing.Annotated:
        yield from _type_words(get_args(annotation)[0])
    elif origin is Literal:
        yield from map(_written, get_args(annotation))
    elif origin in (types.UnionType, typing.Union):
        for each in get_args(annotation):
            yield from _type_words(each)
    elif origin in (list, tuple):
        yield "list"
    elif origin is dict:
        yield "mapping"
    else:
        names = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}
        yield names.get(annotation, "mapping")
