"""What a reviewer is told of one suite's gate: what the comment, JUnit, SARIF and the annotations are made of.

Promises that a suite that could not be gated is there as well, with why and with an exit code that is no pass; and that
every text is plain and without secrets already: a renderer only escapes its own syntax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plimsoll.errors import ExitCode, Mistake, Where, first_that_applies
from plimsoll.reports.diffs import Difference
from plimsoll.reports.model import RuleRow, VerdictSection, View

UNAFFECTED = "no suite is affected by this change: nothing had to be measured"


@dataclass(frozen=True, slots=True)
class Places:
    """Where in the repository stands what a gate is about; what is not known is None or lacks.

    Files are relative to the repository's root, with `/`; to the workspace outside git.
    """

    suite: Where | None = None
    """The suite's gate."""
    rules: Mapping[str, Where] = field(default_factory=dict)
    """A rule's name → the policy's line."""
    prompt: Where | None = None
    """What the challenger is asked with: the first line that is not the baseline's, else where its template begins."""
    cases: Mapping[str, Where] = field(default_factory=dict)
    """Case → its line in the dataset."""

    def rule(self, row: RuleRow) -> Where | None:
        """Where a rule stands, else the suite's gate."""
        return self.rules.get(row.name, self.suite)


@dataclass(frozen=True, slots=True)
class Review:
    """One suite."""

    suite: str
    code: ExitCode
    """What its gate ended with."""
    view: View | None = None
    """Its run and verdict; None where nothing was decided."""
    problems: tuple[Mistake, ...] = ()
    """Why it did not end as its verdict says, or without one; places are relative as all are."""
    difference: Difference | None = None
    """Of challenger and baseline; None where there is no baseline."""
    again: str = ""
    """The one command that gates it again."""
    places: Places = field(default_factory=Places)

    @property
    def section(self) -> VerdictSection | None:
        """The verdict, where there is one."""
        return self.view.verdicts[0] if self.view is not None and self.view.verdicts else None

    @property
    def as_decided(self) -> bool:
        """The verdict alone says how it ended."""
        return self.section is not None and self.section.outcome.exit_code is self.code


def worst_of(reviews: Sequence[Review]) -> ExitCode:
    """The exit code that speaks for all of them."""
    return first_that_applies(review.code for review in reviews)


def worst_first(reviews: Sequence[Review]) -> list[Review]:
    """The reviews by their exit codes; equal ones as they came."""
    left = {review.code for review in reviews}
    order: dict[ExitCode, int] = {}
    while left:
        worst = first_that_applies(left)
        order[worst] = len(order)
        left.discard(worst)
    return sorted(reviews, key=lambda review: order[review.code])
