"""pass@k and pass^k: whether any of k attempts passes, and whether all of them do.

Both are estimated without bias from n ≥ k attempts; putting the observed share into 1 − (1 − p)^k or p^k is biased.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def pass_at_k(attempts: int, passed: int, k: int) -> float:
    """The chance that at least one of k attempts passes: pass@k (Chen et al. 2021, equation 1).

    Args:
        attempts: Of one case.
        passed: Of those.
        k: Attempts that are drawn, without putting any back.

    Raises:
        ValueError: k is not from 1 to `attempts`, or `passed` not from 0 to it.
    """
    _check(attempts, passed, k)
    return 1 - math.comb(attempts - passed, k) / math.comb(attempts, k)


def pass_hat_k(attempts: int, passed: int, k: int) -> float:
    """The chance that all of k attempts pass: pass^k (Yao et al. 2024, "τ-bench").

    Arguments and errors are those of `pass_at_k`.
    """
    _check(attempts, passed, k)
    return math.comb(passed, k) / math.comb(attempts, k)


def mean_pass_at_k(cases: Sequence[Sequence[bool]], k: int) -> float | None:
    """pass@k averaged over cases, each with its attempts.

    Returns:
        None without cases.

    Raises:
        ValueError: k is below 1, or a case has fewer than k attempts.
    """
    return _mean(pass_at_k, cases, k)


def mean_pass_hat_k(cases: Sequence[Sequence[bool]], k: int) -> float | None:
    """pass^k averaged over cases; as `mean_pass_at_k`."""
    return _mean(pass_hat_k, cases, k)


def _mean(single: Callable[[int, int, int], float], cases: Sequence[Sequence[bool]], k: int) -> float | None:
    if not cases:
        return None
    return math.fsum(single(len(attempts), sum(attempts), k) for attempts in cases) / len(cases)


def _check(attempts: int, passed: int, k: int) -> None:
    if not 0 <= passed <= attempts:
        raise ValueError("passed attempts are from none to all")
    if not 1 <= k <= attempts:
        raise ValueError(f"k = {k} of {attempts} attempts: k must be from 1 to the attempts that there are")
