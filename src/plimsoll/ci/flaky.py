"""Cases that pass on some nights and fail on others though nothing changed, as entries for the quarantine.

A case that failed once, or that began to fail and still does, is not flaky. Whether it goes into quarantine is for
people: the owner is left to be filled in, and a quarantine's file is refused without one.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import comb

from plimsoll.ci.nights import Night, trusted
from plimsoll.stats.rates import wilson

LEAST_NIGHTS = 7
_FLIPS = 3
_SURE = 0.05
"""A case that passes or fails in a share below it is not called flaky: by the 95% interval of its rate."""
_ONE_CHANGE = 0.05
"""Error at which nights before and after one change tell a case's passes: it got worse, or better, and is not flaky."""
_DAYS = 30
"""For how long a quarantine is proposed."""


@dataclass(frozen=True, slots=True)
class Flaky:
    """A case of one metric that goes either way, with the same target and the same content."""

    case: str
    metric: str
    target: str
    passed: int
    nights: int
    flips: int
    """From one night to the next."""

    @property
    def reason(self) -> str:
        """In a sentence."""
        return (
            f"passed on {self.passed} of {self.nights} nights and changed {self.flips} times, with {self.target} "
            "and the case as they are"
        )


def flaky_cases(nights: Sequence[Night], max_failed: float, metrics: Container[str] | None = None) -> tuple[Flaky, ...]:
    """The cases of the last night that are flaky, the most undecided first; each case and metric once.

    Args:
        nights: Of one suite, oldest first, one a day.
        max_failed: Share of failed cells above which a night does not count.
        metrics: Those that are looked at; None is all.
    """
    found: dict[tuple[str, str], Flaky] = {}
    for one in _every(nights, max_failed):
        if metrics is not None and one.metric not in metrics:
            continue
        known = found.get((one.case, one.metric))
        if known is None or one.flips > known.flips:
            found[one.case, one.metric] = one
    return tuple(sorted(found.values(), key=lambda one: (abs(2 * one.passed - one.nights) / one.nights, one.case)))


def flaky_words(found: Sequence[Flaky]) -> list[str]:
    """A line for each case: its metrics, and what is to be said of the first."""
    cases: dict[str, list[Flaky]] = {}
    for one in found:
        cases.setdefault(one.case, []).append(one)
    return [f"{case}, {', '.join(each.metric for each in those)}: {those[0].reason}" for case, those in cases.items()]


def _every(nights: Sequence[Night], max_failed: float) -> Iterator[Flaky]:
    tonight = nights[-1]
    for name, target in tonight.targets.items():
        same = [
            night
            for night in nights
            if trusted(night, name, max_failed) and night.targets[name].digest == target.digest
        ]
        for metric in target.passes:
            digest = tonight.evaluators[metric]
            with_it = [night for night in same if night.evaluators.get(metric) == digest]
            passes = [
                dict(zip(night.keys, night.targets[name].passes.get(metric, ()), strict=False)) for night in with_it
            ]
            for key in tonight.keys:
                shares = [value for night in passes if (value := night.get(key)) is not None]
                one = _flaky(key[0], metric, name, shares)
                if one is not None:
                    yield one


def _flaky(case: str, metric: str, target: str, shares: Sequence[float]) -> Flaky | None:
    # With repeats a case passes on a night where all of them do.
    passed = [share == 1 for share in shares]
    flips = sum(before != after for before, after in pairwise(passed))
    if len(passed) < LEAST_NIGHTS or flips < _FLIPS or _changed_once(passed):
        return None
    low, high = wilson(sum(passed), len(passed), 0.95)
    if low <= _SURE or high >= 1 - _SURE:
        return None
    return Flaky(case, metric, target, sum(passed), len(passed), flips)


def _changed_once(passed: Sequence[bool]) -> bool:
    """Whether one change explains a case's passes: Fisher's exact test at each night, corrected over the nights."""
    nights, passes = len(passed), sum(passed)
    least = 1.0
    for first in range(1, nights):
        before, early = sum(passed[:first]), comb(nights, first)
        # Of all ways to lay the passes, those with as many or fewer, or as many or more, before that night.
        ways = [comb(passes, x) * comb(nights - passes, first - x) for x in range(min(first, passes) + 1)]
        least = min(least, sum(ways[: before + 1]) / early, sum(ways[before:]) / early)
    return 2 * (nights - 1) * least <= _ONE_CHANGE


def quarantine_text(found: Sequence[Flaky], today: date) -> str:
    """The entries of a quarantine's file for these cases, as YAML, each without its owner."""
    lines = [
        "# Proposed by plimsoll nightly. Fill in each owner, or take the case out; see docs/gate.md.",
        "cases:",
    ]
    for one in found:
        lines += [
            f"  - case: {quoted(one.case)}",
            f"    metric: {quoted(one.metric)}",
            f"    reason: {quoted(one.reason)}",
            '    owner: ""',
            f"    expires: {(today + timedelta(days=_DAYS)).isoformat()}",
        ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """As YAML in double quotes: JSON, but for what YAML would not read as it is, or not as one character."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in written)
