"""From values of cases to independent units: cases of one group are one unit, weights are shares.

All means of the package go through here, so that weight and group mean the same everywhere.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

DIGITS = 12
"""Values that agree to so many decimals are the same value: differences of floats carry noise."""


@dataclass(frozen=True, slots=True)
class Units:
    """Independent units with the weighted mean of their cases and their share of the whole."""

    values: tuple[float, ...]
    shares: tuple[float, ...]
    """Sum to one."""
    cases: int

    @property
    def mean(self) -> float:
        """The weighted mean over all cases."""
        return math.fsum(share * value for share, value in zip(self.shares, self.values, strict=True))

    @property
    def effective(self) -> float:
        """Kish's effective number of units: all of them where shares are equal."""
        return 1 / math.fsum(share * share for share in self.shares)

    @property
    def plain(self) -> bool:
        """Each unit is one case, and all count the same."""
        return len(self.values) == self.cases and math.isclose(self.effective, self.cases, rel_tol=1e-9)

    @property
    def standard_error(self) -> float:
        """Cluster-robust standard error of the mean, CR2 (Bell and McCaffrey 2002).

        For a mean, CR2 divides each unit's squared residual by one minus its share. With equal shares that is CR1,
        G/(G−1), and with one case a unit it is s/√n; with unequal ones CR1 is biased downwards and CR2 much less.
        """
        mean = self.mean
        parts = (
            (share * (value - mean)) ** 2 / (1 - share) if share < 1 else 0.0
            for share, value in zip(self.shares, self.values, strict=True)
        )
        return math.sqrt(math.fsum(parts))

    @property
    def commonest(self) -> tuple[float, int]:
        """The value that most units have, and how many have it; of several the smallest."""
        counts = Counter(round(value, DIGITS) for value in self.values)
        most = max(counts.values())
        return min(value for value, count in counts.items() if count == most), most

    def share_of(self, value: float) -> float:
        """The share of the whole that has this value."""
        pairs = zip(self.shares, self.values, strict=True)
        return math.fsum(share for share, each in pairs if round(each, DIGITS) == value)


def units_of(
    values: Sequence[float], weights: Sequence[float] | None = None, groups: Sequence[Hashable] | None = None
) -> Units:
    """Join cases of one group into one unit. A case without a group is a unit of its own.

    Raises:
        ValueError: no values, a value that is not finite, or a weight that is not positive.
    """
    if not values:
        raise ValueError("no values")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not finite")
    weight_of = [1.0] * len(values) if weights is None else list(weights)
    if not all(weight > 0 and math.isfinite(weight) for weight in weight_of):
        raise ValueError("a weight is not positive")
    whole = math.fsum(weight_of)
    if groups is None or len(set(groups) - {None}) + list(groups).count(None) == len(values):
        return Units(tuple(values), tuple(weight / whole for weight in weight_of), len(values))
    members: dict[tuple[bool, Hashable], list[tuple[float, float]]] = {}
    for place, (value, weight, group) in enumerate(zip(values, weight_of, groups, strict=True)):
        key = (False, place) if group is None else (True, group)
        members.setdefault(key, []).append((value, weight))
    sums = [math.fsum(weight for _, weight in cases) for cases in members.values()]
    means = [
        math.fsum(value * weight for value, weight in cases) / total
        for cases, total in zip(members.values(), sums, strict=True)
    ]
    return Units(tuple(means), tuple(total / whole for total in sums), len(values))
