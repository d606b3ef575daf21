"""The bootstrap of a mean: percentile and BCa, groups drawn whole. For looking at a figure; no rule is decided by it.

Where few units differ the bootstrap sees what the data show and no more, so that it has no width where they do not
vary; the gate's intervals do (`docs/design/stats.md`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.stats.estimate import Estimate, Method
from plimsoll.stats.units import DIGITS, units_of

if TYPE_CHECKING:
    import numpy as np

_BATCH = 1_000
"""Resamples that are held at once."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A mean with its interval by resampling."""

    estimate: Estimate
    """Limits are None where fewer than two units differ: resampling says nothing then."""
    standard_error: float
    """The spread of the resampled means."""


def bootstrap_mean(
    values: Sequence[float],
    confidence: float,
    generator: np.random.Generator,
    *,
    corrected: bool = True,
    weights: Sequence[float] | None = None,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 9_999,
) -> Bootstrap:
    """The weighted mean, its units resampled (Efron 1987; whole groups: Davison and Hinkley 1997).

    Args:
        values: One for each case.
        confidence: Two-sided.
        generator: Where the draws come from: the same seed, the same limits.
        corrected: BCa limits, else percentiles.
        weights: Of the cases. Default: all alike.
        groups: Cases of one group are drawn together. Default: each on its own.
        resamples: How many.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    import numpy as np
    from scipy.stats import bootstrap

    units = units_of(values, weights, groups)
    low: float | None = None
    high: float | None = None
    method, error = Method.NONE, 0.0
    if len({round(value, DIGITS) for value in units.values}) > 1:
        found = bootstrap(
            (np.array(units.values), np.array(units.shares)),
            _mean,
            paired=True,
            vectorized=True,
            confidence_level=confidence,
            n_resamples=resamples,
            batch=_BATCH,
            method="BCa" if corrected else "percentile",
            rng=generator,
        )
        method, error = (Method.BCA if corrected else Method.BOOTSTRAP), float(found.standard_error)
        low, high = float(found.confidence_interval.low), float(found.confidence_interval.high)
    estimate = Estimate(units.mean, low, high, units.cases, len(units.values), units.effective, method)
    return Bootstrap(estimate, error)


def _mean(values: Any, shares: Any, axis: int = -1) -> Any:
    return (values * shares).sum(axis=axis) / shares.sum(axis=axis)
