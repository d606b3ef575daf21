"""Means and variances of many stretches of a series at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Numbers = NDArray[Any]
    Part: TypeAlias = tuple[int | Numbers, int | Numbers]
    """Rows from one to the one before the other; of several stretches at once, where these are arrays."""


class RunningSums:
    """Sums up to each row (rows + 1 × columns), so that those of any rows are one subtraction."""

    def __init__(self, values: Numbers, there: Numbers) -> None:
        """Over rows × columns.

        Args:
            values: Zero where there is none.
            there: Which there are.
        """
        import numpy as np

        empty = np.zeros((1, values.shape[1]))
        self._sums, self._squares, self._counts = (
            np.concatenate([empty, np.cumsum(each, axis=0)]) for each in (values, values**2, there)
        )

    def within(self, parts: Sequence[Part]) -> Numbers:
        """Each column's variance about its means within the parts (as many as the parts hold × columns)."""
        import numpy as np

        squares, counts = np.zeros((1, 1)), np.zeros((1, 1))
        for start, end in parts:
            there = np.atleast_2d(self._counts[end] - self._counts[start])
            total = np.atleast_2d(self._sums[end] - self._sums[start])
            own = np.atleast_2d(self._squares[end] - self._squares[start]) - total**2 / np.maximum(there, 1)
            squares, counts = squares + np.maximum(own, 0.0), counts + there
        found: Numbers = squares / np.maximum(counts - len(parts), 1)
        return found

    def mean(self, part: Part) -> Numbers:
        """Each column's mean over the rows of a part."""
        import numpy as np

        start, end = part
        found: Numbers = np.atleast_2d(
            (self._sums[end] - self._sums[start]) / (self._counts[end] - self._counts[start])
        )
        return found
