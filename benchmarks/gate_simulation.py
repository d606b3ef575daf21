"""How often the gate is right: what a default rule answers to a true change, and how often a rule on its line passes.

Draws cases, and asks the gate's own interval and line. Seeded; a few minutes. Run it with

    python -m benchmarks.gate_simulation [ROUNDS]

A rule's nominal error towards passing is 2.5% at the default confidence of 0.95, two-sided.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from plimsoll.config import Rule
from plimsoll.gates.check import DEFAULT_MARGIN, Claim
from plimsoll.gates.evidence import Evidence, Pair
from plimsoll.gates.figures import interval_of, line_of
from plimsoll.gates.rules import MIN_UNITS
from plimsoll.stats import Reading
from plimsoll.types import Metric, MetricKind

SEED = 20261123
CONFIDENCE = 0.95
DISCORDANT = 0.10
"""Share of the cases that change by chance between two equal prompts."""
TRUTH = Metric(name="correct", kind=MetricKind.BOOL, low=0.0, high=1.0)
NUMBER = Metric(name="score", low=0.0, high=1.0)
Draw = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]
"""(generator, cases, cases in a group) → values of challenger and baseline, case by case."""


def answer(claim: Claim, challenger: np.ndarray, baseline: np.ndarray | None, group: int) -> str:
    """What the rule says of so many cases: pass, fail or inconclusive, as the gate decides."""
    pairs = tuple(
        Pair(
            case=str(place),
            weight=1.0,
            group=f"g{place // group}" if group > 1 else None,
            unit=f"u{place // group}",
            challenger=(Reading(float(value), None),),
            baseline=() if baseline is None else (Reading(float(baseline[place]), None),),
        )
        for place, value in enumerate(challenger)
    )
    evidence = Evidence(pairs, len(pairs), len(pairs), (), 0)
    if evidence.units < MIN_UNITS:
        return "inconclusive"
    estimate, line = interval_of(claim, evidence)(CONFIDENCE), line_of(claim)
    return "pass" if line.good(estimate) else "fail" if line.bad(estimate) else "inconclusive"


def relative(metric: Metric, margin: float) -> Claim:
    rule = Rule(metric=metric.name, not_worse_than="baseline", margin=margin)
    return Claim(rule, metric, against="baseline")


def better(metric: Metric) -> Claim:
    return Claim(Rule(metric=metric.name, better_than="baseline"), metric, against="baseline")


def absolute(metric: Metric, bound: float) -> Claim:
    return Claim(Rule(metric=metric.name, at_least=bound), metric)  # type: ignore[arg-type]  # parsed from a number


@cache
def of_flips(gained: int, lost: int, cases: int, margin: float) -> str:
    """The default rule over truth values depends on the counts of changed cases alone."""
    ours = np.zeros(cases)
    theirs = np.zeros(cases)
    ours[:gained] = 1
    theirs[gained : gained + lost] = 1
    return answer(relative(TRUTH, margin), ours, theirs, 1)


def power_table(rounds: int) -> None:
    """The default policy's rule: what it says of a true regression."""
    generator = np.random.default_rng(SEED)
    print(
        f"not_worse_than: baseline, margin {DEFAULT_MARGIN:g}, a truth value; {DISCORDANT:.0%} of the cases change by"
    )
    print(f"chance, half of them either way; {rounds} rounds each\n")
    print("| cases | true regression | pass | fail | inconclusive |\n|---|---|---|---|---|")
    for cases in (50, 100, 200, 500):
        for regression in (0.0, 0.02, 0.05, 0.10):
            gained, lost = DISCORDANT / 2, DISCORDANT / 2 + regression
            drawn = generator.multinomial(cases, (gained, lost, 1 - gained - lost), size=rounds)
            found = Counter(of_flips(int(up), int(down), cases, DEFAULT_MARGIN) for up, down, _ in drawn)
            shares = " | ".join(f"{found[word] / rounds:.1%}" for word in ("pass", "fail", "inconclusive"))
            print(f"| {cases} | {regression:.0%} | {shares} |")


@dataclass(frozen=True)
class OnTheLine:
    """A rule with a truth that lies exactly on its line."""

    name: str
    claim: Claim
    draw: Draw
    compares: bool = True


def truths_on_margin(margin: float, discordant: float) -> Draw:
    """Paired truth values, a regression as large as the margin; in a group, cases change together."""

    def draw(generator: np.random.Generator, cases: int, group: int) -> tuple[np.ndarray, np.ndarray]:
        better_by, worse_by = discordant / 2, discordant / 2 + margin
        units = math.ceil(cases / group)
        kinds = np.repeat(generator.choice(3, units, p=(better_by, worse_by, 1 - better_by - worse_by)), group)[:cases]
        alone = generator.choice(3, cases, p=(better_by, worse_by, 1 - better_by - worse_by))
        # Half of a group's cases follow the group, half are drawn on their own.
        kinds = np.where(generator.random(cases) < 0.5, kinds, alone) if group > 1 else alone
        return (kinds == 0).astype(float), (kinds == 1).astype(float)

    return draw


