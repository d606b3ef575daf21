"""How many fields of a reference object an answer has right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.equality import NormalForm, ToleranceSettings, normal_form
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.form.answers import clipped, json_of, listed, shown
from plimsoll.evaluators.form.pairing import most_pairs, near
from plimsoll.evaluators.strict_json import parse_json
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, Output, Scored

_ABSENT = object()
_INDEX = re.compile(r"\[\d+\]")


class JsonFields(SettingsEvaluator, ToleranceSettings):
    """The share of the reference object's fields that the answer has right.

    A field is a value that is no object and no list: `address.city`, `lines[0].price`. It is right or wrong as a
    whole. right / (fields of the reference + further fields of the answer, unless `unexpected: ignore`).
    """

    version: ClassVar[str] = "2"
    metric: ClassVar[Metric] = Metric(name="", low=0.0, high=1.0)
    shorthand: ClassVar[str | None] = "expected"

    name: str = "json_fields"
    expected: str = Field("expected", description="The field with the reference object.")
    only: tuple[str, ...] = Field((), description="Score these fields alone, each with what lies below it.")
    ignore: tuple[str, ...] = Field((), description="Leave these out, each with what lies below it.")
    unexpected: Literal["wrong", "ignore"] = Field(
        "wrong", description="What a field is that the reference lacks: a wrong one, or passed over."
    )
    lists: Literal["ordered", "unordered"] = Field(
        "ordered", description="Compare lists place by place, or find each item anywhere, right only as a whole."
    )
    ignore_case: bool = False

    @model_validator(mode="after")
    def _no_place_without_order(self) -> Self:
        placed = [path for path in (*self.only, *self.ignore) if _INDEX.search(path)]
        if placed and self.lists == "unordered":
            means = _without_indexes(placed[0])
            raise ValueError(f"{placed[0]!r}: with lists: unordered no item has a place; {means!r} means all of them")
        return self

    @property
    def requires(self) -> frozenset[str]:
        """The reference's field."""
        return frozenset({self.expected})

    async def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer, in a thread: it may have thousands of fields."""
        scored: Scored = await in_thread(partial(self._score, case, output))
        return scored

    def _score(self, case: Case, output: Output) -> Scored:
        wanted = self._reference(case, output)
        try:
            found = list(self._compare(json_of(output), wanted, ""))
        except ValueError as error:
            return Scored(value=0.0, reason=str(error))
        except RecursionError:
            return Scored(value=0.0, reason="nested too deeply")
        if not any(each.of_reference for each in found):
            raise CellError(FailureKind.MISSING_FIELD, f"the case's {self.expected!r} holds no field to compare")
        wrong = [each.wrong for each in found if each.wrong]
        reason = f"{len(found) - len(wrong)} of {len(found)} fields are right; not: {listed(wrong)}" if wrong else None
        return Scored(value=(len(found) - len(wrong)) / len(found), reason=reason)

    def _reference(self, case: Case, output: Output) -> Any:
        wanted = lookup(self.expected, case, output)
        if isinstance(wanted, str):
            try:
                wanted = parse_json(wanted)
            except ValueError:
                wanted = None
        if not isinstance(wanted, Mapping | Sequence) or isinstance(wanted, str):
            raise CellError(FailureKind.MISSING_FIELD, f"the case's {self.expected!r} is no object or list of JSON")
        return wanted

    def _compare(self, given: Any, wanted: Any, path: str) -> Iterator[_Field]:
        if self._left_out(path):
            return
        if isinstance(wanted, Mapping) and wanted:
            inside = given if isinstance(given, Mapping) else {}
            for key in wanted:
                yield from self._compare(inside.get(key, _ABSENT), wanted[key], _below(path, key))
            yield from self._further({key: inside[key] for key in inside if key not in wanted}, path)
        elif isinstance(wanted, list | tuple) and wanted:
            items = given if isinstance(given, list | tuple) else ()
            yield from (self._anywhere if self.lists == "unordered" else self._in_order)(items, wanted, path)
        elif self._counts(path):
            yield self._leaf(given, wanted, path)

    def _in_order(self, items: Sequence[Any], wanted: Sequence[Any], path: str) -> Iterator[_Field]:
        for index, item in enumerate(wanted):
            yield from self._compare(items[index] if index < len(items) else _ABSENT, item, f"{path}[{index}]")
        yield from self._further(dict(enumerate(items[len(wanted) :], len(wanted))), path)

    def _anywhere(self, items: Sequence[Any], wanted: Sequence[Any], path: str) -> Iterator[_Field]:
        given, expected = self._items(items, path), self._items(wanted, path)
        pairs = most_pairs(
            [self._form(item) for item in given],
            [self._form(item) for item in expected],
            lambda some, others: near(some, others, self.tolerance),
        )
        taken, found = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
        place = clipped(path) or "the list"
        for index, item in enumerate(expected):
            yield _Field("" if index in found else f"{place} lacks {shown(item)}")
        if self.unexpected == "wrong":
            for index, item in enumerate(given):
                if index not in taken:
                    yield _Field(f"{place} has {shown(item)} too", of_reference=False)

    def _items(self, items: Sequence[Any], path: str) -> list[Any]:
        """What counts of each item; items of which nothing does are left out."""
        ordered = self.lists == "ordered"
        counting = (self._counting(item, f"{path}[{n if ordered else ''}]") for n, item in enumerate(items))
        return [item for item in counting if item is not _ABSENT]

    def _counting(self, value: Any, path: str) -> Any:
        """A value without the fields that don't count; absent where none does."""
        if self._left_out(path):
            return _ABSENT
        if isinstance(value, Mapping) and value:
            kept = {key: self._counting(item, _below(path, key)) for key, item in value.items()}
            return {key: item for key, item in kept.items() if item is not _ABSENT} or _ABSENT
        if isinstance(value, list | tuple) and value:
            return self._items(value, path) or _ABSENT
        return value if self._counts(path) else _ABSENT

    def _further(self, found: Mapping[Any, Any], path: str) -> Iterator[_Field]:
        if self.unexpected == "wrong":
            for key, value in found.items():
                place = _below(path, key)
                if self._counting(value, place) is not _ABSENT:
                    yield _Field(f"{_place(place)} is not in the reference", of_reference=False)

    def _leaf(self, given: Any, wanted: Any, path: str) -> _Field:
        if given is _ABSENT:
            return _Field(f"{_place(path)} is missing")
        if self._form(given).is_same(self._form(wanted), self.tolerance):
            return _Field()
        return _Field(f"{_place(path)} is {shown(given)}, not {shown(wanted)}")

    def _form(self, value: Any) -> NormalForm:
        return normal_form(value, self._plain)

    def _plain(self, text: str) -> str:
        plain = unicodedata.normalize("NFC", text).strip()
        return plain.casefold() if self.ignore_case else plain

    def _left_out(self, path: str) -> bool:
        return any(_is_in(path, place) for place in self.ignore)

    def _counts(self, path: str) -> bool:
        return not self.only or any(_is_in(path, place) for place in self.only)


class _Field(NamedTuple):
    wrong: str = ""
    """What is wrong with it; empty where it is right."""
    of_reference: bool = True


def _below(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def _is_in(path: str, place: str) -> bool:
    """Whether a path is a place, or below it. `lines[].price` is the price of every line."""
    plain = _without_indexes(path) if "[]" in place else path
    return plain == place or plain.startswith((f"{place}.", f"{place}["))


def _without_indexes(path: str) -> str:
    return _INDEX.sub("[]", path)


def _place(path: str) -> str:
    return clipped(path) or "the answer"
