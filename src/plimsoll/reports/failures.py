"""Failures grouped by what failed and why, so that a reader sees three causes, not three hundred lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from plimsoll.reports.model import FailureGroup
from plimsoll.reports.text import one_line, plain
from plimsoll.types import CellId, Failed, Failure, Report

EXAMPLES = 3
ANSWER = "answer"


def failure_groups(report: Report) -> tuple[FailureGroup, ...]:
    """One group for each kind, place and remedy; the largest first, answers before scores."""
    grouped: dict[tuple[str, str, str], list[tuple[CellId, Failure]]] = {}
    for cell, of, failure in _failures(report):
        grouped.setdefault((of, failure.kind.value, failure.remedy), []).append((cell, failure))
    groups = [_group(of, kind, remedy, found) for (of, kind, remedy), found in grouped.items()]
    return tuple(sorted(groups, key=lambda group: (group.of != ANSWER, -group.count)))


def _failures(report: Report) -> Iterator[tuple[CellId, str, Failure]]:
    for record in report.cells:
        if isinstance(record.outcome, Failure):
            # Whatever could not be scored without an answer is told by the answer's failure.
            yield record.cell, ANSWER, record.outcome
            continue
        for metric, score in record.scores.items():
            if isinstance(score, Failed):
                yield record.cell, metric, score.failure


def _group(of: str, kind: str, remedy: str, found: list[tuple[CellId, Failure]]) -> FailureGroup:
    targets = Counter(cell.target for cell, _ in found)
    return FailureGroup(
        kind=kind,
        of=plain(of),
        count=len(found),
        remedy=one_line(remedy, 500),
        targets=tuple((plain(name), amount) for name, amount in targets.most_common()),
        examples=tuple((plain(str(cell)), one_line(failure.message, 300)) for cell, failure in _telling(found)),
    )


def _telling(found: list[tuple[CellId, Failure]]) -> list[tuple[CellId, Failure]]:
    """A few examples, with different messages where there are such."""
    different = {failure.message: (cell, failure) for cell, failure in reversed(found)}
    first = list(reversed(different.values()))[:EXAMPLES]
    taken = {cell for cell, _ in first}
    return [*first, *(pair for pair in found if pair[0] not in taken)][:EXAMPLES]