def numbers_on_margin(margin: float, kind: str) -> Draw:
    """Paired numbers from 0 to 1 of which the mean difference is −margin."""

    def draw(generator: np.random.Generator, cases: int, group: int) -> tuple[np.ndarray, np.ndarray]:
        units = math.ceil(cases / group)
        shared = np.repeat(_noise(generator, units, kind), group)[:cases]
        alone = _noise(generator, cases, kind)
        noise = (shared + alone) / 2 if group > 1 else alone
        base = 0.5
        # Bounded: noise lies within ±0.4, so that no value is cut and the mean difference is exact.
        return base - margin / 2 + noise / 2, base + margin / 2 - noise / 2

    return draw


def _noise(generator: np.random.Generator, size: int, kind: str) -> np.ndarray:
    """Of mean 0, within ±0.4."""
    if kind == "even":
        return generator.uniform(-0.4, 0.4, size)
    if kind == "skewed":
        # A few large losses, many small gains.
        return 0.04 - np.where(generator.random(size) < 0.1, 0.4, 0.0)
    return np.where(generator.random(size) < 0.3, generator.uniform(-0.4, 0.4, size), 0.0)


def shares_on_bound(bound: float) -> Draw:
    """Truth values of which the share is the bound; in a group, half of the cases agree."""

    def draw(generator: np.random.Generator, cases: int, group: int) -> tuple[np.ndarray, np.ndarray]:
        units = math.ceil(cases / group)
        shared = np.repeat(generator.random(units) < bound, group)[:cases]
        alone = generator.random(cases) < bound
        follows = generator.random(cases) < 0.5
        values = np.where(follows, shared, alone) if group > 1 else alone
        return values.astype(float), np.zeros(cases)

    return draw


def means_on_bound(kind: str) -> Draw:
    def draw(generator: np.random.Generator, cases: int, group: int) -> tuple[np.ndarray, np.ndarray]:
        units = math.ceil(cases / group)
        noise = _noise(generator, cases, kind)
        if group > 1:
            noise = (noise + np.repeat(_noise(generator, units, kind), group)[:cases]) / 2
        return 0.5 + noise, np.zeros(cases)

    return draw


def settings() -> Iterator[OnTheLine]:
    for margin in (0.02, 0.05, 0.10):
        yield OnTheLine(f"bool, margin {margin:g}", relative(TRUTH, margin), truths_on_margin(margin, DISCORDANT))
    yield OnTheLine("bool, margin 0.05, only losses", relative(TRUTH, 0.05), truths_on_margin(0.05, 0.0))
    yield OnTheLine("bool, better than (no change)", better(TRUTH), truths_on_margin(0.0, DISCORDANT))
    for kind in ("even", "mostly zero", "skewed"):
        yield OnTheLine(f"numeric ({kind}), margin 0.05", relative(NUMBER, 0.05), numbers_on_margin(0.05, kind))
    for bound in (0.5, 0.8, 0.95):
        yield OnTheLine(f"bool, at least {bound:g}", absolute(TRUTH, bound), shares_on_bound(bound), compares=False)
    for kind in ("even", "skewed"):
        yield OnTheLine(f"numeric ({kind}), at least 0.5", absolute(NUMBER, 0.5), means_on_bound(kind), compares=False)


def false_pass_table(rounds: int, sizes: Sequence[int] = (20, 50, 100, 200, 500)) -> None:
    """How often a rule passes where the truth lies on its line: nominal 2.5%."""
    generator = np.random.default_rng(SEED + 1)
    error = math.sqrt(0.025 * 0.975 / rounds)
    print(
        f"\nshare of passes, the truth on the line; {rounds} rounds, standard error {error:.2%}; – is too few groups\n"
    )
    print("| rule | cases in a group | " + " | ".join(f"n = {size}" for size in sizes) + " |")
    print("|---|---|" + "---|" * len(sizes))
    for each in settings():
        for group in (1, 5):
            found = [_passes(each, generator, cases, group, rounds) for cases in sizes]
            shown = " | ".join("–" if share is None else f"{share:.1%}" for share in found)
            print(f"| {each.name} | {group} | {shown} |", flush=True)


def _passes(each: OnTheLine, generator: np.random.Generator, cases: int, group: int, rounds: int) -> float | None:
    if cases / group < MIN_UNITS:
        return None
    passed = 0
    for _ in range(rounds):
        ours, theirs = each.draw(generator, cases, group)
        passed += answer(each.claim, ours, theirs if each.compares else None, group) == "pass"
    return passed / rounds


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    power_table(10 * asked)
    false_pass_table(asked)
