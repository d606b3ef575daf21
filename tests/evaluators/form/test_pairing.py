"""The most pairs of two lists, in any order and in order: held against trying every way there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import CellError
from plimsoll.evaluators.equality import EXACT, Tolerance, normal_form, same_json
from plimsoll.evaluators.form.pairing import Pairs, most_in_order, most_pairs, near

items = st.lists(
    st.integers(0, 4) | st.sampled_from(["a", [], {}]) | st.lists(st.integers(0, 3), min_size=2, max_size=2), max_size=5
)
tolerances = st.sampled_from([EXACT, Tolerance(1), Tolerance(relative=0.5)])


def paired(matching: Callable[..., Pairs], have: Sequence[Any], want: Sequence[Any], tolerance: Tolerance) -> Pairs:
    forms = ([normal_form(item) for item in each] for each in (have, want))
    return matching(*forms, partial(near, tolerance=tolerance))


def most(have: Sequence[Any], want: Sequence[Any], tolerance: Tolerance, *, in_order: bool) -> int:
    """By recursion: the first of the given is left out, or goes to any of the wanted."""
    if not have:
        return 0
    best = most(have[1:], want, tolerance, in_order=in_order)
    for place, item in enumerate(want):
        if same_json(have[0], item, tolerance):
            rest = [*([] if in_order else want[:place]), *want[place + 1 :]]
            best = max(best, 1 + most(have[1:], rest, tolerance, in_order=in_order))
    return best


@settings(deadline=None)
@given(items, items, tolerances)
def test_there_are_no_more_pairs_than_these(have: list[Any], want: list[Any], tolerance: Tolerance) -> None:
    for matching, in_order in ((most_pairs, False), (most_in_order, True)):
        pairs = paired(matching, have, want, tolerance)
        assert len(pairs) == most(have, want, tolerance, in_order=in_order)
        assert all(same_json(have[row], want[column], tolerance) for row, column in pairs)
        assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
        assert not in_order or pairs == sorted(zip(*map(sorted, zip(*pairs, strict=True)), strict=True))


@pytest.mark.parametrize("shift", [0, 3])
def test_long_chains_are_no_recursion(shift: int) -> None:
    have, want = list(range(5000)), [number + shift for number in range(5000)][::-1]
    assert len(paired(most_pairs, have, want, Tolerance(3))) == 5000
    assert len(paired(most_in_order, have, want[::-1], Tolerance(3))) == 5000


def test_equal_items_are_counted_however_many() -> None:
    assert len(paired(most_pairs, [0] * 5000, [0] * 4000 + [1] * 2000, Tolerance(1))) == 5000


def test_what_would_take_too_long_is_refused_and_says_whose_fault_it_is() -> None:
    rows = [[number, number] for number in range(600)]
    with pytest.raises(CellError, match="expects 600 items alike"):
        paired(most_pairs, rows, rows, Tolerance(1e6))
    with pytest.raises(ValueError, match="the answer has too many"):
        paired(most_pairs, list(range(6000)), list(range(600)), Tolerance(1e6))
    # One number that tells the items apart is enough.
    apart = [[1, number * 10] for number in range(6000)]
    assert len(paired(most_pairs, apart, apart[::-1], Tolerance(1))) == 6000
