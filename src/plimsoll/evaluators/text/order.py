"""How much of a text's words stands in another text in the same order."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

_MATCH = 100
"""What a match is worth, in words of the source passed over: enough to prefer what stands together, too much to part a
sentence from the words of its source that lie a clause away. Whole numbers, so that equal texts give exactly 1."""


_PAIRS = 200_000
"""Pairs of equal words that are aligned, about half a second's work."""


def in_order(clauses: Sequence[Sequence[str]], source: Sequence[str]) -> float:
    """The words of all clauses that stand in `source` in the clause's order, each clause where most do.

    Where the clauses and the source have more than 200,000 pairs of equal words, the words with the most pairs are not
    aligned and count as in order, as they stand in the source wherever one looks.
    """
    given = Counter(word for clause in clauses for word in clause)
    there = Counter(source)
    everywhere = _most_paired(given, there)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(source):
        if word in given and word not in everywhere:
            places[word].append(place)
    return sum(given[word] for word in everywhere) + sum(longest_in_order(clause, places) for clause in clauses)


def _most_paired(given: Mapping[str, int], there: Mapping[str, int]) -> frozenset[str]:
    """The words to leave out, so that the others have no more pairs than are aligned."""
    pairs = sorted((count * there[word], word) for word, count in given.items() if word in there)
    total = 0
    for at, (count, _) in enumerate(pairs):
        total += count
        if total > _PAIRS:
            return frozenset(word for _, word in pairs[at:])
    return frozenset()


def longest_in_order(given: Sequence[str], places: Mapping[str, Sequence[int]]) -> float:
    """The words of `given` that stand in a source in the same order, at the place where most do: 0 to len(given).

    A local alignment (Smith and Waterman 1981): a match is worth 1, a word of the source that is passed over costs a
    hundredth, a word of `given` that is not there costs nothing. Takes time by the number of matching pairs.

    Args:
        given: The words.
        places: Where each word stands in the source, from 0, rising.
    """
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
