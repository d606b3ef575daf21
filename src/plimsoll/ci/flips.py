"""The cases behind a move: those that are worse tonight than on the last night before it. No I/O."""

from __future__ import annotations

from plimsoll.ci.moves import Watched
from plimsoll.ci.nights import Night
from plimsoll.reports.flips import is_worse
from plimsoll.types import Flip

MOST_FLIPS = 10
"""That are told with their answers, of a move."""


def flipped(one: Watched, before: Night, tonight: Night) -> list[Flip]:
    """The cases that got worse, those that changed most first; where something passes, those that don't any more."""
    name = one.metric.name
    was, now = before.targets[one.target], tonight.targets[one.target]
    values = dict(zip(before.keys, was.values[name], strict=True))
    later = dict(zip(tonight.keys, now.values[name], strict=True))
    passed = dict(zip(before.keys, was.passes.get(name, ()), strict=False))
    passes = dict(zip(tonight.keys, now.passes.get(name, ()), strict=False))
    found = []
    for key, value in later.items():
        earlier = values.get(key)
        if value is None or earlier is None:
            continue
        flip = Flip(case=key[0], baseline=earlier, challenger=value)
        if passes and not (passed.get(key) == 1 and passes.get(key) != 1):
            continue
        if is_worse(flip, one.metric):
            found.append(flip)
    return sorted(found, key=lambda flip: -abs(flip.change))
