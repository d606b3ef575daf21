"""Whether so many cells failed that the run tells of the infrastructure and not of the targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from plimsoll.errors import FailureKind
from plimsoll.types import CellRecord, Failed, Failure, Report

_NOT_THE_EVALUATOR = frozenset(
    {
        FailureKind.AUTH,
        FailureKind.NOT_FOUND,
        FailureKind.RATE_LIMIT,
        FailureKind.SERVER,
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.BAD_RESPONSE,
        FailureKind.WORKER,
    }
)
"""Failures of a score that are the judge's provider's, not the evaluator's own."""


def infrastructure_failure(report: Report, targets: Sequence[str], max_failed: float) -> str | None:
    """Why the run has to be repeated before anything is decided; None where it need not.

    A cell has failed that has no output, or that a judge's provider left without a score. More than `max_failed` of a
    target's planned cells is too many; fewer are for the policy's coverage to judge.

    Args:
        report: The run.
        targets: Those that matter: for a gate, challenger and baseline.
        max_failed: A share of the planned cells.
    """
    planned = len(report.cases) * max(1, report.run.repeats)
    for target in targets:
        failures = [failure for record in report.of_target(target) if (failure := _failure(record)) is not None]
        if planned and len(failures) > max_failed * planned:
            kind, _ = min(Counter(failure.kind for failure in failures).items(), key=lambda item: (-item[1], item[0]))
            example = next(failure for failure in failures if failure.kind is kind)
            return (
                f"{len(failures)} of {planned} cells of {target} failed, more than {max_failed:.0%}; "
                f"most often {kind.value}: {example.message} ({example.remedy})"
            )
    return None


def _failure(record: CellRecord) -> Failure | None:
    if isinstance(record.outcome, Failure):
        return record.outcome
    failed = (score.failure for score in record.scores.values() if isinstance(score, Failed))
    return next((failure for failure in failed if failure.kind in _NOT_THE_EVALUATOR), None)
