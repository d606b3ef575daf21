"""What goes into a target and what comes out of it: the same for prompts, flows, functions and endpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from plimsoll.errors import CellError, FailureKind, near_match
from plimsoll.types import Case, Output, Span, Usage


def bind(case: Case, mapping: Mapping[str, str]) -> dict[str, Any]:
    """The case's fields by the target's names: those in `mapping` renamed, all others by their own name.

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
    extra: dict[str, Any] = {}
    if isinstance(value, Mapping):
        named = {str(key): item for key, item in value.items()}
        if pick is None and len(named) == 1:
            pick = next(iter(named))
        if pick is not None:
            if pick not in named:
                raise CellError(
                    FailureKind.TARGET, f"the answer has no output {pick!r}", remedy=near_match(pick, named)
                )
            extra = {key: item for key, item in named.items() if key != pick}
            value = named[pick]
    return Output(
        text=_text(value),
        value=None if isinstance(value, str) else value,
        extra=extra,
        latency=latency,
        usage=usage or Usage(),
        spans=spans,
        model=model,
    )


def _text(value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise CellError(
            FailureKind.EMPTY, "the answer is empty", remedy="look at what the target returns for this case"
        )
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise CellError(
            FailureKind.TARGET,
            f"the answer has no JSON form: {error}",
            remedy="return text, numbers, lists and dicts",
        ) from None
