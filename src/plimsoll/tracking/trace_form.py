"""A cell as an MLflow trace: its header with the scores as assessments, and its spans.

Every id is derived from MLflow run and cell, so that writing the same cell again changes nothing. Tags make the list of
traces filterable: one for the target, the case, each slice, each metric that the cell fails, each that flipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from plimsoll.tracking.records import RUN_TAG, TARGET_TAG, cut
from plimsoll.tracking.store import TrackingStore
from plimsoll.tracking.trace_spans import answer_of, derived, entity, plain, steps_of, usage_of
from plimsoll.types import EXPECTED, Case, CellRecord, Failed, Report, Scored, Usage

if TYPE_CHECKING:
    from mlflow.entities import Assessment, TraceInfo
    from mlflow.entities import Span as MlflowSpan

CASE_TAG = "plimsoll.case"
_OF_THE_ANSWER = ("plimsoll.fails.", "plimsoll.flips.", "plimsoll.cached")
_PREVIEW = 1000
_TAG_KEY = 250
_METADATA = 250


@dataclass(frozen=True, slots=True)
class Traced:
    """A cell's trace, ready to be sent."""

    info: TraceInfo
    spans: list[MlflowSpan]


class TraceForm:
    """Turns one target's cells into MLflow's entities."""

    def __init__(
        self, store: TrackingStore, report: Report, run_id: str, *, judges: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """A form for the cells of one MLflow run.

        Args:
            store: Its experiment, and what takes secrets out.
            report: The run.
            run_id: The target's MLflow run.
            judges: Metric → the model that judges it, where that is known.
            tags: Further tags of each trace.
        """
        self._redact = store.redactor.value
        self._experiment = store.experiment_id
        self._report = report
        self._run_id = run_id
        self._judges, self._more_tags = judges, tags
        self._judged = {metric.name for metric in report.metrics.values() if metric.judged}
        self._digests = {metric.name: info.digest for info in report.run.evaluators.values() for metric in info.metrics}
        self._run_started = milliseconds(report.run.started)

    def traced(self, record: CellRecord, place: int, flips: Sequence[str] = ()) -> Traced:
        """The cell's trace.

        Args:
            record: The cell.
            place: Its place among the target's.
            flips: Metrics by which its case passes with one target of the run and not with another.
        """
        from mlflow.entities import TraceInfo, TraceLocation
        from mlflow.entities.trace_state import TraceState

        case = self._report.cases.get(record.cell.case)
        output = record.output
        inputs = self._redact(_root_inputs(record, case))
        answer = self._redact(plain(answer_of(output))) if output else None
        trace_id = self._trace_id(record)
        # Nobody knows when an answer from the cache was given: a millisecond each keeps the dataset's order.
        start = self._run_started + place if record.started is None else int(record.started * 1000)
        duration = int(((output.latency if output else None) or 0.0) * 1000)
        info = TraceInfo(
            trace_id=trace_id,
            trace_location=TraceLocation.from_experiment_id(self._experiment),
            request_time=start,
            execution_duration=duration,
            state=TraceState.OK if output else TraceState.ERROR,
            request_preview=cut(_text(inputs), _PREVIEW),
            response_preview=cut(_text(answer), _PREVIEW) if output else None,
            client_request_id=cut(record.cell.case, 50),
            trace_metadata=self._metadata(record, case),
            tags=self._tags(record, case, flips),
            assessments=list(self._assessments(record, case, start + duration)),
        )
        steps = steps_of(record.cell.target, case, record.outcome, inputs)
        spans = [entity(step, number, trace_id, start * 1_000_000, self._redact) for number, step in enumerate(steps)]
        return Traced(info, spans)

    def _trace_id(self, record: CellRecord) -> str:
        return f"tr-{derived(32, self._run_id, str(record.cell))}"

    def _metadata(self, record: CellRecord, case: Case | None) -> dict[str, str]:
        metadata = {"mlflow.sourceRun": self._run_id, "mlflow.trace_schema.version": "3"}
        if case is not None and case.turns:
            metadata["mlflow.trace.session"] = cut(f"{self._report.run.id}/{record.cell}", _METADATA)
        output = record.output
        tokens = usage_of(output.usage) if output else None
        if tokens:
            metadata["mlflow.trace.tokenUsage"] = json.dumps(tokens)
        if output and output.usage.cost is not None:
            metadata["mlflow.trace.cost"] = json.dumps({"total_cost": output.usage.cost})
        return metadata

    def _tags(self, record: CellRecord, case: Case | None, flips: Sequence[str]) -> dict[str, str]:
        tags = {
            "mlflow.traceName": record.cell.target,
            "mlflow.trace.spansLocation": "TRACKING_STORE",
            RUN_TAG: self._report.run.id,
            "plimsoll.suite": self._report.run.suite,
            TARGET_TAG: record.cell.target,
            CASE_TAG: cut(record.cell.case, 250),
            **self._more_tags,
        }
        if self._report.run.repeats > 1:
            tags["plimsoll.repeat"] = str(record.cell.repeat)
        if record.cached:
            tags["plimsoll.cached"] = "true"
        named = {
            "slice": case.slices if case else (),
            "fails": [name for name, score in record.scores.items() if _fails(score)],
            "flips": flips,
        }
        for word, names in named.items():
            tags |= {cut(f"plimsoll.{word}.{name}", _TAG_KEY): "true" for name in names}
        return tags

    def _assessments(self, record: CellRecord, case: Case | None, when: int) -> Iterator[Assessment]:
        from mlflow.entities import AssessmentSource, Expectation

        if case is not None and case.expected is not None:
            expectation = Expectation(
                name=EXPECTED,
                value=self._redact(plain(case.expected)),
                # People wrote the dataset: its name says where the answer stands.
                source=AssessmentSource(source_type="HUMAN", source_id=self._report.run.dataset),
                metadata=self._assessed(),
            )
            # An evaluator may have that name too: an id belongs to one of them.
            kind = ("expectation",) if EXPECTED in self._report.metrics else ()
            yield self._identified(expectation, record, when, *kind)
        for name, score in record.scores.items():
            if isinstance(score, Scored | Failed):
                yield self._identified(self._feedback(name, score), record, when)

    def _feedback(self, name: str, score: Scored | Failed) -> Assessment:
        from mlflow.entities import AssessmentError, AssessmentSource, Feedback

        kind, by = ("LLM_JUDGE", self._judges.get(name, name)) if name in self._judged else ("CODE", name)
        source = AssessmentSource(source_type=kind, source_id=self._redact(by))
        metadata = self._assessed() | _judging(score.usage)
        if name in self._digests:
            metadata["mlflow.assessment.scorerDigest"] = self._digests[name]
        if isinstance(score, Failed):
            failure = score.failure
            message = self._redact(failure.message)
            error = AssessmentError(error_code=failure.kind.value.upper(), error_message=message)
            return Feedback(name=name, error=error, source=source, rationale=message, metadata=metadata)
        if score.passed is not None:
            metadata["plimsoll.passed"] = str(score.passed).lower()
        reason = self._redact(score.reason) if score.reason else None
        return Feedback(name=name, value=self._redact(score.value), source=source, rationale=reason, metadata=metadata)

    def _assessed(self) -> dict[str, str]:
        return {"mlflow.assessment.sourceRunId": self._run_id}

    def _identified(self, assessment: Assessment, record: CellRecord, when: int, *kind: str) -> Assessment:
        assessment.trace_id = self._trace_id(record)
        assessment.assessment_id = f"a-{derived(32, self._run_id, str(record.cell), assessment.name, *kind)}"
        assessment.create_time_ms = assessment.last_update_time_ms = when
        return assessment


def tags_of_answer(tags: Iterable[str]) -> set[str]:
    """Those of a trace's tags that we gave it for what its answer is like: another answer may lack them."""
    return {name for name in tags if name.startswith(_OF_THE_ANSWER)}


def _fails(score: object) -> bool:
    return isinstance(score, Failed) or (isinstance(score, Scored) and score.passed is False)


def _judging(usage: Usage) -> dict[str, str]:
    """What judging took, by the names that MLflow adds it up by."""
    known = {
        "mlflow.assessment.judgeCost": usage.cost,
        "mlflow.assessment.judgeInputTokens": usage.prompt_tokens,
        "mlflow.assessment.judgeOutputTokens": usage.completion_tokens,
    }
    return {name: str(value) for name, value in known.items() if value is not None} if usage.requests else {}


def _root_inputs(record: CellRecord, case: Case | None) -> dict[str, Any]:
    # MLflow pairs the rows of two runs by the first characters of this: the case's id comes first, and the repeat
    # where there are several, or the second would be compared with the first.
    inputs: dict[str, Any] = {"id": record.cell.case}
    if record.cell.repeat:
        inputs["repeat"] = record.cell.repeat
    if case is not None:
        inputs |= {key: plain(value) for key, value in case.inputs.items()}
        if case.messages:
            inputs["messages"] = plain(case.messages)
        if case.turns:
            inputs["turns"] = [{"user": plain(turn.user), **plain(turn.inputs)} for turn in case.turns]
    return inputs


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def milliseconds(when: str) -> int:
    """A moment in ISO 8601 as milliseconds since 1970."""
    return int(datetime.fromisoformat(when).timestamp() * 1000)
