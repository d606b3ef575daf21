"""Calling a function that is a target: its parameters filled by name, its answer read whole, its failures classified.

The same for a function object in our own process and for one named in a suite, which a worker calls.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from plimsoll.errors import CellError, FailureKind, UsageError, boundary, near_match
from plimsoll.targets.values import checked, output_of
from plimsoll.types import Output


def check_signature(function: Callable[..., Any], mapped: Iterable[str]) -> None:
    """Refuse what could answer no case at all.

    Args:
        function: The target.
        mapped: Parameters that the target's `inputs` name.

    Raises:
        UsageError: it is a class, has a parameter that can't be filled by name, or lacks one that is mapped.
    """
    name = _name(function)
    if inspect.isclass(function):
        raise UsageError(f"{name} is a class, not a function", remedy="name a function that makes and uses one")
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        remedy = "wrap it in a function of your own"
        raise UsageError(f"the parameters of {name} can't be read", remedy=remedy) from None
    for each in parameters.values():
        if each.kind is each.POSITIONAL_ONLY and each.default is each.empty:
            remedy = "remove the / from its parameters"
            raise UsageError(f"{name} takes {each.name!r} by position only, not by name", remedy=remedy)
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    for word in mapped:
        if word not in _named(parameters):
            remedy = near_match(word, _named(parameters)) or "it has no parameters"
            raise UsageError(f"`inputs` names {word!r}, and {name} has no such parameter", remedy=remedy)


async def answer(function: Callable[..., Any], values: Mapping[str, Any], pick: str | None) -> Output:
    """What a function answers.

    A function sync or async, whose pieces are joined where it yields them; a sync one runs in a thread of its own, so
    that none waits for another. It may return an `Output`, and `pick` is then not looked at.

    Args:
        function: Checked by `check_signature`.
        values: Those that it has no parameter for are left out.
        pick: The entry of a dict that is the answer.

    Raises:
        CellError: a parameter without default has no value, the function raised, or its answer is none.
    """
    arguments = _arguments(function, values)
    started = time.perf_counter()
    with boundary(FailureKind.TARGET, _name(function)), _no_cancellation_of_its_own():
        given = await _called(function, arguments)
    seconds = time.perf_counter() - started
    if not isinstance(given, Output):
        return output_of(given, pick=pick, latency=seconds)
    output = checked(given)
    return output if output.latency is not None else msgspec.structs.replace(output, latency=seconds)


async def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        given = await function(**arguments)
    else:
        given = await in_thread(partial(_read_through, function, arguments))
        given = await given if inspect.isawaitable(given) else given
    if inspect.isasyncgen(given):
        return _joined([piece async for piece in given])
    return given


def _read_through(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    given = function(**arguments)
    return _joined(list(given)) if inspect.isgenerator(given) else given


def _joined(pieces: list[Any]) -> Any:
    """The text that was yielded in pieces; of anything else, the list."""
    return "".join(pieces) if all(isinstance(piece, str) for piece in pieces) else pieces


async def in_thread(function: Callable[[], Any]) -> Any:
    """What a function returns that runs in a daemon thread of its own.

    Not `asyncio.to_thread`: its pool is small, so that cases would wait for each other and their latency count that,
    and it is waited for at the end, so that one that hangs would hold up the exit.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def finish(outcome: tuple[Any, BaseException | None]) -> None:
        if not done.done():
            done.set_result(outcome)

    def work() -> None:
        outcome: tuple[Any, BaseException | None]
        try:
            outcome = context.run(function), None
        except BaseException as error:  # noqa: BLE001  # carried over to the caller, who classifies it
            outcome = None, error
        try:
            loop.call_soon_threadsafe(finish, outcome)
        except RuntimeError:
            return  # the loop is closed: nobody waits for this any more

    threading.Thread(target=work, name="plimsoll-target", daemon=True).start()
    value, error = await done
    if error is not None:
        raise error
    return value


@contextmanager
def _no_cancellation_of_its_own() -> Iterator[None]:
    """A function that lets a cancellation out which nobody asked for must not end our task with it."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CellError(FailureKind.TARGET, "the function was cancelled from within") from None


def _arguments(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    named = _named(parameters)
    missing = [name for name in named if parameters[name].default is inspect.Parameter.empty and name not in values]
    if missing:
        raise CellError(
            FailureKind.MISSING_FIELD,
            f"the function needs {', '.join(missing)}; the case has {', '.join(sorted(values)) or 'nothing'}",
            remedy="map it under `inputs:` of the target, or give the parameter a default",
        )
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return {name: value for name, value in values.items() if name in named or name not in parameters}
    return {name: values[name] for name in named if name in values}


def _named(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """Those that can be filled by name."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each.name for each in parameters.values() if each.kind in by_name]


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
