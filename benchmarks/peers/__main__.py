"""Measures Plimsoll beside other tools, prints each run, and keeps the figures in benchmarks/results/peers.json.

    python -m benchmarks.peers                         all of it, about twenty minutes and, once, the installing
    python -m benchmarks.peers --only plimsoll,bare    these; nothing is kept
    python -m benchmarks.peers --quick                 few rows, one round; nothing is kept

A tool that can't be installed or whose run can't be believed is told and left out of that round; the others go on.
Ends with 1 where there was one.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

from benchmarks.common.processes import ROOT
from benchmarks.common.results import save, show
from benchmarks.peers.contenders import CONTENDERS, Contender
from benchmarks.peers.installing import NotInstalledError
from benchmarks.peers.measuring import Measured, Setting, UnbelievableError, measure, prepare
from benchmarks.peers.summary import findings, section
from benchmarks.standin import MissingNginxError


def main() -> None:
    """Run all rounds."""
    given = _arguments()
    setting = Setting(
        work=given.work.resolve(),
        rows=200 if given.quick else given.rows,
        rounds=1 if given.quick else given.rounds,
        concurrency=given.concurrency,
        latency=given.latency,
        timeout=given.timeout,
    )
    setting.work.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in CONTENDERS if one.name in (given.only or (one.name,))]
    failures: dict[str, str] = {}
    ready = [one for one in chosen if _ready(one, setting, failures)]
    runs: dict[str, list[Measured | None]] = {one.name: [] for one in chosen}
    for number in range(setting.rounds):
        print(f"\n== round {number + 1} of {setting.rounds}", flush=True)
        # Another one begins each round: nobody is always the one after the slowest.
        for contender in ready[number % len(ready) :] + ready[: number % len(ready)]:
            runs[contender.name].append(_measured(contender, setting, failures))
        if not (given.only or given.quick):
            save(section(runs, failures, setting))
    print(flush=True)
    for finding in findings(runs, failures, setting):
        show(finding)
    if failures:
        sys.exit(f"not measured, or not in each round: {', '.join(failures)}")


def _ready(contender: Contender, setting: Setting, failures: dict[str, str]) -> bool:
    try:
        prepare(contender, setting)
    except (NotInstalledError, UnbelievableError) as error:
        failures[contender.name] = f"not installed: {_told(error, setting)}"
        print(f"{contender.title}: {failures[contender.name]}", flush=True)
        return False
    return True


def _measured(contender: Contender, setting: Setting, failures: dict[str, str]) -> Measured | None:
    print(f"{contender.title:<26}", end="", flush=True)
    began = time.monotonic()
    try:
        found = measure(contender, setting)
    except MissingNginxError as error:
        sys.exit(str(error))
    except Exception as error:  # noqa: BLE001  # whatever a tool did, the others are still worth measuring
        print(f"FAILED after {time.monotonic() - began:.0f} s: {error}", flush=True)
        failures[contender.name] = _told(error, setting)
        return None
    scaled = "" if found.rows == setting.rows else f"  (scaled from {found.rows:,} rows)"
    print(
        f"process {found.seconds:7.2f} s  requests {found.span:7.2f} s  cpu {found.cpu:7.2f} s  "
        f"peak {found.peak:5.0f} MiB{scaled}",
        flush=True,
    )
    return found


def _told(error: Exception, setting: Setting) -> str:
    """On one line, without the addresses and folders of this machine: it is published."""
    text = " ".join(str(error).split())
    for folder, name in ((setting.work, "WORK"), (ROOT, "."), (Path.home(), "~")):
        text = text.replace(str(folder), name)
    return re.sub(r"https?://\S+", "…", text)


def _arguments() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    names = [one.name for one in CONTENDERS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3, help="of which a median is taken (default 3)")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds (default 0.2)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds of one run (default 300)")
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NAME,…", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="200 rows, one round; nothing is kept")
    parser.add_argument("--work", type=Path, default=cache / "plimsoll-bench", help="where the tools are installed")
    given = parser.parse_args()
    unknown = sorted(set(given.only or ()) - set(names))
    if unknown:
        parser.error(f"no contender {', '.join(unknown)}; there are {', '.join(names)}")
    return given


if __name__ == "__main__":
    main()
