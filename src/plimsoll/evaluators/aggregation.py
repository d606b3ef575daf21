"""The boundary around an evaluator's `aggregate`: its figures over all of one target's scores, each checked.

An aggregate gets the holes too, and its figures always stand beside how many cells were ok, failed and skipped. What is
no finite number is no figure: NaN, infinity, text, true. Nothing here raises for what an evaluator does.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import numbers
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from plimsoll.errors import CellError, FailureKind, boundary
from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.traits import aggregate_of
from plimsoll.targets.calling import in_thread
from plimsoll.types import Aggregate, AggregateFigure, CaseScores, Failure, encodable

TIMEOUT = 600.0
"""Seconds for one aggregate: it may go through a hundred thousand cells."""


async def aggregated(evaluator: Evaluator, scores: Sequence[CaseScores], limit: float = TIMEOUT) -> Aggregate:
    """An evaluator's aggregate over one target's scores.

    A plain function runs in a thread of its own. Where no cell is ok there is nothing to ask for: that is a failure
    where one should be, and none where the evaluator applies to no cell.

    Args:
        evaluator: One that has an `aggregate`.
        scores: Every cell of the target, in order. Gone through once here, and by the evaluator as it likes.
        limit: Seconds.
    """
    # In a thread, as it reads every cell from the disk.
    counts: Aggregate = await in_thread(partial(_counted, scores))
    if not counts.ok and not counts.failed:
        return msgspec.structs.replace(counts, unasked=f"it applies to no cell: {counts.skipped:,} skipped")
    if not counts.ok:
        message = f"there is nothing to aggregate: {counts.failed:,} failed, {counts.skipped:,} skipped"
        return _failed(counts, CellError(FailureKind.EVALUATOR, message, remedy="see why the cells have no score"))
    try:
        with boundary(FailureKind.EVALUATOR, f"aggregate of {evaluator.name!r}"):
            given = await _asked(evaluator, scores, limit)
            figures = _figures(evaluator.name, given)
    except CellError as error:
        return _failed(counts, error)
    return msgspec.structs.replace(counts, figures=figures)


def _counted(scores: Sequence[CaseScores]) -> Aggregate:
    ok = failed = skipped = 0
    for each in scores:
        if each.ok:
            ok += 1
        elif each.failed:
            failed += 1
        else:
            skipped += 1
    return Aggregate(ok=ok, failed=failed, skipped=skipped)


async def _asked(evaluator: Evaluator, scores: Sequence[CaseScores], limit: float) -> Any:
    aggregate = aggregate_of(evaluator)
    assert aggregate is not None, "only evaluators with an aggregate are asked"
    try:
        async with asyncio.timeout(limit) as clock:
            if inspect.iscoroutinefunction(aggregate):
                return await aggregate(scores)
            given = await in_thread(partial(aggregate, scores))
            return await given if inspect.isawaitable(given) else given
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled us: a library inside let its own cancellation out.
        raise CellError(FailureKind.EVALUATOR, f"aggregate of {evaluator.name!r}: cancelled itself") from None
    except TimeoutError:
        if clock.expired():
            message = f"aggregate of {evaluator.name!r}: nothing within {limit:g} s"
            raise CellError(FailureKind.TIMEOUT, message) from None
        raise


def _figures(name: str, given: Any) -> dict[str, AggregateFigure]:
    if not isinstance(given, Mapping):
        raise _bad(f"the aggregate of {name!r} gave {_shown(given)}, not figures by name")
    if not given:
        raise _bad(f"the aggregate of {name!r} gave no figures")
    return {encodable(key): _figure(encodable(key), value) for key, value in given.items()}


def _figure(name: str, raw: Any) -> AggregateFigure:
    if type(raw).__module__ == "numpy" and hasattr(raw, "item"):
        raw = raw.item()
    if isinstance(raw, bool) or not isinstance(raw, numbers.Real):
        return Failure.of(_bad(f"{name} is {_shown(raw)}, not a number"))
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    return number if math.isfinite(number) else Failure.of(_bad(f"{name} is not finite: {_shown(raw)}"))


def _bad(message: str) -> CellError:
    return CellError(FailureKind.BAD_SCORE, message, remedy="an aggregate gives each figure by its name, as a number")


def _failed(counts: Aggregate, error: CellError) -> Aggregate:
    return msgspec.structs.replace(counts, failure=Failure.of(error))


def _shown(raw: Any) -> str:
    text = repr(raw)
    return f"{text if len(text) <= 80 else text[:79] + '…'} ({type(raw).__name__})"
