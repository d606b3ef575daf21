"""A suite's cells that somebody picked, run on demand, and the gate's verdict over them: for a test runner.

The plan is the suite's own, of its open cases; only what was picked of it is worked off, so that what was left out
stays owed and the run never looks whole. Nothing is logged, nothing is sealed: no promotion can rest on it.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace

from plimsoll.api.ages import with_ages
from plimsoll.api.circumstances import TESTS
from plimsoll.api.loop import run_blocking
from plimsoll.api.noting import note_begun
from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.own_state import refuse_committed_state
from plimsoll.api.prepare import Prepared
from plimsoll.api.questions import Question, challenge_of, open_question
from plimsoll.api.results import SuiteRun, write_up
from plimsoll.api.runs import RUNS, Ran, check_connections, models_of, run_targets
from plimsoll.api.targets import TargetSpec
from plimsoll.config import environment
from plimsoll.errors import ExitCode, UsageError, unwritable
from plimsoll.runs.across import targets_read
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.engine import Job, Tally, execute
from plimsoll.runs.index import JournalIndex, index_journal
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, load_plan
from plimsoll.tracking import MlflowWriter
from plimsoll.types import CellId, Decision, Verdict

Pair: TypeAlias = tuple[str, str]
"""A target's name and a case's id: all repeats of that cell."""


@dataclass(frozen=True, slots=True)
class Picking:
    """What is wanted of a suite."""

    specs: Mapping[str, TargetSpec]
    """The targets that run, by name."""
    pairs: frozenset[Pair]
    """Cells to work off."""
    whole: frozenset[str] = frozenset()
    """Targets of which every case is, whether among the pairs or not."""
    options: RunOptions = field(default_factory=lambda: RunOptions(track=False, trigger=TESTS))

    def places(self, done: JournalIndex, repeats: int) -> set[int]:
        """The numbers of the cells that were picked, in a run's plan."""
        found = {done.place(CellId(*pair, repeat)) for pair in self.pairs for repeat in range(repeats)}
        return found.union(*map(done.of_target, self.whole))


@dataclass(frozen=True, slots=True)
class _Course:
    """Works off what was picked of a plan; the rest stays owed."""

    picking: Picking
    looks: int = 0

    async def work(self, job: Job, tally: Tally) -> None:
        """As `execute`, of the cells that were picked, and of those that they are compared with."""
        owed, done, repeats = job.owed or job.done.owes, job.done, max(1, job.plan.repeats)
        wanted = self.picking.places(done, repeats)
        read = {name for scorer in job.scorers for name in targets_read(scorer.evaluator)} & job.plan.targets.keys()
        # A score that reads another target's answer would wait for it in vain.
        wanted |= {done.number(name, done.case_of(place), place % repeats) for name in read for place in wanted}
        await execute(dataclasses.replace(job, owed=lambda place: place in wanted and owed(place)), tally)
        if any(place not in wanted and not done.has_outcome(place) for place in range(done.size)):
            # Its end must not say that all of the plan was done.
            tally.stopped = tally.stopped or "only the cells that tests picked were run"


def refuse_unrunnable(prepared: Prepared, targets: Iterable[str]) -> None:
    """Tell at once what keeps every cell of these targets from being run: nothing is opened, and nobody is asked.

    Raises:
        ConfigError: what their models lack, keys among it.
        UsageError: the state folder came with a commit.
        InfrastructureError: runs can't be written.
    """
    refuse_committed_state(prepared.workspace)
    models = models_of(prepared, {name: prepared.targets[name] for name in targets})
    check_connections(prepared, models, environment(prepared.workspace.root))
    runs = prepared.workspace.state / RUNS
    try:
        runs.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=runs).close()
    except OSError as error:
        raise unwritable(error, prepared.workspace.shown(runs)) from None


def run_picked(prepared: Prepared, picking: Picking, *, resumed: Path | None = None) -> Ran:
    """Run what was picked: concurrently, from the cache where it can be, as any run.

    Args:
        prepared: The suite.
        picking: What of it.
        resumed: The folder of an earlier such run: what of the picked cells has failed there, or is missing, is run
            again, and all else stays; None begins one.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was finished is kept.
        PlimsollError: nothing could be run; single cells fail without raising.
    """
    options = picking.options
    began = partial(note_begun, prepared, picking.specs, options)
    course = _Course(picking)
    work = run_targets(prepared, picking.specs, options, Silent(), resumed=resumed, began=began, course=course)
    return run_blocking(work)


