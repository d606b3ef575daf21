"""Whether so many cells failed that the run tells of the infrastructure and not of the targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from plimsoll.errors import FailureKind
from plimsoll.runs.closed import closed_failure
from plimsoll.types import CellRecord, Failed, Failure, Part, Report


def infrastructure_failure(report: Report, targets: Sequence[str], max_failed: float) -> str | None:
    """Why the run has to be repeated before anything is decided; None where it need not.

    A cell has failed that has no output, or that a judge's provider left without a score. More than `max_failed` of a
    target's planned cells, of a sequential run of those that were due, is too many; fewer are for the policy's coverage
    to judge.

    Args:
        report: The run.
        targets: Those that matter: for a gate, challenger and baseline.
        max_failed: A share of the planned cells.
    """
    planned = len(report.due().cases) * max(1, report.run.repeats)
    kinds: dict[str, Counter[FailureKind]] = {target: Counter() for target in targets}
    examples: dict[tuple[str, FailureKind], Failure] = {}
    for record in report.failed():
        target, failure = record.cell.target, _failure(record)
        if failure is not None and target in kinds:
            kinds[target][failure.kind] += 1
            examples.setdefault((target, failure.kind), failure)
    for target, found in kinds.items():
        if planned and found.total() > max_failed * planned:
            kind, _ = min(found.items(), key=lambda item: (-item[1], item[0]))
            example = examples[target, kind]
            if report.run.part is Part.HELD_OUT:
                example = closed_failure(example)
            return (
                f"{found.total()} of {planned} cells of {target} failed, more than {max_failed:.0%}; "
                f"most often {kind.value}: {example.message} ({example.remedy})"
            )
    return None


def _failure(record: CellRecord) -> Failure | None:
    if isinstance(record.outcome, Failure):
        # Nobody was asked: that tells of no infrastructure.
        return None if record.outcome.kind is FailureKind.NOT_RECORDED else record.outcome
    failed = (score.failure for score in record.scores.values() if isinstance(score, Failed))
    return next((failure for failure in failed if failure.kind.of_provider), None)
