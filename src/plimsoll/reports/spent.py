"""What the answers of one side of a gate took: money, tokens, time."""

from __future__ import annotations

from statistics import median

from msgspec import Struct

from plimsoll.reports.text import plain
from plimsoll.stats import Summary
from plimsoll.types import Report


class Spent(Struct, frozen=True, kw_only=True):
    """One side. None is unknown, never zero."""

    target: str
    planned: int
    """Cells."""
    answered: int
    cached: int
    """Of those that were answered: reused, nothing was sent."""
    cost: float | None
    """USD that the answers took, those from the cache by what they took then."""
    judge_cost: float | None
    """USD that judging them took, likewise."""
    tokens: int | None
    """Of all prompts and answers."""
    seconds: float | None
    """Median time of an answer, of those whose time is known: what came from the cache has none."""


def spent(report: Report, summary: Summary, target: str) -> Spent:
    """What a target's answers took.

    Args:
        report: The run.
        summary: Of the same report.
        target: One of its targets.
    """
    found = summary.targets[target]
    outputs = (record.output for record in report.of_target(target))
    times = [output.latency for output in outputs if output is not None and output.latency is not None]
    return Spent(
        target=plain(target),
        planned=found.cells,
        answered=found.ok,
        cached=found.cached,
        cost=found.cost,
        judge_cost=found.judge_cost,
        tokens=found.total_tokens,
        seconds=median(times) if times else None,
    )