def reread(picking: Picking, folder: Path, given_up: Mapping[str, str]) -> Ran:
    """A run that was picked by another process, or has gone on since.

    Raises:
        ConfigError: its files are missing or damaged.
        UsageError: its targets are no longer those that are wanted here.
    """
    plan = load_plan(folder)
    for name, spec in picking.specs.items():
        if name not in plan.targets or plan.targets[name].digest != spec.info.digest:
            raise UsageError(f"{name} is another one now than in run {folder.name}", remedy="run the tests again")
    return Ran(folder, plan, read_report(folder), given_up, specs=picking.specs)


def owes(picking: Picking, ran: Ran) -> bool:
    """Whether anything of what was picked has failed, or was never run or scored."""
    done = _index(ran)
    return any(map(done.owes, picking.places(done, max(1, ran.plan.repeats))))


def _index(ran: Ran) -> JournalIndex:
    return index_journal(ran.folder / JOURNAL_FILE, ran.plan, StoredCases(ran.folder / CASES_FILE))


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A suite's gate as tests decide it: on the open cases, for no promotion."""

    question: Question
    options: RunOptions
    """How what it decides over has to be run."""

    @property
    def specs(self) -> Mapping[str, TargetSpec]:
        """What has to be run whole."""
        return self.question.sides.specs


def open_gate(prepared: Prepared, baseline: str | None = None) -> OpenGate:
    """What a suite's gate compares.

    Args:
        prepared: The suite.
        baseline: Over the policy's.

    Raises:
        ConfigError: a judge that the policy wants certified is not.
        UsageError: there is no gate, or no such challenger, baseline or champion.
        InfrastructureError: the registry that holds the champion can't be read.
    """
    asked = GateOptions(baseline=baseline, run=Picking({}, frozenset()).options)
    challenge = challenge_of(prepared, asked)
    with MlflowWriter(prepared.workspace) as server:
        question = open_question(prepared, challenge, asked, server)
    return OpenGate(question, with_ages(asked.run, question.policy, prepared.evaluators))


@dataclass(frozen=True, slots=True)
class DecidedGate:
    """What a gate decided, and what it rests on."""

    ran: Ran
    run: SuiteRun
    verdict: Verdict

    @property
    def broken(self) -> str | None:
        """Why it has to be decided again whatever the verdict: the infrastructure failed; None where it did not."""
        problem = self.run.problem
        if problem is None or problem.exit_code is not ExitCode.INFRASTRUCTURE:
            return None
        return problem.message if self.ran.report.run.complete else why_missing(self.ran)

    @property
    def outcome(self) -> Decision:
        """The verdict's; a run that did not end as done passes nothing."""
        if self.run.problem is not None and self.verdict.outcome is Decision.PASS:
            return Decision.INCONCLUSIVE
        return self.verdict.outcome


def why_missing(ran: Ran) -> str:
    """Why a run has not every cell that was wanted of it."""
    stopped, given_up = ran.report.run.stopped, sorted(set(ran.given_up.values()))
    return "; ".join(given_up) or stopped or "not every cell was run: it was interrupted, or ended by a crash"


def decide_picked(prepared: Prepared, gate: OpenGate, ran: Ran) -> DecidedGate:
    """The verdict over a run, with the report of both in the run's folder; nothing is sealed.

    Args:
        prepared: The suite.
        gate: What is decided.
        ran: A run of all of its targets; what it lacks of them is inconclusive.
    """
    ran = _as_far_as(gate.specs, ran)
    question = gate.question.now()
    ran = dataclasses.replace(ran, report=question.joined(ran.report))
    verdict = question.decided(ran.report)
    aside = "decided by a test, on the cases that are not held out: no evidence for a promotion"
    notes = (*question.notes(verdict, ran), aside)
    return DecidedGate(ran, write_up(prepared, ran, gate.options, verdicts=(verdict,), notes=notes), verdict)


def _as_far_as(targets: Iterable[str], ran: Ran) -> Ran:
    """The run as complete where these targets have every score, be they failures: others may lack what they like."""
    done = _index(ran)
    if not all(done.is_scored(target, name) for target in targets for name in ran.plan.evaluators):
        return ran
    run = replace(ran.report.run, complete=True, stopped=None)
    return dataclasses.replace(ran, report=replace(ran.report, run=run), given_up={})


def write_picked(prepared: Prepared, picking: Picking, ran: Ran) -> SuiteRun:
    """The run's report, in its folder."""
    return write_up(prepared, ran, picking.options)
