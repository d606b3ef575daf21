"""Labels that people gave to answers of runs: kept beside the runs, and made into calibration labels and cases."""

from plimsoll.labels.store import LABELS_FILE, LabelStore

__all__ = ["LABELS_FILE", "LabelStore"]
