"""Labels about one metric as rows that `judge calibrate` reads: a case, its answer, and what each person said of it.

The same answer to the same case is one row, however many runs gave it. Everybody's label is kept, in a column for each
person: how far people agree is for calibration to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from plimsoll.labels.answers import LabelledAnswer, holds_redacted, row_of
from plimsoll.labels.values import read_value
from plimsoll.types import ScoreValue

_ANSWERS = ("output", "answer", "labelled_output")
_LABELS = ("labels", "people", "labels_of_people")
"""Names for the columns: the first that no case has as a field."""
_KINDS: dict[type, str] = {bool: "true or false", float: "numbers", str: "texts"}


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Rows of a labels file."""

    rows: tuple[dict[str, Any], ...]
    people: tuple[str, ...]
    """In the order of the labels in each row."""
    labels: int
    """How many are in the rows."""
    output_column: str
    label_column: str
    told: tuple[str, ...]
    """What was left out, and why."""


@dataclass(slots=True)
class _Row:
    first: LabelledAnswer
    said: dict[str, tuple[str, ScoreValue]] = field(default_factory=dict)
    """Person → when, and what."""


def judged_rows(metric: str, answers: Iterable[LabelledAnswer]) -> JudgedRows:
    """The labels about a metric.

    Args:
        metric: Its name; labels of other names are passed over.
        answers: Labels beside their answers.
    """
    told: list[str] = []
    named = (each for each in answers if each.label.name == metric)
    found: dict[tuple[str, str, str], _Row] = {}
    for each in sorted(named, key=lambda each: (each.case.id, each.label.run, each.label.cell)):
        try:
            value, text = read_value(each.metrics.get(metric), each.label.value), _answer(each)
        except ValueError as error:
            told.append(f"{each.label.who} on {each.place}: {error}")
            continue
        row = found.setdefault((each.case.id, each.case.digest, text), _Row(each))
        if row.said.get(each.label.who, ("",))[0] <= each.label.at:
            row.said[each.label.who] = (each.label.at, value)
    told += _keep_one_kind(found.values())
    kept = [row for row in found.values() if row.said]
    people = tuple(sorted({who for row in kept for who in row.said}))
    fields = {name for row in kept for name in row.first.case.inputs}
    output = next(name for name in _ANSWERS if name not in fields)
    column = next(name for name in _LABELS if name not in fields)
    return JudgedRows(
        rows=tuple(_rows(kept, people, output, column)),
        people=people,
        labels=sum(len(row.said) for row in kept),
        output_column=output,
        label_column=column,
        told=tuple(told),
    )


def _answer(each: LabelledAnswer) -> str:
    """The answer that was judged.

    Raises:
        ValueError: a judge can't be held against people on it.
    """
    if each.output is None:
        raise ValueError("the target gave no answer")
    if each.case.is_conversation:
        raise ValueError("a judge is not calibrated on whole conversations")
    if holds_redacted(each.output.text) or holds_redacted(row_of(each.case)):
        raise ValueError("the case or the answer is redacted here")
    return each.output.text


def _keep_one_kind(rows: Iterable[_Row]) -> Iterator[str]:
    """Take out all but the most frequent kind of labels; in words."""
    kinds = Counter(type(value) for row in rows for _, value in row.said.values())
    if len(kinds) < 2:
        return
    (most, _), *others = kinds.most_common()
    for row in rows:
        row.said = {who: given for who, given in row.said.items() if type(given[1]) is most}
    left = ", ".join(f"{_KINDS[kind]} ({amount})" for kind, amount in others)
    yield f"a file holds one kind of labels: {_KINDS[most]} ({kinds[most]}) kept, {left} left out"


def _rows(kept: Sequence[_Row], people: Sequence[str], output: str, column: str) -> Iterator[dict[str, Any]]:
    several = Counter(row.first.case.id for row in kept)
    for row in kept:
        case, label = row.first.case, row.first.label
        fields = row_of(case)
        if several[case.id] > 1:
            # Answers to one case are not independent of each other.
            fields["id"] = f"{case.id} ({label.cell.target} {label.cell.repeat}, {label.run})"
            fields["group"] = case.group or case.id
        assert row.first.output is not None, "it was read"
        said = [row.said[who][1] if who in row.said else None for who in people]
        yield {**fields, output: row.first.output.text, column: said}
