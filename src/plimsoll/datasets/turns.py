"""A case's `turns`: what the user says, one turn after the other, each with what its answer is scored by.

A turn's fields are the dataset's: the card's names and types hold for them as for a row's own.
"""

from __future__ import annotations

from typing import Any

from plimsoll.datasets.card import RESERVED, Card
from plimsoll.datasets.fields import Findings, is_unknown, unknown_remedy
from plimsoll.datasets.messages import content_problems
from plimsoll.datasets.values import as_type, kind_of
from plimsoll.types import Message, Turn

USER = "user"
_SHARED = RESERVED - {"expected"}
"""Fields that a conversation has as a whole."""


def read_turns(value: Any, messages: tuple[Message, ...], card: Card | None, findings: Findings) -> tuple[Turn, ...]:
    """The turns; what is wrong with them are findings, and then what is given here is not used.

    Args:
        value: As the row has it.
        messages: What goes before.
        card: The dataset's.
        findings: The row's.
    """
    if not isinstance(value, list):
        findings.add(f"turns is {kind_of(value)}, not a list of turns")
        return ()
    if not value:
        findings.add("turns is an empty list", "leave it out where there is no conversation")
    if value and messages and messages[-1].get("role") == "user":
        findings.add(
            "messages ends with what the user says, and turns goes on with that",
            "make it the first turn, or put the answer after it",
        )
    return tuple(turn for index, each in enumerate(value) if (turn := _turn(each, f"turns[{index}]", card, findings)))


def _turn(value: Any, at: str, card: Card | None, findings: Findings) -> Turn | None:
    if not isinstance(value, dict):
        findings.add(f"{at} is {kind_of(value)}, not an object with `user`", 'write {"user": …, "expected": …}')
        return None
    given = {name: item for name, item in value.items() if item is not None}
    user = given.pop(USER, None)
    if user is None or user in ("", []):
        findings.add(f"{at} has no `user`", "say what the user says in this turn")
        return None
    for problem, remedy in content_problems(user, f"{at}.{USER}"):
        findings.add(problem, remedy)
    fields = {}
    for column, item in given.items():
        name = card.field_of_column.get(column, column) if card is not None else column
        if name in _SHARED:
            findings.add(f"{at} holds the reserved field {name!r}", f"{name!r} is the row's: put it beside turns")
        elif card is not None and card.fields and is_unknown(column, card):
            findings.add(f"{at} has the unknown field {column!r}", unknown_remedy(column, card))
        else:
            fields[name] = _typed(name, item, at, card, findings)
    expected = fields.pop("expected", None)
    return Turn(user=user, expected=expected, inputs=fields)


def _typed(name: str, value: Any, at: str, card: Card | None, findings: Findings) -> Any:
    declared = card.fields[name].type if card is not None and name in card.fields else None
    if declared is None:
        return value
    try:
        return as_type(value, declared)
    except ValueError as error:
        findings.add(f"{at}: field {name!r} {error}")
        return value
