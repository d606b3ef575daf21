"""How a function says what its metrics are, where a plain return annotation doesn't say enough, and its aggregate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from plimsoll.evaluators.traits import Aggregator
from plimsoll.types import Metric

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_ATTRIBUTE = "__plimsoll_metrics__"
_AGGREGATE = "__plimsoll_aggregate__"


def metrics(*declared: Metric) -> Callable[[FunctionT], FunctionT]:
    """Declare a function's metrics: their range, direction, unit, labels, or that there are several.

    One metric is named after the evaluator, whatever its own name. Of several, each is `EVALUATOR.NAME`, and the
    function returns a mapping by NAME.

        @metrics(Metric(name="brevity", low=0, high=1))
        def brevity(output): ...

    Raises:
        ValueError: no metric, or two of the same name.
    """
    names = [metric.name for metric in declared]
    if not names or len(set(names)) != len(names):
        raise ValueError("declare at least one metric, each with a name of its own")

    def mark(function: FunctionT) -> FunctionT:
        setattr(function, _ATTRIBUTE, declared)
        return function

    return mark


def declared_metrics(function: Callable[..., Any]) -> tuple[Metric, ...] | None:
    """What `metrics` declared on a function; None where it wasn't used."""
    found: tuple[Metric, ...] | None = getattr(function, _ATTRIBUTE, None)
    return found


def aggregate(figures: Aggregator) -> Callable[[FunctionT], FunctionT]:
    """Declare what makes figures over all of a target's scores of a function, such as an F1 over a confusion matrix.

    It is called once per target after the last score, sync or async, with one `CaseScores` for each case and repeat, in
    order, those that failed or were skipped among them, and returns a number for each name.

        @aggregate(over_all)
        def right(output, expected) -> bool: ...
    """

    def mark(function: FunctionT) -> FunctionT:
        setattr(function, _AGGREGATE, figures)
        return function

    return mark


def declared_aggregate(function: Callable[..., Any]) -> Aggregator | None:
    """What `aggregate` declared on a function; None where it wasn't used."""
    found: Aggregator | None = getattr(function, _AGGREGATE, None)
    return found
