"""What stands in the way of a promotion, each with its place in the repository: for SARIF and a forge's annotations.

Promises the worst first: what kept a suite from being gated, rules that failed, rules that can't tell, cases that a
failed rule names, cells that something is missing of. What passed is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from plimsoll.errors import Where
from plimsoll.reports.missing import missing_cells
from plimsoll.reports.model import RuleRow, VerdictSection, View
from plimsoll.reports.phrases import flip_text, why_text
from plimsoll.reports.review import Review, worst_first
from plimsoll.types import Decision


class Kind(StrEnum):
    """What a finding is of; worst first."""

    UNGATED = "not-gated"
    FAILED = "rule-failed"
    INCONCLUSIVE = "rule-inconclusive"
    CASE = "case-failed"
    MISSING = "answer-missing"

    @property
    def meaning(self) -> str:
        """A sentence that says it."""
        return _MEANINGS[self]

    @property
    def blocks(self) -> bool:
        """It keeps the challenger from being promoted; what is missing may be allowed by the policy."""
        return self is not Kind.MISSING


_MEANINGS = {
    Kind.UNGATED: "The suite could not be gated, or its run did not end as it should.",
    Kind.FAILED: "A rule of the gate's policy was measured, and is not met.",
    Kind.INCONCLUSIVE: "Too little was measured to tell whether a rule of the gate's policy is met.",
    Kind.CASE: "A case does not pass, or got worse, and a rule that failed names it.",
    Kind.MISSING: "A case has no answer, or lacks a score.",
}


class Finding(NamedTuple):
    """One thing to look at."""

    kind: Kind
    suite: str
    title: str
    text: str
    place: Where | None
    """Where it is to be mended; None where that is not known."""
    related: Where | None = None
    """The case in the dataset."""
    key: str = ""
    """What stays the same of it from run to run."""
    case: str = ""
    """Of a case: which."""


def findings(reviews: Sequence[Review]) -> list[Finding]:
    """Everything that stands in the way, over all suites."""
    found = [one for review in worst_first(reviews) for one in _of(review)]
    order = list(Kind)
    return sorted(found, key=lambda finding: order.index(finding.kind))


def named_cases(view: View) -> set[str]:
    """The cases whose place findings want to know."""
    found = {case for section in view.verdicts for rule in _failed(section) for case in _blamed(rule)}
    return found if view.header.whole else found | {cell.case for cell in missing_cells(view)}


def _of(review: Review) -> Iterator[Finding]:
    if not review.as_decided:
        for problem in review.problems:
            title = f"{review.suite}: not gated (exit code {int(review.code)})"
            place = problem.where or review.places.suite
            yield Finding(Kind.UNGATED, review.suite, title, problem.told, place, key=problem.message)
    if review.view is None or review.section is None:
        return
    for rule in review.section.telling:
        yield _of_rule(review, rule)
    yield from _of_cases(review, review.section)
    if not review.view.header.whole:
        yield from _of_missing(review, review.view)


def _of_rule(review: Review, rule: RuleRow) -> Finding:
    kind = Kind.FAILED if rule.outcome is Decision.FAIL else Kind.INCONCLUSIVE
    title = f"{review.suite}: {rule.outcome}: {rule.name}"
    return Finding(kind, review.suite, title, why_text(rule), review.places.rule(rule), key=rule.name)


def _of_cases(review: Review, section: VerdictSection) -> Iterator[Finding]:
    changes = {flip.case: flip_text(flip) for flip in section.flips}
    blamed: dict[str, list[RuleRow]] = {}
    for rule in _failed(section):
        for case in _blamed(rule):
            blamed.setdefault(case, []).append(rule)
    for case, rules in blamed.items():
        told = "; ".join(
            filter(None, [changes.get(case, "does not pass"), *(f"named by {rule.name}" for rule in rules)])
        )
        places = review.places
        yield Finding(
            Kind.CASE,
            review.suite,
            f"{review.suite}: case {case}",
            told,
            places.prompt or places.suite,
            places.cases.get(case),
            key=case,
            case=case,
        )


def _of_missing(review: Review, view: View) -> Iterator[Finding]:
    for cell in missing_cells(view):
        place = review.places.cases.get(cell.case)
        title = f"{review.suite}: case {cell.case} on {cell.target}"
        yield Finding(
            Kind.MISSING,
            review.suite,
            title,
            cell.what,
            place or review.places.suite,
            key=f"{cell.case} {cell.target}",
            case=cell.case,
        )


def _failed(section: VerdictSection) -> Iterator[RuleRow]:
    return (rule for rule in section.rules if rule.outcome is Decision.FAIL)


def _blamed(rule: RuleRow) -> tuple[str, ...]:
    """The cases that a rule names."""
    return tuple(dict.fromkeys((*rule.failing, *rule.listed)))
