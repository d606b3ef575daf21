"""The registry of named parts as a value: filled once at start, then frozen and passed along. No globals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from plimsoll.errors import UsageError, near_match

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Name → part, of one sort (`what`). Asking for a name that isn't there says what may have been meant."""

    def __init__(self, what: str, parts: Mapping[str, T]) -> None:
        self.what = what
        self._parts = MappingProxyType(dict(parts))

    def __getitem__(self, name: str) -> T:
        try:
            return self._parts[name]
        except KeyError:
            raise UsageError(f"no {self.what} named {name!r}", remedy=near_match(name, self._parts)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def with_parts(self, more: Mapping[str, T]) -> Registry[T]:
        """A new registry with further parts.

        Raises:
            UsageError: a name is taken already.
        """
        taken = sorted(set(more) & set(self._parts))
        if taken:
            raise UsageError(f"two {self.what}s are named {taken[0]!r}", remedy="rename one of them")
        return Registry(self.what, {**self._parts, **more})
