"""What MLflow itself costs to log one small run to SQLite: import, open, a parent and a child run, a few figures.

python -m benchmarks.engine.mlflow_alone DATABASE
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Log it."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(tracking_uri=f"sqlite:///{sys.argv[1]}")
    experiment = client.create_experiment("bench")
    parent = client.create_run(experiment)
    child = client.create_run(experiment, tags={"mlflow.parentRunId": parent.info.run_id})
    for run in (parent, child):
        figures = [Metric(f"contains/{name}", 1.0, 0, 0) for name in ("mean", "low", "high", "n")]
        client.log_batch(run.info.run_id, metrics=figures, params=[Param("suite", "bench")])
        client.set_terminated(run.info.run_id)


if __name__ == "__main__":
    main()
