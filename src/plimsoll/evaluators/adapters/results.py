"""From what a library's module gave for one call to a Score for each metric. Nothing missing becomes a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.adapters.running import Answered
from plimsoll.types import Failed, Failure, Score, Scored, Skipped, Usage


def scores_of(answered: Answered, names: Mapping[str, str]) -> dict[str, Score]:
    """A Score for each metric; kind, range and labels are checked later, where every evaluator's are.

    Args:
        answered: What came of the call.
        names: The metric as the library's module calls it → as the run does.
    """
    if answered.failure is not None:
        failed = Failed(failure=Failure.of(answered.failure))
        found: dict[str, Score] = dict.fromkeys(names.values(), failed)
    elif isinstance(answered.raw, Mapping):
        found = {full: _score(answered.raw.get(name), name) for name, full in names.items()}
    else:
        found = dict.fromkeys(names.values(), _bad(f"the library gave {_shown(answered.raw)}, not scores by name"))
    return _with_usage(found, answered.usage)


def _score(entry: Any, name: str) -> Score:
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
    return Scored(value=value, reason=None if reason in (None, "") else str(reason))


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
