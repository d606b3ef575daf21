"""What a comparison of two targets says, as frozen values: all that the terminal and `--json` show of it.

Promises that before, after and difference rest on the same pairs, so that they agree; that what has no pair is counted
beside them; and that a word such as `better` is said of a difference that is signal after the correction only.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from plimsoll.reports.flip_model import FlipRow
from plimsoll.types import MetricKind

MIN_UNITS = 10
"""Pairs, or groups of them, below which nothing is told: the gate's own bound."""


class Signal(StrEnum):
    """What a paired difference says, corrected for the others that were looked at."""

    BETTER = "better"
    WORSE = "worse"
    NONE = "no signal"
    """The difference may be chance."""
    UNKNOWN = "can't tell"
    """Too few pairs, limits that can't be stated, or nothing that says which value is better."""


class Measure(StrEnum):
    """What of a metric is compared."""

    MEAN = "mean"
    PASSES = "share that passes"
    """Of a label metric with a condition."""
    LABELS = "labels"
    """Of one without: how many changed. Nothing says which label is better."""


class Likeness(StrEnum):
    """Whether a difference is small enough not to matter."""

    EQUIVALENT = "equivalent"
    """The whole interval lies within the margin."""
    DIFFERENT = "different"
    """The whole of it lies beyond."""
    UNDECIDED = "can't tell"


class Lacking(Struct, frozen=True, kw_only=True):
    """Cells of one side without a value, for one reason."""

    side: str
    """`before` or `after`."""
    kind: str
    """`failed`, `skipped` or `missing`."""
    cells: int


class FlipCount(Struct, frozen=True, kw_only=True):
    """Pairs that pass on one side and not on the other. With repeats a side passes where every repeat does."""

    gained: int
    lost: int
    steady_gained: int | None
    """Those where all repeats of either side agree; None with a single repeat, where nobody can tell."""
    steady_lost: int | None
    p_value: float
    """That gains and losses are equally likely: McNemar's exact test, over groups by their net where cases have any."""
    adjusted: float | None
    """The same corrected (Holm) for the other metrics' flips, or all slices' and metrics'; None under 10 units."""


class EquivalenceRow(Struct, frozen=True, kw_only=True):
    """Whether one metric differs by less than a margin."""

    outcome: Likeness
    margin: float
    low: float | None
    """Of the difference, at `confidence`."""
    high: float | None
    confidence: float
    p_value: float | None
    """Of "it differs by the margin or more"; None without a pair."""
    more: int | None
    """About so many more cases would decide (80% power, were they like these); None where decided or beyond reach."""
    why: str
    """Why it can't be told; empty where it is."""


class ChangeRow(Struct, frozen=True, kw_only=True):
    """One metric on both sides, over all cases or one slice."""

    metric: str
    slice: str | None
    kind: MetricKind
    unit: str
    higher_is_better: bool
    judged: bool
    measure: Measure
    before: float | None
    """The mean over the pairs; None where the measure has none."""
    after: float | None
    difference: float | None
    """After − before; of labels the share that changed."""
    low: float | None
    """Of the difference, at the comparison's confidence, for this metric alone."""
    high: float | None
    p_value: float | None
    """Two-sided, of no difference; None where it can't be stated."""
    adjusted: float | None
    """The same corrected (Holm): over all metrics, or over all slices and metrics."""
    signal: Signal
    why: str
    """Why it can't be told; empty where it is."""
    opposite: bool
    """Of a slice: it points the other way than all cases do, and one of the two is signal."""
    pairs: int
    units: int
    """Independent ones among the pairs: groups, and cases without a group."""
    missing: int
    """Cases that were to have a pair of values and have none, or not in every repeat."""
    lacking: tuple[Lacking, ...]
    changed: int
    """Pairs of which the value (averaged over repeats) or the label differs."""
    detectable: float | None
    """The smallest true difference that so many pairs show with 80% power, uncorrected."""
    flips: FlipCount | None
    """None where nothing says what passes."""
    equivalence: EquivalenceRow | None = None
    """None where it was not asked."""

    @property
    def tested(self) -> bool:
        """Whether there are enough units to test anything: what the correction counts."""
        return self.measure is not Measure.LABELS and self.units >= MIN_UNITS


class ChangedCase(Struct, frozen=True, kw_only=True):
    """A case that flipped by some metric."""

    row: FlipRow
    slices: tuple[str, ...]
    steady: tuple[str, ...]
    """The metrics by which it flipped in all repeats; with a single repeat none."""

    @property
    def noisy(self) -> bool:
        """Whether repeats of the same side disagree by every metric that flipped."""
        return not self.steady


class Side(Struct, frozen=True, kw_only=True):
    """A target in a run."""

    name: str
    """As it is shown: the target, with its run where the two sides are of different runs."""
    target: str
    run: str
    digest: str
    """The target's tagged digest."""
    repeats: int


class Answers(Struct, frozen=True, kw_only=True):
    """Whether the texts of the answers are the same, repeat by repeat."""

    same: int
    cells: int
    """Cells with an answer on both sides."""


class Comparison(Struct, frozen=True, kw_only=True):
    """Two targets, paired case by case."""

    suite: str
    before: Side
    after: Side
    confidence: float
    cases: int
    """Those of either side."""
    groups: int
    """Groups that cases share; 0 where none has one."""
    repeats: int
    """Of each side that are compared: where the runs have different ones, the fewer."""
    answers: Answers
    rows: tuple[ChangeRow, ...]
    slices: tuple[ChangeRow, ...]
    """Every slice and metric with a pair, slice by slice."""
    flips: tuple[ChangedCase, ...]
    """For the worse before for the better; within these the steady ones first."""
    notes: tuple[str, ...]
    """What was left out, and why."""

    def of_slice(self, name: str) -> tuple[ChangeRow, ...]:
        """The rows of one slice."""
        return tuple(row for row in self.slices if row.slice == name)

    @property
    def telling(self) -> tuple[ChangeRow, ...]:
        """The slices' rows that are signal, or point the other way than the whole."""
        return tuple(row for row in self.slices if row.signal in (Signal.BETTER, Signal.WORSE) or row.opposite)


def likeness_of(comparisons: Sequence[Comparison]) -> Likeness | None:
    """Of all that was asked together: different where one is, equivalent where all are; None where nothing was asked.

    That all are equivalent needs no correction: it is claimed only where each of the tests says so (Berger 1982).
    """
    asked = [row.equivalence.outcome for each in comparisons for row in each.rows if row.equivalence is not None]
    if not asked:
        return None
    worst = (Likeness.DIFFERENT, Likeness.UNDECIDED, Likeness.EQUIVALENT)
    return next(outcome for outcome in worst if outcome in asked)
