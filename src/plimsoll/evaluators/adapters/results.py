"""From what a library's module gave for one call to a Score for each metric. Nothing missing becomes a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.adapters.running import Answered
from plimsoll.types import Failed, Failure, Metric, Score, Scored, Skipped, Usage

_DUST = 1e-9
"""How far past an end of its range a number may be by rounding, and is that end: absolute."""


def scores_of(answered: Answered, parts: Mapping[str, Metric]) -> dict[str, Score]:
    """A Score for each metric; kind, range and labels are checked later, where every evaluator's are.

    A number that rounding took past an end of its range is that end.

    Args:
        answered: What came of the call.
        parts: The name of a metric in the run → the metric, by the name that the library's module knows.
    """
    if answered.failure is not None:
        failed = Failed(failure=Failure.of(answered.failure))
        found: dict[str, Score] = dict.fromkeys(parts, failed)
    elif isinstance(answered.raw, Mapping):
        found = {full: _score(answered.raw.get(part.name), part) for full, part in parts.items()}
    else:
        found = dict.fromkeys(parts, _bad(f"the library gave {_shown(answered.raw)}, not scores by name"))
    return _with_usage(found, answered.usage)


def _score(entry: Any, part: Metric) -> Score:
    name = part.name
    if not isinstance(entry, Mapping):
        return _bad(f"the library gave no {name!r}")
    if "failed" in entry:
        return Failed(failure=Failure.of(CellError(FailureKind.EVALUATOR, str(entry["failed"]))))
    if "skipped" in entry:
        return Skipped(reason=str(entry["skipped"]))
    value, reason = entry.get("value"), entry.get("reason")
    if value is None:
        # Not «does not apply»: libraries leave it empty where something went wrong.
        why = f": {reason}" if reason else ""
        return _bad(f"the library gave no value for {name!r}{why}")
    return Scored(value=_without_dust(value, part), reason=None if reason in (None, "") else str(reason))


def _without_dust(value: Any, part: Metric) -> Any:
    if isinstance(value, float):
        if part.low is not None and part.low - _DUST <= value < part.low:
            return part.low
        if part.high is not None and part.high < value <= part.high + _DUST:
            return part.high
    return value


def _with_usage(scores: dict[str, Score], usage: Usage) -> dict[str, Score]:
    """With what the call cost on one of them, so that the sum is right."""
    for name, score in scores.items():
        if isinstance(score, Scored | Failed):
            return {**scores, name: msgspec.structs.replace(score, usage=usage)}
    return scores


def _bad(message: str) -> Failed:
    return Failed(failure=Failure.of(CellError(FailureKind.BAD_SCORE, message)))


def _shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 80 else f"{text[:79]}…"
