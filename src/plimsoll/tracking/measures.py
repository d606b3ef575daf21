"""What one pass over a run's cells tells beside its figures: latencies and tokens of each target, and what flipped.

It holds numbers about cells, never the cells: eight bytes for each that was generated, one for each case, repeat and
metric.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from plimsoll.types import CellRecord, Output, Report, Scored

_PASSED, _FELL = 1, 2
PERCENTILES = (50, 90, 95, 99)


@dataclass(slots=True)
class TargetMeasures:
    """One target's cells."""

    latencies: array[float] = field(default_factory=lambda: array("d"))
    """Seconds, of answers that were generated: one from the cache tells nothing of today's speed."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    outputs: int = 0
    cut: int = 0
    """Outputs that the token limit cut."""
    prompts_known: bool = True
    completions_known: bool = True

    def add(self, record: CellRecord, output: Output) -> None:
        """Count an answer."""
        usage = output.usage
        self.outputs += 1
        self.cut += output.finish == "length"
        self.prompts_known &= usage.prompt_tokens is not None
        self.completions_known &= usage.completion_tokens is not None
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        if output.latency is not None and math.isfinite(output.latency) and not record.cached:
            self.latencies.append(output.latency)

    def figures(self) -> dict[str, float]:
        """By name; what is not known is left out, and a sum with an unknown part is not known."""
        found: dict[str, float] = {}
        if self.outputs:
            found["cut"] = self.cut
            if self.prompts_known:
                found["prompt_tokens"] = self.prompt_tokens
            if self.completions_known:
                found["completion_tokens"] = self.completion_tokens
        ordered = sorted(self.latencies)
        for share in PERCENTILES if ordered else ():
            # As `stats.percentiles` has it: the smallest value with at least that share at or below it.
            found[f"latency_p{share}"] = ordered[max(1, math.ceil(share * len(ordered) / 100)) - 1]
        return found


class Measures:
    """Of a run's targets, and of its cases across them: complete once every cell went through `seeing`."""

    def __init__(self, report: Report) -> None:
        self.targets = {name: TargetMeasures() for name in report.run.targets}
        self._place = report.numbering()
        self._repeats = report.run.repeats
        self._metrics = {name: number for number, name in enumerate(report.metrics)}
        size = len(report.cases) * self._repeats * len(self._metrics) if len(self.targets) > 1 else 0
        self._sides = bytearray(size)
        """For each case, repeat and metric, which answers there were: one that passes, one that does not."""

    def seeing(self, cells: Iterable[CellRecord]) -> Iterator[CellRecord]:
        """Pass the cells on, and count them."""
        for record in cells:
            self._see(record)
            yield record

    def flips(self, record: CellRecord) -> tuple[str, ...]:
        """Metrics by which the cell's case passes with one target of the run and does not with another, by repeat."""
        return tuple(name for name, at, _ in self._decided(record) if self._sides[at] == _PASSED | _FELL)

    def _see(self, record: CellRecord) -> None:
        target = self.targets.get(record.cell.target)
        if target is not None and record.output is not None:
            target.add(record, record.output)
        for _, at, passed in self._decided(record):
            self._sides[at] |= _PASSED if passed else _FELL

    def _decided(self, record: CellRecord) -> Iterator[tuple[str, int, bool]]:
        """Each metric that says whether the cell passes, its place among the sides, and what it says."""
        place = self._place(record.cell.case) if self._sides else None
        if place is None or record.cell.repeat >= self._repeats:
            return
        first = (place * self._repeats + record.cell.repeat) * len(self._metrics)
        for name, score in record.scores.items():
            if isinstance(score, Scored) and score.passed is not None and name in self._metrics:
                yield name, first + self._metrics[name], score.passed
