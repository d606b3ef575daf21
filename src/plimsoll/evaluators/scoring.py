"""The one boundary between an evaluator and the run: whatever it does, each of its metrics gets one checked Score.

Nothing here lets a mistake look like success: a missing field, an exception, a value of the wrong kind or out of
range is Failed, never a low score and never left out.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import numbers
from collections.abc import Mapping
from typing import Any

import msgspec

from plimsoll import canonical
from plimsoll.config import Condition, parse_condition
from plimsoll.errors import CellError, FailureKind, boundary
from plimsoll.evaluators.base import misfit
from plimsoll.evaluators.contract import Evaluator, Returned
from plimsoll.evaluators.fields import OF_OUTPUT, absent
from plimsoll.evaluators.traits import aggregate_of, filled_from, is_optional, time_limit
from plimsoll.evaluators.turns import score_conversation
from plimsoll.types import (
    Case,
    Direction,
    EvaluatorInfo,
    Failed,
    Failure,
    Metric,
    MetricKind,
    Output,
    Score,
    Scored,
    ScoreValue,
    Skipped,
    Usage,
    encodable,
)


async def score(evaluator: Evaluator, case: Case, output: Output) -> dict[str, Score]:
    """One Score for each metric of the evaluator, with `passed` by the case's condition or the metric's.

    Args:
        evaluator: What scores.
        case: The case, whose own `pass_if` goes over the evaluator's.
        output: What the target answered.
    """
    if not case.is_conversation:
        return apply_pass_if(evaluator, case, await _score(evaluator, case, output))
    try:
        scores = await score_conversation(evaluator, case, output, _score)
    except CellError as error:
        return unscored(evaluator, Failure.of(error))
    return apply_pass_if(evaluator, case, scores)


async def _score(evaluator: Evaluator, case: Case, output: Output) -> dict[str, Score]:
    try:
        missing = absent(evaluator.requires, case, output)
        if missing:
            return _lacking(evaluator, missing)
        with boundary(FailureKind.EVALUATOR, f"evaluator {evaluator.name!r}"):
            returned = await _evaluate(evaluator, case, output)
            return _by_metric(evaluator, returned)
    except CellError as error:
        return unscored(evaluator, Failure.of(error), Usage(requests=error.requests))


def unscored(evaluator: Evaluator, failure: Failure, usage: Usage | None = None) -> dict[str, Score]:
    """Each metric failed for the same reason: the target's failure, or the evaluator's own."""
    failed = Failed(failure=failure.encodable(), usage=usage or Usage())
    return {metric.name: failed for metric in evaluator.metrics}


def skipped(evaluator: Evaluator, reason: str) -> dict[str, Score]:
    """Each metric skipped for the same reason."""
    return {metric.name: Skipped(reason=reason) for metric in evaluator.metrics}


def apply_pass_if(evaluator: Evaluator, case: Case, scores: Mapping[str, Score]) -> dict[str, Score]:
    """The scores with `passed` by today's conditions: also for scores that were kept from an earlier run."""
    return {metric.name: _with_passed(metric, case, scores[metric.name]) for metric in evaluator.metrics}


def evaluator_info(evaluator: Evaluator) -> EvaluatorInfo:
    """What a run keeps of an evaluator."""
    return EvaluatorInfo(
        name=evaluator.name,
        digest=canonical.digest(evaluator.identity()),
        metrics=evaluator.metrics,
        aggregates=aggregate_of(evaluator) is not None,
    )


def _lacking(evaluator: Evaluator, missing: list[str]) -> dict[str, Score]:
    of_answer = [name for name in missing if name.startswith(OF_OUTPUT)]
    of_case = [name for name in missing if name not in of_answer]
    whose = {"the case": of_case, "the target's answer": of_answer}
    named = {owner: " and ".join(map(repr, names)) for owner, names in whose.items() if names}
    if is_optional(evaluator):
        return skipped(evaluator, ", and ".join(f"{owner} has no {names}" for owner, names in named.items()))
    needs = ", and ".join(f"{names}, which {owner} lacks" for owner, names in named.items())
    remedy = _map_one_of(evaluator, of_case) if of_case else "have the target return it, or name another output"
    failure = CellError(FailureKind.MISSING_FIELD, f"{evaluator.name} needs {needs}", remedy=remedy)
    return unscored(evaluator, Failure.of(failure))


def _map_one_of(evaluator: Evaluator, missing: list[str]) -> str | None:
    """How to fill it from another field, where the evaluator has such a setting."""
    found = [name for name, source in filled_from(evaluator).items() if source in missing]
    return f"name the field that the cases have for it: `fields: {{{found[0]}: FIELD}}`" if found else None


async def _evaluate(evaluator: Evaluator, case: Case, output: Output) -> Returned:
    limit = time_limit(evaluator)
    try:
        async with asyncio.timeout(limit) as clock:
            given = evaluator.evaluate(case, output)
            return await given if inspect.isawaitable(given) else given
    except TimeoutError:
        if clock.expired():
            raise CellError(FailureKind.TIMEOUT, f"{evaluator.name}: no score within {limit:g} s") from None
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled us: a library inside the evaluator let its own cancellation out.
        raise CellError(FailureKind.EVALUATOR, f"evaluator {evaluator.name!r}: cancelled itself") from None


