"""A run that leaves nothing behind but what it keeps in a cache: for cases, answers and evaluators in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plimsoll.datasets import Dataset, Selection, Split, Summary, select
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
from plimsoll.types import Report


@dataclass(frozen=True, slots=True)
class Small:
    """What is run."""

    dataset: Dataset
    targets: Mapping[str, RunnableTarget]
    """By name, open."""
    evaluators: Sequence[Evaluator]
    """Closed at the end."""
    split: Split | None = None
    """Only this part of the cases; None is all of them."""
    repeats: int = 1
    """Answers for each case."""


async def run_small(wanted: Small, *, folder: Path, cache: Path, scrub: Scrub) -> Report:
    """Run open targets over cases, and score their answers.

    Args:
        wanted: Cases, targets and evaluators.
        folder: Where it works; nothing there is needed afterwards.
        cache: The cell cache's file.
        scrub: Takes keys out of what is recorded.

    Returns:
        Every cell, in memory.

    Raises:
        ConfigError: every mistake in the cases.
        UsageError: the part is empty.
    """
    found = wanted.dataset.check()
    chosen = select(wanted.dataset, found, split=wanted.split)
    plan = _plan(wanted, found, chosen)
    run = folder / plan.run
    save_plan(plan, chosen, run)
    cases, tally = StoredCases(run / CASES_FILE), Tally()
    with Journal(run) as journal, CellCache(cache) as opened:
        job = Job(
            plan=plan,
            cases=cases,
            targets=wanted.targets,
            scorers=[Scorer(each, left_out(each, (case.id for case in chosen), seed=0)) for each in wanted.evaluators],
            transforms={name: lambda output: output for name in wanted.targets},
            journal=journal,
            cache=opened,
            observer=Silent(),
            done=index_journal(run / JOURNAL_FILE, plan, cases),
            scrub=scrub,
        )
        async with closing(wanted.evaluators):
            await execute(job, tally)
            await aggregate_scores(job, cases)
        journal.append(EndLine(seconds=0.0, requests=tally.requests, complete=tally.complete))
    return held(read_report(run))


def _plan(wanted: Small, found: Summary, chosen: Selection) -> Plan:
    now = datetime.now(UTC)
    return Plan(
        run=new_run_id("evaluate", now),
        suite="evaluate",
        started=now.isoformat(timespec="seconds"),
        settings={},
        dataset=found.name,
        dataset_digest=found.digest,
        cases=len(chosen),
        cases_digest=chosen.digest,
        part=chosen.part,
        targets={name: target.info for name, target in wanted.targets.items()},
        evaluators={evaluator.name: evaluator_info(evaluator) for evaluator in wanted.evaluators},
        repeats=wanted.repeats,
    )
