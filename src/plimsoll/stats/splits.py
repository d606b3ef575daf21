"""Splits of a series of nights: how much the nights after differ from those before, and how sure that is.

The change-point model of Hawkins, Qiu and Kang (2003, Journal of Quality Technology 35, 355–366): the series is split
at every place, and the largest standardised difference between after and before decides. Neither mean nor variance is
taken as known. The noise has two parts: what answers vary by from night to night, case by case, and what all cases of
a night share (the provider's weather), which may last for more than a night. Where the series is known to have changed
before, both are measured within its segments, so that an earlier change is no noise.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from plimsoll.stats.estimate import t_quantile
from plimsoll.stats.means import Range, mean_interval, p_above
from plimsoll.stats.running import RunningSums
from plimsoll.stats.signs import sign_test

if TYPE_CHECKING:
    from plimsoll.stats.running import Numbers, Part

WORTH_A_LOOK = 0.05
"""Below it a p-value is worth the look at the cases."""
PERSISTENCE = 0.5
"""Correlation of what all cases share on two nights that follow each other; taken as known, since a month of nights is
too short to measure it. Only that part of the noise is widened by it."""
_KNOWN = (1 - PERSISTENCE**2) / (1 + PERSISTENCE**2)
"""What nights that depend on each other say of their variance, by what independent ones say."""
_DOUBT = 1.5
"""The spread of the nights that is reckoned with, by the one that is seen: by chance that of thirty nights which depend
on each other comes out far too small."""
_BEFORE = 3
"""Nights before the first change of a series, at least."""
_PRESENT = 0.8
"""A case counts that has a value in this share of the nights."""
LEAST_CASES = 5
"""With fewer nothing is decided."""
_DATED = 7.35
"""By so much less a split's squared statistic may be than the best one's, and its night still be the one (95%): the
likelihood ratio of Hansen (2000, Econometrica 68, 575–603)."""
_ROUNDING = 1e-6
"""Of the greatest mean: by so much the same sums differ between machines where single precision is used."""


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
    """Nights before against nights after."""

    first: int
    """The first night after the change, by its place in the series."""
    earliest: int
    """Which night it may have been, 95%: from this one…"""
    latest: int
    """…to this one."""
    before: float
    after: float
    """Mean over the cases that are compared."""
    low: float
    high: float
    """Of the change, 95%, as if the night had been known: the outer limits by nights and by cases."""
    p: float
    """Two-sided, corrected over the places where it was looked for."""
    p_cases: float | None
    """One-sided, of the change being neutral over the cases; None where `p` says enough by itself."""
    cases: int
    """That are compared."""

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class _Table:
    """Several splits, and what is said of each."""

    firsts: Numbers
    """The first night after."""
    changes: Numbers
    answers: Numbers
    """The variance of a night's mean that comes from each case varying on its own."""
    weather: Numbers
    """The variance of a night's mean that all cases share."""
    factors: Numbers
    """By each of the two, the variance of after minus before that comes of it (2 × splits)."""
    degrees: Numbers
    statistics: Numbers

    @property
    def variances(self) -> Numbers:
        """Of after minus before."""
        found: Numbers = self.answers * self.factors[0] + self.weather * self.factors[1]
        return found


