"""Many hashes of one length, held as bare bytes: what a pass over a dataset keeps of each row.

A list or dict of `bytes` objects takes several times the room of the hashes in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

from plimsoll import canonical
from plimsoll.types import Case

_PARTS = 256


class Hashes:
    """A bag of hashes, all `width` bytes long. Only their order is lost."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._parts = tuple(bytearray() for _ in range(_PARTS))

    def add(self, value: bytes) -> None:
        """One more."""
        part = self._parts[value[0]]
        part += value

    def ordered(self) -> Iterator[list[bytes]]:
        """All, lowest first, a part at a time: a 256th of them is in memory a second time."""
        width = self._width
        for part in map(bytes, self._parts):
            yield sorted([part[start : start + width] for start in range(0, len(part), width)])

    def repeated(self) -> frozenset[bytes]:
        """Those that were added more than once."""
        found: set[bytes] = set()
        for part in self.ordered():
            if len(set(part)) < len(part):
                found.update(value for value, following in pairwise(part) if value == following)
        return frozenset(found)


class Leaves:
    """The cases of a dataset, or of a part of it, as far as its digest goes: 32 bytes each."""

    def __init__(self) -> None:
        self._hashes = Hashes(32)

    def add(self, leaf: bytes) -> None:
        """One more case's."""
        self._hashes.add(leaf)

    def digest(self) -> str:
        """The digest over their ids and contents, whatever their order."""
        whole = hashlib.sha256()
        for part in self._hashes.ordered():
            whole.update(b"".join(part))
        return canonical.DIGEST_PREFIX + whole.hexdigest()


def leaf(case: Case) -> bytes:
    """One case's share in its dataset's digest: 32 bytes."""
    # A digest has one length, so that no other id and digest give the same text.
    return hashlib.sha256(f"{case.digest} {case.id}".encode()).digest()


def digest_cases(cases: Iterable[Case]) -> str:
    """The digest of a dataset, or of a part of it: over ids and contents, whatever their order."""
    leaves = Leaves()
    for case in cases:
        leaves.add(leaf(case))
    return leaves.digest()
