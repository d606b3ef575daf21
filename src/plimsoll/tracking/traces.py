"""Cells as MLflow traces with their scores as assessments, written in bulk, and counted when they have arrived.

MLflow's own way (`mlflow.genai.evaluate`) writes one at a time from many threads and loses some in silence. Here each
trace's header with its assessments goes in one call, the spans of a hundred traces in another. The calls are MLflow's
internals: this file alone uses them. Every id is derived from run and cell, so that writing the same cell again changes
nothing: a log that was cut short is finished by logging once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.canonical import digest, short
from plimsoll.config import TrackingPolicy
from plimsoll.config.tracking import Traces
from plimsoll.tracking.records import RUN_TAG, TARGET_TAG, batches, cut
from plimsoll.tracking.store import TrackingStore
from plimsoll.types import Case, CellRecord, Failed, Failure, Metric, Output, Report, Scored, Span

if TYPE_CHECKING:
    from mlflow.entities import Assessment, TraceInfo
    from mlflow.entities import Span as MlflowSpan

_PREVIEW = 1000
_LONGEST = 100_000
"""Characters of one text in a span: an image inside a message is longer than anybody reads."""
_BATCH = 100
_SPAN_TYPES = {"model": "CHAT_MODEL", "tool": "TOOL", "node": "TASK", "target": "CHAIN", "turn": "CHAIN"}


@dataclass(frozen=True, slots=True)
class TraceCount:
    """How many traces were wanted, sent, and of these found in the store afterwards."""

    wanted: int = 0
    sent: int = 0
    arrived: int = 0
    assessments_sent: int = 0
    assessments_arrived: int = 0

    @property
    def lost(self) -> str | None:
        """What did not arrive, in words; None where all did. What the limit kept back is wanted, but was not sent."""
        if (self.sent, self.assessments_sent) == (self.arrived, self.assessments_arrived):
            return None
        return (
            f"{self.arrived} of {self.sent} traces and {self.assessments_arrived} of {self.assessments_sent} "
            "assessments arrived"
        )


@dataclass(frozen=True, slots=True)
class Traced:
    """A cell's trace, ready to be sent."""

    info: TraceInfo
    spans: list[MlflowSpan]


def wanted(report: Report, target: str, which: Traces) -> Iterator[tuple[int, CellRecord]]:
    """The cells that get a trace, in the dataset's order, with their places among all of the target's."""
    if which == "none":
        return
    for place, record in enumerate(report.of_target(target)):
        if which == "all" or is_failure(record):
            yield place, record


def is_failure(record: CellRecord) -> bool:
    """Whether somebody will want to look at the cell."""
    return record.is_failed or any(
        isinstance(score, Scored) and score.passed is False for score in record.scores.values()
    )


def send(
    store: TrackingStore,
    report: Report,
    target: str,
    run_id: str,
    *,
    policy: TrackingPolicy,
    check_time: Callable[[], None],
) -> TraceCount:
    """Write a target's traces into its MLflow run, and count them there.

    Args:
        store: an open store.
        report: the run.
        target: which of its targets.
        run_id: the target's MLflow run.
        policy: which cells, and how many.
        check_time: raises where the time for logging is used up; called between batches.

    Raises:
        InfrastructureError: the store failed.
    """
    cells = wanted(report, target, policy.traces)
    build = _Builder(store, report, run_id)
    tracing = store.client._tracing_client  # noqa: SLF001  # see the module's docstring
    sent: dict[str, set[str | None]] = {}
    # A server answers several requests at once; a SQLite file takes one writer.
    with ThreadPoolExecutor(max_workers=8 if store.location.remote else 1) as pool:
        for batch in batches(islice(cells, policy.traces_limit), _BATCH):
            check_time()
            traced = [build.traced(record, place) for place, record in batch]
            infos = [item.info for item in traced]
            list(pool.map(lambda info: store.call("writing a trace", tracing.start_trace, info), infos))
            spans = [span for item in traced for span in item.spans]
            store.call("writing spans", tracing.log_spans, store.experiment_id, spans)
            store.call("linking traces", store.client.link_traces_to_run, [info.trace_id for info in infos], run_id)
            sent |= {info.trace_id: {item.assessment_id for item in info.assessments} for info in infos}
    found = _found(store, run_id)
    outdated = sorted(found.keys() - sent.keys())
    if outdated:
        # Cells that failed when the run was logged before, and were run again since.
        for ids in batches(outdated, _BATCH):
            store.call("removing traces", tracing.delete_traces, store.experiment_id, trace_ids=ids)
    return TraceCount(
        wanted=len(sent) + sum(1 for _ in cells),
        sent=len(sent),
        arrived=len(sent.keys() & found.keys()),
        assessments_sent=sum(len(ids) for ids in sent.values()),
        assessments_arrived=sum(len(ids & found.get(trace, set())) for trace, ids in sent.items()),
    )