class Nights:
    """A series' nights, measured once for all splits.

    `edges` are where the segments begin that are known; the last one ends before the night `until`.
    """

    def __init__(self, series: NightSeries, places: Sequence[int], values: Numbers) -> None:
        """Over these cases of a series; `of` chooses them."""
        import numpy as np

        self._span, self._values = series.span, values
        self._weights = [1.0 if series.weights is None else series.weights[place] for place in places]
        self._groups = None if series.groups is None else [series.groups[place] for place in places]
        self._shares = np.array(self._weights) / sum(self._weights)
        there = ~np.isnan(values)
        own = np.nanmean(values, axis=0)
        weight = there * self._shares
        apart = np.where(there, values - own, 0.0)
        # Of a night that lacks all of these cases nothing is known: it is as usual.
        shared = (apart * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), np.finfo(np.float64).tiny)
        self._means = shared + float(own @ self._shares)
        """A night's mean, as if the cases that it lacks had been as usual."""
        self._rounding = _ROUNDING * float(np.abs(self._means).max())
        # Each case's value without its own mean and without the night's.
        self._cells = RunningSums(np.where(there, apart - shared[:, None], 0.0), there)
        self._nights = RunningSums(shared[:, None], np.ones((len(shared), 1)))
        odds = _log_odds(self._means, series.span, len(places))
        self._odds = None if odds is None else RunningSums(odds[:, None], np.ones((len(odds), 1)))

    @classmethod
    def of(cls, series: NightSeries, window: int) -> Nights | str:
        """Over the cases that have values on enough of the last nights; in words that there are too few."""
        import numpy as np

        # None becomes NaN.
        values = np.array(series.values, dtype=np.float64)
        # All nights count alike: one on which too little was measured is not to be given here.
        kept = np.flatnonzero((~np.isnan(values[-window:])).mean(axis=0) >= _PRESENT)
        if len(kept) < LEAST_CASES:
            return f"too few cases to tell: {len(kept)} of at least {LEAST_CASES} have values on enough nights"
        return cls(series, kept.tolist(), values[:, kept])

    def widest(self, edges: Sequence[int], until: int, error: float) -> Split | None:
        """The split of the last segment that differs most; None where the p-value of that is above `error`.

        The p-value is that of the largest difference among those that are tested, which are fewer than those that are
        looked through for the date.
        """
        from scipy.special import stdtr

        table = self._table(edges, until)
        count = len(table.firsts)
        if not count:
            return None
        tested = [count - after for after in lengths(count)]
        p = min(1.0, 2 * float(stdtr(table.degrees[tested], -table.statistics[tested]).min()) * len(tested))
        if p > error:
            return None
        # Of equals the latest.
        best = count - 1 - int(table.statistics[::-1].argmax())
        first = int(table.firsts[best])
        return self._split(table, best, (edges[-1], first), (first, until), p)

    def redated(self, edges: Sequence[int], until: int, near: int) -> int:
        """The first night after the last change, among those that are at most `near` from where it was dated."""
        import numpy as np

        *earlier, first = edges
        table = self._table(earlier, until)
        was = table.changes[table.firsts == first]
        if not len(was):
            return first
        close = (np.abs(table.firsts - first) <= near) & (table.changes * was[0] > 0)
        found = np.where(close, table.statistics, -1.0)
        return int(table.firsts[len(found) - 1 - int(found[::-1].argmax())])

    def differs(self, edges: Sequence[int], place: int, until: int) -> tuple[float, float]:
        """How much the last segment differs from the one before an edge, and the two-sided p-value of that."""
        from scipy.special import stdtr

        _, _, table = self._against_last(edges, place, until)
        return float(table.changes[0]), min(1.0, 2 * float(stdtr(table.degrees[0], -table.statistics[0])))

    def since(self, edges: Sequence[int], place: int, until: int) -> Split:
        """The change at an edge as it is now: the segment before it against the last one."""
        import numpy as np

        before, after, table = self._against_last(edges, place, until)
        split = self._split(table, 0, before, after, self.differs(edges, place, until)[1])
        # Its own night is told by the nights up to the next change, with the noise that was measured.
        first, up_to = edges[place], [*edges, until][place + 1]
        scan = self._table(edges[:place], up_to)
        variances = table.answers * scan.factors[0] + table.weather * scan.factors[1]
        squared = scan.changes**2 / np.maximum(variances, self._rounding**2)
        own = squared[scan.firsts == first]
        dated = scan.firsts[squared >= own[0] - _DATED] if len(own) else np.array([first])
        return replace(split, first=first, earliest=int(dated.min()), latest=int(dated.max()))

    def _against_last(
        self, edges: Sequence[int], place: int, until: int
    ) -> tuple[tuple[int, int], tuple[int, int], _Table]:
        parts = _parts(edges, until)
        before, after = parts[place - 1], parts[-1]
        return before, after, self._measured(before, after, [*parts[: place - 1], *parts[place:-1]])

    def _table(self, edges: Sequence[int], until: int) -> _Table:
        """All splits of the last segment."""
        import numpy as np

        start = edges[-1]
        firsts = np.arange(start + (_BEFORE if len(edges) == 1 else 1), until)
        return self._measured((start, firsts), (firsts, until), _parts(edges, start)[:-1])

    def _measured(self, before: Part, after: Part, others: Sequence[Part]) -> _Table:
        """Nights before against nights after; the noise is that within them and within others."""
        import numpy as np

        parts = [before, after, *others]
        cells, spread = self._cells.within(parts), self._nights.within(parts)[:, 0]
        cases = len(self._shares)
        # What a night's own mean took away from each case's spread.
        answers = cells @ self._shares**2 * cases / (cases - 1)
        answers[answers < self._rounding**2] = 0.0
        spread[spread < self._rounding**2] = 0.0
        early, late = np.atleast_1d(before[1] - before[0]), np.atleast_1d(after[1] - after[0])
        factors = np.stack([1 / early + 1 / late, _lasting(early, late, np.atleast_1d(after[0] - before[1]), parts)])
        weather = np.maximum(0.0, _DOUBT * spread - answers)
        variances = answers * factors[0] + weather * factors[1]
        part = weather * factors[1] / np.where(variances > 0, variances, 1.0)
        changes = self._nights.mean(after)[:, 0] - self._nights.mean(before)[:, 0]
        statistics = np.abs(changes) / np.sqrt(np.where(variances > 0, variances, self._rounding**4))
        if self._odds is not None:
            # It has to stand out on both scales: what multiplies failures is uneven on the one, even on the other.
            spread = np.maximum(self._odds.within(parts)[:, 0] * factors[0], _ROUNDING**2)
            odds = self._odds.mean(after)[:, 0] - self._odds.mean(before)[:, 0]
            statistics = np.minimum(statistics, np.abs(odds) / np.sqrt(spread))
        return _Table(
            firsts=np.atleast_1d(after[0]),
            changes=changes,
            answers=answers,
            weather=weather,
            factors=factors,
            degrees=_degrees(parts) * (1 - part * (1 - _KNOWN)),
            statistics=np.where(np.abs(changes) <= self._rounding, 0.0, statistics),
        )

    def _split(self, table: _Table, place: int, before: tuple[int, int], after: tuple[int, int], p: float) -> Split:
        change = float(table.changes[place])
        margin = t_quantile(float(table.degrees[place]), 0.95) * math.sqrt(float(table.variances[place]))
        low, high, p_cases = change - margin, change + margin, None
        if p <= WORTH_A_LOOK:
            p_cases, limits = self._over_cases(slice(*before), slice(*after))
            low, high = min([low, *limits[:1]]), max([high, *limits[1:]])
        return Split(
            first=after[0],
            earliest=after[0],
            latest=after[0],
            before=float(self._means[slice(*before)].mean()),
            after=float(self._means[slice(*after)].mean()),
            low=low,
            high=high,
            p=p,
            p_cases=p_cases,
            cases=len(self._shares),
        )

    def _over_cases(self, before: slice, after: slice) -> tuple[float, list[float]]:
        """The one-sided p-value of the change being neutral over the cases, and its interval where there is one."""
        import numpy as np

        early, late = self._values[before], self._values[after]
        places = np.flatnonzero(~np.isnan(early).all(axis=0) & ~np.isnan(late).all(axis=0)).tolist()
        changes = np.nanmean(late[:, places], axis=0) - np.nanmean(early[:, places], axis=0)
        changes[np.abs(changes) <= self._rounding] = 0.0
        weights = [self._weights[place] for place in places]
        groups = None if self._groups is None else [self._groups[place] for place in places]
        over = mean_interval(changes.tolist(), 0.95, span=self._span.contrast(), weights=weights, groups=groups)
        if over.low is None or over.high is None:
            # Without a range, cases that nearly all change alike have no interval; that they went one way they show.
            return sign_test(_by_unit(changes.tolist(), groups)) / 2, []
        sign = 1.0 if over.value >= 0 else -1.0
        p = p_above((sign * changes).tolist(), 0.0, span=self._span.contrast(), weights=weights, groups=groups)
        return p, [over.low, over.high]


