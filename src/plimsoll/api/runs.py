"""Running targets over a suite's cases: from prepared files to a complete journal and the report joined from it."""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import structs

from plimsoll.api.circumstances import TESTS, circumstances
from plimsoll.api.costs import open_ledger, refuse_unpriced
from plimsoll.api.git import git_state
from plimsoll.api.mistakes import Mistakes
from plimsoll.api.options import RunOptions
from plimsoll.api.own_state import refuse_committed_state
from plimsoll.api.prepare import Prepared, transform_of
from plimsoll.api.recorded import without_keys
from plimsoll.api.scorers import build_scorers, particular_cases
from plimsoll.api.targets import TargetSpec, open_targets, unasked_targets
from plimsoll.config import ModelSettings, environment
from plimsoll.datasets import Selection, Split, select
from plimsoll.errors import UsageError, near_match
from plimsoll.evaluators import Evaluator, evaluator_info
from plimsoll.evaluators.traits import closing
from plimsoll.models import open_models
from plimsoll.models.connection import resolve_connections
from plimsoll.models.spending import Spend
from plimsoll.runs.aggregates import aggregate_scores
from plimsoll.runs.cache import CellCache
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.engine import SCORED_AT_ONCE, Job, Tally, execute
from plimsoll.runs.folders import is_complete, new_run_id, newest_run
from plimsoll.runs.index import JournalIndex, index_journal
from plimsoll.runs.join import read_report
from plimsoll.runs.journal import EndLine, Journal
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, Plan, load_plan, refuse_changes, save_plan
from plimsoll.runs.scrubbing import Scrub
from plimsoll.types import Part, Report

if TYPE_CHECKING:
    from plimsoll.models.chat_model import OpenAIChatModel

RUNS = "runs"
CACHE = "cache.db"
_SEALED = "gate/*/attestation.json"
"""In the folder of a run that is a gate's evidence."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that has ended, complete or not."""

    folder: Path
    plan: Plan
    report: Report
    given_up: Mapping[str, str]
    """Lane → why it was given up."""
    too_old: int = 0
    """Answers that the cache held, and that were generated again for their age."""
    specs: Mapping[str, TargetSpec] = field(default_factory=dict)
    """Its targets as they were run, by name; none where only its report is wanted."""


class Course(Protocol):
    """Works off a run's cells in an order of its own, and says when it is over."""

    @property
    def looks(self) -> int:
        """How many there are at most."""
        ...

    async def work(self, job: Job, tally: Tally) -> None:
        """As `execute`; `tally` says at which look it ended, and how many cells were due by then."""
        ...


@dataclass(frozen=True, slots=True)
class _Session:
    """One sitting at a run: what is done already, and what may be worked on."""

    done: JournalIndex
    left: int
    """Cells to work on."""
    owed: Callable[[int], bool] | None = None
    """Which of those owed, by number; None is all."""
    whole: bool = True
    """When they are done, no cell of the plan is owed."""


async def run_targets(
    prepared: Prepared,
    specs: Mapping[str, TargetSpec],
    options: RunOptions,
    observer: Observer,
    resumed: Path | None = None,
    *,
    held_out: bool = False,
    began: Callable[[Plan], object] | None = None,
    course: Course | None = None,
) -> Ran:
    """Run targets over the suite's cases and score them.

    Args:
        prepared: The suite.
        specs: What runs, by name: the suite's targets, or a champion's bundle beside them.
        options: How; of a resumed run, as `as_planned` gives them.
        observer: Hears of each finished cell.
        resumed: The folder of the run to go on with; None starts a new one.
        held_out: It is a gate's: over the cases that only a gate opens, where the suite holds any out.
        began: Told the plan before the first cell is run.
        course: Of a sequential run; None works off all cells.

    Raises:
        PlimsollError: nothing could be run; single cells fail without raising.
    """
    refuse_committed_state(prepared.workspace)
    environ = environment(prepared.workspace.root)
    cases = select_cases(prepared, options, held_out=held_out)
    settings = (without_keys if options.recorded else dict)(models_of(prepared, specs))
    check_connections(prepared, settings, environ)
    spend = open_ledger(prepared, options, resumed)
    refuse_unpriced(prepared, settings, environ, spend)
    prices, most, asked = prepared.workspace.settings.prices, prepared.suite.concurrency, not options.recorded
    async with open_models(settings, most, environ, spend=spend, prices=prices, asked=asked) as models:
        own = particular_cases(cases, prepared.found)
        scorers = build_scorers(prepared.suite, prepared.document, prepared.workspace, cases, own=own, models=models)
        planned = _plan(prepared, specs, cases=cases, evaluators=[each.evaluator for each in scorers], options=options)
        planned = structs.replace(planned, gate=held_out, looks=0 if course is None else course.looks)
        folder, plan = _run_folder(prepared, planned, cases, resumed)
        if began is not None:
            began(plan)
        with Journal(folder) as journal, CellCache(prepared.workspace.state / CACHE, keep=asked) as cache:
            stored = StoredCases(folder / CASES_FILE)
            done = index_journal(folder / JOURNAL_FILE, plan, stored)
            session = _session(folder, done, resumed=resumed is not None, only_failed=options.only_failed)
            observer.planned(plan, session.left)
            with _ended(journal, session, models, spend) as tally:
                async with (
                    closing(scorer.evaluator for scorer in scorers),
                    (open_targets if asked else unasked_targets)(specs, models, environ, most) as targets,
                ):
                    job = Job(
                        plan=plan,
                        cases=stored,
                        targets=targets,
                        scorers=scorers,
                        transforms={name: transform_of(spec) for name, spec in specs.items()},
                        journal=journal,
                        cache=cache,
                        observer=observer,
                        done=session.done,
                        reuse=options.reuse,
                        not_before=_not_before(options),
                        owed=session.owed,
                        stop=spend.why_stop,
                        down=partial(_judge_down, prepared.judges, models),
                        scrub=Scrub(environ, plan.settings),
                        scored_at_once=max(SCORED_AT_ONCE, *(models[name].concurrency for name in prepared.judges), 0),
                    )
                    await (execute(job, tally) if course is None else course.work(job, tally))
                    await aggregate_scores(job, stored)
    return Ran(folder, plan, read_report(folder), tally.given_up, cache.too_old, specs)


