"""Runs a module's main() in this process, and writes what the process itself used, its children apart.

    python -m benchmarks.common.metered FIGURES MODULE [ARGUMENT]...

What the parent learns when it waits for a process is the sum with that process's own children, and a peak that may be
the parent's; so the process tells it itself. The peak is the kernel's VmHWM.
"""

from __future__ import annotations

import importlib
import json
import re
import resource
import sys
from pathlib import Path


def peak_mib(process: str = "self") -> float | None:
    """The most memory that a process has held, in MiB; None where it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else None


def main() -> None:
    """Run it."""
    figures, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    try:
        importlib.import_module(module).main()
    finally:
        used = {
            "cpu": _seconds(resource.RUSAGE_SELF),
            "cpu_children": _seconds(resource.RUSAGE_CHILDREN),
            "peak": peak_mib(),
        }
        Path(figures).write_text(json.dumps(used), encoding="utf-8")


def _seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