def _log_odds(means: Numbers, span: Range, cases: int) -> Numbers | None:
    """The logarithm of a mean's distance from its least value, by that from its greatest; None without a range.

    Near an end of the range what moves a night multiplies rather than adds: of 99% that pass, the failures of a bad
    night are several times as many. Half a case at each end keeps it finite.
    """
    import numpy as np

    if span.low is None or span.high is None:
        return None
    rates = np.clip((means - span.low) / (span.high - span.low), 0.0, 1.0) * cases
    found: Numbers = np.log((rates + 0.5) / (cases - rates + 0.5))
    return found


def _parts(edges: Sequence[int], until: int) -> list[tuple[int, int]]:
    return list(pairwise([*edges, until]))


def _degrees(parts: Sequence[Part]) -> Numbers:
    import numpy as np

    found: Numbers = np.maximum(sum(np.atleast_1d(end - start) for start, end in parts) - len(parts), 1)
    return found


def _by_unit(changes: Sequence[float], groups: Sequence[Hashable] | None) -> list[float]:
    if groups is None:
        return list(changes)
    sums: dict[Hashable, float] = {}
    for change, group in zip(changes, groups, strict=True):
        sums[group] = sums.get(group, 0.0) + change
    return list(sums.values())


def lengths(most: int) -> list[int]:
    """How long ago the changes are that are tested for: each about a quarter longer ago than the one before.

    Neighbouring splits say nearly the same, and each that is tested costs power.
    """
    found = [1]
    while (following := max(found[-1] + 1, math.ceil(found[-1] * 1.25))) <= most:
        found.append(following)
    return found


def _lasting(early: Numbers, late: Numbers, between: Numbers, parts: Sequence[Part]) -> Numbers:
    """The variance of after minus before for what all cases of a night share, by the variance that is seen of it.

    Taken as a first-order autoregression with `PERSISTENCE`; within a few nights such a series varies less than it
    does altogether, which is made up for.

    Args:
        early: Nights before, of each split.
        late: Nights after.
        between: Nights between the two.
        parts: All within which the variance is seen.
    """
    import numpy as np

    sizes = [np.atleast_1d(end - start) for start, end in parts]
    seen = sum(size * (1 - _of_mean(size)) for size in sizes) / _degrees(parts)
    near = PERSISTENCE ** (between + 1) * (1 - PERSISTENCE**early) * (1 - PERSISTENCE**late) / (1 - PERSISTENCE) ** 2
    found: Numbers = (_of_mean(early) + _of_mean(late) - 2 * near / (early * late)) / np.maximum(seen, 1e-12)
    return found


def _of_mean(nights: Numbers) -> Numbers:
    """The variance of the mean of so many nights, of a series whose variance is one."""
    far = 1 - PERSISTENCE
    lags = PERSISTENCE * (nights / far - (1 - PERSISTENCE**nights) / far**2)
    found: Numbers = (nights + 2 * lags) / nights**2
    return found