def _not_before(options: RunOptions) -> float:
    if options.max_age is None:
        return -math.inf
    return time.time() - options.max_age if options.max_age else math.inf


@contextmanager
def _ended(journal: Journal, session: _Session, models: Mapping[str, OpenAIChatModel], spend: Spend) -> Iterator[Tally]:
    """Around the work: writes down how the session ended, also when it is interrupted, with what was in flight."""
    tally, started, finished = Tally(), time.perf_counter(), False
    try:
        yield tally
        finished = tally.complete and session.whole
    finally:
        journal.append(
            EndLine(
                seconds=time.perf_counter() - started,
                requests=sum(model.requests for model in models.values()),
                complete=finished,
                cost=spend.cost,
                # Anew: what was in flight when it stopped was paid since.
                stopped=spend.why_stop() if tally.stopped else None,
                look=tally.look,
                due=tally.due if finished else None,
            )
        )


def _judge_down(judges: Collection[str], models: Mapping[str, OpenAIChatModel]) -> str | None:
    """Why nothing more can be judged; None where every judge's endpoint is there, as far as is known."""
    return next((why for name in judges if (why := models[name].down) is not None), None)


def as_planned(prepared: Prepared, options: RunOptions) -> tuple[RunOptions, Path | None]:
    """The options of a run, and the folder of the one that it goes on with: then what it is about was decided before.

    Raises:
        UsageError: the options say otherwise, there is no such run, or it is a gate's.
    """
    if not (options.resume or options.only_failed):
        return options, None
    _refuse_clash(options)
    runs = prepared.workspace.state / RUNS

    def wanted(plan: Plan) -> bool:
        # Cells that were added would make an attestation one of another run.
        aside = plan.recorded or plan.trigger == TESTS
        return not aside and of_suite_alone(plan) and not any((runs / plan.run).glob(_SEALED))

    folder = newest_run(runs, prepared.suite.name, wanted=wanted)
    plan = load_plan(folder)
    # A target that the suite had and the run left out stays out; one that is new is a change to be told.
    before = set(_target_names(plan.settings))
    targets = tuple(name for name in prepared.targets if name in plan.targets or name not in before)
    chosen = replace(
        options,
        sample=plan.sample or 0,
        filters=plan.filters,
        repeats=plan.repeats,
        targets=targets,
        max_age=plan.max_age,
    )
    return chosen, folder


def of_suite_alone(plan: Plan) -> bool:
    """Whether a run is no gate's: of the suite's own targets alone, and over nothing that only a gate opens."""
    return plan.part is not Part.HELD_OUT and plan.targets.keys() <= set(_target_names(plan.settings))


def _target_names(settings: Mapping[str, Any]) -> Iterator[str]:
    """The targets of a resolved suite as a plan keeps it, as `expand` names them."""
    for name, target in settings["targets"].items():
        models = target.get("model")
        yield from [f"{name}@{model}" for model in models] if isinstance(models, list) else [name]


def _refuse_clash(options: RunOptions) -> None:
    flag = "--resume" if options.resume else "--only-failed"
    given = {
        "--only-failed": options.resume and options.only_failed,
        "--fresh": options.fresh,
        "--sample": options.sample is not None,
        "--filter": bool(options.filters),
        "--repeats": options.repeats is not None,
        "--target": bool(options.targets),
    }
    clash = next((name for name, wanted in given.items() if wanted), None)
    if clash is not None:
        raise UsageError(f"{flag} goes on with a run as it was planned", remedy=f"leave {clash} out")


