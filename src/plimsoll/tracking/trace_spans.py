"""What happened inside a cell as MLflow spans: the whole, a conversation's turns, a flow's nodes, the model's calls.

A model's call has the form that MLflow's chat view reads: messages in, choices out, as OpenAI has them. Of a flow's
parts only their times are known; one that ran within exactly one other is shown inside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.canonical import digest, short
from plimsoll.tracking.records import cut
from plimsoll.types import Case, Failure, Output, Span, Usage

if TYPE_CHECKING:
    from mlflow.entities import Span as MlflowSpan

_LONGEST = 100_000
"""Characters of one text in a span: an image inside a message is longer than anybody reads."""
_TYPES = {"model": "CHAT_MODEL", "tool": "TOOL", "node": "TASK", "target": "CHAIN", "turn": "CHAIN"}
_PASSAGE = ("page_content", "text", "content")
"""Under which of these keys a retrieved passage has its text."""
Redact = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A span of a cell, before it is MLflow's."""

    span: Span
    kind: str
    """As MLflow names it."""
    parent: int | None = None
    """Its parent's place among the cell's steps; None for the whole."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Beyond inputs, output and kind: what MLflow reads of a model's call."""


def steps_of(name: str, case: Case | None, outcome: Output | Failure, inputs: Any) -> list[Step]:
    """A cell's steps, the whole first.

    Args:
        name: The target's.
        case: What was asked; None where it is not known any more.
        outcome: What came of it.
        inputs: The whole's input, as it is to be shown.
    """
    output = outcome if isinstance(outcome, Output) else None
    failure = outcome if isinstance(outcome, Failure) else None
    whole = Span(
        name=name,
        kind="target",
        seconds=(output.latency if output else None) or 0.0,
        inputs=inputs,
        output=answer_of(output) if output else None,
        error=f"{failure.kind.value}: {failure.message}" if failure else None,
    )
    more = {"plimsoll.extra": output.extra} if output and output.extra else {}
    steps = [Step(whole, _TYPES["target"], attributes=more)]
    if output is None:
        return steps
    if not output.turns:
        steps += _inside(output, 0, 1, 0.0)
        return steps
    start = 0.0
    for number, turn in enumerate(output.turns):
        said = case.turns[number].user if case is not None and number < len(case.turns) else None
        seconds = turn.latency or 0.0
        span = Span(
            name=f"turn {number + 1}",
            kind="turn",
            start=start,
            seconds=seconds,
            inputs=said,
            output=answer_of(turn),
        )
        place = len(steps)
        steps.append(Step(span, _TYPES["turn"], 0))
        steps += _inside(turn, place, place + 1, start)
        start += seconds
    return steps


def answer_of(output: Output) -> Any:
    """What the target answered; of a conversation, every answer."""
    if output.turns:
        return [answer_of(turn) for turn in output.turns]
    return output.value if output.value is not None else output.text


def _inside(output: Output, parent: int, first: int, start: float) -> Iterator[Step]:
    """The target's own spans, or for a prompt the one request that its messages were.

    Args:
        output: Of the cell, or of one turn.
        parent: The place of what they are inside of.
        first: The place of the first of them.
        start: Seconds after the whole's start.
    """
    if not output.spans and output.messages:
        yield _request(output, parent, start)
    for span in output.spans:
        within = [
            place for place, other in enumerate(output.spans) if _contains(other, span) and not _contains(span, other)
        ]
        holder = first + within[0] if len(within) == 1 else parent
        moved = msgspec.structs.replace(span, start=start + span.start)
        yield _call(moved, holder) if span.kind == "model" else _node(moved, holder)


