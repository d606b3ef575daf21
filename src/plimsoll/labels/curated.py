"""Cases out of labels: what an answer should have been, and which answers people call bad.

A case keeps its id, so that beside the dataset it is a proposal for a change and no duplicate. Where it came from and
who said so stands in two fields that hold nothing of what was said: a target could read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.labels.answers import LabelledAnswer, holds_redacted, row_of
from plimsoll.labels.values import is_failing, read_value
from plimsoll.types import EXPECTED, Case

FROM_FIELD, NOTE_FIELD = "from", "note"
"""Of a row: RUN/TARGET, and who said so when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedCase:
    """A case that people said something of."""

    case: Case
    """As it was in the run."""
    expected: Any
    """What the person said that the answer should be; else the case's own."""
    corrected: bool
    """A person said it."""
    failing: tuple[str, ...]
    """Metrics that people call bad."""
    origin: str
    """RUN/TARGET."""
    note: str

    def row(self) -> dict[str, Any]:
        """The row of a dataset."""
        row = row_of(self.case)
        if self.expected is not None:
            row[EXPECTED] = self.expected
        return row | self.provenance

    @property
    def provenance(self) -> dict[str, str]:
        """The two fields that say where it came from."""
        return {FROM_FIELD: self.origin, NOTE_FIELD: self.note}


@dataclass(frozen=True, slots=True)
class Curated:
    """Cases that came of labels."""

    cases: tuple[CuratedCase, ...]
    told: tuple[str, ...]
    """What was left out, and why."""


def curated_cases(answers: Iterable[LabelledAnswer]) -> Curated:
    """The cases of answers that people corrected or called bad, by id.

    Of several corrections by one person the last counts. Where people want different answers, none is taken.

    Args:
        answers: Labels beside their answers.
    """
    by_case: dict[str, list[LabelledAnswer]] = {}
    for each in sorted(answers, key=lambda each: (each.case.id, each.label.at)):
        by_case.setdefault(each.case.id, []).append(each)
    told: list[str] = []
    return Curated(tuple(found for given in by_case.values() for found in _of_case(given, told)), tuple(told))


def _of_case(given: Sequence[LabelledAnswer], told: list[str]) -> Iterator[CuratedCase]:
    """What came of one case's labels, which are in the order in which they were given."""
    corrected = {each.label.who: each for each in given if each.label.name == EXPECTED}
    wanted = list(corrected.values())
    if any(each.label.value != wanted[0].label.value for each in wanted):
        told.append(f"{given[0].case.id}: {' and '.join(corrected)} want different answers")
        return
    failing = [each for each in given if _is_called_bad(each)]
    reasons = wanted or failing
    if not reasons:
        return
    last = reasons[-1]
    case = last.case
    if holds_redacted(row_of(case)) or any(holds_redacted(each.label.value) for each in wanted):
        told.append(f"{case.id}: what {last.label.who} saw was redacted; write it into the dataset by hand")
        return
    people = sorted({each.label.who for each in reasons})
    yield CuratedCase(
        case=case,
        expected=wanted[-1].label.value if wanted else case.expected,
        corrected=bool(wanted),
        failing=tuple(dict.fromkeys(each.label.name for each in failing)),
        origin=f"{last.label.run}/{last.label.cell.target}",
        note=f"{', '.join(people)}, {last.label.at[:10]}",
    )


def _is_called_bad(each: LabelledAnswer) -> bool:
    metric = each.metrics.get(each.label.name)
    if metric is None:
        return False
    try:
        return is_failing(metric, read_value(metric, each.label.value)) is True
    except ValueError:
        return False
