"""Which cases changed between baseline and challenger, worst first."""

from __future__ import annotations

from collections.abc import Iterable

from plimsoll.gates.check import Claim
from plimsoll.gates.evidence import Evidence, Pair
from plimsoll.stats import Reading
from plimsoll.types import Flip

_DIGITS = 12


def flips(claim: Claim, evidence: Evidence) -> tuple[Flip, ...]:
    """Cases that pass on one side and not on the other; where nothing says what passes, cases whose value changed.

    For the worse before for the better, the largest change first.
    """
    sign = 1 if claim.higher_is_better else -1
    found = [(_turn(pair), pair) for pair in evidence.pairs if pair.baseline and _turn(pair)]
    if not any(_passes(pair.challenger) is not None for pair in evidence.pairs):
        changes = ((sign * _change(pair), pair) for pair in evidence.pairs if pair.baseline)
        found = [(1 if change > 0 else -1, pair) for change, pair in changes if change]
    found.sort(key=lambda item: (item[0], -abs(_change(item[1])), item[1].case))
    return tuple(
        Flip(case=pair.case, baseline=pair.baseline_mean, challenger=pair.challenger_mean) for _, pair in found
    )


def failing(evidence: Evidence) -> tuple[str, ...]:
    """Cases of which a repeat does not pass."""
    return tuple(pair.case for pair in evidence.pairs if not _passes(pair.challenger))


def _change(pair: Pair) -> float:
    return round(pair.challenger_mean - pair.baseline_mean, _DIGITS)


def _turn(pair: Pair) -> int:
    """−1 where the case passed and no longer does, 1 the other way, else 0."""
    before, after = _passes(pair.baseline), _passes(pair.challenger)
    return 0 if before is None or after is None else int(after) - int(before)


def _passes(given: Iterable[Reading]) -> bool | None:
    """Whether every repeat passes; None where one has no condition."""
    states = [reading.passed for reading in given]
    return None if None in states else all(states)
