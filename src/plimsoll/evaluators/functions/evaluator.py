"""A Python function as an evaluator: its parameters are filled by name, its return annotation says what it gives.

`output` is the answer's text (the whole Output where the parameter is annotated so), `value` its structured form,
`case` the Case; any other parameter is a case's field, optional where it has a default. A plain function runs in a
thread of its own, so that a slow one holds back nothing else; one that never returns is given up, not stopped.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Union

from pydantic import Field

from plimsoll.config.quantities import Seconds
from plimsoll.errors import ConfigError, Mistake, Where, near_match
from plimsoll.evaluators.contract import Returned
from plimsoll.evaluators.fields import OF_TARGET, lookup
from plimsoll.evaluators.functions.declare import declared_aggregate, declared_metrics
from plimsoll.evaluators.parts import PartsSettings, condition_mistakes, full_metrics, full_name
from plimsoll.evaluators.traits import DEFAULT_TIMEOUT, Aggregator
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, MetricKind, Output

_KINDS = {bool: MetricKind.BOOL, int: MetricKind.NUMERIC, float: MetricKind.NUMERIC, str: MetricKind.LABEL}
_GIVEN = ("output", "value", "case")


class NamedFunctionSettings(PartsSettings):
    """Settings of a function that the suite names by its own name."""

    fields: dict[str, str] = Field(default_factory=dict, description="The parameter → the case's field.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Fixed values for parameters.")
    timeout: Seconds = Field(DEFAULT_TIMEOUT, description="For one answer, in seconds or with a unit.")

    def of_identity(self) -> dict[str, Any]:
        """Without the time limit: a score does not depend on it."""
        return self.model_dump(mode="json", exclude={"pass_if", "timeout"})


class FunctionSettings(NamedFunctionSettings):
    """Settings of a function that the suite names by its place."""

    shorthand: ClassVar[str | None] = "function"

    function: str = Field(min_length=1, description="file.py:name in the workspace, or package.module:name.")


@dataclass(frozen=True, slots=True)
class FunctionEvaluator:
    """A function with its settings, checked against its signature."""

    name: str
    function: Callable[..., Any]
    origin: Mapping[str, str]
    """What its code is: part of the identity."""
    settings: NamedFunctionSettings
    parts: tuple[Metric, ...]
    """Its metrics by the names that it knows them by."""
    parameters: tuple[inspect.Parameter, ...]
    whole_output: bool
    """Its `output` is the Output, not the text."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One under this evaluator's name, or several as NAME.PART."""
        return full_metrics(self.name, self.parts, self.settings.pass_if)

    @property
    def requires(self) -> frozenset[str]:
        """The fields of parameters without a default, and other targets' answers."""
        return frozenset(self._field(each.name) for each in self._read() if self._needed(each))

    @property
    def reusable(self) -> bool:
        """Whether the score's key sees all that the function reads: not an optional field or a whole case."""
        optional = not all(self._needed(each) for each in self._read())
        return not (self.whole_output or optional or any(each.name == "case" for each in self.parameters))

    @property
    def optional(self) -> bool:
        """Whether a case without a required field is skipped."""
        return self.settings.optional

    @property
    def timeout(self) -> float:
        """Seconds for one output."""
        return self.settings.timeout

    @property
    def aggregate(self) -> Aggregator | None:
        """What was declared with `@aggregate`."""
        return declared_aggregate(self.function)

    def identity(self) -> dict[str, Any]:
        """The code's origin and the settings."""
        return {"evaluator": "function", **self.origin, "settings": {**self.settings.of_identity(), "name": self.name}}

    async def evaluate(self, case: Case, output: Output) -> Returned:
        """Call the function."""
        arguments = self._arguments(case, output)
        if inspect.iscoroutinefunction(self.function):
            given = await self.function(**arguments)
        else:
            given = await in_thread(partial(self.function, **arguments))
            given = await given if inspect.isawaitable(given) else given
        if len(self.parts) > 1 and isinstance(given, Mapping):
            return {full_name(self.name, str(name), self.parts): value for name, value in given.items()}
        return typing.cast(Returned, given)

    def _arguments(self, case: Case, output: Output) -> dict[str, Any]:
        whole = {"output": output if self.whole_output else output.text, "value": output.value, "case": case}
        arguments = {each.name: whole[each.name] for each in self.parameters if each.name in whole}
        for each in self._read():
            found = lookup(self._field(each.name), case, output)
            if found is not None:
                arguments[each.name] = found
        return {**arguments, **self.settings.arguments}

    def _read(self) -> list[inspect.Parameter]:
        fixed = self.settings.arguments
        return [each for each in self.parameters if each.name not in _GIVEN and each.name not in fixed]

    def _needed(self, parameter: inspect.Parameter) -> bool:
        # A comparison with another target waits for that target's answer: a default must not stand in for it.
        return parameter.default is parameter.empty or self._field(parameter.name).startswith(OF_TARGET)

    def _field(self, parameter: str) -> str:
        return self.settings.fields.get(parameter, parameter)


