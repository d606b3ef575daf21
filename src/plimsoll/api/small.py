"""A run that leaves nothing behind but what it keeps in a cache: for cases, answers and evaluators in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from plimsoll.datasets import Dataset, Split, select
from plimsoll.evaluators import Evaluator, evaluator_info, left_out
from plimsoll.evaluators.traits import closing
from plimsoll.runs.aggregates import aggregate_scores
from plimsoll.runs.cache import CellCache
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.engine import Job, Scorer, Tally, execute
from plimsoll.runs.folders import new_run_id
from plimsoll.runs.index import index_journal
from plimsoll.runs.join import held, read_report
from plimsoll.runs.journal import EndLine, Journal
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, Plan, save_plan
from plimsoll.runs.scrubbing import Scrub
from plimsoll.targets.contract import RunnableTarget
from plimsoll.types import Output, Report


async def run_small(
    dataset: Dataset,
    targets: Mapping[str, RunnableTarget],
    evaluators: Sequence[Evaluator],
    *,
    folder: Path,
    cache: Path,
    scrub: Scrub,
    transforms: Mapping[str, Callable[[Output], Output]] | None = None,
    split: Split | None = None,
    repeats: int = 1,
) -> Report:
    """Run open targets over cases, and score their answers.

    Args:
        dataset: The cases.
        targets: By name.
        evaluators: Closed at the end.
        folder: Where it works; nothing there is needed afterwards.
        cache: The cell cache's file.
        scrub: Takes keys out of what is recorded.
        transforms: Target → what is done to its outputs before scoring; None is nothing to any.
        split: Only this part of the cases; None is all of them.
        repeats: Answers for each case.

    Returns:
        Every cell, in memory.

    Raises:
        ConfigError: every mistake in the cases.
        UsageError: the part is empty.
    """
    found = dataset.check()
    chosen = select(dataset, found, split=split)
    scorers = [Scorer(evaluator, left_out(evaluator, (case.id for case in chosen), seed=0)) for evaluator in evaluators]
    now = datetime.now(UTC)
    plan = Plan(
        run=new_run_id("evaluate", now),
        suite="evaluate",
        started=now.isoformat(timespec="seconds"),
        settings={},
        dataset=found.name,
        dataset_digest=found.digest,
        cases=len(chosen),
        cases_digest=chosen.digest,
        part=chosen.part,
        targets={name: target.info for name, target in targets.items()},
        evaluators={evaluator.name: evaluator_info(evaluator) for evaluator in evaluators},
        repeats=repeats,
    )
    run = folder / plan.run
    save_plan(plan, chosen, run)
    cases, tally = StoredCases(run / CASES_FILE), Tally()
    with Journal(run) as journal, CellCache(cache) as opened:
        job = Job(
            plan=plan,
            cases=cases,
            targets=targets,
            scorers=scorers,
            transforms=transforms or {name: lambda output: output for name in targets},
            journal=journal,
            cache=opened,
            observer=Silent(),
            done=index_journal(run / JOURNAL_FILE, plan, cases),
            scrub=scrub,
        )
        async with closing(evaluators):
            await execute(job, tally)
            await aggregate_scores(job, cases)
        journal.append(EndLine(seconds=0.0, requests=tally.requests, complete=tally.complete))
    return held(read_report(run))
