"""How far two or more judgements of the same cases agree: the figures, each None where it is not defined.

Undefined is what rests on no variation: nobody can agree or disagree beyond chance about answers that all got the
same label. It is never put down as 0 or 1.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import permutations
from typing import TypeAlias

Value: TypeAlias = bool | float | str


class Level(StrEnum):
    """What a difference between two values means."""

    NOMINAL = "nominal"
    """They differ or they don't."""
    ORDINAL = "ordinal"
    """By how many values lie between them."""
    INTERVAL = "interval"
    """By the square of their distance."""


class Weights(StrEnum):
    """How much a disagreement counts in Cohen's kappa."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


def cohen_kappa(first: Sequence[Value], second: Sequence[Value], weights: Weights = Weights.NONE) -> float | None:
    """Agreement of two judges beyond chance: 1 − observed ÷ expected disagreement (Cohen 1960; weighted, 1968).

    Args:
        first: One judge's values, a case each.
        second: The other's, in the same order.
        weights: By distance of the values, which then are numbers or truth values.

    Returns:
        From −1 to 1; None without cases, or where both gave one and the same value to all.
    """
    distance = _DISTANCES[weights]
    observed, expected = kappa_parts(first, second, distance)
    return 1 - observed / expected if expected > 0 else None


def kappa_parts(
    first: Sequence[Value], second: Sequence[Value], distance: Callable[[Value, Value], float]
) -> tuple[float, float]:
    """Mean disagreement as it was seen, and as it would be if the judges judged by chance with the same shares."""
    count = len(first)
    if not count:
        return 0.0, 0.0
    seen = Counter(zip(first, second, strict=True))
    ours, theirs = Counter(first), Counter(second)
    observed = math.fsum(times * distance(a, b) for (a, b), times in seen.items()) / count
    expected = math.fsum(m * n * distance(a, b) for a, m in ours.items() for b, n in theirs.items()) / count**2
    return observed, expected


def distance_of(weights: Weights) -> Callable[[Value, Value], float]:
    """The disagreement that kappa counts."""
    return _DISTANCES[weights]


def krippendorff_alpha(ratings: Sequence[Sequence[Value | None]], level: Level = Level.NOMINAL) -> float | None:
    """Agreement of any number of raters, some of whose ratings may be missing (Krippendorff 2004, chapter 11).

    Args:
        ratings: For each case the values it got, in any order; None is missing. A case with fewer than two says
            nothing.
        level: What a difference means; ordinal and interval want numbers or truth values.

    Returns:
        Up to 1; 0 is chance, below it disagreement beyond chance. None where all values are one and the same.
    """
    observed, expected = alpha_parts(ratings, level)
    return 1 - observed / expected if expected > 0 else None


def alpha_parts(ratings: Sequence[Sequence[Value | None]], level: Level) -> tuple[float, float]:
    """Mean disagreement within cases, and over all pairs of values."""
    known = [given for case in ratings if len(given := [value for value in case if value is not None]) > 1]
    totals = Counter(value for given in known for value in given)
    count = totals.total()
    if not count:
        return 0.0, 0.0
    distance = _alpha_distance(level, totals)
    within: Counter[tuple[Value, Value]] = Counter()
    for given in known:
        for pair in permutations(given, 2):
            # Weighted by one less than the ratings of the case, so that each value counts once.
            within[pair] += 1 / (len(given) - 1)  # type: ignore[assignment]  # weights, not counts
    observed = math.fsum(weight * distance(a, b) for (a, b), weight in within.items()) / count
    if level is Level.INTERVAL:
        mean = math.fsum(float(value) * times for value, times in totals.items()) / count
        squares = math.fsum(times * (float(value) - mean) ** 2 for value, times in totals.items())
        return observed, 2 * squares / (count - 1)
    between = (m * n * distance(a, b) for a, m in totals.items() for b, n in totals.items())
    return observed, math.fsum(between) / (count * (count - 1))


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties by their mean rank; None where a side does not vary."""
    return _pearson(ranks(first), ranks(second))


def partial_spearman(first: Sequence[float], second: Sequence[float], given: Sequence[float]) -> float | None:
    """Rank correlation of two values beyond what both owe to a third (Kendall's partial, on Spearman's rho).

    None where a side does not vary, or the third explains one of them wholly.
    """
    one, two, three = ranks(first), ranks(second), ranks(given)
    both, of_one, of_two = _pearson(one, two), _pearson(one, three), _pearson(two, three)
    if both is None:
        return None
    if of_one is None or of_two is None:
        # What does not vary explains nothing.
        return both
    rest = (1 - of_one**2) * (1 - of_two**2)
    if rest < 1e-12:
        return None
    return max(-1.0, min(1.0, (both - of_one * of_two) / math.sqrt(rest)))


def auc(scores: Sequence[float], truths: Sequence[bool]) -> float | None:
    """How often a true case has the higher score than a false one, ties half (Mann and Whitney 1947).

    The area under the ROC curve. None where all are true, or all false.
    """
    false = sorted(score for score, truth in zip(scores, truths, strict=True) if not truth)
    true = [score for score, truth in zip(scores, truths, strict=True) if truth]
    if not true or not false:
        return None
    won = sum(bisect_left(false, score) + bisect_right(false, score) for score in true)
    return won / (2 * len(true) * len(false))


def ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal values share the mean of their ranks."""
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + bisect_right(ordered, value) + 1) / 2 for value in values]


def _pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    count = len(first)
    if count < 2:
        return None
    mean, other = math.fsum(first) / count, math.fsum(second) / count
    spread = math.fsum((a - mean) ** 2 for a in first) * math.fsum((b - other) ** 2 for b in second)
    if spread <= 0:
        return None
    together = math.fsum((a - mean) * (b - other) for a, b in zip(first, second, strict=True))
    return max(-1.0, min(1.0, together / math.sqrt(spread)))


def _apart(first: Value, second: Value) -> float:
    return float(first != second)


def _linear(first: Value, second: Value) -> float:
    return abs(float(first) - float(second))


def _quadratic(first: Value, second: Value) -> float:
    return (float(first) - float(second)) ** 2


_DISTANCES: dict[Weights, Callable[[Value, Value], float]] = {
    Weights.NONE: _apart,
    Weights.LINEAR: _linear,
    Weights.QUADRATIC: _quadratic,
}


def _alpha_distance(level: Level, totals: Counter[Value]) -> Callable[[Value, Value], float]:
    if level is Level.NOMINAL:
        return _apart
    if level is Level.INTERVAL:
        return _quadratic
    place: dict[Value, float] = {}
    below = 0
    for value in sorted(totals, key=float):
        # The middle of the value's own ratings, in the order of all: distances of middles are Krippendorff's sums.
        place[value] = below + totals[value] / 2
        below += totals[value]
    return lambda first, second: (place[first] - place[second]) ** 2
