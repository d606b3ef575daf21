"""What a library's module is given and gives, and what these modules share. The standard library only.

A module has four functions:

- `load()`: imports the library, once in a process that evaluates.
- `describe(settings)`: what the evaluator needs and gives. Imports the library only where it can't be told without. A
  `ValueError` with a plain message where there is no such evaluator, or it can't be used as the settings say.
- `build(settings, endpoint)`: the library's own object; made anew for every call, so that nothing stays in it.
- `evaluate(built, values)`: the scores. With `async def`, it and `build` run on one event loop of their own, else both
  run in a thread without one. Whatever it raises is the failure of this call.

One process serves all evaluators of a library that ask the same model, several calls at once.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import os
import sys
import threading
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

_LOADING = threading.Lock()


class Settings(TypedDict):
    """What a suite says, as far as a library's module has to know."""

    evaluator: str
    """The library's name for it, or `file.py:name` for one of the user's own."""
    arguments: dict[str, Any]
    """For the constructor."""
    metrics: list[str]
    """The names of the metrics that the suite declares; empty where it leaves that to the library."""
    fields: list[str]
    """The parameters that the suite gives a value for."""
    model: bool
    """Whether the suite names a model for it."""
    root: str
    """The workspace's root."""


class Endpoint(TypedDict):
    """Where the suite's model answers, for one call: OpenAI's chat completions."""

    base_url: str
    """This call's alone."""
    api_key: str
    model: str
    headers: dict[str, str]
    """For a library that takes its address from the environment: sent along, they say whose request it is."""
    shared_url: str
    """The address that the environment names then, the same for every call."""


NOWHERE: Endpoint = {
    "base_url": "http://127.0.0.1:9/v1",
    "shared_url": "http://127.0.0.1:9/v1",
    "api_key": "none",
    "model": "none",
    "headers": {},
}
"""For an object that is only made to be looked at."""


class MetricEntry(TypedDict):
    """One metric that an evaluator gives."""

    name: str
    kind: str
    """`numeric`, `bool` or `label`."""
    low: float | None
    high: float | None
    direction: str
    """`higher` or `lower`."""
    labels: list[str]
    judged: bool
    """A model gives it."""


class Described(TypedDict):
    """What an evaluator needs and gives."""

    fields: dict[str, str | list[str]]
    """Parameter → what fills it where the suite says nothing: a case's field, `output`, `value`, `tool_calls`.

    Of a list, an object of these fields.
    """
    required: list[str]
    """Parameters without which it can't judge. A case that lacks one fails before the call."""
    optional: list[str]
    """Parameters that it is given only where the suite maps them."""
    metrics: list[MetricEntry]
    judged: bool
    """It asks a model: the suite's."""
    alone: bool
    """Only one call at a time, since it keeps things in its process: the environment names each call's own address."""


def described(
    fields: Mapping[str, str | list[str]],
    metrics: Sequence[MetricEntry],
    *,
    optional: Iterable[str] = (),
    judged: bool = False,
    alone: bool = False,
) -> Described:
    """A description; every parameter of `fields` that is not optional is required."""
    left = list(optional)
    return {
        "fields": dict(fields),
        "required": [name for name in fields if name not in left],
        "optional": left,
        "metrics": list(metrics),
        "judged": judged,
        "alone": alone,
    }


def numeric(
    name: str, low: float | None = None, high: float | None = None, *, direction: str = "higher", judged: bool = False
) -> MetricEntry:
    """A metric that is a number between two bounds; None is unbounded."""
    entry = _metric(name, "numeric", direction=direction, judged=judged)
    return {**entry, "low": low, "high": high}


def boolean(name: str, *, direction: str = "higher", judged: bool = False) -> MetricEntry:
    """A metric that is true or false; `higher` says that true is better."""
    return _metric(name, "bool", direction=direction, judged=judged)


def label(name: str, labels: Iterable[str] = (), *, judged: bool = False) -> MetricEntry:
    """A metric that is one of the labels; none allow any."""
    return {**_metric(name, "label", judged=judged), "labels": list(labels)}


def _metric(name: str, kind: str, *, direction: str = "higher", judged: bool) -> MetricEntry:
    return {
        "name": name,
        "kind": kind,
        "low": None,
        "high": None,
        "direction": direction,
        "labels": [],
        "judged": judged,
    }


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that is not there, with those that may have been meant."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return ValueError(f"no {kind} named {name!r}; did you mean {' or '.join(repr(each) for each in close)}?")
    return ValueError(f"no {kind} named {name!r}; known: {', '.join(names)}")


