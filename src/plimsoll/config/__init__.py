"""What people write, checked: suites, policies, project settings. Every mistake is told with file and line."""

from plimsoll.config.calibration import CalibrationPolicy
from plimsoll.config.ci import CiPolicy
from plimsoll.config.document import Document, Strict, mistakes_of, parse_yaml, read_text, read_yaml, validate
from plimsoll.config.environment import environment, substitute
from plimsoll.config.policy import GatePolicy, Rule
from plimsoll.config.privacy import PrivacyPolicy
from plimsoll.config.project import STATE_FOLDER, ProjectSettings, Workspace
from plimsoll.config.promotion import PromotionPolicy
from plimsoll.config.quantities import Bound, Condition, parse_bound, parse_bytes, parse_condition, parse_seconds
from plimsoll.config.suite import (
    CaseDefaults,
    EvaluatorEntry,
    HttpSettings,
    ModelSettings,
    PriceSettings,
    Suite,
    TargetSettings,
    TransformStep,
)
from plimsoll.config.tracking import TrackingPolicy

__all__ = [
    "STATE_FOLDER",
    "Bound",
    "CalibrationPolicy",
    "CaseDefaults",
    "CiPolicy",
    "Condition",
    "Document",
    "EvaluatorEntry",
    "GatePolicy",
    "HttpSettings",
    "ModelSettings",
    "PriceSettings",
    "PrivacyPolicy",
    "ProjectSettings",
    "PromotionPolicy",
    "Rule",
    "Strict",
    "Suite",
    "TargetSettings",
    "TrackingPolicy",
    "TransformStep",
    "Workspace",
    "environment",
    "mistakes_of",
    "parse_bound",
    "parse_bytes",
    "parse_condition",
    "parse_seconds",
    "parse_yaml",
    "read_text",
    "read_yaml",
    "substitute",
    "validate",
]
