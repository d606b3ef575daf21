"""The planned cases of a run, read from its folder as they are asked for.

Of each case a hash of its id and its place in the file are in memory: 24 bytes. Looking a case up reads one line.
"""

from __future__ import annotations

import os
import weakref
from array import array
from bisect import bisect_left
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct

from plimsoll.errors import ConfigError, Mistake, Where
from plimsoll.types import Case

_KEPT = 64
"""Cases held decoded: the same one is asked for by each target and each repeat."""


class _Id(Struct):
    id: str


_ids = msgspec.json.Decoder(_Id)
_cases = msgspec.json.Decoder(Case)


class StoredCases(Mapping[str, Case]):
    """Case id → case, in the file's order. The file (`save_plan` writes it) is open as long as this value lives.

    Reading a case, whether by id or in a row, raises `ConfigError` where its line is damaged.
    """

    def __init__(self, path: Path) -> None:
        """Find every case's place.

        Raises:
            ConfigError: the file is missing, can't be read, or a line in it is damaged.
        """
        self.path = path
        self._starts = array("Q", [0])
        """Where each line begins, and where the last one ends."""
        try:
            with path.open("rb", buffering=0) as file:
                self._file = os.dup(file.fileno())
        except FileNotFoundError:
            raise ConfigError([Mistake("the run has no cases", Where(path), "start a new run")]) from None
        except OSError as error:
            raise ConfigError([Mistake(f"can't be read: {error.strerror}", Where(path))]) from error
        weakref.finalize(self, os.close, self._file)
        self._kept: dict[str, Case] = {}
        hashes = array("q")
        for number, line in enumerate(self._lines()):
            try:
                hashes.append(hash(_ids.decode(line).id))
            except msgspec.DecodeError as error:
                self._damaged(number, error)
            self._starts.append(self._starts[-1] + len(line))
        self._places = array("I", sorted(range(len(hashes)), key=hashes.__getitem__))
        """Numbers of the cases by their ids' hashes."""
        self._hashes = array("q", (hashes[number] for number in self._places))

    def ordinal(self, case: str) -> int:
        """The case's place among the planned, from 0.

        An id that is not planned is noticed by its hash of 64 bits, without a look at the file.

        Raises:
            KeyError: it is not planned.
        """
        wanted, hashes = hash(case), self._hashes
        at = bisect_left(hashes, wanted)
        while at < len(hashes) and hashes[at] == wanted:
            number, at = self._places[at], at + 1
            alone = at == len(hashes) or hashes[at] != wanted
            if alone or _ids.decode(self._line(number)).id == case:
                return number
        raise KeyError(case)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return (case.id for case in self.values())

    def __getitem__(self, case: str) -> Case:
        kept = self._kept.get(case)
        if kept is not None:
            return kept
        number = self.ordinal(case)
        found = self._decode(number, self._line(number))
        if found.id != case:
            raise KeyError(case)
        if len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[case] = found
        return found

    def values(self) -> ValuesView[Case]:
        """Every case in order, one in memory at a time."""
        return _Values(self)

    def items(self) -> ItemsView[str, Case]:
        """Every id and case in order, one in memory at a time."""
        return _Items(self)

    def read_all(self) -> Iterator[Case]:
        """Each case in the file's order."""
        for number, line in enumerate(self._lines()):
            yield self._decode(number, line)

    def _lines(self) -> Iterator[bytes]:
        # A description of its own, for a position of its own.
        with self.path.open("rb") as file:
            yield from file

    def _line(self, number: int) -> bytes:
        start = self._starts[number]
        # Not pread: Windows has none.
        os.lseek(self._file, start, os.SEEK_SET)
        return os.read(self._file, self._starts[number + 1] - start)

    def _decode(self, number: int, line: bytes) -> Case:
        try:
            return _cases.decode(line)
        except msgspec.DecodeError as error:
            self._damaged(number, error)

    def _damaged(self, number: int, error: msgspec.DecodeError) -> NoReturn:
        mistake = Mistake(f"damaged case: {error}", Where(self.path, number + 1), "start a new run")
        raise ConfigError([mistake]) from None


class _Values(ValuesView[Case]):
    def __init__(self, cases: StoredCases) -> None:
        super().__init__(cases)
        self._cases = cases

    def __iter__(self) -> Iterator[Case]:
        return self._cases.read_all()


class _Items(ItemsView[str, Case]):
    def __init__(self, cases: StoredCases) -> None:
        super().__init__(cases)
        self._cases = cases

    def __iter__(self) -> Iterator[tuple[str, Case]]:
        return ((case.id, case) for case in self._cases.read_all())


class ChosenCases(Mapping[str, Case]):
    """Some of the stored cases, in the file's order; read as they are asked for."""

    def __init__(self, cases: StoredCases, places: array[int]) -> None:
        """Choose cases.

        Args:
            cases: All that are stored.
            places: Of the chosen ones, from 0, rising.
        """
        self._cases, self._places = cases, places

    def ordinal(self, case: str) -> int:
        """The case's place among the chosen, from 0.

        Raises:
            KeyError: it is not one of them.
        """
        wanted = self._cases.ordinal(case)
        at = bisect_left(self._places, wanted)
        if at == len(self._places) or self._places[at] != wanted:
            raise KeyError(case)
        return at

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        chosen = set(self._places)
        return (case.id for place, case in enumerate(self._cases.read_all()) if place in chosen)

    def __getitem__(self, case: str) -> Case:
        self.ordinal(case)
        return self._cases[case]
