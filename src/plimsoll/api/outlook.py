"""What a suite's gate can decide with the cases that it has, told before anything is asked of a model.

How much differs by chance is taken from the suite's newest run that can tell; without one it is assumed.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from plimsoll.api.options import RunOptions
from plimsoll.api.policies import BASELINE, CHALLENGER, without_cells
from plimsoll.api.prepare import Prepared
from plimsoll.api.runs import RUNS, select_cases
from plimsoll.api.targets import CHAMPION_TARGET
from plimsoll.config import GatePolicy
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.gates import PolicyError
from plimsoll.gates.check import Claim, claims_of
from plimsoll.gates.figures import factor_of
from plimsoll.gates.outlook import Seen, Size, outlook
from plimsoll.runs.folders import run_folders
from plimsoll.runs.join import StoredReport, read_report
from plimsoll.runs.plan import Plan, load_plan
from plimsoll.stats import Cell, Reading, readings
from plimsoll.types import Part, rule_name

_PAIRS = 30
"""Fewer tell too little of how much differs."""
_RUNS, _CELLS = 5, 20_000
"""How many runs are looked at, and how large: this is a check before the work, not the work."""


def outlooks(
    prepared: Prepared, policy: GatePolicy, options: RunOptions, *, target: str | None = None, first: bool = False
) -> tuple[str, ...]:
    """A sentence for each rule that can hardly be decided.

    Args:
        prepared: The suite.
        policy: Of its gate.
        options: How it would be run.
        target: The challenger; None is the policy's.
        first: Absolute rules only.

    Raises:
        UsageError: no case that the gate would decide on is in a rule's slice, or there is none at all.
    """
    report = without_cells(prepared.evaluators, prepared.found.slices)
    baseline = None if first or policy.baseline == NO_BASELINE else BASELINE
    try:
        # The anchor asks the same of another target.
        alone = policy.model_copy(update={"anchor": None})
        claims, _ = claims_of(report, CHALLENGER, baseline, alone, first=first)
    except PolicyError:
        # Whoever decides by it says so.
        return ()
    sizes = _sizes(prepared, options, claims)
    seen = _seen(prepared, claims, _names(prepared, policy, target))
    told = []
    for claim, size in zip(claims, sizes, strict=True):
        words = outlook(claim, size, policy.confidence, seen.get(_about(claim)))
        if words is not None:
            told.append(f"{rule_name(claim.rule.metric, claim.rule.slice, claim.words)}: {words}")
    return tuple(told)


def _sizes(prepared: Prepared, options: RunOptions, claims: Sequence[Claim]) -> tuple[Size, ...]:
    """What each rule would be decided on."""
    cases = select_cases(prepared, options, held_out=True)
    repeats = options.repeats or prepared.suite.repeats
    if not prepared.found.groups and not any(claim.rule.slice for claim in claims):
        return (Size(len(cases), len(cases), repeats),) * len(claims)
    counts: list[int] = [0] * len(claims)
    units: list[set[str]] = [set() for _ in claims]
    for case in cases:
        for place, claim in enumerate(claims):
            if claim.counts(case):
                counts[place] += 1
                units[place].add(case.unit)
    for claim, count in zip(claims, counts, strict=True):
        if not count:
            part = "held-out case" if cases.part is Part.HELD_OUT else "case that the gate decides on"
            raise UsageError(
                f"no {part} is in the slice {claim.rule.slice!r}", remedy="hold out other cases, or drop the rule"
            )
    return tuple(Size(count, len(own), repeats) for count, own in zip(counts, units, strict=True))


def _names(prepared: Prepared, policy: GatePolicy, target: str | None) -> tuple[str, ...]:
    """Targets, in the order in which an earlier run is looked at for two of them."""
    wanted = [target or policy.target, policy.baseline, CHAMPION_TARGET, *prepared.targets]
    return tuple(dict.fromkeys(name for name in wanted if name is not None))


def _about(claim: Claim) -> tuple[str, float]:
    """What measurement serves a rule: of a metric itself (0), or of challenger − factor × baseline."""
    return claim.metric.name, factor_of(claim)


def _seen(prepared: Prepared, claims: Sequence[Claim], names: Sequence[str]) -> Mapping[tuple[str, float], Seen]:
    found: dict[tuple[str, float], Seen] = {}
    asked = [claim for claim in claims if claim.percentile is None and claim.rule.kind != "all_pass"]
    for folder, plan in _plans(prepared):
        owed = {_about(claim): claim for claim in asked if _about(claim) not in found}
        if not owed:
            break
        try:
            report = read_report(folder)
            for about, claim in owed.items():
                seen = _measured(report, claim, [name for name in names if name in plan.targets])
                if seen is not None:
                    found[about] = seen
        except PlimsollError:
            # A run that is damaged tells nothing.
            continue
    return found


def _plans(prepared: Prepared) -> Iterator[tuple[Path, Plan]]:
    """The suite's newest runs that are small enough, and that opened nothing."""
    left = _RUNS
    for folder in run_folders(prepared.workspace.state / RUNS, prepared.suite.name):
        plan = load_plan(folder)
        if plan.part is Part.HELD_OUT or plan.size > _CELLS:
            continue
        yield folder, plan
        left -= 1
        if not left:
            return


def _measured(report: StoredReport, claim: Claim, names: Sequence[str]) -> Seen | None:
    metric = report.metrics.get(claim.metric.name)
    if metric is None or metric.kind is not claim.metric.kind or not names:
        return None
    ours = readings(report, names[0], claim.metric)
    if not claim.rule.relative:
        values = [mean for cells in ours.values() if (mean := _mean(cells)) is not None]
        return _of(values, f"of {names[0]} in run {report.run.id}")
    if len(names) > 1:
        theirs = readings(report, names[1], claim.metric)
        pairs = [(_mean(cells), _mean(theirs[case])) for case, cells in ours.items() if case in theirs]
        where = f"between {names[0]} and {names[1]} in run {report.run.id}"
    elif report.run.repeats > 1:
        pairs = [(_mean(cells[:1]), _mean(cells[1:2])) for cells in ours.values()]
        where = f"between two answers of {names[0]} in run {report.run.id}"
    else:
        return None
    both = [(mine, other) for mine, other in pairs if mine is not None and other is not None]
    single = len(names) == 1 or report.run.repeats == 1
    factor = factor_of(claim)
    found = _of([mine - factor * other for mine, other in both], where)
    if found is None:
        return None
    changed = sum(mine != other for mine, other in both)
    return Seen(
        where=where,
        mean=statistics.fmean(other for _, other in both),
        deviation=found.deviation,
        # None seen to change is no proof that none does.
        discordant=max(changed, 1) / len(both) if claim.truth and single else None,
    )


def _of(values: Sequence[float], where: str) -> Seen | None:
    if len(values) < _PAIRS:
        return None
    return Seen(where, statistics.fmean(values), statistics.stdev(values))


def _mean(cells: Sequence[Cell]) -> float | None:
    """Over a case's answers; None where one has no value."""
    values = [cell.value for cell in cells if isinstance(cell, Reading)]
    return statistics.fmean(values) if cells and len(values) == len(cells) else None
