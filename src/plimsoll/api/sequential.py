"""A gate's run that stops when it is decided: random blocks of cases, one after the other, with a look after each.

Every target works on the same block, so that both sides of a comparison are answered at the same time. What every case
must pass can be told only when every case was run: where all else is decided, just those cases are run that such rules
ask for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from plimsoll.config import GatePolicy
from plimsoll.errors import UsageError
from plimsoll.gates import blocks_of
from plimsoll.runs.engine import Job, Tally, execute
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Observer
from plimsoll.types import Case, Decision, Look, Report, Verdict

LOOKS = 5
"""Where nobody says how many."""
FEWEST, MOST = 2, 20


def check_looks(number: int) -> None:
    """Refuse a number of looks that makes no sense.

    Raises:
        UsageError: it is not from 2 to 20.
    """
    if not FEWEST <= number <= MOST:
        raise UsageError(f"--looks {number} is not from {FEWEST} to {MOST}", remedy=f"{LOOKS} do for most datasets")


@dataclass(frozen=True, slots=True)
class Sequential:
    """The course of a run that is decided block by block."""

    looks: int
    """How many at most."""
    policy: GatePolicy
    joined: Callable[[Report], Report]
    """The run's report with whatever else it is decided on."""
    decided: Callable[[Report], Verdict]
    """The verdict on such a report, by the look that it says the run has come to."""
    observer: Observer

    async def work(self, job: Job, tally: Tally) -> None:
        """Work off blocks until the verdict is a pass or a fail, or none is left; or the run can't go on.

        Args:
            job: What to do, with everything open.
            tally: Counted up; says at which look it was decided, and how many cells were due by then.

        Raises:
            UsageError: the policy can't be applied to the run.
            InfrastructureError: journal or cache can't be written.
        """
        folder = job.journal.path.parent
        cases = self.joined(read_report(folder)).cases
        blocks = blocks_of(cases, self.looks, job.plan.seed)
        settled: Look | None = None
        due: set[int] = set()
        for number, block in enumerate(blocks, start=1):
            tally.look = settled or Look(number=number, of=len(blocks))
            numbers = _planned(job, block if settled is None else self._asked_of_all(block, cases))
            if settled is not None and not numbers:
                continue
            await execute(dataclasses.replace(job, owed=_owed(job, numbers)), tally)
            if not tally.complete:
                return
            # However the run ends, a gate after it has these from the cache.
            job.cache.flush()
            due |= numbers
            tally.due = len(due) * len(job.plan.targets) * max(1, job.plan.repeats)
            report = read_report(folder)
            saved = job.plan.size - tally.due
            ended = replace(report, run=replace(report.run, complete=True, look=tally.look, saved=saved))
            verdict = self.decided(self.joined(ended))
            self.observer.looked(tally.look, verdict.outcome)
            if verdict.outcome is not Decision.INCONCLUSIVE:
                return
            if settled is None and self._waits_for_all(verdict):
                settled = tally.look

    def _waits_for_all(self, verdict: Verdict) -> bool:
        """Only what every case must pass is open."""
        everyone = {(rule.metric, rule.slice, rule.words) for rule in self.policy.rules if rule.kind == "all_pass"}
        return all(
            result.outcome is Decision.PASS or (result.metric, result.slice, result.rule) in everyone
            for result in verdict.rules
        )

    def _asked_of_all(self, block: Sequence[str], cases: Mapping[str, Case]) -> list[str]:
        """The cases of a block that some rule asks every one of."""
        slices = {rule.slice for rule in self.policy.rules if rule.kind == "all_pass"}
        return [case for case in block if None in slices or not slices.isdisjoint(cases[case].slices)]


def _planned(job: Job, block: Sequence[str]) -> set[int]:
    """The places of cases in the plan; a case that only a stored baseline has is not in it."""
    found = set()
    for case in block:
        try:
            found.add(job.done.case(case))
        except KeyError:
            continue
    return found


def _owed(job: Job, cases: set[int]) -> Callable[[int], bool]:
    def owed(place: int) -> bool:
        return job.done.case_of(place) in cases and job.done.owes(place)

    return owed
