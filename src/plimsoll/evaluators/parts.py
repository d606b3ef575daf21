"""Evaluators that give several metrics, each by a name of its own: how they are called, and what passes by each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace
from pydantic import Field

from plimsoll.config.suite import NAME_PATTERN
from plimsoll.errors import Mistake, UsageError, near_match
from plimsoll.evaluators.base import EvaluatorSettings, Threshold, written
from plimsoll.types import Metric

Conditions = Threshold | Mapping[str, Threshold] | None


class PartsSettings(EvaluatorSettings):
    """Settings of an evaluator that may give several metrics."""

    pass_if: Threshold | dict[str, Threshold] | None = Field(  # type: ignore[assignment]  # wider: several metrics
        None, description="What makes a case pass; of several metrics, one condition for each by its name."
    )


def metric_name(name: str, what: str) -> str:
    """The name, where a metric can have it.

    Args:
        name: As the suite gives it, or as it follows from a file's name.
        what: How messages name the evaluator: `judge`, `flow`.

    Raises:
        UsageError: it can't.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(f"{name!r} can't be a metric's name", remedy=f"give the {what} one: `name: …`")
    return name


def full_name(evaluator: str, part: str, parts: Sequence[Metric]) -> str:
    """A metric's name in reports: the evaluator's where it is the only one, else EVALUATOR.PART."""
    return evaluator if len(parts) == 1 else f"{evaluator}.{part}"


def full_metrics(evaluator: str, parts: Sequence[Metric], pass_if: Conditions) -> tuple[Metric, ...]:
    """The metrics as a run declares them, each with the suite's condition, else with its own."""
    found = []
    for part in parts:
        wanted = pass_if.get(part.name) if isinstance(pass_if, Mapping) else pass_if
        condition = part.pass_if if wanted is None else written(wanted)
        found.append(replace(part, name=full_name(evaluator, part.name, parts), pass_if=condition))
    return tuple(found)


def condition_mistakes(what: str, pass_if: Conditions, parts: Sequence[Metric]) -> Iterator[Mistake]:
    """Conditions on metrics that there aren't, and one condition for several metrics.

    Args:
        what: How messages name the evaluator.
        pass_if: The suite's.
        parts: Its metrics.
    """
    names = [part.name for part in parts]
    if isinstance(pass_if, Mapping):
        for word in sorted(set(pass_if) - set(names)):
            yield Mistake(f"pass_if: {what} has no metric {word!r}", None, near_match(word, names))
    elif pass_if is not None and len(names) > 1:
        remedy = f"give each its own: {{METRIC: CONDITION}}; it has {', '.join(names)}"
        yield Mistake(f"pass_if: {what} has several metrics", None, remedy)
