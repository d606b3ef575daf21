"""How old the answers may be that a gate takes from the cache, and what it says of those that were older."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from plimsoll.api.options import RunOptions
from plimsoll.api.runs import Ran
from plimsoll.config import GatePolicy
from plimsoll.reports.text import count
from plimsoll.stats import PERCENTILES
from plimsoll.types import EvaluatorInfo

Evaluators: TypeAlias = Mapping[str, EvaluatorInfo]
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def with_ages(options: RunOptions, policy: GatePolicy, evaluators: Evaluators) -> RunOptions:
    """The options of a gate's run: none of its answers is older than the policy takes.

    Latency and cost tell of the provider on the day: where a rule asks for them, every answer is generated anew. What
    scores an answer that comes out the same is reused all the same. Of a recorded run nothing is decided, at any age.
    """
    if options.recorded:
        return options
    limit = None if policy.baseline_max_age == "none" else policy.baseline_max_age
    return replace(options, max_age=0 if _of_today(policy, evaluators) else limit)


def age_notes(policy: GatePolicy, ran: Ran, *, existing: bool) -> Iterator[str]:
    """What a reader must know of the answers' age.

    Args:
        policy: Says how old they may be.
        ran: The run.
        existing: It was there before: nothing was generated for this gate.
    """
    if ran.plan.recorded:
        yield "the answers are taken as they were recorded, however old they are"
        return
    today, limit = _of_today(policy, ran.plan.evaluators), policy.baseline_max_age
    if existing:
        reused = sum(record.cached for record in ran.report.cells)
        if reused and ran.plan.max_age is None and limit != "none":
            yield f"{count(reused, 'answer')} of the run came from the cache, and how old they are is not known"
    elif today:
        yield f"every answer was generated anew: {', '.join(today)} can be told by answers of today only"
    elif ran.too_old and limit != "none":
        yield f"{count(ran.too_old, 'answer')} in the cache were older than {_span(limit)}: generated anew"


def age_doubt(policy: GatePolicy, ran: Ran, now: datetime) -> str | None:
    """Why a run that was there before is too old to be evidence of today; None where it is not."""
    age, limit = now - datetime.fromisoformat(ran.plan.started), policy.baseline_max_age
    if limit == "none" or age <= timedelta(seconds=limit):
        return None
    return f"the run is {age.days} days old, and the policy takes answers of at most {_span(limit)}"


def _of_today(policy: GatePolicy, evaluators: Evaluators) -> list[str]:
    """The policy's metrics of which no answer of another day is evidence."""
    named = dict.fromkeys(rule.metric for rule in policy.rules)
    today = {metric.name for info in evaluators.values() for metric in info.metrics if metric.of_today}
    return [name for name in named if PERCENTILES.get(name, (name, None))[0] in today]


def _span(seconds: float) -> str:
    unit, size = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds / size:g} {unit}"
