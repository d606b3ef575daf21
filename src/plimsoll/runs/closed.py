"""What may be told of a case that only a gate opens: figures, ids and outcomes, and nothing of what is said in it."""

from __future__ import annotations

from msgspec.structs import replace

from plimsoll.errors import FailureKind
from plimsoll.types import Case, CellRecord, Failed, Failure, Outcome, Output, Score, Scored, Skipped

CLOSED = "held out"
"""In place of every text."""
_QUOTING = frozenset({FailureKind.BAD_RESPONSE, FailureKind.WORKER})
"""Of a provider's failures those that quote an answer, or what a worker printed."""


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


def closed_record(record: CellRecord) -> CellRecord:
    """The cell without what was answered and why it was scored so."""
    scores = {name: closed_score(score) for name, score in record.scores.items()}
    return replace(record, outcome=closed_outcome(record.outcome), scores=scores)


def closed_outcome(outcome: Outcome) -> Outcome:
    """The outcome without what was answered."""
    if isinstance(outcome, Failure):
        return closed_failure(outcome)
    return Output(text=CLOSED, finish=outcome.finish, usage=outcome.usage, latency=outcome.latency, model=outcome.model)


def closed_score(score: Score) -> Score:
    """The score without its reasons."""
    match score:
        case Scored():
            return replace(score, reason=None, detail=None, turns=())
        case Failed():
            return replace(score, failure=closed_failure(score.failure), turns=())
        case Skipped():
            return score


def closed_failure(failure: Failure) -> Failure:
    """The failure without what it may quote."""
    return replace(failure, message=CLOSED) if may_quote(failure) else failure


def may_quote(failure: Failure) -> bool:
    """Whether its message may quote a case or an answer; what a provider says of itself does not."""
    return not failure.kind.of_provider or failure.kind in _QUOTING
