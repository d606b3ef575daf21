"""The looks of a sequential run: equal random blocks of cases, and what may be concluded after some of them.

Blocks are drawn by the hash of the run's seed and the unit (a group of cases, or a case), so that they can be drawn
again from what is stored, and groups stay whole. At each look an interval is as wide as it must be for the error over
all looks to stay what the policy names (repeated confidence intervals: Jennison and Turnbull 1989).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from plimsoll.errors import UsageError
from plimsoll.gates.check import Claim
from plimsoll.stats import Estimate
from plimsoll.stats.sequential import look_confidence
from plimsoll.types import Case, Look, Report

Blocks = tuple[tuple[str, ...], ...]
"""Ids of cases, block by block, each in the order of the case table."""

_LEAST_P = 1e-9
"""No smaller p-value is told apart."""
CERTAIN = 1 - 1e-12
"""No interval is asked for above this confidence: nothing can be concluded yet."""
CLOSEST = 0.002
"""Looks are taken to be at least so far from each other, as shares of the information: what is nearer costs too much
to integrate, and tells nothing apart."""


def blocks_of(cases: Mapping[str, Case], number: int, seed: int) -> Blocks:
    """Cases in `number` random blocks of about the same size; fewer where there are not so many units.

    Args:
        cases: All that are planned.
        number: Of blocks.
        seed: The run's.
    """
    members: dict[str, list[tuple[int, str]]] = {}
    for place, (case, row) in enumerate(cases.items()):
        members.setdefault(row.unit, []).append((place, case))
    order = sorted(members, key=lambda unit: hashlib.sha256(f"{seed}:look:{unit}".encode()).digest())
    while True:
        blocks = _shared_out([members[unit] for unit in order], number, len(cases))
        if len(blocks) == number or not blocks:
            return tuple(tuple(case for _, case in sorted(block)) for block in blocks)
        # A block that has no unit is no look; drawn anew, so that the number of blocks alone says which they are.
        number = len(blocks)


def _shared_out(units: Sequence[list[tuple[int, str]]], number: int, size: int) -> list[list[tuple[int, str]]]:
    blocks: list[list[tuple[int, str]]] = [[] for _ in range(number)]
    taken = 0
    for unit in units:
        # By its middle, so that a large group falls to the block that holds most of it.
        middle = taken + len(unit) / 2
        blocks[min(number - 1, int(middle * number / size))] += unit
        taken += len(unit)
    return [block for block in blocks if block]


@dataclass(frozen=True)
class Drawn:
    """The cases of a sequential run that it had come to."""

    look: Look
    blocks: Blocks
    cases: Mapping[str, Case]

    @classmethod
    def of(cls, report: Report, look: Look | None) -> Drawn | None:
        """The blocks drawn again; None of a run that is no sequential one.

        Raises:
            UsageError: it is not that look which the run was decided at, or there is no such look.
        """
        run = report.run
        if look is None and not run.looks:
            return None
        blocks = blocks_of(report.cases, run.looks, run.seed) if run.looks else ()
        if look is None:
            raise UsageError("the run is a sequential one, and no look is named at which it is decided")
        if look.of != len(blocks) or not 1 <= look.number <= look.of:
            raise UsageError(f"the run has no look {look.number} of {look.of}: it was planned with {len(blocks)}")
        if run.look not in {None, look}:
            raise UsageError(
                f"the run came to look {run.look.number} of {run.look.of}, not to look {look.number} of {look.of}"
            )
        return cls(look, blocks, report.cases)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The cases of the blocks that were run."""
        return frozenset(case for block in self.blocks[: self.look.number] for case in block)

    @property
    def last(self) -> bool:
        """Nothing is left out."""
        return self.look.number == len(self.blocks)

    def confidence(self, overall: float, claim: Claim) -> float:
        """The confidence of an interval at this look, so that `overall` is kept over all looks.

        Args:
            overall: Two-sided, over all looks.
            claim: What the interval is about.

        Returns:
            1 where nothing may be concluded yet.
        """
        fractions = self._fractions(claim)
        return look_confidence(overall, fractions) if fractions else 1.0

    def overall(self, p_value: float, claim: Claim) -> float:
        """The p-value over all looks so far, of one that was computed at this look alone: the repeated p-value.

        The smallest at which this look's interval would exclude what `p_value` excludes (Jennison and Turnbull 1989).
        """
        low, high = math.log(_LEAST_P), 0.0
        for _ in range(40):
            middle = (low + high) / 2
            if p_value <= 1 - self.confidence(1 - math.exp(middle), claim):
                high = middle
            else:
                low = middle
        return math.exp(high)

    def _fractions(self, claim: Claim) -> tuple[float, ...]:
        """After each look so far, the share of the information that was in; looks that brought none left out.

        A unit brings as much as the square of its weight: by so much it adds to the variance of the sum that the mean
        is made of, which is what ties the looks to each other. Without weights and groups that is the share of cases.
        """
        weights: dict[str, float] = {}
        reached: list[int] = []
        for block in self.blocks:
            for row in (self.cases[case] for case in block):
                if claim.counts(row):
                    # Order statistics take every case alike.
                    weight = row.weight if claim.percentile is None else 1.0
                    weights[row.unit] = weights.get(row.unit, 0.0) + weight
            reached.append(len(weights))
        squares = list(accumulate(weight**2 for weight in weights.values()))
        after = [units for look, units in enumerate(reached) if units > (reached[look - 1] if look else 0)]
        come = sum(units <= reached[self.look.number - 1] for units in after)
        return _apart([squares[units - 1] / squares[-1] for units in after])[:come]


def _apart(fractions: Sequence[float]) -> tuple[float, ...]:
    """The same, moved where two are nearer to each other than bounds can be computed for."""
    found: list[float] = []
    for look, fraction in enumerate(fractions):
        least = CLOSEST + (found[-1] if found else 0.0)
        most = 1 - CLOSEST * (len(fractions) - 1 - look)
        found.append(min(max(fraction, least), most))
    return tuple(found)


def look_of(report: Report) -> Look | None:
    """The look that a run is to be decided at; None of a run that is no sequential one.

    The one that its journal names; where it was killed, the last: so far it is not finished.
    """
    run = report.run
    if run.look is not None or not run.looks:
        return run.look
    blocks = len(blocks_of(report.cases, run.looks, run.seed))
    return Look(number=blocks, of=blocks)


def widened(interval: Callable[[float], Estimate], confidence: Callable[[float], float]) -> Callable[[float], Estimate]:
    """An interval as it is at a look: overall confidence → estimate with limits that hold over all looks."""

    def at_look(overall: float) -> Estimate:
        needed = confidence(overall)
        if needed >= CERTAIN:
            return replace(interval(overall), low=None, high=None)
        return interval(needed)

    return at_look
