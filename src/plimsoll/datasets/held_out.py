"""The held-out part of a dataset: cases that only a gate opens, so that nobody writes a prompt to fit them.

A case is held out by the hash of the seed and its unit alone: cases of a group stay together, and adding cases moves no
other. The hash is another one than a sample's, so that a sample of either part is one of the whole part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from plimsoll.types import Case, Part

_HASHES = 2**64


@dataclass(frozen=True, slots=True)
class Split:
    """One part of a dataset of which something is held out: contains its cases."""

    held_out: float | str
    """The share of independent units, between 0 and 1; or a slice."""
    seed: int
    part: Part
    """`Part.OPEN` or `Part.HELD_OUT`."""

    def __contains__(self, case: Case) -> bool:
        return self._holds_out(case) is (self.part is Part.HELD_OUT)

    def _holds_out(self, case: Case) -> bool:
        if isinstance(self.held_out, str):
            return self.held_out in case.slices
        hashed = hashlib.sha256(f"held out:{self.seed}:{case.unit}".encode()).digest()[:8]
        return int.from_bytes(hashed) < self.held_out * _HASHES
