"""What a benchmark found, kept as JSON so that the documentation is rendered from it and never written by hand."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

RESULTS = Path(__file__).parents[1] / "results"


class Finding(Struct, frozen=True, kw_only=True):
    """One figure, and what it was to reach."""

    key: str
    what: str
    measured: float | None
    """None: it could not be measured; the note says why."""
    unit: str
    goal: str
    """As printed: "≤ 1.10"."""
    reached: bool | None
    """None: it is reported only."""
    note: str = ""
    details: dict[str, Any] = {}
    """What the figure was computed from."""

    @property
    def shown(self) -> str:
        """The figure with its unit."""
        return "not measured" if self.measured is None else f"{self.measured:,.4g} {self.unit}".strip()

    @property
    def answer(self) -> str:
        """Whether the goal was reached, in a word."""
        return "–" if self.reached is None else "yes" if self.reached else "no"


class Table(Struct, frozen=True, kw_only=True):
    """Figures side by side, as they are printed."""

    key: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(Struct, frozen=True, kw_only=True):
    """The results of one benchmark program on one machine."""

    name: str
    """Names its file, and its place in docs/benchmarks.md."""
    command: str
    """Measures it again."""
    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()


def at_most(limit: float, measured: float | None) -> bool:
    """Whether a figure was measured and does not exceed its goal."""
    return measured is not None and measured <= limit


def today() -> str:
    """The date, UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def machine() -> dict[str, str]:
    """Processor, cores that we may use, memory, system, Python."""
    return {
        "processor": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions(*distributions: str) -> dict[str, str]:
    """The installed versions of packages; one that is not there is left out."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def save(section: Section) -> Path:
    """Write a section's file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{section.name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(section), indent=1) + b"\n")
    return path


def load(name: str) -> Section | None:
    """A section as it was saved; None where it never was."""
    path = RESULTS / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=Section) if path.is_file() else None


def show(finding: Finding) -> None:
    """Print a finding, as soon as it is there."""
    word = {None: "reported", True: "reached", False: "MISSED"}[finding.reached]
    print(f"{word:<9} {finding.shown:>14}  goal {finding.goal:<10}  {finding.what}", flush=True)
    if finding.note:
        print(f"          {finding.note}", flush=True)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