def _found(store: TrackingStore, run_id: str) -> dict[str, set[str | None]]:
    """Every trace of ours that the store has for the run, with its assessments: id → their ids."""
    found: dict[str, set[str | None]] = {}
    token = None
    while True:
        page, token = store.call(
            "counting traces",
            store.client._tracing_client.store.search_traces,  # noqa: SLF001  # the headers only, without their spans
            locations=[store.experiment_id],
            filter_string=f"request_metadata.`mlflow.sourceRun` = '{run_id}'",
            max_results=500,
            page_token=token,
        )
        ours = [info for info in page if RUN_TAG in info.tags]
        found |= {info.trace_id: {item.assessment_id for item in info.assessments} for info in ours}
        if not token:
            return found


class _Builder:
    """Turns one run's cells into MLflow's entities."""

    def __init__(self, store: TrackingStore, report: Report, run_id: str) -> None:
        self.redact = store.redactor.value
        self.experiment = store.experiment_id
        self.report = report
        self.metrics = report.metrics
        self.run_id = run_id
        self.started = _milliseconds(report.run.started)

    def traced(self, record: CellRecord, place: int) -> Traced:
        """The cell's trace, of the one at this place."""
        from mlflow.entities import TraceInfo, TraceLocation
        from mlflow.entities.trace_state import TraceState

        case = self.report.cases.get(record.cell.case)
        output = record.output
        inputs = self.redact(_root_inputs(record, case))
        answer = self.redact(_plain(_answer(output))) if output else None
        seconds = (output.latency if output else None) or 0.0
        # The journal keeps no starting time for each cell: a millisecond each keeps the dataset's order.
        start = self.started + place
        info = TraceInfo(
            trace_id=self._trace_id(record),
            trace_location=TraceLocation.from_experiment_id(self.experiment),
            request_time=start,
            execution_duration=int(seconds * 1000),
            state=TraceState.OK if output else TraceState.ERROR,
            request_preview=cut(_text(inputs), _PREVIEW),
            response_preview=cut(_text(answer), _PREVIEW) if output else None,
            client_request_id=cut(record.cell.case, 50),
            trace_metadata=self._metadata(output),
            tags=self._tags(record, case),
            assessments=list(self._assessments(record, case)),
        )
        return Traced(info, list(self._spans(record, case, inputs, answer, start)))

    def _trace_id(self, record: CellRecord) -> str:
        return f"tr-{_derived(32, self.run_id, str(record.cell))}"

    def _metadata(self, output: Output | None) -> dict[str, str]:
        metadata = {"mlflow.sourceRun": self.run_id, "mlflow.trace_schema.version": "3"}
        if output and output.usage.total_tokens is not None:
            metadata["mlflow.trace.tokenUsage"] = json.dumps(_usage(output))
        return metadata

    def _tags(self, record: CellRecord, case: Case | None) -> dict[str, str]:
        tags = {
            "mlflow.traceName": record.cell.target,
            "mlflow.trace.spansLocation": "TRACKING_STORE",
            RUN_TAG: self.report.run.id,
            TARGET_TAG: record.cell.target,
            "plimsoll.case": cut(record.cell.case, 250),
            "plimsoll.repeat": str(record.cell.repeat),
        }
        if case and case.slices:
            tags["plimsoll.slices"] = cut(",".join(case.slices), 4000)
        return tags

    def _assessments(self, record: CellRecord, case: Case | None) -> Iterator[Assessment]:
        from mlflow.entities import AssessmentSource, Expectation

        if case is not None and case.expected is not None:
            expectation = Expectation(
                name="expected",
                value=self.redact(_plain(case.expected)),
                source=AssessmentSource(source_type="HUMAN", source_id=self.report.run.dataset),
                metadata={"mlflow.assessment.sourceRunId": self.run_id},
            )
            yield self._identified(expectation, record)
        for name, score in record.scores.items():
            if isinstance(score, Scored | Failed):
                yield self._identified(self._feedback(name, score, self.metrics.get(name)), record)

    def _feedback(self, name: str, score: Scored | Failed, metric: Metric | None) -> Assessment:
        from mlflow.entities import AssessmentError, AssessmentSource, Feedback

        judged = metric is not None and metric.judged
        source = AssessmentSource(source_type="LLM_JUDGE" if judged else "CODE", source_id=name)
        metadata = {"mlflow.assessment.sourceRunId": self.run_id}
        if isinstance(score, Failed):
            error = AssessmentError(
                error_code=score.failure.kind.value.upper(), error_message=self.redact(score.failure.message)
            )
            return Feedback(name=name, error=error, source=source, metadata=metadata)
        if score.passed is not None:
            metadata["plimsoll.passed"] = str(score.passed).lower()
        reason = self.redact(score.reason) if score.reason else None
        return Feedback(name=name, value=score.value, source=source, rationale=reason, metadata=metadata)

    def _identified(self, assessment: Assessment, record: CellRecord) -> Assessment:
        assessment.trace_id = self._trace_id(record)
        assessment.assessment_id = f"a-{_derived(32, self.run_id, str(record.cell), assessment.name)}"
        assessment.create_time_ms = assessment.last_update_time_ms = self.started
        return assessment

    def _spans(
        self, record: CellRecord, case: Case | None, inputs: Any, answer: Any, start: int
    ) -> Iterator[MlflowSpan]:
        output = record.output
        failure = record.outcome if isinstance(record.outcome, Failure) else None
        whole = Span(
            name=record.cell.target,
            kind="target",
            seconds=(output.latency if output else None) or 0.0,
            inputs=inputs,
            output=answer,
            error=f"{failure.kind.value}: {failure.message}" if failure else None,
        )
        yield self._span(record, whole, start, 0)
        for number, (step, call) in enumerate(_all_steps(case, output), start=1):
            yield self._span(record, step, start, number, call)

    def _span(self, record: CellRecord, step: Span, start: int, number: int, call: Output | None = None) -> MlflowSpan:
        from mlflow.entities import Span as Entity

        trace_id = self._trace_id(record)
        began = start * 1_000_000 + int(step.start * 1e9)
        attributes = {
            "mlflow.traceRequestId": trace_id,
            "mlflow.spanType": _SPAN_TYPES.get(step.kind, "UNKNOWN"),
            "mlflow.spanInputs": self.redact(_plain(step.inputs)),
            "mlflow.spanOutputs": self.redact(_plain(step.output)),
        }
        if call is not None and call.usage.total_tokens is not None:
            attributes["mlflow.chat.tokenUsage"] = _usage(call)
        if call is not None and call.model:
            attributes["mlflow.llm.model"] = call.model
        error = self.redact(step.error) if step.error else ""
        return Entity.from_dict(
            {
                "trace_id": trace_id,
                "span_id": _derived(16, trace_id, str(number)),
                "parent_span_id": _derived(16, trace_id, "0") if number else None,
                "name": step.name,
                "start_time_unix_nano": began,
                "end_time_unix_nano": began + int(step.seconds * 1e9),
                "events": [],
                "status": {"code": "STATUS_CODE_ERROR" if step.error else "STATUS_CODE_OK", "message": error},
                "attributes": {name: json.dumps(value, ensure_ascii=False) for name, value in attributes.items()},
            }
        )


