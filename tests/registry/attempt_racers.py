"""Real processes that count attempts at the same time; run by test_attempts.py.

MLflow is imported once, then this process forks: each child opens its own store. Prints the numbers that were given.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from plimsoll.config import ProjectSettings, Workspace
from plimsoll.registry.attempts import Attempt, count_attempt
from plimsoll.tracking import MlflowRegistryStore, load_mlflow, open_store

fork = multiprocessing.get_context("fork")


def count(workspace: Workspace, names: list[str], gate: Any, results: Any) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        for name in names:
            gate.wait()
            attempt = Attempt(bundle=name, epoch="", run=name, who="ada", when="2026-10-01T12:00:00Z")
            found = count_attempt(store, "desk", attempt, dataset="sha256:d", baseline="sha256:c")
            results.put((found.number, found.gates))


def main(root: Path, rounds: int) -> None:
    load_mlflow({})
    gate, results = fork.Barrier(2, timeout=60), fork.Queue()
    names = [[f"{racer}.{number}" for number in range(rounds)] for racer in range(2)]
    workspace = Workspace(root, ProjectSettings())
    racers = [fork.Process(target=count, args=(workspace, own, gate, results)) for own in names]
    for racer in racers:
        racer.start()
    numbers = sorted(results.get(timeout=120) for _ in range(2 * rounds))
    for racer in racers:
        racer.join(60)
    sys.stdout.write(json.dumps(numbers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
