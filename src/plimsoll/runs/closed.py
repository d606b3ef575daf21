"""What may be told of a case that only a gate opens: figures, ids and outcomes, and nothing of what is said in it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from plimsoll.errors import FailureKind
from plimsoll.types import Aggregate, Case, CellRecord, Failed, Failure, Metric, Outcome, Output, Score, Scored, Skipped

CLOSED = "held out"
"""In place of every text."""


def closed_case(case: Case) -> Case:
    """The case without what it asks and expects."""
    return Case(
        id=case.id,
        inputs={"case": CLOSED},
        group=case.group,
        slices=case.slices,
        weight=case.weight,
        digest=case.digest,
        line=case.line,
    )


def closed_record(record: CellRecord, metrics: Mapping[str, Metric]) -> CellRecord:
    """The cell without what was answered and why it was scored so.

    Args:
        record: The cell.
        metrics: The run's, whose labels may be told.
    """
    scores = {name: closed_score(score, metrics.get(name)) for name, score in record.scores.items()}
    return replace(record, outcome=closed_outcome(record.outcome), scores=scores)


def closed_outcome(outcome: Outcome) -> Outcome:
    """The outcome without what was answered."""
    if isinstance(outcome, Failure):
        return closed_failure(outcome)
    return Output(text=CLOSED, finish=outcome.finish, usage=outcome.usage, latency=outcome.latency, model=outcome.model)


def closed_score(score: Score, metric: Metric | None) -> Score:
    """The score without its reasons, and without a label that its metric does not list: it may be any text."""
    match score:
        case Scored(value=value):
            unlisted = isinstance(value, str) and (metric is None or value not in metric.labels)
            return replace(score, value=CLOSED if unlisted else value, reason=None, detail=None, turns=())
        case Failed():
            return replace(score, failure=closed_failure(score.failure), turns=())
        case Skipped():
            return replace(score, reason=CLOSED)


def closed_aggregate(aggregate: Aggregate) -> Aggregate:
    """The figures, without what is said of those that are lacking."""
    figures = {
        name: closed_failure(figure) if isinstance(figure, Failure) else figure
        for name, figure in aggregate.figures.items()
    }
    failure = None if aggregate.failure is None else closed_failure(aggregate.failure)
    return replace(aggregate, figures=figures, failure=failure)


def closed_failure(failure: Failure) -> Failure:
    """The failure without what it may quote."""
    return replace(failure, message=CLOSED, remedy=failure.kind.remedy) if may_quote(failure) else failure


def may_quote(failure: Failure) -> bool:
    """Whether its message may quote a case or an answer: a server's does, whatever it refuses a request for."""
    return failure.kind is not FailureKind.SPEND_CAP
