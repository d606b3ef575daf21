"""From labels and a judge's answers to the figures. Pure; a failed judgement never helps.

Where a judgement failed, the worst that the judge could have said stands in its place: the wrong verdict, the far end
of the scale. What the judge skips, as it does not apply, is left out and counted.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from plimsoll.calibration.asking import Judged
from plimsoll.calibration.comparison import Comparison, Task
from plimsoll.calibration.figures import (
    Agreement,
    CanaryFigure,
    Confusion,
    Effort,
    Figure,
    Figures,
    People,
    Stability,
    rounded,
)
from plimsoll.calibration.labels import LabelKind, Labelled, Labels
from plimsoll.calibration.questions import Plan
from plimsoll.evaluators.judges.canaries import low
from plimsoll.stats import (
    Estimate,
    Level,
    Range,
    Weights,
    alpha_interval,
    auc_interval,
    detection,
    kappa_interval,
    mean_interval,
    rate_interval,
    spearman_interval,
)
from plimsoll.types import Failed, MetricKind, Scored, ScoreValue, Skipped

GOOD, BAD = "good", "bad"
NO_SCORE = "(no score)"


@dataclass(frozen=True, slots=True)
class Compared:
    """One answer with what people and the judge say of it."""

    row: Labelled
    label: ScoreValue
    """What people say together."""
    value: ScoreValue | None
    """The judge's; None is a failed judgement."""


def measure(
    labels: Labels, comparison: Comparison, plan: Plan, answers: Mapping[str, Judged], confidence: float
) -> Figures:
    """The figures of a calibration.

    Args:
        labels: What people said.
        comparison: How it is compared.
        plan: What was asked.
        answers: What the judge said, by question.
        confidence: Of every interval, two-sided.
    """
    scores = [answers[plan.of_row(place)].score for place in range(len(labels.rows))]
    compared = tuple(pairs(labels, plan, answers))
    return Figures(
        answers=len(scores),
        scored=sum(isinstance(score, Scored) for score in scores),
        failed=sum(isinstance(score, Failed) for score in scores),
        skipped=sum(isinstance(score, Skipped) for score in scores),
        agreement=_agreement(compared, comparison, confidence),
        people=_people(labels, confidence),
        stability=_stability(labels, comparison, plan, answers, confidence),
        canaries=tuple(_canaries(comparison, plan, answers)),
        unassessed=sum(_is_low(comparison, answers[asked.question].score) is None for asked in plan.canaries),
        length=_length(compared, comparison, confidence),
        effort=_effort(answers.values()),
    )


def pairs(labels: Labels, plan: Plan, answers: Mapping[str, Judged]) -> Iterable[Compared]:
    """The answers that can be compared: people are not split, and the judge did not skip them."""
    for place, row in enumerate(labels.rows):
        label, score = row.agreed, answers[plan.of_row(place)].score
        if label is not None and not isinstance(score, Skipped):
            yield Compared(row, label, score.value if isinstance(score, Scored) else None)


def _agreement(compared: Sequence[Compared], comparison: Comparison, confidence: float) -> Agreement:
    groups = [each.row.case.group for each in compared]
    found = Agreement(task=comparison.task, compared=len(compared), classes={}, constant=_constant(compared))
    if not compared:
        return found
    if comparison.verdicts:
        found = _verdicts(found, compared, comparison, groups, confidence)
    if comparison.task is Task.SCALE:
        return _scale(found, compared, comparison, groups, confidence)
    return _categories(found, compared, groups, confidence) if comparison.task is Task.CATEGORY else found


def _constant(compared: Sequence[Compared]) -> bool:
    return len({each.value for each in compared}) == 1 and len({each.label for each in compared}) > 1


def _verdicts(
    found: Agreement, compared: Sequence[Compared], comparison: Comparison, groups: list[str | None], confidence: float
) -> Agreement:
    truths = [comparison.people_good(each.label) for each in compared]
    judged = [
        not truth if each.value is None else comparison.judged_good(each.value)
        for each, truth in zip(compared, truths, strict=True)
    ]
    told = detection(judged, truths, confidence, groups=groups)
    said = [NO_SCORE if each.value is None else _word(good) for each, good in zip(compared, judged, strict=True)]
    scores = _scores(compared, comparison, truths)
    return replace(
        found,
        classes={GOOD: sum(truths), BAD: len(truths) - sum(truths)},
        accuracy=Figure.of(_same(judged, truths, groups, confidence)),
        kappa=Figure.of(kappa_interval(judged, truths, confidence, groups=groups)),
        alpha=Figure.of(alpha_interval(list(zip(judged, truths, strict=True)), confidence, groups=groups)),
        auc=None if scores is None else Figure.of(auc_interval(scores, truths, confidence, groups=groups)),
        sensitivity=Figure.of(told.sensitivity),
        specificity=Figure.of(told.specificity),
        informedness=Figure.of(told.informedness),
        confusion=_confusion([_word(truth) for truth in truths], said),
    )


