"""A conversation with a target of any kind: asked turn by turn, with its own answers as the history.

A turn is a case of its own (`Case.of_turn`), which the target answers as it answers every other; what it makes of the
history is what it makes of a case's messages. Turns of one conversation come one after the other, and the whole is one
cell: it is cached, resumed and failed as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from plimsoll.errors import CellError, FailureKind, boundary
from plimsoll.targets.contract import RunnableTarget
from plimsoll.types import Case, Output


async def answer(target: RunnableTarget, case: Case) -> Output:
    """What a target answers to a case, be it a conversation or not.

    Raises:
        CellError: classified; of a conversation with the turn that failed, and the requests of those before it.
    """
    if not case.is_conversation:
        return await target.run(case)
    given: list[Output] = []
    for number in range(1, len(case.turns) + 1):
        try:
            with boundary(FailureKind.TARGET, f"target {target.info.name}"):
                _check_continues(given)
                found = await target.run(case.of_turn(number, [output.text for output in given]))
        except CellError as error:
            raise _of_turn(error, number, len(case.turns), given) from error
        given.append(found)
    return joined(given)


def by_turn(case: Case, values: Callable[[Case], dict[str, Any]]) -> dict[str, Any]:
    """What of a case goes into a target: of a conversation turn by turn, for its answers follow from that.

    Args:
        case: A conversation, or any other case.
        values: What of a single case goes in.

    Raises:
        CellError: the case, or a turn of it, lacks what the target needs.
    """
    if not case.is_conversation:
        return values(case)
    found: dict[str, Any] = {}
    for number in range(1, len(case.turns) + 1):
        try:
            found[f"turn {number}"] = values(case.of_turn(number, ()))
        except CellError as error:
            raise _of_turn(error, number, len(case.turns), ()) from error
    return found


def joined(turns: Sequence[Output]) -> Output:
    """The answers to all turns as the one output of their conversation."""
    last = turns[-1]
    cut = any(turn.finish == "length" for turn in turns)
    models = {turn.model for turn in turns}
    latencies = [turn.latency for turn in turns if turn.latency is not None]
    return Output(
        text=last.text,
        value=last.value,
        finish="length" if cut else last.finish,
        tool_calls=tuple(call for turn in turns for call in turn.tool_calls),
        usage=sum((turn.usage for turn in turns[1:]), turns[0].usage),
        latency=sum(latencies) if len(latencies) == len(turns) else None,
        messages=last.messages,
        model=last.model if len(models) == 1 else None,
        extra=last.extra,
        turns=tuple(turns),
    )


def without_latency(output: Output) -> Output:
    """The output as the cache keeps it: nobody will have waited for it, nor for any of its turns."""
    turns = tuple(msgspec.structs.replace(turn, latency=None) for turn in output.turns)
    return msgspec.structs.replace(output, latency=None, turns=turns)


def _check_continues(given: Sequence[Output]) -> None:
    # An endpoint refuses a history in which a tool's call has no result; without the call it would be another one.
    if given and given[-1].tool_calls and (given[-1].finish == "tool_calls" or not given[-1].text.strip()):
        raise CellError(
            FailureKind.TARGET,
            "the answer before calls tools, and nobody gives their results",
            remedy="let the target call its tools itself, as a flow or a function does, or end the conversation there",
        )


def _of_turn(error: CellError, number: int, total: int, given: Sequence[Output]) -> CellError:
    return CellError(
        error.kind,
        f"turn {number} of {total}: {error.message}",
        remedy=error.remedy,
        retry_after=error.retry_after,
        requests=error.requests + sum(output.usage.requests for output in given),
        down=error.down,
    )
