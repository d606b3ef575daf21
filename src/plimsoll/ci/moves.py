"""Which metrics moved, since which night, and what else changed that night: from nights to findings. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from plimsoll.ci.nights import Night, TargetNight, has_values, trusted, watched
from plimsoll.stats.means import Range
from plimsoll.stats.nights import Moved, NightSeries, Split, find_moves
from plimsoll.types import Direction, Metric

_NEAR = 2
"""Nights: by so many a change is dated wrongly now and then."""


class Cause(StrEnum):
    """Where a move comes from, as far as digests and answers tell."""

    OURS = "ours"
    """What ran was changed on that very night."""
    NEAR = "perhaps ours"
    """It was changed within two nights of it."""
    PROVIDER = "provider"
    """Nothing of ours changed, and the answers did: the provider's model did."""
    JUDGE = "judge"
    """The answers are as alike as ever, and what a model judges of them moved."""
    UNKNOWN = "unknown"
    """Nothing of ours changed; whether the answers did can't be told, since no two nights answer alike."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How alike answers are on two nights that follow each other: shares of cases with the very same answer."""

    usual: float
    """Before the change."""
    across: float
    """From the last night before to the first one after."""
    cases: int


@dataclass(frozen=True, slots=True)
class Move:
    """A metric of a target that moved."""

    split: Split
    before: Night
    """The last night before."""
    first: Night
    """The first night after."""
    worse: bool
    new: bool
    """It was not found on a night before."""
    cause: Cause
    why: str
    """What of ours changed, and when; else what the endpoint calls its model now, where that is another name."""
    answers: Answers | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """A metric of a target tonight."""

    target: str
    metric: Metric
    means: tuple[float | None, ...]
    """On each of the nights that count, over the cases that it has tonight; tonight's last."""
    nights: tuple[Night, ...]
    left_out: tuple[str, ...] = ()
    """Nights, cases and reasons, in words."""
    move: Move | None = None
    why: str = ""
    """Why it can't be told whether it moved."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is watched, and how closely."""

    error: float = 0.05
    metrics: tuple[str, ...] = ()
    """Empty is all that don't tell of the day."""
    max_failed: float = 0.05
    accepted: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(Target, metric) → the day from which on nights count: what moved then was accepted."""


def look(nights: Sequence[Night], rules: Rules) -> tuple[Watched, ...]:
    """What is to be said of each metric that is watched, of each target of the last night.

    Args:
        nights: Of one suite, oldest first, one a day; the last is tonight.
        rules: What is watched.
    """
    tonight = nights[-1]
    every = [
        _series(nights, target, tonight.metrics[metric], rules)
        for target in tonight.targets
        for metric in watched(tonight.metrics, rules.metrics)
        if has_values(tonight, target, metric)
    ]
    found = find_moves([series for _, series in every], rules.error)
    return tuple(_with_move(one, moved) for (one, _), moved in zip(every, found, strict=True))


def _series(nights: Sequence[Night], target: str, metric: Metric, rules: Rules) -> tuple[Watched, NightSeries]:
    tonight = nights[-1]
    since = rules.accepted.get((target, metric.name), "")
    kept: list[Night] = []
    others = failed = 0
    for night in nights:
        if night.date < since or not has_values(night, target, metric.name):
            continue
        if night.evaluators.get(metric.name) != tonight.evaluators[metric.name]:
            others += 1
        elif not trusted(night, target, rules.max_failed):
            failed += 1
        else:
            kept.append(night)
    keys = tonight.keys
    values = [_aligned(night, target, metric.name, keys) for night in kept]
    left_out = [
        *([f"{others} nights on which another evaluator gave it"] if others else []),
        *([f"{failed} nights on which too much failed"] if failed else []),
    ]
    other_cases = sum(any(row[place] is None for row in values) for place in range(len(keys)))
    if other_cases:
        left_out.append(f"{other_cases} of {len(keys)} cases are not on every night, or not with the same content")
    series = NightSeries(
        values,
        tonight.weights or None,
        [group or (place,) for place, group in enumerate(tonight.groups)] if tonight.groups else None,
        Range(metric.low, metric.high) if metric.kind != "bool" else Range(0.0, 1.0),
    )
    means = tuple(_mean(row, tonight.weights) for row in values)
    return Watched(target, metric, means, tuple(kept), tuple(left_out)), series


def _aligned(night: Night, target: str, metric: str, keys: Sequence[tuple[str, str]]) -> list[float | None]:
    values = dict(zip(night.keys, night.targets[target].values[metric], strict=True))
    return [values.get(key) for key in keys]


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    known = [(value, weight) for value, weight in zip(values, weights or [1.0] * len(values), strict=True)]
    there = [(value, weight) for value, weight in known if value is not None]
    return sum(v * w for v, w in there) / sum(w for _, w in there) if there else None


def _with_move(one: Watched, moved: Moved) -> Watched:
    split = moved.split
    if split is None or not moved.moved:
        return Watched(one.target, one.metric, one.means, one.nights, one.left_out, why=moved.why)
    before, first = one.nights[split.first - 1], one.nights[split.first]
    worse = (split.change < 0) == (one.metric.direction is Direction.HIGHER)
    cause, why, answers = _cause(one, split.first)
    move = Move(split, before, first, worse=worse, new=moved.new, cause=cause, why=why, answers=answers)
    return Watched(one.target, one.metric, one.means, one.nights, one.left_out, move)


def _cause(one: Watched, first: int) -> tuple[Cause, str, Answers | None]:
    nights, target = one.nights, one.target
    ours = _changed(nights, target, first)
    if ours:
        return Cause.OURS, ours, None
    answers = _answers(nights, target, first)
    places = sorted(range(1, len(nights)), key=lambda place: abs(place - first))
    near = next((place for place in places if abs(place - first) <= _NEAR and _changed(nights, target, place)), None)
    if near is not None:
        return Cause.NEAR, f"{_changed(nights, target, near)} on {nights[near].date}", answers
    was, now = nights[first - 1].targets[target].reported, nights[first].targets[target].reported
    named = f"the endpoint calls its model {', '.join(now)} now, {', '.join(was)} before" if was != now else ""
    if named or (answers is not None and _other(answers)):
        return Cause.PROVIDER, named, answers
    if one.metric.judged and answers is not None and answers.usual >= 0.5:
        return Cause.JUDGE, "", answers
    return Cause.UNKNOWN, "", answers


def _changed(nights: Sequence[Night], target: str, place: int) -> str:
    """What of ours differs between a night and the one before, in words."""
    before, after = nights[place - 1], nights[place]
    what = []
    if before.targets[target].digest != after.targets[target].digest:
        what.append("another champion was promoted" if target == "champion" else f"{target} was changed")
    if before.dataset != after.dataset:
        # Equal cases alone are compared: it says where to look, not what moved.
        what.append("the dataset was changed")
    return " and ".join(what)


def _answers(nights: Sequence[Night], target: str, first: int) -> Answers | None:
    pairs = [_alike(nights[place - 1], nights[place], target) for place in range(1, first)]
    across = _alike(nights[first - 1], nights[first], target)
    same, cases = (sum(pair[at] for pair in pairs) for at in (0, 1))
    if not cases or not across[1]:
        return None
    return Answers(same / cases, across[0] / across[1], across[1])


def _alike(before: Night, after: Night, target: str) -> tuple[int, int]:
    """How many cases have the very same answers on both nights, and how many have any on both."""
    was: TargetNight = before.targets[target]
    known = {key: answer for key, answer in zip(before.keys, was.answers, strict=True) if answer}
    both = [
        known[key] == answer
        for key, answer in zip(after.keys, after.targets[target].answers, strict=True)
        if answer and key in known
    ]
    return sum(both), len(both)


def _other(answers: Answers) -> bool:
    """Whether clearly fewer answers are the same than usual: by two standard errors, and a case's worth at least."""
    usual = answers.usual
    error = math.sqrt(usual * (1 - usual) / answers.cases)
    return answers.across < usual - max(2 * error, 1 / answers.cases)
