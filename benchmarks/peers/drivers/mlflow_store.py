"""Makes an empty, migrated MLflow store in WAL mode, to be copied for each run."""

import sqlite3
import sys

import mlflow

path = sys.argv[1]
mlflow.set_tracking_uri(f"sqlite:///{path}")
mlflow.search_experiments()
with sqlite3.connect(path) as database:
    database.execute("PRAGMA journal_mode = WAL")
