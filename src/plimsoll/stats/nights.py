"""Whether a metric that is measured night after night has moved, since which night, and by how much.

The change-point model of Hawkins, Qiu and Kang (2003, Journal of Quality Technology 35, 355–366): each night the
series is split at every place, and the largest standardised difference between after and before decides. Neither mean
nor variance is taken as known. The noise has two parts: what answers vary by from night to night, case by case, and
what all cases of a night share (the provider's weather), which may last for more than a night.

`docs/design/nightly.md` says why, and what simulations show of false alarms and of drifts that were planted.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from plimsoll.stats.estimate import Estimate, t_quantile
from plimsoll.stats.means import Range, mean_interval, p_above

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Numbers = NDArray[Any]

LEAST_NIGHTS = 7
"""With fewer nothing is decided: the noise of a night can't be told from three or four of them."""
HORIZON = 30
"""Nights over which the error is shared out."""
PERSISTENCE = 0.5
"""Correlation of what all cases share on two nights that follow each other; taken as known, since a month of nights is
too short to measure it. Only that part of the noise is widened by it."""
_KNOWN = (1 - PERSISTENCE**2) / (1 + PERSISTENCE**2)
"""What nights that depend on each other say of their variance, by what independent ones say."""
_DOUBT = 1.5
"""The spread of the nights that is reckoned with, by the one that is seen: by chance that of thirty nights which depend
on each other comes out far too small."""
_BEFORE = 3
"""Nights before a split, at least."""
_PRESENT = 0.8
"""A case counts that has a value in this share of the nights."""
_LEAST_CASES = 5
_CASES_ERROR = 0.025
"""One-sided error at which the change has to show over the cases, too: a single one that flips is no drift."""
_WORTH_A_LOOK = 0.05
"""Below it a p-value is worth the look at the cases."""
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class NightSeries:
    """One metric of one target over nights, oldest first."""

    values: Sequence[Sequence[float | None]]
    """Night → one value for each case (repeats averaged); None where it has none."""
    weights: Sequence[float] | None = None
    groups: Sequence[Hashable] | None = None
    """Cases of one group are one unit."""
    span: Range = field(default_factory=Range)


@dataclass(frozen=True, slots=True)
class Split:
    """A series split where it differs most."""

    first: int
    """The first night after the change, by its place in the series."""
    before: float
    after: float
    """Mean over the cases that are compared."""
    low: float
    high: float
    """Of the change, 95%, as if the night had been known: the outer limits by nights and by cases."""
    p: float
    """Two-sided, corrected over the splits of this night."""
    p_cases: float | None
    """One-sided, of the change being neutral over the cases; None where `p` says enough by itself."""
    cases: int
    """That are compared."""

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Moved:
    """What is to be said of a series tonight."""

    split: Split | None
    """None where there are too few nights or cases to tell."""
    moved: bool = False
    """It was found tonight, or on a night since the change, and still stands out."""
    new: bool = False
    """It was not found on any night before."""
    why: str = ""
    """Why it can't be told."""


def find_moves(series: Sequence[NightSeries], error: float = 0.05) -> tuple[Moved, ...]:
    """Which of several series have moved, as far as tonight's error allows.

    Args:
        series: All that are watched together, tonight's values last.
        error: The chance that any of them is found to have moved within `HORIZON` nights in which none did. It is
            shared out evenly over nights, series and splits (Bonferroni).

    Returns:
        One for each, in their order.
    """
    return tuple(_moved(one, error / HORIZON / len(series)) for one in series)


def _moved(series: NightSeries, error: float) -> Moved:
    split = widest_split(series)
    if isinstance(split, str):
        return Moved(None, why=split)
    if split.p_cases is None:
        return Moved(split)
    found, nights = _is_found(split, error), len(series.values)
    # What was found does not go away because a later night hides it for once.
    earlier = any(
        _is_found(before, error) and (before.change < 0) == (split.change < 0)
        for until in range(max(LEAST_NIGHTS, split.first + 1), nights)
        if isinstance(before := widest_split(replace(series, values=series.values[:until])), Split)
    )
    return Moved(split, moved=found or earlier, new=found and not earlier)


