"""What is done to an output before it is scored: cut, pick from JSON, pick by pattern, or a function.

Of a conversation it is done to the answer of each turn.
A step that finds nothing fails the cell: an empty text is never scored in the answer's place.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from plimsoll.config import Document, TransformStep
from plimsoll.config.document import Place
from plimsoll.errors import CellError, ConfigError, FailureKind, Mistake, UsageError, boundary
from plimsoll.evaluators.functions.source import load_function
from plimsoll.evaluators.strict_json import parse_json
from plimsoll.types import Output

Step: TypeAlias = Callable[[Output], Output]

_REMEDY = "look at the answer, then mend `transform` or the prompt"


def compile_transform(
    steps: TransformStep | Sequence[TransformStep] | None,
    root: Path,
    document: Document | None = None,
    at: Place = ("transform",),
) -> Step:
    """The steps as one function of an output; no steps change nothing.

    The function raises CellError where a step finds nothing or its code fails.

    Args:
        steps: The suite's, or a target's.
        root: The workspace's root, for `function`.
        document: Where they were written, for mistakes.
        at: Their place in it.

    Raises:
        ConfigError: every JSON path that can't be parsed and function that can't be loaded.
    """
    single = isinstance(steps, TransformStep)
    listed = [steps] if isinstance(steps, TransformStep) else list(steps or ())
    compiled: list[Step] = []
    mistakes: list[Mistake] = []
    for index, step in enumerate(listed):
        try:
            compiled.append(_compile(step, root))
        except UsageError as error:
            place = at if single else (*at, index)
            mistakes += [
                mistake
                if mistake.where or document is None
                else document.mistake(place, mistake.message, mistake.remedy)
                for mistake in error.mistakes
            ]
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)

    def transform(output: Output) -> Output:
        for apply in compiled:
            output = apply(output)
            if not output.text.strip():
                raise CellError(FailureKind.EMPTY, "transform: nothing is left of the answer", remedy=_REMEDY)
        return output

    return lambda output: _each_turn(transform, output) if output.turns else transform(output)


def _each_turn(transform: Step, output: Output) -> Output:
    """A conversation with each answer changed; its own text and value are those of the last."""
    turns = []
    for number, turn in enumerate(output.turns, start=1):
        try:
            turns.append(transform(turn))
        except CellError as error:
            message = f"turn {number} of {len(output.turns)}: {error.message}"
            raise CellError(error.kind, message, remedy=error.remedy) from error
    return msgspec.structs.replace(output, text=turns[-1].text, value=turns[-1].value, turns=tuple(turns))


def _compile(step: TransformStep, root: Path) -> Step:
    if step.json_path is not None:
        return _json_path(step.json_path)
    if step.regex is not None:
        return _regex(step.regex)
    if step.function is not None:
        return _function(step.function, root)
    return lambda output: msgspec.structs.replace(output, text=output.text.strip())


def _json_path(path: str) -> Step:
    import jsonpath  # 0.2 s that most suites need not pay

    try:
        compiled = jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        raise UsageError(f"json_path: {path!r} is not a JSON path: {str(error).partition(chr(10))[0]}") from None

    def apply(output: Output) -> Output:
        structured = isinstance(output.value, dict | list)
        try:
            data = output.value if structured else parse_json(output.text)
        except ValueError as error:
            raise _nothing(f"json_path {path}: the answer is not JSON: {error}") from None
        with boundary(FailureKind.BAD_RESPONSE, f"transform: json_path {path}"):
            found = compiled.findall(data)
        if not found:
            raise _nothing(f"json_path {path}: no match in the answer")
        return _replaced(output, found[0], f"json_path {path}")

    return apply


def _regex(pattern: str) -> Step:
    compiled = re.compile(pattern)

    def apply(output: Output) -> Output:
        match = compiled.search(output.text)
        found = match[1 if compiled.groups else 0] if match else None
        if not found:
            raise _nothing(f"regex {pattern}: no match in the answer")
        return msgspec.structs.replace(output, text=found, value=None)

    return apply


def _function(reference: str, root: Path) -> Step:
    function = load_function(reference, root)
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"function: {reference} is async", remedy="a transform is a plain function of the text")

    def apply(output: Output) -> Output:
        with boundary(FailureKind.EVALUATOR, f"transform: {reference}"):
            return _replaced(output, function(output.text), reference)

    return apply


def _replaced(output: Output, found: Any, by: str) -> Output:
    if found is None:
        raise _nothing(f"{by}: gave null")
    if isinstance(found, str):
        return msgspec.structs.replace(output, text=found, value=None)
    try:
        text = json.dumps(found, ensure_ascii=False, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise _nothing(f"{by}: gave what has no JSON form: {error}") from None
    return msgspec.structs.replace(output, text=text, value=found)


def _nothing(message: str) -> CellError:
    return CellError(FailureKind.BAD_RESPONSE, f"transform: {message}", remedy=_REMEDY)
