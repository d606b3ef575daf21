"""How every case of a run stands, as numbers, and which of them fit what is asked for.

One pass over cases and cells; then a few bytes for each case, target and metric. Text is looked for in the run's own
files, case by case, so that nothing of it is held.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from plimsoll.reports.cases import expected_text, input_texts, passes_by, standing_of
from plimsoll.reports.model import Standing
from plimsoll.types import CellRecord, Failed, Metric, Output, Report, Score

_STANDINGS = tuple(Standing)
_NONE, _PASSED, _FAILED, _LACKING = range(4)
"""What a metric says of a target's answers to a case: nothing; that all pass; that one does not; or that a value is
lacking."""
WHOLE = 10_000_000
"""Characters of one case or answer that are searched."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cases are asked for; what is empty asks for nothing."""

    text: str = ""
    """Stands in the case or in an answer to it, whatever its capitals."""
    standing: str = ""
    slice: str = ""
    metric: str = ""
    """A target's answer does not pass by it, or has no value of it; with two targets the one that they differ in."""
    before: str = ""
    after: str = ""
    """Targets: a metric passes of one and does not of the other."""
    way: str = ""
    """`worse` or `better`: which of these."""
    labelled: str = ""
    """`yes` or `no`."""
    order: str = ""
    """`worst` or, as they are in the dataset, empty."""

    @property
    def narrows(self) -> bool:
        """Whether any case may be left out."""
        return any((self.text, self.standing, self.slice, self.metric, self.before and self.after, self.labelled))


class CaseTable:
    """A run's cases by their places in the dataset, from 0."""

    def __init__(self, report: Report) -> None:
        """Read the run once.

        Raises:
            ConfigError: it is damaged.
        """
        self._report = report
        self.size = len(report.cases)
        self.metrics = tuple(report.metrics)
        self.targets = tuple(report.run.targets)
        self.slices: Counter[str] = Counter()
        """Slice → cases."""
        self._sliced: dict[str, set[int]] = {}
        for place, case in enumerate(report.cases.values()):
            for name in case.slices:
                self.slices[name] += 1
                self._sliced.setdefault(name, set()).add(place)
        self.standings = bytearray([_STANDINGS.index(Standing.PASSED)]) * self.size
        """Of each case, as numbers."""
        self._said = {(target, name): bytearray(self.size) for target in self.targets for name in self.metrics}
        self._read()

    def _read(self) -> None:
        report, declared = self._report, self._report.metrics
        seen = array("I", [0]) * self.size
        place_of = report.numbering()
        for record in report.cells:
            place = place_of(record.cell.case)
            if place is None or record.cell.target not in report.run.targets:
                continue
            seen[place] += 1
            standing = _STANDINGS.index(standing_of(record, declared))
            self.standings[place] = min(self.standings[place], standing)
            self._note(record, place, declared)
        wanted = len(self.targets) * report.run.repeats
        for place, found in enumerate(seen):
            if found < wanted:
                self.standings[place] = min(self.standings[place], _STANDINGS.index(Standing.NOT_RUN))

    def _note(self, record: CellRecord, place: int, declared: Mapping[str, Metric]) -> None:
        answered = isinstance(record.outcome, Output)
        for name in self.metrics:
            said = self._said[record.cell.target, name]
            found = _said(record.scores.get(name), declared[name]) if answered else _LACKING
            # Of several repeats the worst counts.
            said[place] = max(said[place], found)

    def counts(self) -> dict[Standing, int]:
        """How many cases stand how."""
        return {standing: self.standings.count(code) for code, standing in enumerate(_STANDINGS)}

    def standing(self, place: int) -> Standing:
        """How a case stands."""
        return _STANDINGS[self.standings[place]]

    def fitting(self, asked: Asked, labelled: Collection[str], order: Iterator[int] | None = None) -> list[int]:
        """The places of the cases that are asked for.

        Args:
            asked: Which.
            labelled: The ids of the cases of which an answer has a label.
            order: Every place in the order to give them in; None is the dataset's.
        """
        places = [place for place in (range(self.size) if order is None else order) if self._fits(place, asked)]
        if asked.labelled:
            wanted = asked.labelled == "yes"
            with_labels = {self._report.numbering()(case) for case in labelled}
            places = [place for place in places if (place in with_labels) is wanted]
        if not asked.text or not places:
            return places
        holding = self._holding(asked.text.casefold())
        return [place for place in places if place in holding]

    def _fits(self, place: int, asked: Asked) -> bool:
        if asked.standing and self.standing(place) != asked.standing:
            return False
        if asked.slice and place not in self._sliced.get(asked.slice, ()):
            return False
        if asked.before and asked.after:
            return self._flipped(place, asked)
        return not asked.metric or any(
            self._said[target, asked.metric][place] > _PASSED for target in self.targets if asked.metric in self.metrics
        )

    def _flipped(self, place: int, asked: Asked) -> bool:
        names = [name for name in self.metrics if not asked.metric or name == asked.metric]
        if asked.before not in self.targets or asked.after not in self.targets:
            return False
        pairs = [(self._said[asked.before, name][place], self._said[asked.after, name][place]) for name in names]
        worse = any(before == _PASSED and after > _PASSED for before, after in pairs)
        better = any(before > _PASSED and after == _PASSED for before, after in pairs)
        return {"worse": worse, "better": better}.get(asked.way, worse or better)

    def _holding(self, text: str) -> set[int]:
        """The places of the cases that hold a text, themselves or in an answer."""
        found = set()
        for place, case in enumerate(self._report.cases.values()):
            texts = [case.id, *(part for pair in input_texts(case, WHOLE) for part in pair)]
            if any(text in part.casefold() for part in (*texts, expected_text(case, WHOLE) or "")):
                found.add(place)
        place_of = self._report.numbering()
        for record in self._report.cells:
            outcome, at = record.outcome, place_of(record.cell.case)
            said = outcome.whole_text if isinstance(outcome, Output) else outcome.message
            if at is not None and text in said.casefold():
                found.add(at)
        return found


def _said(score: Score | None, metric: Metric) -> int:
    if score is None or isinstance(score, Failed):
        return _LACKING
    passed = passes_by(score, metric)
    return _NONE if passed is None else _PASSED if passed else _FAILED