def _is_found(split: Split, error: float) -> bool:
    return split.p <= error and split.p_cases is not None and split.p_cases <= _CASES_ERROR


def widest_split(series: NightSeries) -> Split | str:
    """Where a series differs most; in words why that can't be told."""
    import numpy as np

    # None becomes NaN.
    values = np.array(series.values, dtype=np.float64)
    nights = len(values)
    if nights < LEAST_NIGHTS:
        return f"too few nights to tell: {nights} of {LEAST_NIGHTS}"
    # All nights count alike: one on which too little was measured is not to be given here.
    kept = (~np.isnan(values)).mean(axis=0) >= _PRESENT
    if kept.sum() < _LEAST_CASES:
        return f"too few cases to tell: {int(kept.sum())} of at least {_LEAST_CASES} have values on enough nights"
    places = np.flatnonzero(kept)
    weights = np.ones(len(places)) if series.weights is None else np.array(series.weights, dtype=np.float64)[places]
    scan = _Scan(values[:, places], weights / weights.sum())
    groups = None if series.groups is None else [series.groups[int(place)] for place in places]
    return scan.widest(series.span, weights.tolist(), groups)


class _Scan:
    """A series' nights with all their splits; what is said of each split stands at the place of its first night."""

    def __init__(self, values: Numbers, shares: Numbers) -> None:
        import numpy as np

        self.values, self.shares = values, shares
        self.there = ~np.isnan(values)
        own = np.nanmean(values, axis=0)
        weight = self.there * shares
        apart = np.where(self.there, values - own, 0.0)
        shared = (apart * weight).sum(axis=1) / weight.sum(axis=1)
        self.apart = np.where(self.there, apart - shared[:, None], 0.0)
        """Each case's value without its own mean and without the night's."""
        self.means = shared + float(own @ shares)
        """A night's mean, as if the cases that it lacks had been as usual."""

    def widest(self, span: Range, weights: list[float], groups: list[Hashable] | None) -> Split:
        """The split that differs most, with the p-value of the largest difference among those that are tested."""
        import numpy as np
        from scipy.special import stdtr

        nights = len(self.means)
        firsts = np.arange(_BEFORE, nights)
        totals = np.cumsum(self.means)
        changes = (totals[-1] - totals[firsts - 1]) / (nights - firsts) - totals[firsts - 1] / firsts
        errors, degrees = self._noise(firsts)
        statistics = np.where(errors > 0, np.abs(changes) / np.where(errors > 0, errors, 1.0), np.inf)
        statistics = np.where(np.abs(changes) <= _NOTHING, 0.0, statistics)
        tested = [nights - after - _BEFORE for after in _lengths(nights - _BEFORE)]
        p = min(1.0, 2 * float(stdtr(degrees[tested], -statistics[tested]).min()) * len(tested))
        # The whole scan, which is finer than what is tested; of equals the latest.
        best = nights - _BEFORE - 1 - int(np.argmax(statistics[::-1]))
        first, change = best + _BEFORE, float(changes[best])
        margin = t_quantile(float(degrees[best]), 0.95) * float(errors[best])
        low, high, p_cases = change - margin, change + margin, None
        if p <= _WORTH_A_LOOK:
            p_cases, over = self._over_cases(first, span, weights, groups)
            low = low if over.low is None else min(low, over.low)
            high = high if over.high is None else max(high, over.high)
        return Split(
            first=first,
            before=float(self.means[:first].mean()),
            after=float(self.means[first:].mean()),
            low=low,
            high=high,
            p=p,
            p_cases=p_cases,
            cases=len(self.shares),
        )

    def _noise(self, firsts: Numbers) -> tuple[Numbers, Numbers]:
        """The standard errors of after minus before, with both parts of the noise, and their degrees of freedom."""
        import numpy as np

        nights = len(self.means)
        answers = self._answers(firsts)
        centred = self.means - self.means.mean()
        spread = _within(centred[:, None], np.ones((nights, 1)), firsts)[:, 0] / (nights - 2)
        spread[spread < _NOTHING**2] = 0.0
        shared = np.maximum(0.0, _DOUBT * spread - answers) * _lasting(nights)[firsts]
        variance = answers * (1 / firsts + 1 / (nights - firsts)) + shared
        part = shared / np.where(variance > 0, variance, 1.0)
        return np.sqrt(variance), (nights - 2) * (1 - part * (1 - _KNOWN))

    def _answers(self, firsts: Numbers) -> Numbers:
        """The variance of a night's mean that comes from each case varying on its own."""
        import numpy as np

        cases = self.values.shape[1]
        squares = _within(self.apart, self.there, firsts)
        degrees = np.maximum(self.there.sum(axis=0) - 2, 1)
        # What a night's own mean took away from each case's spread.
        variance = (squares / degrees) @ self.shares**2 * cases / (cases - 1)
        variance[variance < _NOTHING**2] = 0.0
        found: Numbers = variance
        return found

    def _over_cases(
        self, first: int, span: Range, weights: list[float], groups: list[Hashable] | None
    ) -> tuple[float, Estimate]:
        """The one-sided p-value of the change being neutral over the cases, and its interval."""
        import numpy as np

        places = np.flatnonzero(self.there[:first].any(axis=0) & self.there[first:].any(axis=0)).tolist()
        changes = np.nanmean(self.values[first:, places], axis=0) - np.nanmean(self.values[:first, places], axis=0)
        kept = [weights[place] for place in places]
        units = None if groups is None else [groups[place] for place in places]
        over = mean_interval(changes.tolist(), 0.95, span=span.contrast(), weights=kept, groups=units)
        sign = 1.0 if over.value >= 0 else -1.0
        p = p_above((sign * changes).tolist(), 0.0, span=span.contrast(), weights=kept, groups=units)
        return p, over


