"""From what a line left behind (its output or error, its nodes, its requests to models) to an `Output` or a failure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.gateway import Call, LineCalls
from plimsoll.targets.values import output_of
from plimsoll.types import Output, Span, Usage


def flow_output(answer: Mapping[str, Any], line: LineCalls, pick: str | None) -> Output:
    """A line's outcome.

    Args:
        answer: What the worker said.
        line: What the line asked of models.
        pick: The output that is the answer.

    Raises:
        CellError: the line failed, with the model's own failure where that was why; or its answer is empty.
    """
    value = line_value(answer, line)
    output = output_of(
        _without_nan(value),
        pick=pick,
        latency=max(0.0, answer["seconds"] - waited(line.calls)),
        usage=usage_of(line),
        spans=_spans(answer, line.calls),
        model=model_of(line.calls),
    )
    return msgspec.structs.replace(output, finish=finish_of(line.calls))


def line_value(answer: Mapping[str, Any], line: LineCalls) -> Any:
    """What a line gave, as it is: NaN among it.

    Raises:
        CellError: it failed, with the model's own failure where that was why; or it gave nothing.
    """
    refuse_failure(answer, line)
    value = answer["output"]
    if value in ({}, None):
        raise CellError(
            FailureKind.EMPTY,
            "the flow has no output for this case",
            remedy="aggregation nodes don't run for a single case: give the flow an output of a node that does",
        )
    return value


def refuse_failure(answer: Mapping[str, Any], line: LineCalls) -> None:
    """See that a line, or an aggregation, did not fail.

    Raises:
        CellError: it did, with the model's own failure where that was why.
    """
    if "error" in answer:
        raise _failure(answer, line)
    refused = next((failure for call in line.calls if (failure := call.failure) and _is_refusal(failure)), None)
    if refused is not None:
        # The flow caught it and went on with something else: no answer of the flow's as it is.
        requests = usage_of(line).requests
        raise CellError(refused.kind, refused.message, remedy=refused.remedy, requests=requests, down=refused.down)


def usage_of(line: LineCalls) -> Usage:
    """Tokens and requests of a line; tokens are unknown where not every request could be told from other lines'."""
    known = [reply.usage for call in line.calls for reply in call.replies]
    requests = sum(usage.requests for usage in known) + _failed_requests(line.calls)
    if not known:
        return Usage(requests=requests)
    total = sum(known[1:], known[0])
    if not line.exact:
        return Usage(requests=requests)
    return msgspec.structs.replace(total, requests=requests)


def waited(calls: Sequence[Call]) -> float:
    """Seconds in which the line did nothing but wait for a model's permit: they are not its latency."""
    handled = [(call.start, call.start + call.seconds) for call in calls]
    worked = [(end - _latency(call), end) for call, (_, end) in zip(calls, handled, strict=True)]
    return max(0.0, _covered(handled) - _covered(worked))


def _latency(call: Call) -> float:
    if not call.replies:
        return call.seconds
    return min(call.seconds, max(reply.latency for reply in call.replies) or call.seconds)


def _covered(intervals: Sequence[tuple[float, float]]) -> float:
    total, reached = 0.0, -math.inf
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _failure(answer: Mapping[str, Any], line: LineCalls) -> CellError:
    message, node = str(answer["error"]), answer["node"]
    prefix = f"node {node}: " if node else ""
    requests = usage_of(line).requests
    failure = line.failure_in(message)
    if failure is not None:
        return CellError(
            failure.kind, f"{prefix}{failure.message}", remedy=failure.remedy, requests=requests, down=failure.down
        )
    named = "" if node and repr(node) in message else prefix
    last = max(line.calls, key=lambda call: call.start + call.seconds, default=None)
    if last is not None and last.failure is not None:
        # The flow caught the model's failure, and fell over what was missing then.
        told = f"{named}{message}; before that, {last.failure.message}"
        found = last.failure
        return CellError(found.kind, told, remedy=found.remedy, requests=requests, down=found.down)
    return CellError(FailureKind.TARGET, f"{named}{message}", requests=requests)


def _is_refusal(failure: CellError) -> bool:
    """Whether nothing was asked because the run has to end: of the spend, or of the endpoint."""
    return failure.kind is FailureKind.SPEND_CAP or failure.down


def _failed_requests(calls: Sequence[Call]) -> int:
    # A failure that doesn't say how often it was sent was sent at least once.
    return sum(max(1, call.failure.requests) for call in calls if call.failure)


def _spans(answer: Mapping[str, Any], calls: Sequence[Call]) -> tuple[Span, ...]:
    began = float(answer["started"])
    found = [Span(**{**node, "start": max(0.0, node["start"] - began)}) for node in answer["nodes"]]
    return tuple(sorted((*found, *call_spans(calls, began)), key=lambda span: span.start))


def call_spans(calls: Sequence[Call], began: float) -> tuple[Span, ...]:
    """A step for each request, by seconds after `began` (since the epoch)."""
    return tuple(
        Span(
            name=call.model,
            kind="model",
            start=max(0.0, call.start - began),
            seconds=call.seconds,
            inputs={"messages": list(call.messages)},
            output=_completion(call) if call.replies else None,
            error=call.failure.message if call.failure else None,
        )
        for call in calls
    )


def _completion(call: Call) -> dict[str, Any]:
    """The answer in OpenAI's form, with its tokens where they are known: a span has no other place for them."""
    usage = sum((reply.usage for reply in call.replies[1:]), call.replies[0].usage)
    counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
    choices = []
    for number, reply in enumerate(call.replies):
        message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
        if reply.tool_calls:
            message["tool_calls"] = list(reply.tool_calls)
        choices.append({"index": number, "message": message, "finish_reason": reply.finish})
    known = {"usage": {**counts, "total_tokens": usage.total_tokens}} if usage.total_tokens is not None else {}
    return {"model": model_of([call]) or call.model, "choices": choices, **known}


def model_of(calls: Sequence[Call]) -> str | None:
    """The model's name as the endpoint reports it; None where none answered, or several did."""
    named = {reply.model for call in calls for reply in call.replies}
    return named.pop() if len(named) == 1 else None


def finish_of(calls: Sequence[Call]) -> str:
    """How the answer ended: cut, where the last request's was."""
    last = max(calls, key=lambda call: call.start + call.seconds, default=None)
    cut = last is not None and any(reply.finish == "length" for reply in last.replies)
    return "length" if cut else "stop"


def _without_nan(value: Any, *, inside: bool = False) -> Any:
    """NaN and infinity inside an output become null, which is missing: an answer that is NaN is empty."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item, inside=True) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item, inside=True) for item in value]
    if inside and isinstance(value, float) and not math.isfinite(value):
        return None
    return value