def _answer(output: Output) -> Any:
    if output.turns:
        return [_answer(turn) for turn in output.turns]
    return output.value if output.value is not None else output.text


def _all_steps(case: Case | None, output: Output | None) -> Iterator[tuple[Span, Output | None]]:
    """What the target did inside, of a conversation turn after turn; with the output that a model call gave."""
    if output is None:
        return
    if not output.turns:
        yield from _steps(output)
        return
    start = 0.0
    for number, turn in enumerate(output.turns):
        said = case.turns[number].user if case is not None else None
        seconds = turn.latency or 0.0
        name = f"turn {number + 1}"
        yield Span(name=name, kind="turn", start=start, seconds=seconds, inputs=said, output=_answer(turn)), None
        for step, call in _steps(turn):
            yield msgspec.structs.replace(step, start=start + step.start), call
        start += seconds


def _steps(output: Output) -> Iterator[tuple[Span, Output | None]]:
    """The target's own spans, or for a prompt the one request that its messages were."""
    if output.spans:
        yield from ((span, None) for span in output.spans)
    elif output.messages:
        answer: dict[str, Any] = {"role": "assistant", "content": output.text}
        if output.tool_calls:
            answer["tool_calls"] = list(output.tool_calls)
        request = Span(
            name=output.model or "model",
            kind="model",
            seconds=output.latency or 0.0,
            inputs={"messages": list(output.messages)},
            output={"choices": [{"message": answer, "finish_reason": output.finish}]},
        )
        yield request, output


def _root_inputs(record: CellRecord, case: Case | None) -> dict[str, Any]:
    # MLflow pairs the rows of two runs by the first characters of this: the case's id comes first, and the repeat
    # where there are several, or the second would be compared with the first.
    inputs: dict[str, Any] = {"id": record.cell.case}
    if record.cell.repeat:
        inputs["repeat"] = record.cell.repeat
    if case is not None:
        inputs |= {key: _plain(value) for key, value in case.inputs.items()}
        if case.messages:
            inputs["messages"] = _plain(case.messages)
        if case.turns:
            inputs["turns"] = [{"user": _plain(turn.user), **_plain(turn.inputs)} for turn in case.turns]
    return inputs


def _usage(output: Output) -> dict[str, int | None]:
    return {
        "input_tokens": output.usage.prompt_tokens,
        "output_tokens": output.usage.completion_tokens,
        "total_tokens": output.usage.total_tokens,
    }


def _plain(value: Any) -> Any:
    """A JSON value with its longest texts cut."""
    if isinstance(value, str):
        return cut(value, _LONGEST)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return msgspec.to_builtins(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _derived(length: int, *parts: str) -> str:
    return short(digest(list(parts)), length)


def _milliseconds(when: str) -> int:
    return int(datetime.fromisoformat(when).timestamp() * 1000)
