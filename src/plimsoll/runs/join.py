"""Plan and journal, joined: what a run has finished so far, and its report. Pure projections, rebuilt at any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from plimsoll.runs.engine import Done
from plimsoll.runs.journal import EndLine, Line, OutputLine, ScoreLine, read_journal
from plimsoll.runs.plan import JOURNAL_FILE, Plan, load_cases, load_plan
from plimsoll.types import Case, CellId, CellRecord, Failed, Failure, Report, RunRecord, Score


def read_done(journal: Path) -> Done:
    """What the journal holds and need not be done again: answers, and scores of those answers that were given.

    What failed, an output or a score, is owed again.
    """
    outcomes: dict[CellId, OutputLine] = {}
    scores: dict[CellId, dict[str, ScoreLine]] = {}
    for line in read_journal(journal):
        if isinstance(line, OutputLine):
            outcomes[line.cell] = line
            scores[line.cell] = {}
        elif isinstance(line, ScoreLine):
            scores.setdefault(line.cell, {})[line.evaluator] = line
    good = {cell: line for cell, line in outcomes.items() if not isinstance(line.outcome, Failure)}
    return Done(
        outcomes=good,
        scores={
            (cell, evaluator): line
            for cell in good
            for evaluator, line in scores[cell].items()
            if not any(isinstance(score, Failed) for score in line.scores.values())
        },
    )


def read_failed(journal: Path) -> frozenset[CellId]:
    """The cells whose last outcome is a failure, or of which an evaluator's last scores hold one."""
    failures: set[CellId] = set()
    # Evaluators whose last scores of the cell's last output hold a failure.
    broken: dict[CellId, set[str]] = {}
    for line in read_journal(journal):
        if isinstance(line, OutputLine):
            broken.pop(line.cell, None)
            failures.discard(line.cell)
            if isinstance(line.outcome, Failure):
                failures.add(line.cell)
        elif isinstance(line, ScoreLine):
            evaluators = broken.setdefault(line.cell, set())
            evaluators.discard(line.evaluator)
            if any(isinstance(score, Failed) for score in line.scores.values()):
                evaluators.add(line.evaluator)
    return frozenset(failures | {cell for cell, evaluators in broken.items() if evaluators})


def read_report(folder: Path) -> Report:
    """The report of a run's folder, finished or not.

    Raises:
        ConfigError: plan, cases or journal are missing or damaged.
    """
    cases = {case.id: case for case in load_cases(folder)}
    return join(load_plan(folder), cases, read_journal(folder / JOURNAL_FILE))


def join(plan: Plan, cases: Mapping[str, Case], lines: Iterable[Line]) -> Report:
    """The report of a run from its parts.

    Args:
        plan: The run's plan.
        cases: Id → case, for every case of the plan.
        lines: The journal.
    """
    outputs: dict[CellId, OutputLine] = {}
    scores: dict[CellId, dict[str, dict[str, Score]]] = {}
    ends: list[EndLine] = []
    for line in lines:
        if isinstance(line, OutputLine):
            outputs[line.cell] = line
            scores[line.cell] = {}
        elif isinstance(line, ScoreLine):
            scores.setdefault(line.cell, {})[line.evaluator] = line.scores
        else:
            ends.append(line)
    cells = tuple(
        CellRecord(
            cell=cell,
            key=line.key,
            outcome=line.outcome,
            cached=line.cached,
            scores=_flat(scores.get(cell, {}).values()),
        )
        for cell, line in sorted(outputs.items(), key=lambda item: item[0])
    )
    return Report(run=_record(plan, ends, finished=len(outputs)), cases=dict(cases), cells=cells)


def _flat(parts: Iterable[dict[str, Score]]) -> dict[str, Score]:
    return {name: score for part in parts for name, score in part.items()}


def _record(plan: Plan, ends: list[EndLine], finished: int) -> RunRecord:
    return RunRecord(
        id=plan.run,
        suite=plan.suite,
        started=plan.started,
        dataset=plan.dataset,
        dataset_digest=plan.dataset_digest,
        targets=plan.targets,
        evaluators=plan.evaluators,
        seconds=sum(end.seconds for end in ends),
        requests=sum(end.requests for end in ends),
        complete=bool(ends) and ends[-1].complete and finished == plan.size,
        git_commit=plan.git_commit,
        git_dirty=plan.git_dirty,
        seed=plan.seed,
        repeats=plan.repeats,
        sample=plan.sample,
        filters=plan.filters,
    )
