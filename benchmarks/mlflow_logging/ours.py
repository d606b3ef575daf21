"""Logs one run with `log_run`, and prints how long that took: python -m benchmarks.mlflow_logging.ours JOB (JSON)."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.mlflow_logging.cells import cells

from plimsoll.config import ProjectSettings, TrackingPolicy, Workspace
from plimsoll.stats.summary import summarise
from plimsoll.tracking import Attachments, log_run, open_store


def main() -> None:
    job = json.loads(sys.argv[1])
    settings = ProjectSettings(experiment=job["experiment"])
    policy = TrackingPolicy(traces=job["traces"], traces_limit=job["cells"], wait=3600)
    attached = Attachments({}, "name: ferry-desk\n")
    with open_store(job["uri"], Workspace(Path(job["folder"]), settings), dict(os.environ)) as store:
        # The first run loads what a process loads once, and makes the experiment.
        small = cells(3, f"{job['experiment']}-first")
        log_run(store, small, summarise(small), attached, policy=policy)
        report = cells(job["cells"], job["experiment"])
        summary = summarise(report)
        began, used = time.perf_counter(), time.process_time()
        logged = log_run(store, report, summary, attached, policy=policy)
        found = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - used}
    run = logged.targets.get("v1")
    print(json.dumps({**found, "run": run, "unsynced": logged.unsynced}))


if __name__ == "__main__":
    main()
