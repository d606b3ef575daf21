"""Measures every part in turn, prints each figure as it comes, and keeps them in benchmarks/results/engine.json.

    python -m benchmarks.engine                     all of it, about a quarter of an hour
    python -m benchmarks.engine wall kills          only these; their figures replace the kept ones
    python -m benchmarks.engine --quick             small sizes, nothing is kept: that the benchmarks work

A part that fails is told and left out; the others go on. Ends with 1 where a part failed; a goal that was missed is a
result, not a failure.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.common.results import Finding, Section, Table, load, machine, save, show, today, versions
from benchmarks.engine.faults import faults
from benchmarks.engine.kills import kills
from benchmarks.engine.memory import memory
from benchmarks.engine.reuse import reuse
from benchmarks.engine.setting import Setting
from benchmarks.engine.speed import processor, wall
from benchmarks.engine.startup import help_, one_row

NAME = "engine"
PARTS: dict[str, Callable[[Setting], Iterable[Finding | Table]]] = {
    "wall": wall,
    "cpu": processor,
    "reuse": reuse,
    "help": help_,
    "one-row": one_row,
    "faults": faults,
    "kills": kills,
    "memory": memory,
}
_VERSIONS = ("plimsoll-llm", "openai", "aiohttp", "httpx2", "mlflow", "msgspec")


def main() -> None:
    """Run the parts."""
    given = _arguments()
    # Where it was ignored, as in a shell's background job, what we start would ignore it too, and a drill sends it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
        setting = Setting.quick(Path(folder)) if given.quick else Setting(folder=Path(folder), rounds=given.rounds)
        setting = replace(setting, many=given.rows or setting.many)
        for name in given.parts or PARTS:
            print(f"\n== {name}", flush=True)
            began = time.monotonic()
            try:
                found = list(_told(PARTS[name](setting)))
            except Exception:  # noqa: BLE001  # the other parts are still worth measuring
                traceback.print_exc()
                failed.append(name)
                continue
            print(f"   {time.monotonic() - began:.0f} s", flush=True)
            if not given.quick:
                _keep(found)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is kept")
    parser.add_argument("--rows", type=int, help="instead of 100,000, of the part memory")
    parser.add_argument("--rounds", type=int, default=3, help="of which a median is taken (default 3)")
    given = parser.parse_args()
    unknown = [name for name in given.parts if name not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return given


def _told(found: Iterable[Finding | Table]) -> Iterator[Finding | Table]:
    for one in found:
        if isinstance(one, Finding):
            show(one)
        else:
            print(one.caption, *(f"  {'  '.join(row)}" for row in one.rows), sep="\n", flush=True)
        yield one


def _keep(found: list[Finding | Table]) -> None:
    """Put the new figures in the place of those with the same key, the others as they were."""
    before = load(NAME)
    findings = {one.key: one for one in (before.findings if before else ())}
    tables = {one.key: one for one in (before.tables if before else ())}
    findings.update((one.key, one) for one in found if isinstance(one, Finding))
    tables.update((one.key, one) for one in found if isinstance(one, Table))
    save(
        Section(
            name=NAME,
            command=f"python -m benchmarks.{NAME}",
            date=today(),
            machine=machine(),
            versions=versions(*_VERSIONS),
            findings=tuple(findings.values()),
            tables=tuple(tables.values()),
        )
    )


if __name__ == "__main__":
    main()
