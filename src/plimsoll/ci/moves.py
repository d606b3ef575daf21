"""Which metrics moved, since which night, and what else changed that night: from nights to findings. No I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from plimsoll.ci.nights import Night, has_values, trusted, watched
from plimsoll.reports.text import count
from plimsoll.stats.means import Range
from plimsoll.stats.nights import HORIZON, Change, Moved, find_moves
from plimsoll.stats.splits import NightSeries, Split
from plimsoll.types import Direction, Metric

_NEAR = 2
"""Nights: by so many a change is dated wrongly now and then."""
_SHARED = 0.5
"""A night is of other cases that has values for fewer of tonight's."""


class Cause(StrEnum):
    """Where a move comes from, as far as digests and answers tell."""

    OURS = "ours"
    """What ran was changed on that very night."""
    NEAR = "perhaps ours"
    """It was changed within two nights of it; or the dataset was, beside the cases that are compared."""
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
    surely_before: Night
    """The last night that is before it in any case, 95%."""
    surely_after: Night
    """The first one after it in any case."""
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
    """On each of the nights that are compared, over the cases that it has tonight; tonight's last."""
    nights: tuple[Night, ...]
    left_out: tuple[str, ...] = ()
    """Nights, cases and reasons, in words."""
    move: Move | None = None
    why: str = ""
    """Why it can't be told whether it moved."""

    def compared(self, tonight: Night | None) -> bool:
        """Whether a night is the last of those that are compared."""
        return tonight is not None and bool(self.nights) and self.nights[-1].run == tonight.run


