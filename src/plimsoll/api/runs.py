"""Running targets over a suite's cases: from prepared files to a complete journal and the report joined from it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plimsoll import canonical
from plimsoll.api.git import git_state
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.targets import TargetSpec, open_targets
from plimsoll.config import Document, ModelSettings, environment
from plimsoll.datasets import digest_cases, filter_cases, sample
from plimsoll.errors import UsageError, near_match
from plimsoll.evaluators import (
    BuildContext,
    Evaluator,
    build_evaluators,
    compile_transform,
    discover,
    evaluator_info,
    left_out,
)
from plimsoll.models import open_models
from plimsoll.models.contract import ChatModel
from plimsoll.run.cache import CellCache
from plimsoll.run.engine import Done, Job, Scorer, Tally, execute
from plimsoll.run.folders import new_run_id, newest_run
from plimsoll.run.join import read_done, read_failed, read_report
from plimsoll.run.journal import EndLine, Journal
from plimsoll.run.observer import Observer
from plimsoll.run.plan import JOURNAL_FILE, Plan, load_plan, refuse_changes, save_plan
from plimsoll.types import Case, CellId, Output, Report

RUNS = "runs"
CACHE = "cache.db"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that has ended, complete or not."""

    folder: Path
    plan: Plan
    report: Report
    given_up: Mapping[str, str]
    """Lane → why it was given up."""


@dataclass(frozen=True, slots=True)
class _Session:
    """One sitting at a run: its folder, what is done already, and what may be worked on."""

    folder: Path
    plan: Plan
    done: Done
    owed: Callable[[CellId], bool]
    left: int
    """Cells to work on."""


async def run_targets(
    prepared: Prepared, specs: Mapping[str, TargetSpec], options: RunOptions, observer: Observer
) -> Ran:
    """Run targets over the suite's cases and score them.

    Args:
        prepared: The suite.
        specs: What runs, by name: the suite's targets, or a champion's bundle beside them.
        options: How.
        observer: Hears of each finished cell.

    Raises:
        PlimsollError: nothing could be run; single cells fail without raising.
    """
    environ = environment(prepared.workspace.root)
    cases = select_cases(prepared, options)
    async with open_models(_models(prepared, specs), prepared.suite.concurrency, environ) as models:
        evaluators = _evaluators(prepared, cases, models)
        built = [scorer.evaluator for scorer in evaluators]
        plan = _plan(prepared, specs, cases=cases, evaluators=built, options=options)
        session = _session(prepared, plan, cases, options)
        transforms = {name: _transform(spec) for name, spec in specs.items()}
        with Journal(session.folder) as journal, CellCache(prepared.workspace.state / CACHE) as cache:
            observer.planned(session.plan, session.left)
            tally, started = Tally(), time.perf_counter()
            finished = False
            try:
                async with open_targets(specs, models, environ, prepared.suite.concurrency) as targets:
                    job = Job(
                        plan=session.plan,
                        cases=cases,
                        targets=targets,
                        scorers=lambda _case: evaluators,
                        transforms=transforms,
                        journal=journal,
                        cache=cache,
                        observer=observer,
                        reuse=options.reuse,
                        owed=session.owed,
                    )
                    await execute(job, session.done, tally)
                finished = tally.complete
            finally:
                # Also when we are interrupted: what was spent is part of the record.
                seconds = time.perf_counter() - started
                journal.append(EndLine(seconds=seconds, requests=tally.requests, complete=finished))
    return Ran(session.folder, session.plan, read_report(session.folder), tally.given_up)


def select_cases(prepared: Prepared, options: RunOptions) -> list[Case]:
    """The cases that a run is to work on: filtered, then sampled.

    Raises:
        UsageError: the filter matches none.
    """
    found = list(filter_cases(prepared.dataset, options.filters) if options.filters else prepared.dataset)
    size = prepared.suite.sample if options.sample is None else options.sample
    return sample(found, size, prepared.suite.seed) if size else found


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


def _models(prepared: Prepared, specs: Mapping[str, TargetSpec]) -> dict[str, ModelSettings]:
    judges = {name: prepared.suite.models[name] for name in sorted(prepared.judges)}
    return judges | {name: model for spec in specs.values() for name, model in spec.models.items()}


