"""What scores an output: deterministic metrics, judges, and functions of the workspace.

Authors of functions import from here: the values that a function may return or read, `metrics` and `aggregate`.
"""

from plimsoll.evaluators.base import EvaluatorSettings, SettingsEvaluator
from plimsoll.evaluators.build import build_evaluators
from plimsoll.evaluators.catalogue import builtin_evaluators, discover
from plimsoll.evaluators.contract import BuildContext, Evaluator, Factory, Returned
from plimsoll.evaluators.functions.declare import aggregate, metrics
from plimsoll.evaluators.sample import left_out
from plimsoll.evaluators.scoring import apply_pass_if, evaluator_info, score, skipped, unscored
from plimsoll.evaluators.transform import compile_transform

__all__ = [
    "BuildContext",
    "Evaluator",
    "EvaluatorSettings",
    "Factory",
    "Returned",
    "SettingsEvaluator",
    "aggregate",
    "apply_pass_if",
    "build_evaluators",
    "builtin_evaluators",
    "compile_transform",
    "discover",
    "evaluator_info",
    "left_out",
    "metrics",
    "score",
    "skipped",
    "unscored",
]