@dataclass(frozen=True, slots=True)
class Rules:
    """What is watched, and how closely."""

    error: float = 0.05
    metrics: tuple[str, ...] = ()
    """Empty is all that don't tell of the day."""
    max_failed: float = 0.05
    nights: int = HORIZON
    """That are compared at most."""
    accepted: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(Target, metric) → the day from which on nights count: what moved then was accepted."""


def look(nights: Sequence[Night], rules: Rules) -> tuple[Watched, ...]:
    """What is to be said of each metric that is watched, of each target of the last night.

    Args:
        nights: Of one suite, oldest first, one a day; the last is tonight. With twice as many as are compared, what
            was found on earlier nights is known as it was found.
        rules: What is watched.
    """
    tonight = nights[-1]
    wanted = [(target, metric) for target in tonight.targets for metric in watched(tonight.metrics, rules.metrics)]
    every = [
        _series(nights, target, tonight.metrics[metric], rules)
        for target, metric in wanted
        if any(has_values(night, target, metric) for night in nights)
    ]
    found = find_moves([one.series for one in every], rules.error, rules.nights)
    return tuple(_told(one, moved, tonight, rules) for one, moved in zip(every, found, strict=True))


@dataclass(frozen=True, slots=True)
class _Series:
    """The nights of a metric of a target that count."""

    target: str
    metric: Metric
    nights: tuple[Night, ...]
    means: tuple[float | None, ...]
    left_out: tuple[str, ...]
    series: NightSeries


def _series(nights: Sequence[Night], target: str, metric: Metric, rules: Rules) -> _Series:
    tonight, keys = nights[-1], nights[-1].keys
    since = rules.accepted.get((target, metric.name), "")
    kept: list[Night] = []
    values: list[list[float | None]] = []
    # Of tonight's cases those that it applies to, as far as tonight tells.
    asked = sum(value is not None for value in tonight.targets[target].values[metric.name])
    why: Counter[str] = Counter()
    for night in nights:
        if night.date < since or not has_values(night, target, metric.name):
            continue
        row = _aligned(night, target, metric.name, keys)
        if night.evaluators.get(metric.name) != tonight.evaluators[metric.name]:
            why["on which another evaluator gave it"] += 1
        elif not trusted(night, target, rules.max_failed, metric.name):
            why["on which too much failed"] += 1
        elif sum(value is not None for value in row) < _SHARED * asked:
            why["with other cases, for the most part"] += 1
        else:
            kept.append(night)
            values.append(row)
    left_out = [f"{count(amount, 'night')} {reason}" for reason, amount in why.items()]
    columns = [[row[place] is None for row in values[-rules.nights :]] for place in range(len(keys))]
    others = sum(any(column) and not all(column) for column in columns)
    if others:
        left_out.append(f"{others} of {len(keys)} cases are not on every night, or not with the same content")
    series = NightSeries(
        values,
        tonight.weights or None,
        [group or (place,) for place, group in enumerate(tonight.groups)] if tonight.groups else None,
        Range(metric.low, metric.high) if metric.kind != "bool" else Range(0.0, 1.0),
    )
    means = tuple(_mean(row, tonight.weights) for row in values)
    return _Series(target, metric, tuple(kept), means, tuple(left_out), series)


def _aligned(night: Night, target: str, metric: str, keys: Sequence[tuple[str, str]]) -> list[float | None]:
    values = dict(zip(night.keys, night.targets[target].values[metric], strict=True))
    return [values.get(key) for key in keys]


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    known = [(value, weight) for value, weight in zip(values, weights or [1.0] * len(values), strict=True)]
    there = [(value, weight) for value, weight in known if value is not None]
    return sum(v * w for v, w in there) / sum(w for _, w in there) if there else None


def _told(one: _Series, moved: Moved, tonight: Night, rules: Rules) -> Watched:
    nights, means = one.nights[-rules.nights :], one.means[-rules.nights :]
    change = _to_tell(moved.changes, one.metric)
    measured = bool(nights) and nights[-1] is tonight
    move = None if change is None else _move(one, change, new=change.new and measured)
    why = moved.why if measured else _unmeasured(one, tonight, rules)
    return Watched(one.target, one.metric, means, nights, one.left_out, move, why)


def _unmeasured(one: _Series, tonight: Night, rules: Rules) -> str:
    """Why tonight is not among the nights that are compared."""
    found, metric = tonight.targets[one.target], one.metric.name
    if not has_values(tonight, one.target, metric):
        return "not one value tonight"
    if tonight.date < rules.accepted.get((one.target, metric), ""):
        return "accepted from a later night on"
    return f"{max(found.failed, found.unscored.get(metric, 0)):,} of {found.cells:,} cells have no score tonight"


def _worse(change: Change, metric: Metric) -> bool:
    return (change.split.change < 0) == (metric.direction is Direction.HIGHER)


def _to_tell(changes: Sequence[Change], metric: Metric) -> Change | None:
    """The latest for the worse that stands, whatever became better since; else the latest."""
    worse = [change for change in changes if _worse(change, metric)]
    return next(reversed(worse or changes), None)


def _move(one: _Series, change: Change, *, new: bool) -> Move:
    split, nights = change.split, one.nights
    cause, why, answers = _cause(one, split.first)
    return Move(
        split=split,
        before=nights[split.first - 1],
        first=nights[split.first],
        surely_before=nights[split.earliest - 1],
        surely_after=nights[split.latest],
        worse=_worse(change, one.metric),
        new=new,
        cause=cause,
        why=why,
        answers=answers,
    )


def _cause(one: _Series, first: int) -> tuple[Cause, str, Answers | None]:
    nights, target = one.nights, one.target
    ours = _changed(nights, target, first)
    if ours:
        return Cause.OURS, ours, None
    answers = _answers(nights, target, first)
    places = sorted(range(1, len(nights)), key=lambda place: abs(place - first))
    near = next((place for place in places if abs(place - first) <= _NEAR and _changed(nights, target, place)), None)
    if near is not None:
        return Cause.NEAR, f"{_changed(nights, target, near)} on {nights[near].date}", answers
    named = _renamed(nights, target, first)
    if named or (answers is not None and _other(answers)):
        return Cause.PROVIDER, named, answers
    if nights[first - 1].dataset != nights[first].dataset:
        # Equal cases alone are compared: it says where to look.
        return Cause.NEAR, "the dataset was changed that night, though not the cases that are compared", answers
    if one.metric.judged and answers is not None and answers.usual >= 0.5:
        return Cause.JUDGE, "", answers
    return Cause.UNKNOWN, "", answers


def _renamed(nights: Sequence[Night], target: str, first: int) -> str:
    """How the endpoint calls its model that night, where it did not on any night before."""
    before = {name for night in nights[:first] for name in night.targets[target].reported}
    was, now = nights[first - 1].targets[target].reported, nights[first].targets[target].reported
    if not before or before.issuperset(now):
        return ""
    return f"the endpoint calls its model {', '.join(now)} now, {', '.join(was)} before"


def _changed(nights: Sequence[Night], target: str, place: int) -> str:
    """What of ours differs between a night and the one before, in words."""
    before, after = nights[place - 1], nights[place]
    what = []
    if before.targets[target].digest != after.targets[target].digest:
        what.append("another champion was promoted" if target == "champion" else f"{target} was changed")
    if before.made_by and after.made_by and before.made_by != after.made_by:
        what.append(f"plimsoll {before.made_by} became {after.made_by}")
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
    was, now = before.targets[target], after.targets[target]
    if was.cells * len(after.cases) != now.cells * len(before.cases):
        # Another number of repeats: all of a case's answers are taken together.
        return 0, 0
    known = {key: answer for key, answer in zip(before.keys, was.answers, strict=True) if answer}
    both = [
        known[key] == answer for key, answer in zip(after.keys, now.answers, strict=True) if answer and key in known
    ]
    return sum(both), len(both)


def _other(answers: Answers) -> bool:
    """Whether clearly fewer answers are the same than usual: by two standard errors, and a case's worth at least."""
    usual = answers.usual
    error = math.sqrt(usual * (1 - usual) / answers.cases)
    return answers.across < usual - max(2 * error, 1 / answers.cases)
