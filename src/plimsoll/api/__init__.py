"""The Python API, and the composition root: the one place that knows every part and joins them.

The command line is a client of this. Functions take a `Workspace`; errors are `plimsoll.errors`.
"""

from plimsoll.api.approving import Approving, approve_suite
from plimsoll.api.calibrating import Calibration, CalibrationOptions, calibrate
from plimsoll.api.certificates import list_certificates
from plimsoll.api.checking import check_workspace, list_workspace
from plimsoll.api.comparing import CompareOptions, compare_targets
from plimsoll.api.doctoring import diagnose
from plimsoll.api.gating import gate_suite
from plimsoll.api.notebook import Evaluation, evaluate
from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.promotion import history_of, promote_suite, rollback_suite, verify_suite
from plimsoll.api.results import SuiteRun, run_suite
from plimsoll.api.sealing import GateRun
from plimsoll.api.starting import init_workspace
from plimsoll.api.syncing import Fate, Synced, SyncReport, sync_runs
from plimsoll.api.trying import try_prompt

__all__ = [
    "Approving",
    "Calibration",
    "CalibrationOptions",
    "CompareOptions",
    "Evaluation",
    "Fate",
    "GateOptions",
    "GateRun",
    "RunOptions",
    "SuiteRun",
    "SyncReport",
    "Synced",
    "approve_suite",
    "calibrate",
    "check_workspace",
    "compare_targets",
    "diagnose",
    "evaluate",
    "gate_suite",
    "history_of",
    "init_workspace",
    "list_certificates",
    "list_workspace",
    "promote_suite",
    "rollback_suite",
    "run_suite",
    "sync_runs",
    "try_prompt",
    "verify_suite",
]