def is_own(evaluator: str) -> bool:
    """Whether the settings name code of the user's, not an evaluator of the library."""
    return ".py:" in evaluator


def own(settings: Settings) -> Any:
    """The user's own object, from its file.

    Raises:
        ValueError: it isn't there, or its file can't be imported.
    """
    where, _, name = settings["evaluator"].rpartition(":")
    # Calls come in several threads, and none may see a file that is half run.
    with _LOADING:
        module = _module(Path(settings["root"]), where)
    if not hasattr(module, name):
        raise unknown(f"object in {where}", name, [each for each in vars(module) if not each.startswith("_")])
    return getattr(module, name)


def own_metrics(settings: Settings, returned: Any = None, *, judged: bool = False) -> list[MetricEntry]:
    """What a user's own evaluator gives: what the suite declares, else what its annotation says.

    Args:
        settings: Whose `metrics` name what the suite declares; it says there what each is.
        returned: The type of what it gives: bool, int, float, or a Literal of labels; all else says nothing.
        judged: A model gives it.

    Raises:
        ValueError: neither says.
    """
    if settings["metrics"]:
        return [numeric(name, judged=judged) for name in settings["metrics"]]
    name = settings["evaluator"].rpartition(":")[2]
    if returned is bool:
        return [boolean(name, judged=judged)]
    if returned in (int, float):
        return [numeric(name, judged=judged)]
    labels = typing.get_args(returned) if typing.get_origin(returned) is typing.Literal else ()
    if labels and all(isinstance(each, str) for each in labels):
        return [label(name, labels, judged=judged)]
    raise ValueError(
        f"{settings['evaluator']} does not say what it gives; declare it in the suite, "
        f"as `metrics: {{{name}: {{kind: bool}}}}`"
    )


def returned_by(function: Any) -> Any:
    """The return annotation of a function; None where there is none, or it can't be read."""
    try:
        return typing.get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001  # annotations are the user's code: one that can't be read says nothing
        return None


def check_arguments(made: Any, given: Mapping[str, Any], name: str, *, filled: Iterable[str] = ()) -> None:
    """See that a constructor takes the suite's arguments and lacks none.

    Args:
        made: The class or function that is called with them.
        given: The suite's `arguments`.
        name: What messages call it.
        filled: Parameters that the adapter fills.

    Raises:
        ValueError: one is unknown, is the adapter's to fill, or is missing.
    """
    own_business = set(filled)
    parameters = inspect.signature(made).parameters
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    known = [name for name, each in parameters.items() if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    for word in given:
        if word in own_business:
            raise ValueError(f"arguments: {word!r} is filled by the harness; name the suite's model with `model`")
        if word not in known and not open_ended:
            raise unknown(f"argument of {name}", word, [each for each in known if each not in own_business])
    for word in known:
        if parameters[word].default is inspect.Parameter.empty and word not in given and word not in own_business:
            raise ValueError(f"{name} needs `arguments: {{{word}: …}}`")


def parameters_of(function: Any) -> tuple[list[str], list[str]]:
    """The parameters that a function can't do without, and those that it can, by name; `self` is none.

    Raises:
        ValueError: one can't be filled by name.
    """
    needed: list[str] = []
    others: list[str] = []
    for each in inspect.signature(function).parameters.values():
        if each.kind is each.POSITIONAL_ONLY:
            raise ValueError(f"its parameter {each.name!r} can't be filled by name")
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) or each.name == "self":
            continue
        (needed if each.default is each.empty else others).append(each.name)
    return needed, others


def _module(root: Path, shown: str) -> Any:
    """Run a file of the workspace once; it may import what is in its folder, and what is in the root."""
    path = root / shown
    if not path.is_file():
        raise ValueError(f"{shown}: no such file")
    # The folder's own come first.
    for folder in (str(root), str(path.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    # Named by its place: two files of one name are two modules.
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
    name = f"_plimsoll_own_{path.stem}_{place}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    # Python takes a compiled file for current by second and size, and would run what stood there before a quick edit.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102  # running it is the purpose
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ValueError(f"{shown}: can't be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = writes
    return module


def as_text(value: Any) -> str:
    """A value as text: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def passages(value: Any) -> list[str]:
    """The passages of a context, each as text: one text is one passage, and so is an entry of a list."""
    return [as_text(each) for each in value] if isinstance(value, (list, tuple)) else [as_text(value)]


def single(value: Any, parameter: str) -> str:
    """The one reference answer that a library compares with.

    Raises:
        ValueError: there are several.
    """
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError(f"{parameter!r} holds {len(value)} reference answers, and the library compares with one")
        return as_text(value[0])
    return as_text(value)
