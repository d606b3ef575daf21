"""What a calibration measured, as values that a certificate keeps."""

from __future__ import annotations

from msgspec import Struct

from plimsoll.calibration.comparison import Task
from plimsoll.stats import Estimate

_DIGITS = 6


class Figure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An estimate with its two-sided limits; a limit of None can't be stated."""

    value: float
    low: float | None
    high: float | None
    n: int
    """Answers that it rests on."""
    units: int
    """Independent ones: groups of answers, or answers."""
    method: str

    @classmethod
    def of(cls, estimate: Estimate | None) -> Figure | None:
        """The figure of an estimate, rounded to what every platform agrees on."""
        if estimate is None:
            return None
        return cls(
            value=rounded(estimate.value),
            low=None if estimate.low is None else rounded(estimate.low),
            high=None if estimate.high is None else rounded(estimate.high),
            n=estimate.cases,
            units=estimate.units,
            method=estimate.method.value,
        )


class Confusion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often people said one thing and the judge another."""

    people: str
    judge: str
    answers: int


class Agreement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The judge against people. A failed judgement counts as the worst there could be; None is not defined here."""

    task: Task
    compared: int
    """Answers that both sides spoke of; failed judgements are among them."""
    classes: dict[str, int]
    """What people said → answers: `good` and `bad`, or the labels. Empty of a scale without a threshold."""
    accuracy: Figure | None = None
    """Share of the answers on which both say the same."""
    kappa: Figure | None = None
    """Cohen's: of verdicts and labels plain, of a scale with quadratic weights."""
    linear_kappa: Figure | None = None
    """Of a scale: with linear weights."""
    bias: Figure | None = None
    """Of a scale: people's value − the judge's, on average, over the answers that it gave a value."""
    alpha: Figure | None = None
    """Krippendorff's, between the judge and what people say together."""
    spearman: Figure | None = None
    """Of a scale."""
    auc: Figure | None = None
    """How often a good answer has the better score than a bad one."""
    sensitivity: Figure | None = None
    """Of the good answers, the share that the judge passes."""
    specificity: Figure | None = None
    """Of the bad answers, the share that the judge does not pass."""
    informedness: Figure | None = None
    """Sensitivity + specificity − 1."""
    constant: bool = False
    """The judge gave every answer the same value, though people did not."""
    confusion: tuple[Confusion, ...] = ()


class People(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people said among themselves: the ceiling of what a judge can reach."""

    most: int
    """Labels that an answer has at the most."""
    split: int
    """Answers on which they are split evenly: nothing to agree with, left out of the comparison."""
    alpha: Figure | None = None
    """None with one label each, or no variation."""


class Stability(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The judge against itself, asked again without any cache."""

    answers: int
    repeats: int
    failed: int
    """Judgements among them without a value."""
    equal: float | None
    """Share of the answers whose every repeat has the same value, or the same verdict where there is a threshold."""
    alpha: Figure | None
    """Krippendorff's; None where no value differs from another, or none was asked for."""


class CanaryFigure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer that has to be scored low, on some cases."""

    name: str
    why: str
    asked: int
    low: int
    """How often the score was low."""
    failed: int
    """How often there was none: not low either."""


class Effort(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it took, over all judgements of the calibration."""

    judgements: int
    requests: int
    """Sent to models, with those sent again."""
    cost: float | None
    """USD; None where it is not known of all."""
    seconds: float | None
    """Of one judgement, the median; with waiting in our own queue. None where all were kept from before."""


class Figures(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that was measured."""

    answers: int
    """Labelled ones."""
    scored: int
    failed: int
    skipped: int
    agreement: Agreement
    people: People
    stability: Stability
    canaries: tuple[CanaryFigure, ...]
    unassessed: int
    """Judgements of canaries of which nothing says whether they are low: a label without a pass_if."""
    length: Figure | None
    """Rank correlation of the judge's value with the answer's length, beyond what people's labels explain."""
    effort: Effort


def rounded(value: float) -> float:
    """To six digits."""
    return float(f"{value:.{_DIGITS}g}")
