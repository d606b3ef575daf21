"""What stopping early costs and saves: the sequential gate beside the one of fixed size, by simulation.

The rule is `not_worse_than: baseline` with a margin of 0.05 at 95% confidence, over single cases: a truth value of
which 10% of the cases change, and a numeric score of which 60% do. Blocks, levels, intervals and lines are the gate's
own (`blocks_of`, `Drawn.confidence`, `mean_interval`, `Line`); only the report around them is left out, which `decide`
would read again at each look. Run it with

    python benchmarks/sequential.py [rounds] [looks]
"""

import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.config.policy import Rule
from plimsoll.gates.check import Claim
from plimsoll.gates.figures import Line
from plimsoll.gates.looks import Drawn, blocks_of, widened
from plimsoll.stats import Range, mean_interval
from plimsoll.types import Case, Decision, Look, Metric

SIZES = (200, 500)
DIFFERENCES = (0.05, 0.02, 0.0, -0.02, -0.05, -0.10)
MARGIN, CONFIDENCE = 0.05, 0.95
CHANGED = 0.10
ON_THE_MARGIN = 10
"""Times as many rounds where the truth lies on the margin: there the errors are counted."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Of one size: how many cases each look has, and the level of its intervals."""

    sizes: tuple[int, ...]
    levels: tuple[float, ...]

    @classmethod
    def of(cls, cases: int, looks: int) -> "Design":
        """As the gate draws it."""
        rows = {f"c{place}": Case(id=f"c{place}", inputs={}) for place in range(cases)}
        blocks = blocks_of(rows, looks, seed=0)
        claim = Claim(Rule(metric="score", not_worse_than="baseline", margin=MARGIN), Metric(name="score"))
        drawn = [Drawn(Look(number=number, of=looks), blocks, rows) for number in range(1, looks + 1)]
        sizes = tuple(len(each.ids) for each in drawn)
        return cls(sizes, tuple(each.confidence(CONFIDENCE, claim) for each in drawn))


def outcome(values: Values, level: float, *, truth: bool) -> Decision:
    """What the rule says of paired differences, at the level of a look."""
    if truth:
        return _of_counts(int((values > 0).sum()), int((values < 0).sum()), len(values), level)
    return _against_the_line(values.tolist(), level, truth=False)


@cache
def _of_counts(better: int, worse: int, cases: int, level: float) -> Decision:
    changes = [1.0] * better + [-1.0] * worse + [0.0] * (cases - better - worse)
    return _against_the_line(changes, level, truth=True)


def _against_the_line(changes: list[float], level: float, *, truth: bool) -> Decision:
    interval = widened(
        lambda confidence: mean_interval(changes, confidence, span=Range(-1, 1), truth=truth), lambda _: level
    )
    found, line = interval(CONFIDENCE), Line(-MARGIN, above=True)
    return Decision.PASS if line.good(found) else Decision.FAIL if line.bad(found) else Decision.INCONCLUSIVE


def sequential(values: Values, design: Design, *, truth: bool) -> tuple[Decision, int]:
    """The verdict, and how many cases it took."""
    for size, level in zip(design.sizes, design.levels, strict=True):
        found = outcome(values[:size], level, truth=truth)
        if found is not Decision.INCONCLUSIVE:
            return found, size
    return Decision.INCONCLUSIVE, len(values)


def draw(generator: np.random.Generator, cases: int, difference: float, *, truth: bool) -> Values:
    """Paired differences with this mean."""
    if truth:
        shares = [(CHANGED + difference) / 2, (CHANGED - difference) / 2, 1 - CHANGED]
        return generator.choice(np.array([1.0, -1.0, 0.0]), size=cases, p=shares)
    noise = generator.uniform(-0.65, 0.65, cases) * (generator.random(cases) < 0.6)
    return np.asarray(noise + difference)


def simulate(design: Design, difference: float, rounds: int, seed: int, *, truth: bool) -> dict[str, Any]:
    """Shares of each verdict, sequential and of fixed size, and the mean share of cases run."""
    generator = np.random.default_rng(seed)
    cases = design.sizes[-1]
    ended: list[Decision] = []
    fixed: list[Decision] = []
    taken = 0
    for _ in range(rounds):
        values = draw(generator, cases, difference, truth=truth)
        found, size = sequential(values, design, truth=truth)
        ended.append(found)
        taken += size
        fixed.append(outcome(values, CONFIDENCE, truth=truth))
    return {
        "sequential": {decision: ended.count(decision) / rounds for decision in Decision},
        "fixed": {decision: fixed.count(decision) / rounds for decision in Decision},
        "run": taken / rounds / cases,
    }


def main(rounds: int = 1000, looks: int = 5) -> None:
    print(f"margin {MARGIN}, {looks} looks, {rounds} rounds each, {ON_THE_MARGIN * rounds} on the margin\n")
    print(
        "| score | cases | true difference | fixed: pass / fail / open | sequential: pass / fail / open | cases run |"
    )
    print("|---|--:|--:|---|---|--:|")
    for truth in (True, False):
        for cases in SIZES:
            design = Design.of(cases, looks)
            for difference in DIFFERENCES:
                times = rounds * (ON_THE_MARGIN if difference == -MARGIN else 1)
                found = simulate(design, difference, times, seed=cases, truth=truth)
                told = [
                    " / ".join(f"{found[way][decision]:.1%}" for decision in Decision)
                    for way in ("fixed", "sequential")
                ]
                name = "truth" if truth else "number"
                print(
                    f"| {name} | {cases} | {100 * difference:+.0f} | {' | '.join(told)} | {found['run']:.0%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
