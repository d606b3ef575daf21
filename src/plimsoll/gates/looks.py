"""The looks of a sequential run: equal random blocks of cases, and what may be concluded after some of them.

Blocks are drawn by the hash of the run's seed and the unit (a group of cases, or a case), so that they can be drawn
again from what is stored, and groups stay whole. At each look an interval is as wide as it must be for the error over
all looks to stay what the policy names (repeated confidence intervals: Jennison and Turnbull 1989).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from plimsoll.errors import UsageError
from plimsoll.stats import Estimate
from plimsoll.stats.sequential import look_confidence
from plimsoll.types import Case, Look

Blocks = tuple[tuple[str, ...], ...]
"""Ids of cases, block by block, each in the order of the case table."""

_CERTAIN = 1 - 1e-12
"""No interval is asked for above this confidence: nothing can be concluded yet."""


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
    blocks: list[list[tuple[int, str]]] = [[] for _ in range(number)]
    taken = 0
    for unit in order:
        # By its middle, so that a large group falls to the block that holds most of it.
        middle = taken + len(members[unit]) / 2
        blocks[min(number - 1, int(middle * number / len(cases)))] += members[unit]
        taken += len(members[unit])
    return tuple(tuple(case for _, case in sorted(block)) for block in blocks if block)


@dataclass(frozen=True)
class Drawn:
    """The cases of a sequential run that it had come to."""

    look: Look
    blocks: Blocks
    cases: Mapping[str, Case]

    @classmethod
    def of(cls, cases: Mapping[str, Case], look: Look, seed: int) -> Drawn:
        """The blocks drawn again.

        Raises:
            UsageError: there is no such look.
        """
        blocks = blocks_of(cases, look.of, seed)
        if not 1 <= look.number <= len(blocks):
            raise UsageError(f"there is no look {look.number} of {look.of} at {len(cases)} cases")
        return cls(look, blocks, cases)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The cases of the blocks that were run."""
        return frozenset(case for block in self.blocks[: self.look.number] for case in block)

    @property
    def last(self) -> bool:
        """Nothing is left out."""
        return self.look.number == len(self.blocks)

    def confidence(self, overall: float, counts: Callable[[Case], bool]) -> float:
        """The confidence of an interval at this look, so that `overall` is kept over all looks.

        Args:
            overall: Two-sided, over all looks.
            counts: Which cases the interval is about.
        """
        fractions = self._fractions(counts)
        return look_confidence(overall, fractions) if fractions else 1.0

    def _fractions(self, counts: Callable[[Case], bool]) -> tuple[float, ...]:
        """After each look so far, the share of the units that had been run; looks without a new one left out."""
        seen: set[str] = set()
        reached: list[int] = []
        for number, block in enumerate(self.blocks, start=1):
            seen |= {self.cases[case].unit for case in block if counts(self.cases[case])}
            if number <= self.look.number and seen and len(seen) > (reached[-1] if reached else 0):
                reached.append(len(seen))
        return tuple(units / len(seen) for units in reached)


def widened(interval: Callable[[float], Estimate], confidence: Callable[[float], float]) -> Callable[[float], Estimate]:
    """An interval as it is at a look: overall confidence → estimate with limits that hold over all looks."""

    def at_look(overall: float) -> Estimate:
        needed = confidence(overall)
        if needed >= _CERTAIN:
            return replace(interval(overall), low=None, high=None)
        return interval(needed)

    return at_look
