"""How often the gate passes, fails or leaves open a true difference, by simulation.

The rule is `not_worse_than: baseline` with a margin of 0.05 at 95% confidence, over a truth value and single cases.
With a regression of d, 3% of the cases get better by chance and 3% + d get worse. Run it with

    python benchmarks/gate_power.py [rounds] [margin]
"""

import random
import sys
from functools import cache

from plimsoll.stats import Range, mean_interval

SIZES = (50, 100, 200, 500)
REGRESSIONS = (0.0, 0.02, 0.05, 0.10)
NOISE = 0.03


@cache
def outcome(better: int, worse: int, cases: int, margin: float) -> str:
    """What the rule says of so many flips; the gate's own interval and line."""
    changes = [1.0] * better + [-1.0] * worse + [0.0] * (cases - better - worse)
    found = mean_interval(changes, 0.95, span=Range(-1, 1), truth=True)
    assert found.low is not None
    assert found.high is not None
    return "pass" if found.low >= -margin else "fail" if found.high < -margin else "inconclusive"


def main(rounds: int = 2000, margin: float = 0.05) -> None:
    draw = random.Random(0)
    print(f"margin {margin:g}, {rounds} rounds each\n")
    print("| cases | true regression | pass | fail | inconclusive |")
    print("|---|---|---|---|---|")
    for cases in SIZES:
        for regression in REGRESSIONS:
            seen = {"pass": 0, "fail": 0, "inconclusive": 0}
            for _ in range(rounds):
                flips = draw.choices((1, -1, 0), (NOISE, NOISE + regression, 1 - 2 * NOISE - regression), k=cases)
                seen[outcome(flips.count(1), flips.count(-1), cases, margin)] += 1
            shares = " | ".join(f"{count / rounds:.1%}" for count in seen.values())
            print(f"| {cases} | {regression:.0%} | {shares} |")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)))
