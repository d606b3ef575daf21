"""What goes into a target and what comes out of it: the same for prompts, flows, functions and endpoints.

A case's `expected` never goes in by itself, and its slices, group and evaluators never at all: a target that sees the
reference answer measures nothing. What comes out is JSON, so that it can be stored, digested and compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from plimsoll import canonical
from plimsoll.errors import CellError, FailureKind, near_match
from plimsoll.types import Case, Output, Span, Usage, message_text


def bind(case: Case, mapping: Mapping[str, str]) -> dict[str, Any]:
    """The case's inputs by the target's names: those in `mapping` renamed, all others by their own name.

    `mapping` may name `expected` and `messages` too; no other way leads them here.

    Raises:
        CellError: `mapping` names a field that the case lacks.
    """
    fields = case.fields()
    bound = dict(case.inputs)
    for name, field in mapping.items():
        if field not in fields:
            remedy = near_match(field, fields) or "the case has no fields"
            raise CellError(FailureKind.MISSING_FIELD, f"case {case.id} has no field {field!r}", remedy=remedy)
        bound[name] = fields[field]
    return bound


def bind_conversation(case: Case, mapping: Mapping[str, str]) -> dict[str, Any]:
    """As `bind`, and of a case with messages all of them as `messages`, and as `question` the text of the user's last.

    For targets that have no form of their own for a conversation. A field or a mapping of these names goes before.

    Raises:
        CellError: `mapping` names a field that the case lacks.
    """
    said: dict[str, Any] = {}
    if case.messages:
        said["messages"] = list(case.messages)
        asked = [message for message in case.messages if message.get("role") == "user"]
        if asked:
            said["question"] = message_text(asked[-1])
    return {**said, **bind(case, mapping)}


def output_of(  # each is one field of the output
    value: Any,
    *,
    pick: str | None = None,
    latency: float | None = None,
    usage: Usage | None = None,
    spans: tuple[Span, ...] = (),
    model: str | None = None,
) -> Output:
    """A plain answer (text, number, dict, list) as an Output.

    Args:
        value: The answer. A dict's entry `pick` is the answer, its other entries become `extra`.
        pick: Which entry; None takes the only one, or the whole dict where it has several.
        latency: Seconds that it took.
        usage: Tokens and requests, where they are known.
        spans: Steps inside.
        model: The model's name as the endpoint reported it.

    Raises:
        CellError: there is no such entry, or the answer is empty or has no JSON form.
    """
    value = json_form(value, "the answer")
    extra: dict[str, Any] = {}
    if isinstance(value, dict):
        if pick is None and len(value) == 1:
            pick = next(iter(value))
        if pick is not None:
            if pick not in value:
                remedy = near_match(pick, value)
                raise CellError(FailureKind.TARGET, f"the answer has no output {pick!r}", remedy=remedy)
            extra = {key: item for key, item in value.items() if key != pick}
            value = value[pick]
    elif pick is not None and value is not None:
        raise CellError(
            FailureKind.TARGET,
            f"the answer is no dict, so it has no output {pick!r}",
            remedy="return a dict, or remove `output`",
        )
    if value is None or (isinstance(value, str) and not value.strip()):
        raise _empty()
    return Output(
        text=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True),
        value=None if isinstance(value, str) else value,
        extra=extra,
        latency=latency,
        usage=usage or Usage(),
        spans=spans,
        model=model,
    )


def checked(output: Output) -> Output:
    """An Output that other code made, once it is what its type says.

    Raises:
        CellError: a field has another type or no JSON form, or there is neither text nor a tool call.
    """
    try:
        plain = msgspec.to_builtins(output, enc_hook=lambda value: json_form(value, "a field of the output"))
        found = msgspec.convert(json_form(plain, "the output"), Output)
    except (TypeError, ValueError) as error:
        raise CellError(
            FailureKind.TARGET, f"the answer is no valid Output: {error}", remedy="give each field its declared type"
        ) from None
    if not found.text.strip() and not found.tool_calls:
        raise _empty()
    if found.turns:
        remedy = "answer one turn; who asks holds the conversation"
        raise CellError(FailureKind.TARGET, "the answer has turns of its own", remedy=remedy)
    return found


def json_form(value: Any, what: str, kind: FailureKind = FailureKind.TARGET) -> Any:
    """A value as plain JSON: dates, numpy's numbers and arrays become Python's, tuples become lists.

    Raises:
        CellError: it has none (NaN, an object, half a character, a key that is not text), and where inside it.
    """
    try:
        return json.loads(canonical.dumps(value))
    except (TypeError, ValueError, RecursionError):
        pass
    # Only what is unusual pays for these imports: the worker of a function starts without them.
    from plimsoll.datasets.values import plain, problems

    try:
        return json.loads(canonical.dumps(plain(value)))
    except (TypeError, ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        found = "it is nested too deeply" if deep else next(problems(plain(value), what), str(error))
    raise CellError(kind, f"{what} has no JSON form: {found}", remedy="return text, numbers, lists and dicts")


def _empty() -> CellError:
    return CellError(FailureKind.EMPTY, "the answer is empty", remedy="look at what the target returns for this case")
