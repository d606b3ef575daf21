"""Judges against people: labels are read, the judge is asked, agreement is measured, and a certificate tells it."""

from plimsoll.calibration.asking import Judged, Kept, Question, ask
from plimsoll.calibration.certificate import (
    FOLDER,
    Certificate,
    LabelsInfo,
    certificate_bytes,
    certificate_file,
    parse_certificate,
    read_certificate,
    sealed,
    write_certificate,
)
from plimsoll.calibration.certify import Check, checks_of, outcome_of, statement_of
from plimsoll.calibration.comparison import Comparison, Task, compare_by
from plimsoll.calibration.disagreement import Disagreement, disagreements
from plimsoll.calibration.figures import Figure, Figures
from plimsoll.calibration.labels import LabelKind, Labelled, Labels, read_labels
from plimsoll.calibration.measure import Compared, measure, pairs
from plimsoll.calibration.questions import Plan, plan_questions
from plimsoll.calibration.session import Session, end_session, open_session
from plimsoll.calibration.standing import Certificates, Standing, standing_of

__all__ = [
    "FOLDER",
    "Certificate",
    "Certificates",
    "Check",
    "Compared",
    "Comparison",
    "Disagreement",
    "Figure",
    "Figures",
    "Judged",
    "Kept",
    "LabelKind",
    "Labelled",
    "Labels",
    "LabelsInfo",
    "Plan",
    "Question",
    "Session",
    "Standing",
    "Task",
    "ask",
    "certificate_bytes",
    "certificate_file",
    "checks_of",
    "compare_by",
    "disagreements",
    "end_session",
    "measure",
    "open_session",
    "outcome_of",
    "pairs",
    "parse_certificate",
    "plan_questions",
    "read_certificate",
    "read_labels",
    "sealed",
    "standing_of",
    "statement_of",
    "write_certificate",
]
