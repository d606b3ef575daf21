"""How often the gate can decide a margin for paired truth values, and how many cases that takes: before anything runs.

The gate's rule is Tango's interval of the difference (`means.mean_interval`), which passes above −margin and fails
below it. Its chances follow from how many pairs change: they are summed over every possible count of gains and
losses, not drawn at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeAlias

from plimsoll.stats.estimate import t_quantile, z_quantile
from plimsoll.stats.means import truth_degrees
from plimsoll.stats.power import POWER

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    _Counts: TypeAlias = npt.NDArray[np.int64]
    _Truths: TypeAlias = npt.NDArray[np.bool_]

_SUMMED = 2_500
"""Changed pairs to expect up to which every count is summed; beyond it the statistic is taken as normal, which there
moves a chance by less than 0.001."""
_REACH = 6.5
"""Standard deviations on both sides over which counts are summed; what lies beyond has a chance of 1e-10."""
_MOST = 1e9


@dataclass(frozen=True, slots=True)
class MarginPower:
    """The chances of a rule's three outcomes; they add up to one."""

    passes: float
    fails: float
    undecided: float


def margin_power(
    cases: int, margin: float, *, discordant: float, confidence: float, difference: float = 0.0
) -> MarginPower:
    """What a not-worse-than rule on paired truth values comes to.

    Args:
        cases: Single pairs, all of equal weight.
        margin: The loss that is allowed, as a share: 0.02 are two points.
        discordant: Share of the cases that change, one way or the other.
        confidence: Of the gate's interval, two-sided.
        difference: The true difference: the share that gains minus the share that loses.

    Raises:
        ValueError: fewer than one case, a share outside 0 to 1, or a difference larger than what changes.
    """
    gains, losses = _shares(cases, margin, discordant, difference)
    if cases < 2:
        return MarginPower(0.0, 0.0, 1.0)
    test = _Test(cases, margin, t_quantile(truth_degrees(cases), confidence), (1 - confidence) / 2)
    passes, fails = (_normal if cases * discordant > _SUMMED else _summed)(test, gains, losses)
    return MarginPower(passes, fails, max(0.0, 1 - passes - fails))


def cases_for_margin(margin: float, *, discordant: float, confidence: float, power: float = POWER) -> float:
    """How many cases a not-worse-than rule on truth values needs to pass two equal sides with `power`.

    The chance rises with the cases in small steps, as counts are whole; the figure is where it crosses `power`.

    Args:
        margin: The loss that is allowed, as a share.
        discordant: Share of the cases that change though the sides are equally good.
        confidence: Of the gate's interval, two-sided.
        power: The chance of a pass that is wanted.

    Returns:
        A whole number, or infinity where it would take more than a thousand million.
    """
    _shares(1, margin, discordant, 0.0)

    def enough(cases: int) -> bool:
        return margin_power(cases, margin, discordant=discordant, confidence=confidence).passes >= power

    hypothesis = math.sqrt(float(_null_variance(discordant / 2, discordant / 2, -margin)))
    reach = z_quantile(confidence) * hypothesis + NormalDist().inv_cdf(power) * math.sqrt(discordant)
    guess = (max(reach, 0.0) / margin) ** 2
    if guess > _MOST:
        return math.inf
    low, high = 1, max(2, math.ceil(guess))
    if enough(high):
        while high > 2 and enough(low := max(1, math.floor(high * 0.9))):
            high = low
    else:
        while not enough(high):
            low, high = high, math.ceil(high * 1.1)
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return float(high)


def _shares(cases: int, margin: float, discordant: float, difference: float) -> tuple[float, float]:
    """The share that gains and the share that loses."""
    if cases < 1:
        raise ValueError("there must be a case")
    if not 0 < margin < 1:
        raise ValueError("a margin on truth values lies between 0 and 1")
    if not abs(difference) <= discordant <= 1:
        raise ValueError("the share of changed cases lies between the difference's size and 1")
    return (discordant + difference) / 2, (discordant - difference) / 2


@dataclass(frozen=True, slots=True)
class _Test:
    """The rule's test of so many pairs."""

    cases: int
    margin: float
    critical: float
    tail: float
    """The error on one side, for the exact bound where all pairs did the same."""


def _summed(test: _Test, gains: float, losses: float) -> tuple[float, float]:
    import numpy as np
    from scipy.special import gammaln, xlogy

    cases = test.cases
    gained, lost = _likely(cases, gains), _likely(cases, losses)
    logs = gammaln(np.arange(cases + 1) + 1.0)
    unchanged = cases - gained[:, None] - lost[None, :]
    possible = unchanged >= 0
    unchanged = np.maximum(unchanged, 0)
    log_chance = (
        (logs[-1] + xlogy(gained, gains) - logs[gained])[:, None]
        + (xlogy(lost, losses) - logs[lost])[None, :]
        + xlogy(unchanged, max(0.0, 1 - gains - losses))
        - logs[unchanged]
    )
    chance = np.where(possible, np.exp(log_chance), 0.0)
    above, below = _decided(test, gained[:, None], lost[None, :])
    return float(chance[above].sum()), float(chance[below].sum())


def _likely(cases: int, share: float) -> _Counts:
    import numpy as np

    # Of few expected counts the distribution is skewed, and reaches farther than its standard deviation tells.
    reach = _REACH * math.sqrt(cases * share * (1 - share)) + (20 if 0 < share < 1 else 0)
    low, high = max(0, math.floor(cases * share - reach)), min(cases, math.ceil(cases * share + reach))
    return np.arange(low, high + 1)


def _decided(test: _Test, gained: _Counts, lost: _Counts) -> tuple[_Truths, _Truths]:
    """Where the interval lies above −margin, and where below: as `mean_interval` decides it."""
    import numpy as np

    cases, margin, critical, tail = test.cases, test.margin, test.critical, test.tail
    distance = gained - lost + cases * margin
    error = np.sqrt(cases * _null_variance(gained / cases, lost / cases, -margin))
    above, below = distance > critical * error, distance < -critical * error
    # Where all pairs did the same the interval is the exact binomial one.
    above = np.where(gained + lost == 0, (1 - margin) ** cases < tail, above)
    above = np.where(gained == cases, ((1 - margin) / 2) ** cases < tail, above)
    below = np.where(lost == cases, ((1 + margin) / 2) ** cases < tail, below)
    return above, below


def _normal(test: _Test, gains: float, losses: float) -> tuple[float, float]:
    cases, margin, difference = test.cases, test.margin, gains - losses
    hypothesis = test.critical * math.sqrt(float(_null_variance(gains, losses, -margin)) / cases)
    error = math.sqrt((gains + losses - difference**2) / cases)
    if error == 0:
        return float(difference + margin > hypothesis), float(difference + margin < -hypothesis)
    normal = NormalDist()
    return (
        normal.cdf((difference + margin - hypothesis) / error),
        normal.cdf((-difference - margin - hypothesis) / error),
    )


def _null_variance(gained: Any, lost: Any, difference: float) -> Any:
    """Of one pair's change under a true `difference`, by the likeliest shares that have it (Tango 1998)."""
    import numpy as np

    slope = (2 - gained + lost) * difference - gained - lost
    constant = -lost * difference * (1 - difference)
    losing = (np.sqrt(np.maximum(slope**2 - 8 * constant, 0.0)) - slope) / 4
    return 2 * losing + difference * (1 - difference)
