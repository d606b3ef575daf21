"""pandas at the edges: a DataFrame as a dataset, cases as a DataFrame. The only importer of pandas here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from plimsoll.config import CaseDefaults
from plimsoll.datasets.card import Card
from plimsoll.datasets.cases import CaseReader
from plimsoll.datasets.dataset import IN_MEMORY, Dataset
from plimsoll.datasets.source import RowsInMemory
from plimsoll.errors import ConfigError, Mistake, Where
from plimsoll.types import Case

if TYPE_CHECKING:
    import pandas as pd


def from_frame(
    frame: pd.DataFrame,
    *,
    name: str = IN_MEMORY,
    card: Card | None = None,
    defaults: CaseDefaults | None = None,
) -> Dataset:
    """A dataset of a frame's rows. NaN, NaT, NA and None are absent; the index is not read.

    Raises:
        ConfigError: a column's name is not text or occurs twice, or the defaults are wrong; mistakes in rows are
            told by `check` and `cases`.
    """
    columns: list[Any] = list(frame.columns)
    mistakes = [
        Mistake(f"the column name {column!r} is not text", Where(IN_MEMORY))
        for column in columns
        if not isinstance(column, str)
    ]
    mistakes += [
        Mistake(f"{columns.count(column)} columns are named {column!r}", Where(IN_MEMORY))
        for column in dict.fromkeys(columns)
        if columns.count(column) > 1
    ]
    if mistakes:
        raise ConfigError(mistakes)
    rows = tuple(
        {column: value for column, value in zip(columns, values, strict=True) if not _absent(value)}
        for values in frame.itertuples(index=False, name=None)
    )
    source = RowsInMemory(rows, IN_MEMORY, tuple(columns))
    return Dataset(card.name if card else name, source, CaseReader(IN_MEMORY, card, defaults or CaseDefaults()))


def to_frame(cases: Iterable[Case]) -> pd.DataFrame:
    """One row a case: `id`, the inputs, then each reserved field that any case has.

    A column keeps its values as they are: it is of type object where they differ in type or some are absent (None),
    so that `from_frame` gives the same cases back.
    """
    import pandas as pd

    rows = [_row(case) for case in cases]
    inputs = dict.fromkeys(name for row in rows for name in row)
    last = [name for name in _RESERVED_COLUMNS if name in inputs]
    columns = ["id", *(name for name in inputs if name != "id" and name not in _RESERVED_COLUMNS), *last]
    return pd.DataFrame({name: _series([row.get(name) for row in rows]) for name in columns}, columns=columns)


_RESERVED_COLUMNS = ("expected", "messages", "turns", "group", "slices", "weight", "evaluators", "pass_if")


def _row(case: Case) -> dict[str, Any]:
    given = {
        "messages": list(case.messages) or None,
        "turns": [turn.row() for turn in case.turns] or None,
        "expected": case.expected,
        "group": case.group,
        "slices": list(case.slices) or None,
        "weight": case.weight if case.weight != 1.0 else None,
        "evaluators": list(case.evaluators) or None,
        "pass_if": case.pass_if or None,
    }
    return {"id": case.id, **case.inputs, **{name: value for name, value in given.items() if value is not None}}


def _series(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    types = {type(value) for value in values}
    plain = len(types) == 1 and types <= {bool, int, float}
    return pd.Series(values, dtype=None if plain else object)


def _absent(value: Any) -> bool:
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124  # NaN is what differs from itself