def build_function(
    function: Callable[..., Any], name: str, origin: Mapping[str, str], settings: NamedFunctionSettings, where: Where
) -> FunctionEvaluator:
    """A function as an evaluator.

    Args:
        function: Sync or async.
        name: The evaluator's, where the settings give none.
        origin: What its code is.
        settings: The suite's.
        where: The function's file, for mistakes about it; its line is found here.

    Raises:
        ConfigError: every mistake in its signature, and in settings that don't fit it.
    """
    place = Where(where.file, where.line or _line_of(function))
    mistakes: list[Mistake] = []
    parameters = _parameters(function, name, place, mistakes)
    hints = _hints(function, name, place, mistakes)
    parts = declared_metrics(function) or _from_annotation(function, name, hints, place, mistakes)
    mistakes += _misfits(settings, name, parameters, parts)
    if mistakes:
        raise ConfigError(mistakes)
    return FunctionEvaluator(
        name=settings.name or name,
        function=function,
        origin=origin,
        settings=settings,
        parts=parts,
        parameters=tuple(parameters),
        whole_output=hints.get("output") is Output,
    )


def _misfits(
    settings: NamedFunctionSettings, name: str, parameters: list[inspect.Parameter], parts: tuple[Metric, ...]
) -> Iterator[Mistake]:
    """Settings that name what the function hasn't."""
    known = [each.name for each in parameters]
    own = [each for each in known if each not in _GIVEN]
    for word in sorted(set(settings.fields) - set(own)):
        yield Mistake(f"fields: {name} has no parameter {word!r}", None, near_match(word, own))
    for word in sorted(set(settings.arguments) - set(known)):
        yield Mistake(f"arguments: {name} has no parameter {word!r}", None, near_match(word, known))
    yield from condition_mistakes(name, settings.pass_if, parts)


def _parameters(
    function: Callable[..., Any], name: str, where: Where, mistakes: list[Mistake]
) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        mistakes.append(Mistake(f"{name}: its parameters can't be read", where, "wrap it in a function of your own"))
        return []
    for each in parameters:
        if each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
            message = f"{name}: the parameter {str(each)!r} can't be filled by name"
            mistakes.append(Mistake(message, where, "name each field that the function reads"))
    return parameters


def _hints(function: Callable[..., Any], name: str, where: Where, mistakes: list[Mistake]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception as error:  # noqa: BLE001  # annotations are code of the workspace: they may raise anything
        mistakes.append(Mistake(f"{name}: its annotations can't be read: {error}", where))
        return {}


def _from_annotation(
    function: Callable[..., Any], name: str, hints: dict[str, Any], where: Where, mistakes: list[Mistake]
) -> tuple[Metric, ...]:
    returned = hints.get("return")
    if typing.get_origin(returned) in (Union, UnionType):
        others = [each for each in typing.get_args(returned) if each is not NoneType]
        returned = others[0] if len(others) == 1 else returned
    if isinstance(returned, type) and returned in _KINDS:
        return (Metric(name=name, kind=_KINDS[returned]),)
    labels = typing.get_args(returned) if typing.get_origin(returned) is Literal else ()
    if labels and all(isinstance(label, str) for label in labels):
        return (Metric(name=name, kind=MetricKind.LABEL, labels=labels),)
    if "return" in hints or not getattr(function, "__annotations__", {}).get("return"):
        mistakes.append(
            Mistake(
                f"{name}: its return annotation doesn't say what it gives",
                where,
                "annotate -> bool, float or str; for a range, a Score or several metrics use "
                "@plimsoll.evaluators.metrics(Metric(...))",
            )
        )
    return ()


def _line_of(function: Callable[..., Any]) -> int | None:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else int(code.co_firstlineno)