def _by_metric(evaluator: Evaluator, returned: Any) -> dict[str, Score]:
    metrics = evaluator.metrics
    if isinstance(returned, list | tuple):
        if len(returned) != len(metrics):
            raise _bad(f"{evaluator.name} gave {len(returned)} scores for {len(metrics)} metrics")
        returned = dict(zip((metric.name for metric in metrics), returned, strict=True))
    if not isinstance(returned, Mapping):
        if len(metrics) > 1 and not isinstance(returned, Failed | Skipped | None):
            raise _bad(f"{evaluator.name} gave one value for {len(metrics)} metrics")
        return {metric.name: _checked(metric, returned) for metric in metrics}
    known = {metric.name for metric in metrics}
    unknown = sorted(str(name) for name in returned if name not in known)
    if unknown:
        raise _bad(f"{evaluator.name} gave {', '.join(unknown)}, which it does not declare")
    return {
        metric.name: _checked(metric, returned[metric.name])
        if metric.name in returned
        else _failed(_bad(f"{evaluator.name} gave no {metric.name!r}"))
        for metric in metrics
    }


def _checked(metric: Metric, raw: Any) -> Score:
    if raw is None:
        return Skipped(reason="does not apply")
    if isinstance(raw, Skipped):
        return Skipped(reason=encodable(raw.reason))
    if isinstance(raw, Failed):
        return msgspec.structs.replace(raw, failure=raw.failure.encodable(), turns=())
    scored = raw if isinstance(raw, Scored) else Scored(value=raw)
    try:
        value = _value(metric, scored.value)
    except CellError as error:
        return _failed(error, scored.usage)
    reason = None if scored.reason is None else encodable(scored.reason)
    detail = None if scored.detail is None else encodable(scored.detail)
    return msgspec.structs.replace(scored, value=value, reason=reason, detail=detail, turns=())


def _value(metric: Metric, raw: Any) -> ScoreValue:
    if type(raw).__module__ == "numpy" and hasattr(raw, "item"):
        raw = raw.item()
    if metric.kind is MetricKind.BOOL:
        if not isinstance(raw, bool):
            raise _bad(f"{metric.name} is true or false, not {_shown(raw)}")
        return raw
    if metric.kind is MetricKind.LABEL:
        return _label(metric, raw)
    if isinstance(raw, bool) or not isinstance(raw, numbers.Real):
        raise _bad(f"{metric.name} is a number, not {_shown(raw)}")
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _bad(f"{metric.name} is not finite: {_shown(raw)}")
    low, high = metric.low, metric.high
    if (low is not None and number < low) or (high is not None and number > high):
        raise _bad(f"{metric.name} is {number:g}, outside {_range(low, high)}")
    return number


def _label(metric: Metric, raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise _bad(f"{metric.name} is a label, not {_shown(raw)}")
    if metric.labels and raw not in metric.labels:
        raise _bad(f"{metric.name} is {_shown(raw)}; its labels are {', '.join(metric.labels)}")
    return encodable(raw)


def _with_passed(metric: Metric, case: Case, given: Score) -> Score:
    if not isinstance(given, Scored):
        return given
    try:
        condition = _condition(metric, case)
    except ValueError as error:
        remedy = f"mend pass_if of case {case.id}"
        return _failed(CellError(FailureKind.EVALUATOR, str(error), remedy=remedy), given.usage)
    if condition is None:
        return given.undecided()
    if not given.turns:
        return msgspec.structs.replace(given, passed=condition.holds(given.value))
    turns = tuple(_with_passed(metric, case, turn) for turn in given.turns)
    passed = condition.holds(given.value)
    if metric.kind is MetricKind.LABEL:
        # The most frequent label must not hide a turn with a bad one.
        passed = all(turn.passed for turn in turns if isinstance(turn, Scored))
    return msgspec.structs.replace(given, passed=passed, turns=turns)


def _condition(metric: Metric, case: Case) -> Condition | None:
    text = case.pass_if.get(metric.name, metric.pass_if)
    if text is None:
        return Condition("==", operand=metric.direction is Direction.HIGHER) if metric.kind is MetricKind.BOOL else None
    condition = parse_condition(text)
    unfit = misfit(metric, condition)
    if unfit:
        raise ValueError(unfit)
    return condition


def _bad(message: str) -> CellError:
    return CellError(FailureKind.BAD_SCORE, message)


def _failed(error: CellError, usage: Usage | None = None) -> Failed:
    return Failed(failure=Failure.of(error), usage=usage or Usage())


def _range(low: float | None, high: float | None) -> str:
    left = "(-∞" if low is None else f"[{low:g}"
    right = "∞)" if high is None else f"{high:g}]"
    return f"{left}, {right}"


def _shown(raw: Any) -> str:
    text = repr(raw)
    return f"{text if len(text) <= 80 else text[:79] + '…'} ({type(raw).__name__})"