def _scale(
    found: Agreement, compared: Sequence[Compared], comparison: Comparison, groups: list[str | None], confidence: float
) -> Agreement:
    labels = [float(each.label) for each in compared]
    middle = statistics.median(labels)
    values = _filled(compared, comparison, [label >= middle for label in labels])
    rho = Figure.of(spearman_interval(values, labels, confidence, groups=groups))
    changed: dict[str, Figure | None] = {"spearman": rho}
    if comparison.same_scale:
        ratings = list(zip(values, labels, strict=True))
        kappas = {
            name: Figure.of(kappa_interval(values, labels, confidence, weights=weights, groups=groups))
            for name, weights in (("kappa", Weights.QUADRATIC), ("linear_kappa", Weights.LINEAR))
        }
        alpha = Figure.of(alpha_interval(ratings, confidence, level=Level.INTERVAL, groups=groups))
        accuracy = found.accuracy or Figure.of(_same(values, labels, groups, confidence))
        changed |= {**kappas, "alpha": alpha, "accuracy": accuracy, "bias": _bias(compared, comparison, confidence)}
    return replace(found, **changed)


def _bias(compared: Sequence[Compared], comparison: Comparison, confidence: float) -> Figure | None:
    """How far the judge's numbers lie below people's, on average; a failed judgement has no number to be off by."""
    given = [each for each in compared if each.value is not None]
    if not given:
        return None
    errors = [float(each.label) - float(each.value or 0.0) for each in given]
    span = Range(comparison.metric.low, comparison.metric.high).contrast()
    groups = [each.row.case.group for each in given]
    return Figure.of(mean_interval(errors, confidence, span=span, groups=groups))


def _categories(
    found: Agreement, compared: Sequence[Compared], groups: list[str | None], confidence: float
) -> Agreement:
    people = [str(each.label) for each in compared]
    judge = [NO_SCORE if each.value is None else str(each.value) for each in compared]
    return replace(
        found,
        classes=dict(sorted(Counter(people).items())),
        accuracy=Figure.of(_same(judge, people, groups, confidence)),
        kappa=Figure.of(kappa_interval(judge, people, confidence, groups=groups)),
        alpha=Figure.of(alpha_interval(list(zip(judge, people, strict=True)), confidence, groups=groups)),
        confusion=_confusion(people, judge),
    )


def _same(
    first: Sequence[ScoreValue], second: Sequence[ScoreValue], groups: list[str | None], confidence: float
) -> Estimate:
    agree = [float(a == b) for a, b in zip(first, second, strict=True)]
    return rate_interval(agree, confidence, exact=True, groups=groups)


def _scores(compared: Sequence[Compared], comparison: Comparison, truths: Sequence[bool]) -> list[float] | None:
    """The judge's values so that more is better; None where they are labels."""
    if comparison.metric.kind is MetricKind.LABEL:
        return None
    rising = [truth if comparison.rising else not truth for truth in truths]
    values = _filled(compared, comparison, rising)
    return values if comparison.rising else [-value for value in values]


def _filled(compared: Sequence[Compared], comparison: Comparison, high: Sequence[bool]) -> list[float]:
    """The judge's numbers; where there is none, the far end from where people stand.

    Args:
        compared: The answers.
        comparison: With the metric, whose range gives the ends.
        high: Whether a value near the upper end would be right.
    """
    known = [float(each.value) for each in compared if each.value is not None]
    metric = comparison.metric
    is_truth = metric.kind is MetricKind.BOOL
    least = 0.0 if is_truth else min(known, default=0.0) if metric.low is None else metric.low
    most = 1.0 if is_truth else max(known, default=0.0) if metric.high is None else metric.high
    return [
        (least if wanted else most) if each.value is None else float(each.value)
        for each, wanted in zip(compared, high, strict=True)
    ]


