"""Measures of a ranked list against the relevant documents: each 0 to 1, higher is better.

`ranked` are the ids in their order, each once; `grades` the relevant ones with their grade above 0. Definitions as in
Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), chapter 8, unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

Grades = Mapping[str, float]


def recall(ranked: Sequence[str], grades: Grades, k: int) -> float:
    """The share of the relevant documents that are among the first k."""
    return sum(each in grades for each in ranked[:k]) / len(grades)


def precision(ranked: Sequence[str], grades: Grades, k: int) -> float:
    """The share of k places that hold a relevant document; a place that was left empty holds none (trec_eval)."""
    return sum(each in grades for each in ranked[:k]) / k


def reciprocal_rank(ranked: Sequence[str], grades: Grades, k: int) -> float:
    """1 / the place of the first relevant document, 0 where none is among the first k (Voorhees, TREC-8, 1999)."""
    return next((1 / place for place, each in enumerate(ranked[:k], 1) if each in grades), 0.0)


def hit(ranked: Sequence[str], grades: Grades, k: int) -> float:
    """1 where a relevant document is among the first k, else 0: its mean is the hit rate."""
    return float(any(each in grades for each in ranked[:k]))


def ndcg(ranked: Sequence[str], grades: Grades, k: int) -> float:
    """DCG over the best possible DCG of the first k, with DCG = Σ grade / log2(place + 1).

    Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, with the discount from the first place on, as trec_eval and
    scikit-learn compute it.
    """
    best = _dcg(sorted(grades.values(), reverse=True)[:k])
    # Rounding may put the best order a hair above itself.
    return min(1.0, _dcg(grades.get(each, 0.0) for each in ranked[:k]) / best)


def _dcg(gains: Iterable[float]) -> float:
    return math.fsum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))
