"""The fields with a meaning of their own: each read from a row's value, or told what is wrong with it.

In a text form (CSV) slices are separated by `;`, and messages, turns, evaluators and pass_if are JSON text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from plimsoll.config import parse_condition
from plimsoll.datasets.card import Card
from plimsoll.datasets.fields import Findings
from plimsoll.datasets.messages import message_problems
from plimsoll.datasets.turns import read_turns
from plimsoll.datasets.values import clipped, kind_of, parse_cell, parse_json, shown_name, text_problems
from plimsoll.types import Message, Turn

_UNFIT_FOR_NAMES = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

_LONGEST_NUMBERED = 256
"""Bits of an integer that names something."""


def condition_text(value: str | float | bool) -> str:
    """A `pass_if` condition as a case holds it: always text.

    Raises:
        ValueError: it is no condition.
    """
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("a condition is blank")
        parse_condition(value)
        return value.strip()
    if not isinstance(value, bool | int | float):
        raise ValueError(f"a condition is {kind_of(value)}, not text like '>= 0.6', a number, or true or false")  # noqa: TRY004  # ValueError is what a bad condition is everywhere
    if not math.isfinite(value):
        raise ValueError(f"a condition compares with a finite number, not {value}")
    return str(parse_condition(value))


@dataclass(slots=True, eq=False)
class ReservedFields:
    """Reads them from a row's fields. What can't be read is a finding, and the value is as if absent."""

    fields: dict[str, Any]
    findings: Findings
    text: bool

    def name(self, field: str) -> str | None:
        """`id` or `group`: text, or an integer as text."""
        value = self.fields.get(field)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.findings.add(f"{field} is {kind_of(value)}, not text or an integer: {clipped(value)}")
            return None
        if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBERED:
            self.findings.add(f"{field} is an integer that is too long")
            return None
        name = str(value)
        if not name.strip():
            self.findings.add(f"{field} is blank")
            return None
        if not _UNFIT_FOR_NAMES.search(name):
            return name
        control = f"holds a line break, a tab or another control character: {clipped(name)}"
        for problem in list(text_problems(name)) or [control]:
            self.findings.add(f"{field} {problem}")
        return None

    def slices(self) -> tuple[str, ...] | None:
        """The slices in the row's order, each once; None where the row has no such field."""
        value = self.fields.get("slices")
        if value is None:
            return None
        if self.text:
            value = [part.strip() for part in value.split(";") if part.strip()]
        if not isinstance(value, list):
            remedy = f"write {json.dumps([value])}" if isinstance(value, str) else None
            self.findings.add(f"slices is {kind_of(value)}, not a list of names", remedy)
            return None
        for name in value:
            if not isinstance(name, str) or not name.strip():
                self.findings.add(f"slices holds {clipped(name)}, which is not a name")
        return tuple(dict.fromkeys(name for name in value if isinstance(name, str) and name.strip()))

    def weight(self) -> float | None:
        """A positive finite number."""
        value = self.fields.get("weight")
        if value is None:
            return None
        try:
            number = parse_cell(value, "number") if self.text else value
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise ValueError(f"is {kind_of(value)}, not a number: {clipped(value)}")  # noqa: TRY004, TRY301  # told as a finding three lines below
            weight = float(number)
        except OverflowError:
            weight = math.inf
        except ValueError as error:
            self.findings.add(f"weight {error}")
            return None
        if not math.isfinite(weight) or weight <= 0:
            self.findings.add(f"weight is {clipped(value)}; a weight is positive and finite")
            return None
        return weight

    def messages(self) -> tuple[Message, ...]:
        """The conversation."""
        value = self._json("messages")
        if value is None:
            return ()
        wrong = list(message_problems(value))
        for message, remedy in wrong:
            self.findings.add(message, remedy)
        return () if wrong else tuple(value)

    def turns(self, messages: tuple[Message, ...], card: Card | None) -> tuple[Turn, ...]:
        """The conversation that is held after `messages`."""
        value = self._json("turns")
        return () if value is None else read_turns(value, messages, card, self.findings)

    def evaluators(self) -> tuple[Any, ...] | None:
        """Evaluators as a suite writes them; whether they exist is for the suite's registry to tell."""
        value = self._json("evaluators")
        if value is None:
            return None
        if not isinstance(value, list):
            self.findings.add(f"evaluators is {kind_of(value)}, not a list")
            return None
        for index, entry in enumerate(value):
            named = entry.strip() if isinstance(entry, str) else len(entry) == 1 if isinstance(entry, dict) else False
            if not named:
                remedy = "write a name, or one name with its settings: {name: {…}}"
                self.findings.add(f"evaluators[{index}] is not an evaluator: {clipped(entry)}", remedy)
        return tuple(value)

    def pass_if(self) -> dict[str, str]:
        """Metric → condition."""
        value = self._json("pass_if")
        if value is None:
            return {}
        if not isinstance(value, dict):
            remedy = 'write {"METRIC": ">= 0.6"}'
            self.findings.add(f"pass_if is {kind_of(value)}, not an object of metric and condition", remedy)
            return {}
        return dict(self._conditions(value))

    def _conditions(self, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for metric, condition in value.items():
            # A table's struct column names every metric in every row: null is «not this one».
            if condition is None:
                continue
            try:
                yield metric, condition_text(condition)
            except ValueError as error:
                self.findings.add(f"pass_if.{shown_name(metric)}: {error}")

    def _json(self, field: str) -> Any:
        value = self.fields.get(field)
        if value is None or not self.text:
            return value
        try:
            return parse_json(value)
        except ValueError as error:
            self.findings.add(f"{field}: {error}", "the cell is JSON text")
            return None