def _within(values: Numbers, there: Numbers, firsts: Numbers) -> Numbers:
    """Sums of squares about the means before and after each split (splits × columns); what is not there is zero."""
    import numpy as np

    sums, counts = np.cumsum(values, axis=0), np.cumsum(there, axis=0)
    before, early = sums[firsts - 1], counts[firsts - 1]
    after, late = sums[-1] - before, counts[-1] - early
    explained = before**2 / np.maximum(early, 1) + after**2 / np.maximum(late, 1)
    found: Numbers = np.maximum(0.0, (values**2).sum(axis=0) - explained)
    return found


def _lengths(most: int) -> list[int]:
    """How long ago the changes are that are tested for: each about a quarter longer ago than the one before.

    Neighbouring splits say nearly the same, and each that is tested costs power.
    """
    found = [1]
    while (following := max(found[-1] + 1, math.ceil(found[-1] * 1.25))) <= most:
        found.append(following)
    return found


@lru_cache(maxsize=256)
def _lasting(nights: int) -> Numbers:
    """The variance of after minus before for what all cases of a night share, by the variance that is seen of it.

    Taken as a first-order autoregression with `PERSISTENCE`; within a few nights such a series varies less than it
    does altogether, which is made up for. By the place of the first night after.
    """
    import numpy as np

    early = np.arange(nights)
    late = nights - early
    means = _of_mean(early), _of_mean(late)
    seen = (early * (1 - means[0]) + late * (1 - means[1])) / (nights - 2)
    far = 1 - PERSISTENCE
    near = PERSISTENCE * (1 - PERSISTENCE**early) * (1 - PERSISTENCE**late) / far**2
    found: Numbers = (means[0] + means[1] - 2 * near / np.maximum(early * late, 1)) / seen
    return found


def _of_mean(nights: Numbers) -> Numbers:
    """The variance of the mean of so many nights, of a series whose variance is one."""
    import numpy as np

    far, count = 1 - PERSISTENCE, np.maximum(nights, 1)
    lags = PERSISTENCE * (count / far - (1 - PERSISTENCE**count) / far**2)
    found: Numbers = (count + 2 * lags) / count**2
    return found
