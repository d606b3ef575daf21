"""Scoring a conversation: at each turn, at the last one, or once over the whole, as an evaluator's `turns` says.

An evaluator knows nothing of this: it is given one case and one output, of a turn or of the conversation. An output
is what the target said and nothing else; what the user said stands in the case. A turn that failed fails the metric;
one that the metric does not apply to is left out, and the reason says so.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.contract import Evaluator, Returned
from plimsoll.evaluators.fields import CONVERSATION
from plimsoll.evaluators.traits import TurnMode, turn_mode
from plimsoll.types import (
    Case,
    Direction,
    Failed,
    Failure,
    Message,
    Metric,
    MetricKind,
    Output,
    Score,
    Scored,
    ScoreValue,
    Skipped,
    Usage,
    message_text,
)

ScoreOne: TypeAlias = Callable[[Evaluator, Case, Output], Awaitable[dict[str, Score]]]
"""Gives one checked score for each metric of an evaluator."""

_TOLD = 3
"""Turns that a reason names."""


class WithTurns:
    """An evaluator of which a suite says how it scores conversations. In all else it is that evaluator."""

    def __init__(self, evaluator: Evaluator, turns: TurnMode) -> None:
        self._evaluator = evaluator
        self.turns = turns
        self.evaluate: Callable[[Case, Output], Returned | Awaitable[Returned]] = evaluator.evaluate

    @property
    def name(self) -> str:
        """The evaluator's."""
        return self._evaluator.name

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The evaluator's."""
        return self._evaluator.metrics

    @property
    def requires(self) -> frozenset[str]:
        """The evaluator's."""
        return self._evaluator.requires

    @property
    def reusable(self) -> bool:
        """The evaluator's."""
        return self._evaluator.reusable

    def identity(self) -> dict[str, Any]:
        """The evaluator's, and the setting."""
        return {**self._evaluator.identity(), "turns": self.turns}

    def __getattr__(self, name: str) -> Any:
        # What it may have beside the contract (`traits`).
        return getattr(self._evaluator, name)


async def score_conversation(evaluator: Evaluator, case: Case, output: Output, score_one: ScoreOne) -> dict[str, Score]:
    """One score for each metric over a conversation, with the scores of its turns where each was scored.

    Args:
        evaluator: What scores.
        case: A conversation.
        output: With the answers to all turns.
        score_one: Scores a single case; without `passed` it will do.

    Raises:
        CellError: there are not as many answers as turns.
    """
    answered, asked = len(output.turns), len(case.turns)
    if answered != asked:
        raise CellError(FailureKind.EVALUATOR, f"{answered} answers to a conversation of {asked} turns")
    mode = turn_mode(evaluator)
    if mode == "conversation":
        return await score_one(evaluator, _whole_case(case, output), whole_output(output))
    turns = _turn_cases(case, output)
    if mode == "last":
        return await score_one(evaluator, turns[-1], output.turns[-1])
    found: list[dict[str, Score]] = []
    for turn, answer in zip(turns, output.turns, strict=True):
        elsewhere = _only_elsewhere(evaluator, turn, turns)
        if elsewhere:
            reason = f"the turn has no {' and no '.join(repr(name) for name in elsewhere)}"
            found.append({metric.name: Skipped(reason=reason) for metric in evaluator.metrics})
        else:
            found.append(await score_one(evaluator, turn, answer))
    return {metric.name: merged(metric, [scores[metric.name] for scores in found]) for metric in evaluator.metrics}


def merged(metric: Metric, turns: Sequence[Score]) -> Score:
    """A metric's score over a conversation, of those of its turns.

    Of numbers the mean; a truth value is the better one where every turn's is; a label is the most frequent one, of
    several the one that came first.
    """
    failed = [(number, score) for number, score in enumerate(turns, start=1) if isinstance(score, Failed)]
    scored = [(number, score) for number, score in enumerate(turns, start=1) if isinstance(score, Scored)]
    kept = tuple(turns)
    if failed:
        # A cap on what is spent is about the run: who sees it must see it.
        first = next((each for each in failed if each[1].failure.kind is FailureKind.SPEND_CAP), failed[0])
        return Failed(failure=_of_turn(first, len(turns)), usage=_usage(turns), turns=kept)
    if not scored:
        return Skipped(reason=_why_none(turns))
    if len(turns) == 1:
        return replace(scored[0][1], turns=kept)
    value = _value(metric, [score.value for _, score in scored])
    return Scored(value=value, reason=_reason(metric, scored, len(turns)), usage=_usage(turns), turns=kept)