def _contains(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.start + inner.seconds <= outer.start + outer.seconds


def _request(output: Output, parent: int, start: float) -> Step:
    answer: dict[str, Any] = {"role": "assistant", "content": output.text}
    if output.tool_calls:
        answer["tool_calls"] = list(output.tool_calls)
    span = Span(
        name=output.model or "model",
        kind="model",
        start=start,
        seconds=output.latency or 0.0,
        inputs={"messages": list(output.messages)},
        output={"choices": [{"index": 0, "message": answer, "finish_reason": output.finish}]},
    )
    return Step(span, _TYPES["model"], parent, _chat(output.model, usage_of(output.usage)))


def _call(span: Span, parent: int) -> Step:
    """A model's call that a flow or function made."""
    inputs = {"messages": span.inputs} if isinstance(span.inputs, list) else span.inputs
    output = span.output
    if isinstance(output, list):
        # As runs of earlier versions have it: of each answer its text, or its tool calls.
        output = {"choices": [{"message": _message(answer)} for answer in output]}
    usage, model = None, None
    if isinstance(output, dict):
        model, counts = output.get("model"), output.get("usage")
        usage = usage_of(msgspec.convert(counts, Usage)) if isinstance(counts, dict) else None
    shaped = msgspec.structs.replace(span, inputs=inputs, output=output)
    return Step(shaped, _TYPES["model"], parent, _chat(model or span.name, usage))


def _message(answer: Any) -> dict[str, Any]:
    if isinstance(answer, list):
        return {"role": "assistant", "content": None, "tool_calls": answer}
    return {"role": "assistant", "content": answer}


def _chat(model: str | None, usage: dict[str, int] | None) -> dict[str, Any]:
    found: dict[str, Any] = {"mlflow.message.format": "openai"}
    if usage:
        found["mlflow.chat.tokenUsage"] = usage
    if model:
        found["mlflow.llm.model"] = model
    return found


def _node(span: Span, parent: int) -> Step:
    passages = _passages(span.output)
    if passages is None:
        return Step(span, _TYPES.get(span.kind, "UNKNOWN"), parent)
    return Step(msgspec.structs.replace(span, output=passages), "RETRIEVER", parent)


def _passages(output: Any) -> list[dict[str, Any]] | None:
    """A node's output as MLflow has retrieved documents; None where it is something else."""
    if not isinstance(output, list) or not output:
        return None
    found = []
    for item in output:
        key = next((key for key in _PASSAGE if isinstance(item, dict) and isinstance(item.get(key), str)), None)
        if key is None or "role" in item:
            return None
        rest = {name: value for name, value in item.items() if name not in (key, "id", "metadata")}
        metadata = item.get("metadata")
        passage = {"page_content": item[key], "metadata": {**(metadata if isinstance(metadata, dict) else {}), **rest}}
        found.append({**passage, "id": str(item["id"])} if "id" in item else passage)
    return found


def usage_of(usage: Usage) -> dict[str, int] | None:
    """Tokens by MLflow's names; None where the total is not known."""
    counts = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
    }
    known = {name: count for name, count in counts.items() if count is not None}
    return known if usage.total_tokens is not None else None


def entity(step: Step, number: int, trace_id: str, began: int, redact: Redact) -> MlflowSpan:
    """The step as MLflow's span.

    Args:
        step: What happened.
        number: Its place among the cell's steps.
        trace_id: The trace's.
        began: When the cell did, nanoseconds since 1970.
        redact: Takes secrets out of a value.
    """
    from mlflow.entities import Span as Entity

    span = step.span
    start = began + int(span.start * 1e9)
    attributes = {
        "mlflow.traceRequestId": trace_id,
        "mlflow.spanType": step.kind,
        "mlflow.spanInputs": redact(plain(span.inputs)),
        "mlflow.spanOutputs": redact(plain(span.output)),
        **{name: redact(plain(value)) for name, value in step.attributes.items()},
    }
    return Entity.from_dict(
        {
            "trace_id": trace_id,
            "span_id": derived(16, trace_id, str(number)),
            "parent_span_id": None if step.parent is None else derived(16, trace_id, str(step.parent)),
            "name": span.name,
            "start_time_unix_nano": start,
            "end_time_unix_nano": start + int(span.seconds * 1e9),
            "events": [],
            "status": {
                "code": "STATUS_CODE_ERROR" if span.error else "STATUS_CODE_OK",
                "message": redact(span.error) if span.error else "",
            },
            "attributes": {name: json.dumps(value, ensure_ascii=False) for name, value in attributes.items()},
        }
    )


def plain(value: Any) -> Any:
    """A JSON value with its longest texts cut."""
    if isinstance(value, str):
        return cut(value, _LONGEST)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return msgspec.to_builtins(value)


def derived(length: int, *parts: str) -> str:
    """An id made of others: the same parts give the same one."""
    return short(digest(list(parts)), length)
