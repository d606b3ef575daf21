"""How large the measurements are, and where their files go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The sizes of one session of benchmarks; the defaults are those of the documentation."""

    folder: Path
    """Holds the workspaces; removed afterwards."""
    rounds: int = 3
    """Repetitions where the median of several is taken."""
    rows: int = 2_000
    """Of the runs against a latency."""
    latency: float = 0.2
    """Seconds."""
    concurrency: int = 64
    cells: int = 10_000
    """Of the re-runs."""
    cpu_rows: int = 4_000
    """Over which the processor's time is measured."""
    many: int = 100_000
    """Rows whose peak memory is compared with that of `few`."""
    few: int = 1_000
    fault_rows: int = 4_000
    """So many that the few rows that fail several times near the end weigh little."""
    kills: int = 50
    interrupts: int = 10

    @classmethod
    def quick(cls, folder: Path) -> Setting:
        """Small sizes: they show that the benchmarks work, and measure nothing."""
        return cls(
            folder=folder,
            rounds=1,
            rows=200,
            cells=200,
            cpu_rows=200,
            many=1_000,
            few=100,
            fault_rows=400,
            kills=4,
            interrupts=2,
        )