def _confusion(people: Iterable[str], judge: Iterable[str]) -> tuple[Confusion, ...]:
    counts = Counter(zip(people, judge, strict=True))
    return tuple(Confusion(people=p, judge=j, answers=counts[p, j]) for p, j in sorted(counts))


def _people(labels: Labels, confidence: float) -> People:
    ratings = [row.labels for row in labels.rows]
    level = Level.INTERVAL if labels.kind is LabelKind.NUMBER else Level.NOMINAL
    alpha = alpha_interval(ratings, confidence, level=level, groups=labels.groups) if labels.people > 1 else None
    return People(most=labels.people, split=sum(row.agreed is None for row in labels.rows), alpha=Figure.of(alpha))


def _stability(
    labels: Labels, comparison: Comparison, plan: Plan, answers: Mapping[str, Judged], confidence: float
) -> Stability:
    asked = [[answers[name].score for name in names] for names in plan.repeats]
    failed = sum(not isinstance(score, Scored) for scores in asked for score in scores)
    ratings: list[list[ScoreValue | None]] = [
        [_rating(comparison, score.value) if isinstance(score, Scored) else None for score in scores]
        for scores in asked
    ]
    graded = comparison.metric.kind is MetricKind.NUMERIC and not comparison.verdicts
    level = Level.INTERVAL if graded else Level.NOMINAL
    groups = [labels.rows[place].case.group for place in plan.repeated]
    equal = [len(set(given)) == 1 and None not in given for given in ratings]
    return Stability(
        answers=len(asked),
        repeats=max((len(scores) for scores in asked), default=1),
        failed=failed,
        equal=rounded(sum(equal) / len(equal)) if equal else None,
        alpha=Figure.of(alpha_interval(ratings, confidence, level=level, groups=groups)),
    )


def _rating(comparison: Comparison, value: ScoreValue) -> ScoreValue:
    return comparison.judged_good(value) if comparison.verdicts else value


def _canaries(comparison: Comparison, plan: Plan, answers: Mapping[str, Judged]) -> Iterable[CanaryFigure]:
    by_name: dict[str, list[tuple[str, bool | None, bool]]] = {}
    for asked in plan.canaries:
        score = answers[asked.question].score
        told = (asked.why, _is_low(comparison, score), not isinstance(score, Scored))
        by_name.setdefault(asked.name, []).append(told)
    for name, found in by_name.items():
        yield CanaryFigure(
            name=name,
            why=found[0][0],
            asked=len(found),
            low=sum(is_low is True for _, is_low, _ in found),
            failed=sum(failed for _, _, failed in found),
        )


def _is_low(comparison: Comparison, score: object) -> bool | None:
    """Whether a canary's score is low; a label is where it does not pass. None where nothing says."""
    if not isinstance(score, Scored):
        return False
    told = low(comparison.metric, score.value)
    if told is None and comparison.verdicts:
        return not comparison.judged_good(score.value)
    return told


def _length(compared: Sequence[Compared], comparison: Comparison, confidence: float) -> Figure | None:
    known = [each for each in compared if each.value is not None]
    if comparison.metric.kind is MetricKind.LABEL or not known:
        return None
    people = [_number(comparison, each.label) for each in known]
    values = [float(each.value) for each in known if each.value is not None]
    return Figure.of(
        spearman_interval(
            values if comparison.rising else [-value for value in values],
            [float(len(each.row.output.text)) for each in known],
            confidence,
            given=people,
            groups=[each.row.case.group for each in known],
        )
    )


def _number(comparison: Comparison, label: ScoreValue) -> float:
    return float(comparison.people_good(label)) if isinstance(label, bool | str) else label


def _effort(answers: Iterable[Judged]) -> Effort:
    judged = list(answers)
    usages = [each.score.usage for each in judged if not isinstance(each.score, Skipped)]
    seconds = [each.seconds for each in judged if each.seconds is not None]
    asking = [usage for usage in usages if usage.requests]
    costs = [usage.cost for usage in asking]
    cost = None if None in costs else sum(cost for cost in costs if cost is not None)
    return Effort(
        judgements=len(judged),
        requests=sum(usage.requests for usage in usages),
        cost=None if cost is None else rounded(cost),
        seconds=rounded(statistics.median(seconds)) if seconds else None,
    )


def _word(good: bool) -> str:
    return GOOD if good else BAD
