"""Tests on paired differences that ask less of the values than Student's: signs, ranks, and flipped signs.

None of them decides a gate's rule: each has another null hypothesis than "the mean difference is 0", and their
p-values on the same data differ (`docs/design/stats.md`). They are for whoever fixes one of them beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

from plimsoll.stats.agreement import ranks
from plimsoll.stats.mcnemar import mcnemar_exact
from plimsoll.stats.units import DIGITS

_FEW = 50
"""Differences other than 0 up to which the signed-rank test is exact unless told otherwise."""
_MOST_FLIPS = 20
"""Differences other than 0 up to which every pattern of signs is looked at: a million."""


class Zeros(StrEnum):
    """What the signed-rank test does with differences of 0."""

    WILCOX = "wilcox"
    """They are left out (Wilcoxon 1945)."""
    PRATT = "pratt"
    """They are ranked, then left out (Pratt 1959)."""


class RankMethod(StrEnum):
    """Where the signed-rank test's p-value comes from."""

    EXACT = "exact"
    """All patterns of signs, with the ties and zeros that there are."""
    TABLE = "table"
    """The distribution without ties and zeros, as tables have it; with them it is only near."""
    NORMAL = "normal"
    """The normal approximation, corrected for ties."""


class SignedRanks(NamedTuple):
    """What the signed-rank test found."""

    statistic: float
    """The smaller of the two rank sums."""
    p_value: float
    """Two-sided."""


def sign_test(differences: Sequence[float]) -> float:
    """Two-sided exact p-value that a difference is as often above 0 as below. Zeros are left out; 1 without others."""
    values = _rounded(differences)
    return mcnemar_exact(sum(value > 0 for value in values), sum(value < 0 for value in values))


def signed_ranks(
    differences: Sequence[float], *, zeros: Zeros = Zeros.WILCOX, method: RankMethod | None = None
) -> SignedRanks:
    """The signed-rank test (Wilcoxon 1945) that differences lie symmetrically about 0; p is 1 where all are 0.

    Args:
        differences: Paired, one for each case.
        zeros: What is done with differences of 0.
        method: Where the p-value comes from. Default: exact up to 50 differences other than 0, else normal.

    Raises:
        ValueError: a difference is not finite.
    """
    from scipy.stats import wilcoxon

    values = _rounded(differences)
    changed = sum(value != 0 for value in values)
    if not changed:
        return SignedRanks(0.0, 1.0)
    if method is RankMethod.EXACT or (method is None and changed <= _FEW):
        return _exact_ranks(values, zeros)
    name: Literal["exact", "approx"] = "exact" if method is RankMethod.TABLE else "approx"
    found = wilcoxon(values, zero_method=zeros.value, method=name)
    return SignedRanks(float(found.statistic), float(found.pvalue))


def _exact_ranks(values: Sequence[float], zeros: Zeros) -> SignedRanks:
    import numpy as np

    kept = [value for value in values if value or zeros is Zeros.PRATT]
    # Tied ranks are halves: twice the rank is a whole number.
    doubled = [
        (value, round(2 * rank))
        for value, rank in zip(kept, ranks([abs(value) for value in kept]), strict=True)
        if value
    ]
    whole = sum(rank for _, rank in doubled)
    positive = sum(rank for value, rank in doubled if value > 0)
    least = min(positive, whole - positive)
    chances = np.zeros(whole + 1)
    chances[0] = 1.0
    for _, rank in doubled:
        with_it = np.zeros_like(chances)
        with_it[rank:] = chances[: whole + 1 - rank]
        chances = (chances + with_it) / 2
    return SignedRanks(least / 2, min(1.0, 2 * float(chances[: least + 1].sum())))


def sign_flip_test(differences: Sequence[float]) -> float:
    """Two-sided exact p-value of the mean over all patterns of signs (Fisher 1935): differences symmetric about 0.

    Raises:
        ValueError: a difference is not finite, or more than 20 differ from 0.
    """
    import numpy as np

    changed = [abs(value) for value in _rounded(differences) if value]
    if len(changed) > _MOST_FLIPS:
        raise ValueError(f"{len(changed)} differences: every pattern of signs is looked at up to {_MOST_FLIPS}")
    sums = np.zeros(1)
    for value in changed:
        sums = np.concatenate((sums + value, sums - value))
    # Sums that are equal but for the order of adding count as equal.
    observed = abs(math.fsum(differences)) * (1 - 1e-9) - 10**-DIGITS
    return float(np.mean(np.abs(sums) >= observed))


def _rounded(differences: Sequence[float]) -> list[float]:
    if not all(math.isfinite(value) for value in differences):
        raise ValueError("a difference is not finite")
    return [round(float(value), DIGITS) for value in differences]
