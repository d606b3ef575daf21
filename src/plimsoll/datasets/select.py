"""A part of a dataset: a sample that is the same wherever it is drawn, and the cases that a filter keeps.

Both stream. A case is in a sample by the hash of the seed and its id alone, so adding cases to a dataset moves few
others in or out, and two runs with one seed share their cases.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.datasets.values import clipped, closest
from plimsoll.errors import UsageError, near_match
from plimsoll.types import Case

_VALUES_KEPT = 1000
_VALUES_SHOWN = 10


def sample(cases: Iterable[Case], n: int, seed: int) -> list[Case]:
    """The `n` cases with the lowest sha256 of `SEED:ID`, in the dataset's order; all where there are not more.

    Raises:
        UsageError: `n` is not positive.
    """
    if n < 1:
        raise UsageError(f"a sample of {n} cases can't be drawn", remedy="ask for 1 or more")
    scored = ((hashlib.sha256(f"{seed}:{case.id}".encode()).digest(), place, case) for place, case in enumerate(cases))
    chosen = heapq.nsmallest(n, scored, key=lambda entry: entry[:2])
    return [case for _, _, case in sorted(chosen, key=lambda entry: entry[1])]


def filter_cases(cases: Iterable[Case], filters: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterator[Case]:
    """The cases that satisfy every FIELD=VALUE; pairs may name one field twice.

    FIELD is `slice`, `group`, `id`, `expected` or an input. VALUE is compared with a string as it is, with anything
    else as JSON; a list also matches by any of its items.

    Raises:
        UsageError: at the end, if no case matched: the field is unknown, or what values there are.
    """
    pairs = list(filters.items() if isinstance(filters, Mapping) else filters)
    seen = _Seen()
    matched = False
    for case in cases:
        values = {name: _texts(case, name) for name, _ in pairs}
        if all(wanted in values[name] for name, wanted in pairs):
            matched = True
            yield case
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
                return UsageError(f"no case has a field {name!r} to filter by", remedy=near_match(name, self.fields))
            if (name, wanted) not in self.met:
                return UsageError(f"no case has {name}={wanted}", remedy=self._values_of(name, wanted))
        asked = " and ".join(f"{name}={wanted}" for name, wanted in pairs)
        return UsageError(f"no case has {asked} at once", remedy="each alone occurs")

    def _values_of(self, name: str, wanted: str) -> str:
        values = sorted(self.values[name])
        shown = ", ".join(clipped(value) for value in values[:_VALUES_SHOWN])
        more = ", …" if len(values) > _VALUES_SHOWN else ""
        return closest(wanted, values) or f"values of {name}: {shown}{more}"
