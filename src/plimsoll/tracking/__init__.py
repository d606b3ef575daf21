"""The only importer of MLflow: runs, metrics, traces, and what the registry stores.

MLflow takes seconds to import. Nothing here loads it before `open_store` (or `load_mlflow`) is called; runs are logged
by `MlflowWriter`, which never loads it into this process.
"""

from plimsoll.tracking.attaching import attach, attach_verdict
from plimsoll.tracking.contract import RECORD_LIMIT, ModelVersion, PromptDraft, PromptText, PromptVersion, RegistryStore
from plimsoll.tracking.labels import CellOfRun, FoundLabel, LabelPage, LabelsRequest, human_labels
from plimsoll.tracking.loading import load_mlflow
from plimsoll.tracking.location import URI_VARIABLE, Location, locate
from plimsoll.tracking.log import Attachments, LoggedRun, is_logged, log_run
from plimsoll.tracking.registry_store import MlflowRegistryStore
from plimsoll.tracking.requests import GateFiles, LogRequest, StoredBaseline
from plimsoll.tracking.store import TrackingStore, open_store
from plimsoll.tracking.traces import TraceCount
from plimsoll.tracking.writer import MlflowWriter, Patience

__all__ = [
    "RECORD_LIMIT",
    "URI_VARIABLE",
    "Attachments",
    "CellOfRun",
    "FoundLabel",
    "GateFiles",
    "LabelPage",
    "LabelsRequest",
    "Location",
    "LogRequest",
    "LoggedRun",
    "MlflowRegistryStore",
    "MlflowWriter",
    "ModelVersion",
    "Patience",
    "PromptDraft",
    "PromptText",
    "PromptVersion",
    "RegistryStore",
    "StoredBaseline",
    "TraceCount",
    "TrackingStore",
    "attach",
    "attach_verdict",
    "human_labels",
    "is_logged",
    "load_mlflow",
    "locate",
    "log_run",
    "open_store",
]