def whole_output(output: Output) -> Output:
    """All that the target said in a conversation, a paragraph an answer; several have no structured form together."""
    value = output.value if len(output.turns) == 1 else None
    return replace(output, text="\n\n".join(answer.text for answer in output.turns), value=value)


def _whole_case(case: Case, output: Output) -> Case:
    """The row with both sides of its conversation: as text, unless it has such a field, and in `messages`."""
    said: list[Message] = []
    for turn, answer in zip(case.turns, output.turns, strict=True):
        calls = {"tool_calls": list(answer.tool_calls)} if answer.tool_calls else {}
        said += [turn.message, {"role": "assistant", "content": answer.text, **calls}]
    return replace(case, inputs={CONVERSATION: transcript(said), **case.inputs}, messages=(*case.messages, *said))


def transcript(said: Iterable[Message]) -> str:
    """Messages as text, each beginning with its role at the start of a line.

    No line of what was said begins there: all further lines of a message are indented.
    """
    return "\n".join(map(_lines, said))


def _lines(message: Message) -> str:
    calls = [f"[calls {json.dumps(message['tool_calls'], ensure_ascii=False)}]"] if "tool_calls" in message else []
    lines = [*message_text(message).splitlines(), *calls] or [""]
    return f"{message['role']}: " + "\n  ".join(lines)


def _turn_cases(case: Case, output: Output) -> list[Case]:
    answers = [answer.text for answer in output.turns]
    return [_with_question(case.of_turn(number, answers)) for number in range(1, len(case.turns) + 1)]


def _with_question(turn: Case) -> Case:
    if "question" in turn.inputs:
        return turn
    # Of what the user says in parts a target gets the parts; an evaluator reads the text among them.
    return replace(turn, inputs={**turn.inputs, "question": message_text(turn.messages[-1])})


def _only_elsewhere(evaluator: Evaluator, turn: Case, turns: Sequence[Case]) -> list[str]:
    """The fields that the evaluator needs, the turn lacks, and another turn has: it is not to be scored here."""
    lacking = evaluator.requires - turn.fields().keys()
    return sorted(name for name in lacking if any(name in other.fields() for other in turns)) if lacking else []


def _value(metric: Metric, values: Sequence[ScoreValue]) -> ScoreValue:
    if metric.kind is MetricKind.NUMERIC:
        numbers = [float(value) for value in values]
        # Rounding must not lead out of what the turns have: their range may be the metric's.
        return min(max(math.fsum(number / len(numbers) for number in numbers), min(numbers)), max(numbers))
    if metric.kind is MetricKind.BOOL:
        return all(values) if metric.direction is Direction.HIGHER else any(values)
    return Counter(values).most_common(1)[0][0]


def _reason(metric: Metric, scored: Sequence[tuple[int, Scored]], total: int) -> str | None:
    told = _bad(metric, scored)
    parts = [f"{len(scored)} of {total} turns scored"] if len(scored) < total else []
    for number, score in told[:_TOLD]:
        why = f" ({score.reason})" if score.reason else ""
        parts.append(f"turn {number}: {_shown(score.value)}{why}")
    if len(told) > _TOLD:
        parts.append(f"and {len(told) - _TOLD} more turns")
    return "; ".join(parts) or None


def _bad(metric: Metric, scored: Sequence[tuple[int, Scored]]) -> list[tuple[int, Scored]]:
    """The turns that did badly: those with the worst value, or with another label than most."""
    values = [score.value for _, score in scored]
    higher = metric.direction is Direction.HIGHER
    if metric.kind is MetricKind.LABEL:
        usual = _value(metric, values)
        return [each for each in scored if each[1].value != usual]
    if metric.kind is MetricKind.BOOL:
        return [each for each in scored if each[1].value is not higher]
    numbers = [float(value) for value in values]
    worst = min(numbers) if higher else max(numbers)
    if worst == (metric.high if higher else metric.low):
        return []
    return [each for each in scored if each[1].value == worst]


def _shown(value: ScoreValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"


def _of_turn(failed: tuple[int, Failed], total: int) -> Failure:
    number, score = failed
    where = f"turn {number} of {total}: " if total > 1 else ""
    return replace(score.failure, message=f"{where}{score.failure.message}")


def _why_none(turns: Sequence[Score]) -> str:
    reasons = list(dict.fromkeys(score.reason for score in turns if isinstance(score, Skipped)))
    return reasons[0] if len(reasons) == 1 else f"no turn was scored: {'; '.join(reasons)}"


def _usage(turns: Sequence[Score]) -> Usage:
    asked = [score.usage for score in turns if isinstance(score, Scored | Failed) and score.usage.requests]
    return sum(asked[1:], asked[0]) if asked else Usage()
