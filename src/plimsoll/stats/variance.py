"""Where the noise comes from: between cases, or between the repeats of a case. It says whether repeats can help.

More repeats shrink only what lies within cases; what lies between them only more cases shrink (Miller 2024, "Adding
error bars to evals").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Components:
    """One-way random effects: a value is the mean + what the case adds + what the repeat adds."""

    between: float
    """Variance of the cases' true means; never below 0."""
    within: float
    """Variance of the repeats of one case."""
    mean_square_between: float
    mean_square_within: float
    cases: int
    values: int
    """Repeats of all cases together."""

    @property
    def intraclass(self) -> float | None:
        """ICC(1): the share of the variance that lies between cases (Shrout and Fleiss 1979); None without any."""
        whole = self.between + self.within
        return self.between / whole if whole > 0 else None

    def standard_error(self, cases: int, repeats: float) -> float:
        """Of the mean over `cases` with `repeats` each; `math.inf` repeats leave what lies between cases."""
        return math.sqrt((self.between + self.within / repeats) / cases)


def variance_components(repeats: Sequence[Sequence[float]]) -> Components | None:
    """Split the variance by analysis of variance (Searle, Casella and McCulloch 1992).

    Unequal numbers of repeats are weighed as the analysis of variance does. An estimate of the between-case variance
    that comes out negative is 0.

    Args:
        repeats: For each case its values, or its paired differences, one for each repeat; a case without any is left
            out.

    Returns:
        None where it can't be told: fewer than two cases, or no case with two repeats.

    Raises:
        ValueError: a value is not finite.
    """
    groups = [values for values in repeats if values]
    cases, count = len(groups), sum(len(values) for values in groups)
    if not all(math.isfinite(value) for values in groups for value in values):
        raise ValueError("a value is not finite")
    if cases < 2 or count == cases:
        return None
    mean = math.fsum(value for values in groups for value in values) / count
    means = [math.fsum(values) / len(values) for values in groups]
    outer = math.fsum(len(values) * (own - mean) ** 2 for values, own in zip(groups, means, strict=True))
    inner = math.fsum((value - own) ** 2 for values, own in zip(groups, means, strict=True) for value in values)
    between, within = outer / (cases - 1), inner / (count - cases)
    usual = (count - sum(len(values) ** 2 for values in groups) / count) / (cases - 1)
    return Components(max(0.0, (between - within) / usual), within, between, within, cases, count)


def repeats_needed(components: Components, cases: int, error: float) -> int | None:
    """How many repeats of each case bring the mean's standard error down to `error`.

    Args:
        components: Of the values, or of the paired differences, that are averaged.
        cases: That are repeated.
        error: The standard error that is wanted, in the metric's unit.

    Returns:
        None where no number of repeats does, because the cases themselves differ too much: more cases are needed.
    """
    room = cases * error**2 - components.between
    if components.within == 0 and room >= 0:
        return 1
    if room <= 0:
        return None
    # Rounding is not to cost a repeat.
    return max(1, math.ceil(components.within / room - 1e-9))
