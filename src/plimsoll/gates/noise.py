"""How much of an estimate's error lies within cases, between the repeats of each: what more repeats can take away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from plimsoll.gates.check import Claim
from plimsoll.gates.evidence import Evidence
from plimsoll.gates.figures import factor_of
from plimsoll.stats import variance_components

_MOST = 50
"""More repeats than so many are no advice."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The squared error of an estimate, by where it comes from."""

    between: float
    """From the cases, and from whatever else repeats leave as it is."""
    within: float
    """From the repeats of each case."""
    repeats: int
    """Of a case, at the most."""

    @classmethod
    def of(cls, claim: Claim, evidence: Evidence, error: float) -> Noise | None:
        """The parts of an error; None where every case was answered once, or the figures are a corrected judge's.

        Args:
            claim: The rule.
            evidence: With one value for each repeat.
            error: The estimate's standard error, as its interval has it.
        """
        factor = factor_of(claim)
        values = [
            [ours.value - factor * theirs.value for ours, theirs in zip(pair.challenger, pair.baseline, strict=True)]
            if claim.rule.relative
            else [reading.value for reading in pair.challenger]
            for pair in evidence.pairs
        ]
        found = variance_components(values)
        if found is None or claim.correction is not None:
            return None
        # As a weighted mean has it: groups of cases and what the interval adds stay with what repeats leave.
        shares = sum(weight**2 / len(own) for weight, own in zip(evidence.weights, values, strict=True))
        within = found.within * shares / sum(evidence.weights) ** 2
        return cls(max(0.0, error**2 - within), within, max(map(len, values)))

    def repeats_for(self, share: float) -> int | None:
        """How many repeats of each case bring the squared error down to a `share` of what it is.

        Returns:
            None where no number of them does, or only an absurd one.
        """
        room = (self.between + self.within) * share - self.between
        if room <= 0:
            return None
        needed = math.ceil(self.repeats * self.within / room - 1e-9)
        return needed if self.repeats < needed <= _MOST else None
