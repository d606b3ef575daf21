"""Answers that people have judged: a case's fields, the answer, and one label or several people's.

The rows are read as a dataset is, with the same forms and checks. What people said is taken out of the case: a judge
that could read the label would agree with it.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from plimsoll import canonical
from plimsoll.datasets import open_dataset
from plimsoll.errors import ConfigError, Mistake, Where, near_match
from plimsoll.types import Case, Output, ScoreValue

OUTPUT_COLUMN = "output"
_LABEL_COLUMNS = ("label", "labels")


class LabelKind(StrEnum):
    """What people wrote; the same in every row."""

    TRUTH = "true or false"
    NUMBER = "numbers"
    TEXT = "labels"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer that was judged by people."""

    case: Case
    """Without the answer and the labels."""
    output: Output
    labels: tuple[ScoreValue | None, ...]
    """One for each person asked; None where that person gave none."""

    @property
    def agreed(self) -> ScoreValue | None:
        """What people say together: the label of most, of numbers the middle one; None where they are split."""
        given = [label for label in self.labels if label is not None]
        if all(isinstance(label, float) for label in given):
            return float(statistics.median(given))  # type: ignore[type-var]  # all are numbers
        (first, most), *others = Counter(given).most_common()
        return None if others and others[0][1] == most else first


@dataclass(frozen=True, slots=True)
class Labels:
    """A file of them."""

    file: str
    digest: str
    """Of the rows' content, answers and labels among it."""
    kind: LabelKind
    rows: tuple[Labelled, ...]

    @property
    def people(self) -> int:
        """The most labels that an answer has."""
        return max(len(row.labels) for row in self.rows)

    @property
    def groups(self) -> list[str | None]:
        """Of the rows' cases."""
        return [row.case.group for row in self.rows]


def read_labels(path: Path, shown: str, *, output: str = OUTPUT_COLUMN, label: str | None = None) -> Labels:
    """The labelled answers in a *.jsonl, *.csv or *.parquet file.

    Args:
        path: The file.
        shown: How messages name it.
        output: The column that holds the answer, as text.
        label: The column that holds a label, or a list of several people's. Default: `label` or `labels`.

    Raises:
        ConfigError: every mistake in the file, with its line.
    """
    dataset = open_dataset(path, shown)
    dataset.check()
    cases = list(dataset)
    column = label or _label_column(cases, shown)
    reader = _Reader(shown, output, column, text=path.suffix.lower() == ".csv")
    read = [reader.read(case) for case in cases]
    kind = reader.kind()
    if reader.mistakes or kind is None:
        raise ConfigError(sorted(reader.mistakes, key=lambda mistake: mistake.where.line or 0 if mistake.where else 0))
    rows = tuple(_converted(row, kind) for row in read if row is not None)
    digest = canonical.digest_lines([{"output": output, "label": column}, *(case.digest for case in cases)])
    return Labels(shown, digest, kind, rows)


def _label_column(cases: Sequence[Case], shown: str) -> str:
    found = [name for name in _LABEL_COLUMNS if any(name in case.inputs for case in cases)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            [Mistake("the rows have both `label` and `labels`", Where(shown), "name one: --label-column")]
        )
    columns = dict.fromkeys(name for case in cases for name in case.inputs)
    remedy = f"name it: --label-column, one of {', '.join(columns)}"
    raise ConfigError([Mistake("no column `label` or `labels`", Where(shown), remedy)])


class _Reader:
    """Reads rows, and keeps what is wrong with them."""

    def __init__(self, shown: str, output: str, label: str, *, text: bool) -> None:
        self.mistakes: list[Mistake] = []
        self._shown, self._output, self._label, self._text = shown, output, label, text
        self._kinds: dict[LabelKind, int] = {}
        """Kind → the first line that has it."""

    def read(self, case: Case) -> Labelled | None:
        answer = case.inputs.get(self._output)
        if not isinstance(answer, str):
            there = self._output in case.inputs
            message = f"the answer {self._output!r} is not a text" if there else f"no answer: no {self._output!r}"
            self._tell(case, message, None if there else near_match(self._output, case.inputs))
            return None
        labels = self._labels(case)
        if labels is None:
            return None
        kept = {name: value for name, value in case.inputs.items() if name not in (self._output, self._label)}
        return Labelled(msgspec.structs.replace(case, inputs=kept), Output(text=answer), labels)

    def kind(self) -> LabelKind | None:
        """What the labels are; a mixture is a mistake."""
        if self._text and LabelKind.TEXT in self._kinds:
            # Of a CSV file: `1` beside `good` is a text that happens to look like a number.
            return LabelKind.TEXT
        kinds = sorted(self._kinds, key=self._kinds.__getitem__)
        if len(kinds) > 1:
            first, other = kinds[:2]
            message = f"the labels are {first.value} before this line, and {other.value} here"
            self.mistakes.append(Mistake(message, Where(self._shown, self._kinds[other]), "write all in one way"))
        return kinds[0] if kinds else None

    def _labels(self, case: Case) -> tuple[ScoreValue | None, ...] | None:
        raw = case.inputs.get(self._label)
        given = raw if isinstance(raw, list) else self._cell(raw)
        if not any(label is not None for label in given):
            self._tell(case, f"no label: {self._label!r} is empty", "label the answer, or leave the row out")
            return None
        labels = []
        for each in given:
            label = _label(each, text=self._text)
            if each is not None and label is None:
                self._tell(case, f"a label is a number, true, false or a text, not {each!r}")
                return None
            if label is not None:
                self._kinds.setdefault(_kind(label), case.line)
            labels.append(label)
        return tuple(labels)

    def _cell(self, raw: Any) -> list[Any]:
        """A single label, or of a CSV file a JSON list in a cell."""
        if self._text and isinstance(raw, str) and raw.strip().startswith("["):
            try:
                found = json.loads(raw)
            except ValueError:
                return [raw]
            return found if isinstance(found, list) else [raw]
        return [None if isinstance(raw, str) and not raw.strip() else raw]

    def _tell(self, case: Case, message: str, remedy: str | None = None) -> None:
        self.mistakes.append(Mistake(message, Where(self._shown, case.line), remedy))


def _label(raw: Any, *, text: bool) -> ScoreValue | None:
    """A label as it is written, or of a CSV file what its text says; None where it is none."""
    if isinstance(raw, str):
        word = raw.strip()
        return _parsed(word) if text else word or None
    if isinstance(raw, bool):
        return raw
    return float(raw) if isinstance(raw, int | float) else None


def _parsed(word: str) -> ScoreValue | None:
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        return float(word)
    except ValueError:
        return word or None


def _kind(label: ScoreValue) -> LabelKind:
    if isinstance(label, bool):
        return LabelKind.TRUTH
    return LabelKind.TEXT if isinstance(label, str) else LabelKind.NUMBER


def _converted(row: Labelled, kind: LabelKind) -> Labelled:
    if kind is not LabelKind.TEXT:
        return row
    labels = tuple(label if label is None or isinstance(label, str) else _written(label) for label in row.labels)
    return Labelled(row.case, row.output, labels)


def _written(label: ScoreValue) -> str:
    return str(label).lower() if isinstance(label, bool) else f"{label:g}"