def select_cases(prepared: Prepared, options: RunOptions, *, held_out: bool = False) -> Selection:
    """The cases that a run is to work on: of its part of the dataset, filtered, then sampled.

    Args:
        prepared: The suite.
        options: Filters and sample.
        held_out: The cases that only a gate opens, where the suite holds any out; else all others.

    Raises:
        UsageError: the filter matches none, or the part is empty.
    """
    suite, part = prepared.suite, Part.HELD_OUT if held_out else Part.OPEN
    size = suite.sample if options.sample is None else options.sample
    split = None if suite.held_out is None else Split(suite.held_out, suite.seed, part)
    return select(
        prepared.dataset, prepared.found, filters=options.filters, sample=size or None, seed=suite.seed, split=split
    )


def select_targets(prepared: Prepared, names: Sequence[str]) -> dict[str, TargetSpec]:
    """The named targets of the suite; all where none is named.

    Raises:
        UsageError: a name is not a target's.
    """
    for name in names:
        if name not in prepared.targets:
            raise UsageError(
                f"suite {prepared.suite.name} has no target {name!r}", remedy=near_match(name, prepared.targets)
            )
    return {name: spec for name, spec in prepared.targets.items() if not names or name in names}


def models_of(prepared: Prepared, specs: Mapping[str, TargetSpec]) -> dict[str, ModelSettings]:
    """The models that targets and judges ask, by their name in the run."""
    judges = {name: prepared.suite.models[name] for name in sorted(prepared.judges)}
    return judges | {name: model for spec in specs.values() for name, model in spec.models.items()}


def check_connections(prepared: Prepared, models: Mapping[str, ModelSettings], environ: Mapping[str, str]) -> None:
    """Tell with its line what each model lacks, before any is opened.

    Raises:
        ConfigError: what is missing, of all models.
    """
    mistakes = Mistakes(prepared.document)
    for name, settings in models.items():
        mistakes.of(("models", name), partial(resolve_connections, {name: settings}, environ))
    mistakes.raise_any()


def _plan(
    prepared: Prepared,
    specs: Mapping[str, TargetSpec],
    *,
    cases: Selection,
    evaluators: Sequence[Evaluator],
    options: RunOptions,
) -> Plan:
    suite, git, now = prepared.suite, git_state(prepared.workspace.root), datetime.now(UTC)
    around = circumstances(prepared.workspace.root, os.environ, options.trigger)
    return Plan(
        run=new_run_id(suite.name, now),
        suite=suite.name,
        started=now.isoformat(timespec="seconds"),
        settings=prepared.suite.model_dump(mode="json", exclude_defaults=True),
        dataset=prepared.found.name,
        dataset_digest=prepared.found.digest,
        cases=len(cases),
        cases_digest=cases.digest,
        targets={name: spec.info for name, spec in specs.items()},
        evaluators={evaluator.name: evaluator_info(evaluator) for evaluator in evaluators},
        repeats=options.repeats or suite.repeats,
        seed=suite.seed,
        epoch=secrets.token_hex(8) if options.fresh else "",
        max_age=options.max_age,
        sample=_sample(prepared, cases, options),
        filters=options.filters,
        part=cases.part,
        git_commit=git.commit,
        git_dirty=git.dirty,
        git_branch=around.branch,
        pr=around.pr,
        trigger=around.trigger,
        recorded=options.recorded,
    )


def _sample(prepared: Prepared, cases: Selection, options: RunOptions) -> int | None:
    """How many cases were drawn; None where those are all of the part."""
    suite = prepared.suite
    size = suite.sample if options.sample is None else options.sample
    if not size or size > len(cases):
        return None
    whole = prepared.found.cases
    if suite.held_out is not None:
        split = Split(suite.held_out, suite.seed, cases.part)
        whole = sum(case in split for case in prepared.dataset)
    return size if size < whole else None


def _run_folder(prepared: Prepared, plan: Plan, cases: Selection, resumed: Path | None) -> tuple[Path, Plan]:
    """The folder and plan to work on: new ones, or those of the run that is resumed.

    Raises:
        UsageError: the run that is resumed was planned with something else.
    """
    if resumed is None:
        folder = prepared.workspace.state / RUNS / plan.run
        save_plan(plan, cases, folder)
        return folder, plan
    before = load_plan(resumed)
    refuse_changes(before, plan)
    return resumed, before


def _session(folder: Path, done: JournalIndex, *, resumed: bool, only_failed: bool) -> _Session:
    """What is left to do; read while the run's lock is held, so that nobody else is doing it."""
    if not resumed:
        return _Session(done, done.size)
    if done.complete and done.finished < done.size:
        raise UsageError(f"run {folder.name} was decided: what it did not come to is not owed", remedy="gate again")
    owed = [place for place in range(done.size) if done.owes(place)]
    failed = sum(done.is_failed(place) for place in owed)
    # Nothing but aggregates may be left: then no cell is worked on.
    aggregates = bool(done.owed_aggregates())
    if not only_failed:
        if is_complete(folder) and not owed and not aggregates:
            raise UsageError(f"run {folder.name} is complete", remedy="there is nothing to resume; start a new run")
        return _Session(done, len(owed))
    if not failed and not aggregates:
        raise UsageError(f"run {folder.name} has no failed cells", remedy="there is nothing to run again")
    return _Session(done, failed, done.is_failed, whole=failed == len(owed))
