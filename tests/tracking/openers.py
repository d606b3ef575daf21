"""Real processes that open the same store at the same time; run by test_servers.py.

    python openers.py URI FOLDER PROCESSES

MLflow is imported once, then this process forks. Writes for each child what it saw: the experiment's id, or the error.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from plimsoll.config import ProjectSettings, Workspace
from plimsoll.errors import PlimsollError
from plimsoll.tracking import load_mlflow, open_store

fork = multiprocessing.get_context("fork")


def open_it(uri: str, folder: str, gate: Any, seen: Any) -> None:
    gate.wait()
    try:
        with open_store(uri, Workspace(Path(folder), ProjectSettings(experiment="raced")), dict(os.environ)) as store:
            seen.put(store.experiment_id)
    except PlimsollError as error:
        seen.put(str(error))


def main(uri: str, folder: str, processes: int) -> None:
    load_mlflow(dict(os.environ))
    gate, seen = fork.Barrier(processes, timeout=120), fork.Queue()
    children = [fork.Process(target=open_it, args=(uri, folder, gate, seen)) for _ in range(processes)]
    for child in children:
        child.start()
    found = [seen.get(timeout=300) for _ in children]
    for child in children:
        child.join()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
