"""What an evaluator may have beside the contract, each with what holds where it has none.

An evaluator of a package or a test need not know of any of these.

| attribute | meaning | without it |
|---|---|---|
| `optional` | a case that lacks a required field is skipped | it fails |
| `filled_from` | its inputs → the fields that fill them, as the setting `fields` maps them | none can be mapped |
| `sample` | it scores only so many cases | all |
| `timeout` | seconds for one output; None is no limit of ours | 120 s |
| `turns` | how it scores a conversation: `each` turn, the `last`, or the `conversation` once | `each` |
| `models` | the suite's models that it asks | none |
| `aggregate` | figures over all of a target's scores | none |
| `aclose` | ends what scoring started, once, after the last score | nothing to end |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal, TypeAlias

from plimsoll.evaluators.contract import Evaluator
from plimsoll.models.contract import ChatModel
from plimsoll.types import CaseScores

Figures: TypeAlias = Mapping[str, float]
"""What an aggregate returns: a name for each number."""
Aggregator: TypeAlias = Callable[[Sequence[CaseScores]], Figures | Awaitable[Figures]]
"""Called once per target after its last score, with every case of it, those without a score among them."""
TurnMode: TypeAlias = Literal["each", "last", "conversation"]
"""What of a conversation an evaluator scores."""
DEFAULT_TIMEOUT = 120.0
"""Seconds for one output."""


def is_optional(evaluator: Evaluator) -> bool:
    """Whether a case without a required field is skipped."""
    return bool(getattr(evaluator, "optional", False))


def filled_from(evaluator: Evaluator) -> Mapping[str, str]:
    """Its input → the field of the case that fills it, where a suite may map them by `fields`."""
    sources: Mapping[str, str] = getattr(evaluator, "filled_from", {})
    return sources


def sample_size(evaluator: Evaluator) -> int | None:
    """How many cases it scores; None for all."""
    size: int | None = getattr(evaluator, "sample", None)
    return size


def time_limit(evaluator: Evaluator) -> float | None:
    """Seconds for one output; None where something else sees to it, as a model's client does."""
    limit: float | None = getattr(evaluator, "timeout", DEFAULT_TIMEOUT)
    return limit


def turn_mode(evaluator: Evaluator) -> TurnMode:
    """How it scores a conversation."""
    mode: TurnMode = getattr(evaluator, "turns", "each")
    return mode


def models_of(evaluator: Evaluator) -> tuple[ChatModel, ...]:
    """The models that it asks."""
    asked: tuple[ChatModel, ...] = getattr(evaluator, "models", ())
    return asked


def aggregate_of(evaluator: Evaluator) -> Aggregator | None:
    """What makes figures over all of one target's scores; None where nothing does."""
    aggregate: Aggregator | None = getattr(evaluator, "aggregate", None)
    return aggregate


@asynccontextmanager
async def closing(evaluators: Iterable[Evaluator]) -> AsyncIterator[None]:
    """Around scoring: at its end each evaluator ends what it has started, whatever the others do."""
    async with AsyncExitStack() as stack:
        for evaluator in evaluators:
            close = getattr(evaluator, "aclose", None)
            if close is not None:
                stack.push_async_callback(close)
        yield
