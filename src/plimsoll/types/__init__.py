"""The values that flow through the harness, one way: Case → Output → Score → Report → Verdict.

All are frozen `msgspec` structs: compared by content, read and written as JSON without further code. Nothing
here does I/O or names a layer above.
"""

from plimsoll.types.aggregate import Aggregate, AggregateFigure, CaseScores
from plimsoll.types.case import Case, Turn
from plimsoll.types.chat import ChatReply, ChatRequest, Message, Usage, message_text
from plimsoll.types.label import EXPECTED, HumanLabel
from plimsoll.types.metric import Direction, Metric, MetricKind
from plimsoll.types.output import Failure, Output, Span, encodable
from plimsoll.types.record import CellId, CellRecord, EvaluatorInfo, Outcome, Part, Report, RunRecord, TargetInfo
from plimsoll.types.score import Failed, Score, Scored, ScoreValue, Skipped
from plimsoll.types.verdict import Attempts, Decision, Flip, Look, Quarantined, RuleResult, Verdict, rule_name

__all__ = [
    "EXPECTED",
    "Aggregate",
    "AggregateFigure",
    "Attempts",
    "Case",
    "CaseScores",
    "CellId",
    "CellRecord",
    "ChatReply",
    "ChatRequest",
    "Decision",
    "Direction",
    "EvaluatorInfo",
    "Failed",
    "Failure",
    "Flip",
    "HumanLabel",
    "Look",
    "Message",
    "Metric",
    "MetricKind",
    "Outcome",
    "Output",
    "Part",
    "Quarantined",
    "Report",
    "RuleResult",
    "RunRecord",
    "Score",
    "ScoreValue",
    "Scored",
    "Skipped",
    "Span",
    "TargetInfo",
    "Turn",
    "Usage",
    "Verdict",
    "encodable",
    "message_text",
    "rule_name",
]
