"""A part of a dataset: what is not held out, a sample that is the same wherever it is drawn, what a filter keeps.

A case is in a sample by the hash of the seed and its id alone, so adding cases to a dataset moves few others in or
out, and two runs with one seed share their cases. No list of cases is held: of a part, its places in the dataset are.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.datasets.digests import Leaves, leaf
from plimsoll.datasets.held_out import Split
from plimsoll.datasets.summary import Summary
from plimsoll.datasets.values import clipped, closest
from plimsoll.errors import UsageError, near_match
from plimsoll.types import Case, Part

_VALUES_KEPT = 1000
_VALUES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a dataset, or all of it; each iteration reads the dataset again."""

    cases: Iterable[Case]
    """The dataset; it gives the same cases each time."""
    size: int
    digest: str
    """As `digest_cases` of the part."""
    places: array[int] | None = None
    """Which of the dataset's cases it holds, in its order, from 0; None is all of them."""
    part: Part = Part.WHOLE
    """Of the dataset; filters and sample are within it."""

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Case]:
        if self.places is None:
            yield from self.cases
            return
        wanted = iter(self.places)
        place = next(wanted, None)
        for number, case in enumerate(self.cases):
            if number == place:
                yield case
                place = next(wanted, None)


Filters = Mapping[str, str] | Iterable[tuple[str, str]]


def select(
    cases: Iterable[Case],
    found: Summary,
    *,
    filters: Filters = (),
    sample: int | None = None,
    seed: int = 0,
    split: Split | None = None,
) -> Selection:
    """The cases that satisfy every filter; of them a sample, where one is asked for, in the dataset's order.

    A sample is the cases with the lowest sha256 of `SEED:ID`; all where there are not more. The whole dataset costs
    nothing; a part is one pass over it, which keeps about 45 bytes of a case that matches, of a sample's about 350.

    Args:
        cases: The dataset; read again each time.
        found: What checking it found.
        filters: As for `filter_cases`.
        sample: How many cases; None is no sample.
        seed: Of the sample.
        split: Only the cases of this part, before anything else; None is the whole dataset.

    Raises:
        UsageError: no case matches the filters, the part is empty, or the sample is not positive.
    """
    if sample is not None and sample < 1:
        raise UsageError(f"a sample of {sample} cases can't be drawn", remedy="ask for 1 or more")
    pairs = _pairs(filters)
    if split is None and not pairs and (sample is None or sample >= found.cases):
        return Selection(cases, found.cases, found.digest)
    matching = _matching(cases, pairs, split)
    places, leaves = array("Q"), Leaves()
    if sample is None:
        for place, case in matching:
            places.append(place)
            leaves.add(leaf(case))
    else:
        chosen = heapq.nsmallest(sample, ((_rank(case, seed), place, leaf(case)) for place, case in matching))
        places.extend(sorted(place for _, place, _ in chosen))
        for _, _, each in chosen:
            leaves.add(each)
    if split is not None and not places:
        raise _empty(split)
    return Selection(cases, len(places), leaves.digest(), places, Part.WHOLE if split is None else split.part)


def _empty(split: Split) -> UsageError:
    if split.part is Part.HELD_OUT:
        return UsageError("no case is held out", remedy="hold out a larger share, or a slice that has cases")
    return UsageError("every case is held out", remedy="only `plimsoll gate` opens them: hold out fewer")


def _rank(case: Case, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{case.id}".encode()).digest()


def filter_cases(cases: Iterable[Case], filters: Filters) -> Iterator[Case]:
    """The cases that satisfy every FIELD=VALUE, one by one; pairs may name one field twice.

    FIELD is `slice`, `group`, `id`, `expected` or an input. VALUE is compared with a string as it is, with anything
    else as JSON; a list also matches by any of its items.

    Raises:
        UsageError: at the end, if no case matched: the field is unknown, or what values there are.
    """
    return (case for _, case in _matching(cases, _pairs(filters)))


def _pairs(filters: Filters) -> list[tuple[str, str]]:
    return list(filters.items() if isinstance(filters, Mapping) else filters)


def _matching(
    cases: Iterable[Case], pairs: list[tuple[str, str]], split: Split | None = None
) -> Iterator[tuple[int, Case]]:
    """Each case of the part that satisfies every filter, with its place among all."""
    numbered: Iterable[tuple[int, Case]] = enumerate(cases)
    if split is not None:
        numbered = ((place, case) for place, case in numbered if case in split)
    if not pairs:
        yield from numbered
        return
    seen = _Seen("" if split is None else f" of the {'held-out' if split.part is Part.HELD_OUT else 'open'} part")
    matched = False
    for place, case in numbered:
        values = {name: _texts(case, name) for name, _ in pairs}
        if all(wanted in values[name] for name, wanted in pairs):
            matched = True
            yield place, case
        elif not matched:
            seen.add(case, values, pairs)
    if not matched:
        raise seen.error(pairs)


def _texts(case: Case, name: str) -> frozenset[str]:
    if name == "slice":
        return frozenset(case.slices)
    if name in ("id", "group"):
        value: Any = getattr(case, name)
    else:
        value = case.expected if name == "expected" else case.inputs.get(name)
    if value is None:
        return frozenset()
    return frozenset(_text(item) for item in (value, *(value if isinstance(value, list) else ())))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(slots=True)
class _Seen:
    """What there was, for the message when nothing matches."""

    part: str = ""
    """Where it was looked for, in words."""
    fields: set[str] = field(default_factory=lambda: {"id"})
    values: dict[str, set[str]] = field(default_factory=dict)
    met: set[tuple[str, str]] = field(default_factory=set)
    """The filters that some case satisfies."""

    def add(self, case: Case, texts: Mapping[str, frozenset[str]], pairs: list[tuple[str, str]]) -> None:
        self.fields.update(case.inputs)
        special = {"slice": bool(case.slices), "group": bool(case.group), "expected": case.expected is not None}
        self.fields.update(name for name, given in special.items() if given)
        self.met.update((name, wanted) for name, wanted in pairs if wanted in texts[name])
        for name, found in texts.items():
            kept = self.values.setdefault(name, set())
            if len(kept) < _VALUES_KEPT:
                kept.update(found)

    def error(self, pairs: list[tuple[str, str]]) -> UsageError:
        for name, wanted in pairs:
            if name not in self.fields:
                return UsageError(
                    f"no case{self.part} has a field {name!r} to filter by", remedy=near_match(name, self.fields)
                )
            if (name, wanted) not in self.met:
                return UsageError(f"no case{self.part} has {name}={wanted}", remedy=self._values_of(name, wanted))
        asked = " and ".join(f"{name}={wanted}" for name, wanted in pairs)
        return UsageError(f"no case{self.part} has {asked} at once", remedy="each alone occurs")

    def _values_of(self, name: str, wanted: str) -> str:
        values = sorted(self.values[name])
        shown = ", ".join(clipped(value) for value in values[:_VALUES_SHOWN])
        more = ", …" if len(values) > _VALUES_SHOWN else ""
        return closest(wanted, values) or f"values of {name}: {shown}{more}"
