"""What an evaluator may have beside the contract, each with what holds where it has none.

An evaluator of a package or a test need not know of any of these.

| attribute | meaning | without it |
|---|---|---|
| `optional` | a case that lacks a required field is skipped | it fails |
| `sample` | it scores only so many cases | all |
| `timeout` | seconds for one output; None is no limit of ours | 120 s |
| `models` | the suite's models that it asks | none |
| `aggregate` | figures over all of a target's scores | none |
| `aclose` | ends what scoring started, once, after the last score | nothing to end |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from plimsoll.evaluators.contract import Evaluator
from plimsoll.models.contract import ChatModel

DEFAULT_TIMEOUT = 120.0
"""Seconds for one output."""


def is_optional(evaluator: Evaluator) -> bool:
    """Whether a case without a required field is skipped."""
    return bool(getattr(evaluator, "optional", False))


def sample_size(evaluator: Evaluator) -> int | None:
    """How many cases it scores; None for all."""
    size: int | None = getattr(evaluator, "sample", None)
    return size


def time_limit(evaluator: Evaluator) -> float | None:
    """Seconds for one output; None where something else sees to it, as a model's client does."""
    limit: float | None = getattr(evaluator, "timeout", DEFAULT_TIMEOUT)
    return limit


def models_of(evaluator: Evaluator) -> tuple[ChatModel, ...]:
    """The models that it asks."""
    asked: tuple[ChatModel, ...] = getattr(evaluator, "models", ())
    return asked


@asynccontextmanager
async def closing(evaluators: Iterable[Evaluator]) -> AsyncIterator[None]:
    """Around scoring: at its end each evaluator ends what it has started, whatever the others do."""
    async with AsyncExitStack() as stack:
        for evaluator in evaluators:
            close = getattr(evaluator, "aclose", None)
            if close is not None:
                stack.push_async_callback(close)
        yield
