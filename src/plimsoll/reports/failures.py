"""Failures grouped by what failed and why, so that a reader sees three causes, not three hundred lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from plimsoll.reports.model import FailureGroup
from plimsoll.reports.text import one_line, plain
from plimsoll.types import CellId, Failed, Failure, Report

EXAMPLES = 3
ANSWER = "answer"


def failure_groups(report: Report) -> tuple[FailureGroup, ...]:
    """One group for each kind, place and remedy; the largest first, answers before scores."""
    grouped: dict[tuple[str, str, str], _Group] = {}
    for cell, of, failure in _failures(report):
        grouped.setdefault((of, failure.kind.value, failure.remedy), _Group()).add(cell, failure)
    groups = [found.shown(of, kind, remedy) for (of, kind, remedy), found in grouped.items()]
    return tuple(sorted(groups, key=lambda group: (group.of != ANSWER, -group.count)))


def _failures(report: Report) -> Iterator[tuple[CellId, str, Failure]]:
    for record in report.failed():
        if isinstance(record.outcome, Failure):
            # Whatever could not be scored without an answer is told by the answer's failure.
            yield record.cell, ANSWER, record.outcome
            continue
        for metric, score in record.scores.items():
            if isinstance(score, Failed):
                yield record.cell, metric, score.failure


@dataclass(slots=True)
class _Group:
    """Counts, and a few examples: with different messages where there are such."""

    targets: Counter[str] = field(default_factory=Counter)
    different: dict[str, CellId] = field(default_factory=dict)
    """Message → the first cell that has it, a few of them."""
    alike: list[tuple[CellId, str]] = field(default_factory=list)
    """The first cells whose messages others had before them."""

    def add(self, cell: CellId, failure: Failure) -> None:
        self.targets[cell.target] += 1
        if failure.message not in self.different and len(self.different) < EXAMPLES:
            self.different[failure.message] = cell
        elif len(self.alike) < EXAMPLES:
            self.alike.append((cell, failure.message))

    def shown(self, of: str, kind: str, remedy: str) -> FailureGroup:
        examples = [*((cell, message) for message, cell in self.different.items()), *self.alike][:EXAMPLES]
        return FailureGroup(
            kind=kind,
            of=plain(of),
            count=self.targets.total(),
            remedy=one_line(remedy, 500),
            targets=tuple((plain(name), amount) for name, amount in self.targets.most_common()),
            examples=tuple((plain(str(cell)), one_line(message, 300)) for cell, message in examples),
        )