def _evaluators(prepared: Prepared, cases: Sequence[Case], models: Mapping[str, ChatModel]) -> list[Scorer]:
    """The suite's evaluators, and those that single cases ask for beside them."""
    suite, registry = prepared.suite, discover(prepared.workspace.root)
    context = BuildContext(root=prepared.workspace.root, models=models)
    ids = [case.id for case in cases]
    scorers = [
        Scorer(evaluator, left_out(evaluator, ids, suite.seed))
        for evaluator in build_evaluators(suite.evaluators, registry, context, prepared.document)
    ]
    taken = [metric.name for scorer in scorers for metric in scorer.evaluator.metrics]
    for entry, asking in _own_entries(cases).items():
        first = asking[0]
        document = Document(prepared.suite.dataset, None, {(): first.line})
        own = build_evaluators([json.loads(entry)], registry, context, document, (), taken=taken)
        taken += [metric.name for evaluator in own for metric in evaluator.metrics]
        wanted = frozenset(case.id for case in asking)
        scorers += [Scorer(evaluator, _only(evaluator, wanted)) for evaluator in own]
    return scorers


def _own_entries(cases: Sequence[Case]) -> dict[str, list[Case]]:
    entries: dict[str, list[Case]] = {}
    for case in cases:
        for entry in case.evaluators:
            entries.setdefault(canonical.dumps(entry).decode(), []).append(case)
    return entries


def _only(evaluator: Evaluator, wanted: frozenset[str]) -> Callable[[Case], str | None]:
    return lambda case: None if case.id in wanted else f"the case does not ask for {evaluator.name}"


def _transform(spec: TargetSpec) -> Callable[[Output], Output]:
    steps = spec.settings.transform
    if steps is None:
        return lambda output: output
    return compile_transform(steps if isinstance(steps, list) else [steps], spec.root)


def _plan(
    prepared: Prepared,
    specs: Mapping[str, TargetSpec],
    *,
    cases: Sequence[Case],
    evaluators: Sequence[Evaluator],
    options: RunOptions,
) -> Plan:
    suite, git, now = prepared.suite, git_state(prepared.workspace.root), datetime.now(UTC)
    size = suite.sample if options.sample is None else options.sample
    return Plan(
        run=new_run_id(suite.name, now),
        suite=suite.name,
        started=now.isoformat(timespec="seconds"),
        settings=_settings(prepared),
        dataset=prepared.found.name,
        dataset_digest=prepared.found.digest,
        cases=len(cases),
        cases_digest=digest_cases(cases),
        targets={name: spec.info for name, spec in specs.items()},
        evaluators={evaluator.name: evaluator_info(evaluator) for evaluator in evaluators},
        repeats=options.repeats or suite.repeats,
        seed=suite.seed,
        epoch=secrets.token_hex(8) if options.fresh else "",
        sample=size if size and size < prepared.found.cases else None,
        filters=options.filters,
        git_commit=git.commit,
        git_dirty=git.dirty,
    )


def _settings(prepared: Prepared) -> dict[str, Any]:
    settings: dict[str, Any] = prepared.suite.model_dump(mode="json", exclude_defaults=True)
    return settings


def _session(prepared: Prepared, plan: Plan, cases: Sequence[Case], options: RunOptions) -> _Session:
    runs = prepared.workspace.state / RUNS
    if not (options.resume or options.only_failed):
        folder = runs / plan.run
        save_plan(plan, cases, folder)
        return _Session(folder, plan, Done(), lambda _cell: True, plan.size)
    folder = newest_run(runs, plan.suite, complete=None if options.only_failed else False)
    before = load_plan(folder)
    refuse_changes(before, plan)
    done = read_done(folder / JOURNAL_FILE)
    if options.only_failed:
        failed = read_failed(folder / JOURNAL_FILE)
        if not failed:
            raise UsageError(f"run {folder.name} has no failed cells", remedy="there is nothing to run again")
        return _Session(folder, before, done, failed.__contains__, len(failed))
    return _Session(folder, before, done, lambda _cell: True, before.size - len(done.outcomes))
