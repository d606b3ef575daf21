"""From a row's columns to a case's fields: nested rows are unfolded, columns renamed, types and presence checked.

What a card declares is enforced here; without a card every column is a field. The steps are the same for every
file form, so that the same data gives the same case (and digest) from JSONL, CSV, Parquet or a DataFrame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.datasets.card import RESERVED, Card
from plimsoll.datasets.source import Header
from plimsoll.datasets.values import as_type, closest, nearest, parse_cell, parse_json
from plimsoll.errors import Mistake, Where


@dataclass(slots=True)
class Findings:
    """The mistakes of one row, collected."""

    shown: Path | str
    line: int | None
    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, message: str, remedy: str | None = None) -> None:
        """One more."""
        self.mistakes.append(Mistake(message, Where(self.shown, self.line), remedy))


def header_problems(header: Header, card: Card | None, findings: Findings) -> frozenset[str]:
    """Check a form's columns once against the card; gives the columns and fields that rows need not tell again."""
    if card is None or not card.fields or _holds_nested(header, card):
        return frozenset()
    told = set()
    for column in header.columns:
        if is_unknown(column, card):
            findings.add(f"unknown column {column!r}", unknown_remedy(column, card))
            told.add(column)
    spare = [given for given in header.columns if is_unknown(given, card)]
    for name in card.required:
        column = card.fields[name].column or name
        if column not in header.columns and "turns" not in header.columns:
            if not _misspelt(column, spare, card):
                findings.add(f"missing column {column!r}", closest(column, spare))
            told.add(name)
    return frozenset(told)


def read_fields(
    values: dict[str, Any], card: Card | None, findings: Findings, *, text: bool, told: Collection[str] = ()
) -> dict[str, Any]:
    """A row's fields by name, of the card's types. Null is absent, and so is an empty cell of text."""
    row = {name: value for name, value in values.items() if value is not None and not (text and value == "")}
    if isinstance(row.get("inputs"), dict) and not text and (card is None or "inputs" not in card.field_of_column):
        row = _unfolded(row, findings)
    if card is None or not card.fields:
        return row
    return _checked(row, card, findings, text=text, told=told)


def _holds_nested(header: Header, card: Card) -> bool:
    return not header.text and "inputs" in header.columns and "inputs" not in card.field_of_column


def _unfolded(row: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """A row with `inputs: {…}` (and `expectations: {…}`, as MLflow writes them) as a flat one."""
    flat = dict(row)
    _unfold("inputs", flat.pop("inputs"), "messages", flat, findings)
    if isinstance(flat.get("expectations"), dict):
        expectations = {name: value for name, value in flat.pop("expectations").items() if value is not None}
        response = expectations.pop("expected_response", None)
        if response is not None and expectations.setdefault("expected", response) is not response:
            findings.add("expectations holds both 'expected' and 'expected_response'", "keep one of the two")
        _unfold("expectations", expectations, "expected", flat, findings)
    return flat


def _unfold(part: str, inner: dict[str, Any], allowed: str, flat: dict[str, Any], findings: Findings) -> None:
    """Move the fields of a row's `part` beside it. Of the reserved fields it may hold `allowed` only."""
    for name, value in inner.items():
        if value is None:
            continue
        if name in RESERVED and name != allowed:
            remedy = f"{name!r} has a meaning of its own: put it beside {part}, or rename it"
            findings.add(f"{part} holds the reserved field {name!r}", remedy)
        elif name in flat:
            findings.add(f"field {name!r} is given twice", "keep one of the two")
        else:
            flat[name] = value


def is_unknown(column: str, card: Card) -> bool:
    """Whether a card that lists fields has none for a column."""
    if column in card.field_of_column:
        return False
    # A reserved field needs no mention in the card, unless the card reads it from another column.
    return column not in RESERVED or column in card.fields


def _misspelt(column: str, spare: Iterable[str], card: Card) -> bool:
    """Whether an unknown column was told with the question whether this one was meant: then it is not missing too."""
    known = [*card.field_of_column, *RESERVED]
    return any(given not in card.fields and nearest(given, known) == column for given in spare)


def unknown_remedy(column: str, card: Card) -> str | None:
    """What an unknown column may be instead."""
    if column in card.fields:
        return f"the card reads {column!r} from the column {card.fields[column].column!r}"
    fields = card.field_of_column
    return closest(column, [*fields, *RESERVED]) or f"the card's fields: {', '.join(sorted(fields))}"


def _checked(
    row: dict[str, Any], card: Card, findings: Findings, *, text: bool, told: Collection[str]
) -> dict[str, Any]:
    names = card.field_of_column
    fields: dict[str, Any] = {}
    for column, value in row.items():
        if is_unknown(column, card):
            if column not in told:
                findings.add(f"unknown field {column!r}", unknown_remedy(column, card))
            # Kept: the row is refused anyway, and what it holds is checked all the same.
            fields.setdefault(column, value)
            continue
        name = names.get(column, column)
        fields[name] = _typed(name, value, card, findings, text=text)
    elsewhere = _in_turns(row["turns"], card, text=text) if "turns" in row else frozenset()
    needed = (name for name in card.required if name not in told and not (name in elsewhere and name not in fields))
    _check_required(needed, row, fields, card, findings)
    return fields


def _in_turns(turns: Any, card: Card, *, text: bool) -> frozenset[str]:
    """The fields that a turn of a conversation gives in the row's place; each gives `question`: what the user says."""
    try:
        listed = parse_json(turns) if text else turns
    except ValueError:
        listed = None  # told by its reader
    given = [turn for turn in listed if isinstance(turn, dict)] if isinstance(listed, list) else []
    named = {name for turn in given for name, value in turn.items() if value is not None}
    return frozenset({"question", *(card.field_of_column.get(name, name) for name in named)})


def _typed(name: str, value: Any, card: Card, findings: Findings, *, text: bool) -> Any:
    declared = card.fields[name].type if name in card.fields else None
    # Reserved fields other than `expected` have a form of their own, read from text or not by `cases`.
    if declared is None or (name in RESERVED and name != "expected"):
        return value
    try:
        return parse_cell(value, declared) if text else as_type(value, declared)
    except ValueError as error:
        findings.add(f"field {name!r} {error}")
        return value


def _check_required(
    required: Iterable[str], row: dict[str, Any], fields: dict[str, Any], card: Card, findings: Findings
) -> None:
    for name in required:
        value = fields.get(name)
        if value is None:
            column = card.fields[name].column or name
            spare = [given for given in row if is_unknown(given, card)]
            if column not in row and _misspelt(column, spare, card):
                continue
            named = f"{name!r}" if column == name else f"{name!r} (column {column!r})"
            findings.add(f"missing field {named}", closest(column, spare))
        elif isinstance(value, str) and not value.strip():
            findings.add(f"required field {name!r} is blank")
