"""Labels that people gave to answers of runs: kept beside the runs, and made into calibration labels and cases."""

from plimsoll.labels.answers import Joined, LabelledAnswer, holds_redacted, join
from plimsoll.labels.curated import FROM_FIELD, NOTE_FIELD, Curated, CuratedCase, curated_cases
from plimsoll.labels.judged import JudgedRows, judged_rows
from plimsoll.labels.store import LABELS_FILE, LabelStore
from plimsoll.labels.values import is_failing, read_value

__all__ = [
    "FROM_FIELD",
    "LABELS_FILE",
    "NOTE_FIELD",
    "Curated",
    "CuratedCase",
    "Joined",
    "JudgedRows",
    "LabelStore",
    "LabelledAnswer",
    "curated_cases",
    "holds_redacted",
    "is_failing",
    "join",
    "judged_rows",
    "read_value",
]
