"""How much of a text's words stands in another text in the same order."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

_MATCH = 100
"""What a match is worth, in words of the source passed over: enough to prefer what stands together, too much to part a
sentence from the words of its source that lie a clause away. Whole numbers, so that equal texts give exactly 1."""


def longest_in_order(given: Sequence[str], source: Sequence[str]) -> float:
    """The words of `given` that stand in `source` in the same order, at the place where most do: 0 to len(given).

    A local alignment (Smith and Waterman 1981): a match is worth 1, a word of the source that is passed over costs a
    hundredth, a word of `given` that is not there costs nothing. Takes time by the number of matching pairs.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(source):
        places[word].append(place)
    # The chains worth continuing: where each ends, and its worth as if it ended at the source's start. Both rise.
    ends: list[int] = []
    worths: list[int] = []
    best = 0
    for word in given:
        # From the back: a chain may use each word of `given` once.
        for place in reversed(places.get(word, ())):
            before = bisect_left(ends, place)
            worth = _MATCH + max(0, worths[before - 1] - (place - 1) if before else 0)
            best = max(best, worth)
            _keep(ends, worths, place, worth + place)
    return best / _MATCH


def _keep(ends: list[int], worths: list[int], place: int, worth: int) -> None:
    """Add a chain, unless one that ends no later is worth as much; drop those that it beats."""
    at = bisect_left(ends, place)
    if (at and worths[at - 1] >= worth) or (at < len(ends) and ends[at] == place and worths[at] >= worth):
        return
    after = at
    while after < len(ends) and worths[after] <= worth:
        after += 1
    ends[at:after] = [place]
    worths[at:after] = [worth]
