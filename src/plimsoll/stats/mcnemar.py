"""Tests on two paired truth values from the pairs that changed: McNemar's, exact and mid-p.

They say whether gains and losses balance. Whether a loss is small enough they can't say: for that the gate has a
margin and Tango's interval (`docs/design/stats.md`).
"""

from __future__ import annotations


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided p-value that gains and losses are equally likely (McNemar 1947; exact binomial).

    Its error is never above the nominal, and with few changed pairs far below it.

    Args:
        gained: Pairs false before and true after.
        lost: Pairs true before and false after.

    Returns:
        1 where nothing changed.

    Raises:
        ValueError: a count is negative.
    """
    from scipy.special import bdtr

    changed = _changed(gained, lost)
    return min(1.0, 2 * float(bdtr(min(gained, lost), changed, 0.5)))


def mcnemar_mid_p(gained: int, lost: int) -> float:
    """The same with half the probability of what was seen taken off (Lancaster 1961; Fagerland et al. 2013).

    Nearer to the nominal error than the exact one, which it can exceed slightly. 1 where gains and losses are equal.
    """
    from scipy.special import bdtr

    changed = _changed(gained, lost)
    least = min(gained, lost)
    below = float(bdtr(least - 1, changed, 0.5)) if least else 0.0
    return below + float(bdtr(least, changed, 0.5))


def mcnemar_chi2(gained: int, lost: int, *, corrected: bool = False) -> tuple[float, float]:
    """The chi-squared statistic and its p-value (McNemar 1947): for comparing with published tables.

    Without correction it is the square of Tango's score at a difference of 0, which the gate's interval inverts; with
    the correction for continuity (Edwards 1948) it is more cautious than the exact test at times. 0 and 1 where
    nothing changed.
    """
    from scipy.special import chdtrc

    changed = _changed(gained, lost)
    if not changed:
        return 0.0, 1.0
    statistic = max(0, abs(gained - lost) - corrected) ** 2 / changed
    return statistic, float(chdtrc(1, statistic))


def _changed(gained: int, lost: int) -> int:
    if gained < 0 or lost < 0:
        raise ValueError("a count of pairs is negative")
    return gained + lost
