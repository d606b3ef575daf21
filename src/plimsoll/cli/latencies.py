"""Percentiles of latencies while they come in, in memory that does not grow with how many there are.

A histogram with buckets of equal ratio, as DDSketch has them (Masson, Rim, Lee: "DDSketch", VLDB 2019). Promises that
a percentile is within 1% of the latency that has that rank, for latencies from 0.1 ms to a day.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

_ERROR = 0.01
_LOG_RATIO = math.log((1 + _ERROR) / (1 - _ERROR))
_LOWEST = 1e-4
_HIGHEST = 86_400.0
_BUCKETS = math.ceil(math.log(_HIGHEST / _LOWEST) / _LOG_RATIO) + 1


class Latencies:
    """Counts latencies; safe to read in one thread while another adds."""

    __slots__ = ("_counts", "amount")

    def __init__(self) -> None:
        # Of a fixed size, so that a reader never meets it half-way through growing.
        self._counts = array("L", bytes(array("L").itemsize * _BUCKETS))
        self.amount = 0
        """How many there are."""

    def add(self, seconds: float) -> None:
        """Count one; what lies outside the range counts as its nearest end."""
        within = min(max(seconds, _LOWEST), _HIGHEST)
        self._counts[math.ceil(math.log(within / _LOWEST) / _LOG_RATIO)] += 1
        self.amount += 1

    def percentiles(self, shares: Sequence[float]) -> tuple[float, ...]:
        """The latencies, in seconds, below or at which each of the `shares` (0 to 1, rising) lies; empty without any.

        Of an amount n, the latency of rank ⌈share × n⌉.
        """
        found: list[float] = []
        wanted = [max(math.ceil(share * self.amount), 1) for share in shares] if self.amount else []
        passed = 0
        for bucket, number in enumerate(self._counts):
            passed += number
            while len(found) < len(wanted) and passed >= wanted[len(found)]:
                # The bucket's middle, by ratio: at most 1% from either end.
                found.append(_LOWEST * math.exp(bucket * _LOG_RATIO) * (1 - _ERROR))
            if len(found) == len(wanted):
                break
        return tuple(found)
