"""Whether a metric that is measured night after night has moved, since which night, and by how much.

Each night the nights since the last change that is known are split at every place (`stats.splits`). Going on from what
was found, night after night, is what tells a second change from the first: of a promotion and a drop after it, taken
as one change with one spread, neither stands out.

`docs/design/nightly.md` says why, and what simulations show of false alarms and of drifts that were planted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plimsoll.stats.splits import WORTH_A_LOOK, Nights, NightSeries, Split

LEAST_NIGHTS = 7
"""With fewer nothing is decided: the noise of a night can't be told from three or four of them."""
HORIZON = 30
"""Nights over which the error is shared out."""
_NEAR = 3
"""Nights by which a change is dated anew, as more of them are known."""
_CASES_ERROR = 0.025
"""One-sided error at which the change has to show over the cases, too: a single one that flips is no drift."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that stands: the level tonight is not what it was before."""

    split: Split
    """The nights before it, from the change before, against those since the last change."""
    new: bool
    """It was not found on any night before tonight."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What is to be said of a series tonight."""

    changes: tuple[Change, ...] = ()
    """Oldest first."""
    why: str = ""
    """Why it can't be told."""


def find_moves(series: Sequence[NightSeries], error: float = 0.05, window: int = HORIZON) -> tuple[Moved, ...]:
    """Which of several series have moved, as far as tonight's error allows.

    What was found on a night stands as long as the nights since the last change differ from those before it (5%): it
    does not come and go with the noise of single nights, and half a recovery is none.

    Args:
        series: All that are watched together, tonight's values last. With twice the window, each of the last nights
            is judged by the very nights that it was judged by then; with fewer, what was found is found again by less.
        error: The chance that any of them is found to have moved within `HORIZON` nights in which none did. It is
            shared out evenly over nights, series and splits (Bonferroni).
        window: Nights that are compared at most.

    Returns:
        One for each, in their order.
    """
    return tuple(_moved(one, error / HORIZON / len(series), window) for one in series)


def _moved(series: NightSeries, error: float, window: int) -> Moved:
    count = len(series.values)
    if count < LEAST_NIGHTS:
        return Moved(why=f"too few nights to tell: {count} of {LEAST_NIGHTS}")
    nights = Nights.of(series, window)
    if isinstance(nights, str):
        return Moved(why=nights)
    walk = Walk(nights, error, window)
    for until in range(LEAST_NIGHTS, count + 1):
        walk.go_on(until)
    return Moved(tuple(walk.standing()))


@dataclass(slots=True)
class _Found:
    first: int
    change: float
    since: int
    """How many nights there were when it was found."""


class Walk:
    """The changes that are found, night after night."""

    def __init__(self, nights: Nights, error: float, window: int = HORIZON) -> None:
        """Before the first night.

        Args:
            nights: Of the series, also those that are still to come.
            error: Of a night.
            window: Nights that are compared at most.
        """
        self._nights, self._error, self._window = nights, error, window
        self._found: list[_Found] = []
        self._until = 0

    def go_on(self, until: int) -> bool:
        """Take in the nights before `until`, one more than before; whether a change is found with it."""
        self._until = until
        self._found = [one for one in self._found if one.first > self._start]
        split = self._nights.widest(self._edges, until, self._error)
        if split is not None and split.p_cases is not None and split.p_cases <= _CASES_ERROR:
            self._found.append(_Found(split.first, split.change, until))
            return True
        if self._found:
            self._found[-1].first = self._nights.redated(self._edges, until, _NEAR)
            if not self._stands(len(self._found)):
                self._found.pop()
        return False

    def standing(self) -> Iterator[Change]:
        """The changes that stand, oldest first."""
        for place, one in enumerate(self._found, start=1):
            if self._stands(place):
                yield Change(self._nights.since(self._edges, place, self._until), new=one.since == self._until)

    @property
    def _start(self) -> int:
        return max(0, self._until - self._window)

    @property
    def _edges(self) -> list[int]:
        return [self._start, *(one.first for one in self._found)]

    def _stands(self, place: int) -> bool:
        change, p = self._nights.differs(self._edges, place, self._until)
        return p <= WORTH_A_LOOK and change * self._found[place - 1].change > 0
