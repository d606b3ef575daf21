"""Which items of two lists belong together: as many pairs as there can be, each item in one of them.

Taking the first that fits would be too few where one item fits several. Items that are equal are counted, not told
apart, nothing is recursive, and what a tolerance makes to be compared is bounded: a list of thousands is no hang.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import TypeVar

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.equality import EXACT, NormalForm, Tolerance

Pairs = list[tuple[int, int]]
"""The index of the given item, and of the wanted one."""
Fits = list[list[int]]
"""For each given item the indexes of the wanted ones that it may be."""

T = TypeVar("T", bound=Hashable)
_MOST = 500_000


def most_pairs(given: Sequence[T], wanted: Sequence[T], fitting: Callable[[list[T], list[T]], Fits]) -> Pairs:
    """The most pairs, whatever the order.

    Args:
        given: What there is.
        wanted: What there should be.
        fitting: Says of different given and different wanted items which fit.
    """
    have, want = _places(given), _places(wanted)
    fits = fitting(list(have), list(want))
    rows, columns = list(have.values()), list(want.values())
    pairs: Pairs = []
    for row, column, amount in _amounts(fits, [len(each) for each in rows], [len(each) for each in columns]):
        pairs += [(rows[row].pop(), columns[column].pop()) for _ in range(amount)]
    return sorted(pairs)


def most_in_order(given: Sequence[T], wanted: Sequence[T], fitting: Callable[[list[T], list[T]], Fits]) -> Pairs:
    """The most pairs of which none cross: the longest common subsequence, with the arguments of `most_pairs`.

    Computed row by row with a bit for each wanted item (Hyyrö 2004): it is 0 where the item makes it one longer.
    """
    have, want = _places(given), _places(wanted)
    bits = [sum(1 << place for place in places) for places in want.values()]
    masks = {
        item: sum(bits[column] for column in columns)
        for item, columns in zip(have, fitting(list(have), list(want)), strict=True)
    }
    rows = [(1 << len(wanted)) - 1]
    for item in given:
        row = rows[-1]
        hits = row & masks[item]
        rows.append(((row + hits) | (row - hits)) & rows[0])
    pairs: Pairs = []
    row_number, column = len(given), len(wanted)
    while row_number and column:
        if rows[row_number] >> (column - 1) & 1:
            column -= 1
            continue
        row_number -= 1
        if rows[row_number] >> (column - 1) & 1:
            column -= 1
            pairs.append((row_number, column))
    return pairs[::-1]


def near(given: Sequence[NormalForm], wanted: Sequence[NormalForm], tolerance: Tolerance) -> Fits:
    """Which values are the same within a tolerance.

    Args:
        given: Values, all different.
        wanted: Values, all different.
        tolerance: How far a number may be off.

    Raises:
        CellError: the wanted ones are so many, and so alike, that more than 500,000 numbers may have to be compared.
        ValueError: the given ones are; the message says so, for people.
    """
    if tolerance == EXACT:
        places = {form: column for column, form in enumerate(wanted)}
        return [[places[form]] if form in places else [] for form in given]
    fits: Fits = [[] for _ in given]
    alike = _places(form.shape for form in given)
    for shape, columns in _places(form.shape for form in wanted).items():
        rows = alike.get(shape, [])
        have, want = [given[row].numbers for row in rows], [wanted[column].numbers for column in columns]
        for row, column in _near_numbers(have, want, tolerance):
            fits[rows[row]].append(columns[column])
    return fits


def _places(items: Iterable[T]) -> dict[T, list[int]]:
    found: dict[T, list[int]] = {}
    for index, item in enumerate(items):
        found.setdefault(item, []).append(index)
    return found


def _near_numbers(
    given: Sequence[Sequence[Fraction]], wanted: Sequence[Sequence[Fraction]], tolerance: Tolerance
) -> Iterator[tuple[int, int]]:
    """The pairs of equally long rows of numbers of which each number is near enough."""
    if not given or not wanted[0]:
        # Different values of one shape have numbers: without, there is one on either side.
        yield from ((row, 0) for row in range(len(given)))
        return
    bounds = [[tolerance.bounds(number) for number in numbers] for numbers in wanted]
    sides = [_Side([row[place] for row in given], [row[place] for row in bounds]) for place in range(len(wanted[0]))]
    narrow, *others = sorted(sides, key=lambda side: side.pairs)
    _refuse_too_many(narrow.pairs, len(wanted), len(sides))
    for column, (start, end) in enumerate(narrow.spans):
        for row in narrow.order[start:end]:
            if all(side.spans[column][0] <= side.ranks[row] < side.spans[column][1] for side in others):
                yield row, column


class _Side:
    """One number of each row, in order: what is near enough is a span of them, so that only ranks are compared."""

    def __init__(self, numbers: Sequence[Fraction], bounds: Sequence[tuple[Fraction, Fraction]]) -> None:
        self.order = sorted(range(len(numbers)), key=numbers.__getitem__)
        ascending = [numbers[row] for row in self.order]
        self.spans = [(bisect_left(ascending, low), bisect_right(ascending, high)) for low, high in bounds]
        self.ranks = [0] * len(numbers)
        for rank, row in enumerate(self.order):
            self.ranks[row] = rank
        self.pairs = sum(end - start for start, end in self.spans)


def _refuse_too_many(pairs: int, wanted: int, numbers: int) -> None:
    if pairs * numbers <= _MOST:
        return
    # A failed score would be a way to get rid of a bad one: it is for the dataset's fault alone.
    if wanted * wanted * numbers <= _MOST:
        raise ValueError("the answer has too many items that are alike within the tolerance")
    raise CellError(
        FailureKind.EVALUATOR,
        f"the case expects {wanted} items alike, too many to compare in any order within a tolerance",
        remedy="compare them in order, or without a tolerance",
    )


def _amounts(fits: Fits, have: list[int], want: list[int]) -> Iterator[tuple[int, int, int]]:
    """How many of a given item go to a wanted one, so that all together are the most."""
    suitors = Counter(chain.from_iterable(fits))
    contested = [(row, column) for row, columns in enumerate(fits) for column in columns]
    if all(len(columns) <= 1 for columns in fits) and all(amount == 1 for amount in suitors.values()):
        yield from ((row, column, min(have[row], want[column])) for row, column in contested)
    else:
        yield from _greatest_flow(contested, have, want)


def _greatest_flow(edges: Pairs, have: list[int], want: list[int]) -> Iterator[tuple[int, int, int]]:
    """From a source through the given and the wanted items to a sink: a maximum flow is a maximum matching."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    first, sink = 1 + len(have), 1 + len(have) + len(want)
    lines = [
        *((0, 1 + row, amount) for row, amount in enumerate(have)),
        *((1 + row, first + column, min(have[row], want[column])) for row, column in edges),
        *((first + column, sink, amount) for column, amount in enumerate(want)),
    ]
    starts, ends, amounts = np.array(lines, dtype=np.int32).T
    flow = maximum_flow(csr_array((amounts, (starts, ends)), shape=(sink + 1, sink + 1)), 0, sink).flow.tocoo()
    for start, end, amount in zip(flow.row.tolist(), flow.col.tolist(), flow.data.tolist(), strict=True):
        if amount > 0 and 1 <= start < first <= end < sink:
            yield start - 1, end - first, int(amount)
