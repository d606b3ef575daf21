"""What a person said of an answer."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plimsoll.types.record import CellId

EXPECTED = "expected"
"""The name of a label that says what the answer should have been."""


class HumanLabel(Struct, frozen=True, kw_only=True):
    """One person's word on one answer of a run. The same person's later word on it, of the same name, replaces it."""

    run: str
    """The run's id."""
    cell: CellId
    name: str
    """The metric that it is about, or `expected`: then the value is the reference answer."""
    value: Any
    """A number, a truth value or a label, in the metric's terms; a reference answer is any JSON value. None takes the
    person's earlier word back."""
    who: str
    at: str
    """ISO 8601, UTC."""
    rationale: str | None = None
    source: str = "view"
    """Where it was given: `view` or `mlflow`."""
