"""Where judge and people disagree, worst first: what a person reads to mend the judge, or the labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plimsoll.calibration.asking import Judged
from plimsoll.calibration.comparison import Comparison, Task
from plimsoll.calibration.labels import Labelled, Labels
from plimsoll.calibration.measure import Compared, pairs
from plimsoll.calibration.questions import Plan
from plimsoll.stats.agreement import ranks
from plimsoll.types import Failed, MetricKind, Scored, ScoreValue


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One answer on which they differ."""

    row: Labelled
    label: ScoreValue
    """What people say together."""
    value: ScoreValue | None
    """The judge's; None where it gave none."""
    reason: str
    """The judge's, or why there is no score."""
    severity: float
    """From 0 to 1, how far apart; 2 where there is no score."""
    kinder: bool | None
    """Whether the judge thinks better of the answer than people do; None where that can't be said."""


def disagreements(
    labels: Labels, comparison: Comparison, plan: Plan, answers: Mapping[str, Judged]
) -> tuple[Disagreement, ...]:
    """Every disagreement, worst first; of equal ones in the order of the file."""
    reasons = dict(_reasons(labels, plan, answers))
    compared = list(pairs(labels, plan, answers))
    apart = _severities(compared, comparison)
    found = [
        Disagreement(each.row, each.label, each.value, reasons[id(each.row)], severity, _kinder(each, comparison))
        for each, severity in zip(compared, apart, strict=True)
        if severity > 0
    ]
    return tuple(sorted(found, key=lambda each: -each.severity))


def _reasons(labels: Labels, plan: Plan, answers: Mapping[str, Judged]) -> Iterator[tuple[int, str]]:
    for place, row in enumerate(labels.rows):
        score = answers[plan.of_row(place)].score
        if isinstance(score, Failed):
            yield id(row), f"no score: {score.failure.message}"
        else:
            yield id(row), (score.reason or "") if isinstance(score, Scored) else ""


def _kinder(each: Compared, comparison: Comparison) -> bool | None:
    if each.value is None or comparison.task is Task.CATEGORY:
        return None
    if comparison.task is Task.VERDICT:
        return comparison.judged_good(each.value)
    if not comparison.same_scale:
        return None
    return (float(each.value) > float(each.label)) is comparison.rising


def _severities(compared: list[Compared], comparison: Comparison) -> list[float]:
    if comparison.task is Task.SCALE:
        found = _on_a_scale(compared, comparison)
    elif comparison.task is Task.CATEGORY:
        found = [float(each.value != each.label) for each in compared]
    else:
        found = [_of_verdicts(each, comparison) for each in compared]
    return [2.0 if each.value is None else severity for each, severity in zip(compared, found, strict=True)]


def _on_a_scale(compared: list[Compared], comparison: Comparison) -> list[float]:
    """By distance where both speak of one scale, else by rank; of the whole width."""
    values = [math.nan if each.value is None else float(each.value) for each in compared]
    labels = [float(each.label) for each in compared]
    if not comparison.same_scale:
        known = [place for place, value in enumerate(values) if not math.isnan(value)]
        for place, rank, other in zip(
            known, ranks([values[at] for at in known]), ranks([labels[at] for at in known]), strict=True
        ):
            values[place], labels[place] = rank, other
    distances = [abs(value - label) for value, label in zip(values, labels, strict=True)]
    widest = max((distance for distance in distances if not math.isnan(distance)), default=0.0)
    return [distance / widest if widest and not math.isnan(distance) else 0.0 for distance in distances]


def _of_verdicts(each: Compared, comparison: Comparison) -> float:
    """1 at the wrong end of the judge's scale, less as it nears the threshold; 0 where the verdicts agree."""
    good = comparison.people_good(each.label)
    if each.value is None or comparison.judged_good(each.value) is good:
        return 0.0
    metric = comparison.metric
    if metric.kind is not MetricKind.NUMERIC or metric.low is None or metric.high is None:
        return 1.0
    share = (float(each.value) - metric.low) / (metric.high - metric.low)
    wrong = 1 - share if good is comparison.rising else share
    return max(0.01, wrong)
