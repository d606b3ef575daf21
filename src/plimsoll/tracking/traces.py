"""Cells as MLflow traces with their scores as assessments, written in bulk, and counted when they have arrived.

Every id is derived from run and cell, so that writing the same cell again changes nothing: a log that was cut short is
finished by logging once more. `trace_form` says what a trace holds, `trace_writes` how it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from plimsoll.config import TrackingPolicy
from plimsoll.config.tracking import Traces
from plimsoll.tracking.kept_prompts import KeptPrompt
from plimsoll.tracking.measures import Measures
from plimsoll.tracking.people import touched
from plimsoll.tracking.prompt_links import link_traces, linked_tags
from plimsoll.tracking.records import batches
from plimsoll.tracking.store import TrackingStore
from plimsoll.tracking.trace_form import Traced, TraceForm, tags_of_answer
from plimsoll.tracking.trace_writes import BATCH, TraceWriter
from plimsoll.types import CellRecord, Report, Scored


@dataclass(frozen=True, slots=True)
class TraceCount:
    """How many traces were wanted, sent, and of these found in the store afterwards."""

    wanted: int = 0
    sent: int = 0
    arrived: int = 0
    assessments_sent: int = 0
    assessments_arrived: int = 0
    spans_sent: int = 0
    spans_arrived: int = 0

    @property
    def lost(self) -> str | None:
        """What did not arrive, in words; None where all did. What the limit kept back is wanted, but was not sent."""
        counts = {
            "traces": (self.arrived, self.sent),
            "assessments": (self.assessments_arrived, self.assessments_sent),
            "spans": (self.spans_arrived, self.spans_sent),
        }
        if all(arrived >= sent for arrived, sent in counts.values()):
            return None
        told = [f"{arrived} of {sent} {what}" for what, (arrived, sent) in counts.items()]
        return f"{', '.join(told[:-1])} and {told[-1]} arrived"


@dataclass(frozen=True, slots=True)
class Linked:
    """What a target's traces are linked with beside its MLflow run."""

    prompt: KeptPrompt | None = None
    """The version of the target's prompt."""
    judges: Mapping[str, str] = field(default_factory=dict)
    """Metric → the model that judges it."""


def wanted(report: Report, target: str, which: Traces, measures: Measures) -> Iterator[tuple[int, CellRecord]]:
    """The cells that get a trace, in the dataset's order, with their places among all of the target's."""
    if which == "none":
        return
    for place, record in enumerate(report.of_target(target)):
        if which == "all" or is_failure(record) or measures.flips(record):
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
    measures: Measures,
    policy: TrackingPolicy,
    check_time: Callable[[], None],
    linked: Linked | None = None,
) -> TraceCount:
    """Write a target's traces into its MLflow run, and count them there.

    Args:
        store: an open store.
        report: the run.
        target: which of its targets.
        run_id: the target's MLflow run.
        measures: of all the run's cells: they know what flipped.
        policy: which cells, and how many.
        check_time: raises where the time for logging is used up; called between batches.
        linked: what else the traces are linked with.

    Raises:
        InfrastructureError: the store failed.
    """
    linked = linked or Linked()
    cells = wanted(report, target, policy.traces, measures)
    form = TraceForm(store, report, run_id, judges=linked.judges, tags=linked_tags(linked.prompt))
    sent: dict[str, set[str | None]] = {}
    spans = 0
    with TraceWriter(store, run_id) as writer:
        # Where the run was logged before: what people said of it since stays as it is, what we said may be outdated.
        labelled: dict[str, set[str | None]] = {}
        tagged: dict[str, set[str]] = {}
        for info in writer.found():
            if kept := touched(info):
                labelled[info.trace_id] = kept
            if ours := tags_of_answer(info.tags):
                tagged[info.trace_id] = ours
        for batch in batches(islice(cells, policy.traces_limit), BATCH):
            check_time()
            traced = [form.traced(record, place, measures.flips(record)) for place, record in batch]
            infos = [item.info for item in traced]
            writer.write([_without(item, labelled.get(item.info.trace_id)) for item in traced])
            writer.untag({each.trace_id: tagged.get(each.trace_id, set()) - each.tags.keys() for each in infos})
            new = {each.trace_id: {given.assessment_id for given in each.assessments} for each in infos}
            if linked.prompt is not None:
                link_traces(store, list(new), linked.prompt, writer.pool)
            sent |= new
            spans += sum(len(item.spans) for item in traced)
        found = {info.trace_id: {each.assessment_id for each in info.assessments} for info in writer.found()}
        # Cells that failed when the run was logged before, and were run again since.
        writer.remove(sorted(found.keys() - sent.keys() - labelled.keys()))
        return TraceCount(
            wanted=len(sent) + sum(1 for _ in cells),
            sent=len(sent),
            arrived=len(sent.keys() & found.keys()),
            assessments_sent=sum(len(ids) for ids in sent.values()),
            assessments_arrived=sum(len(ids & found.get(trace, set())) for trace, ids in sent.items()),
            spans_sent=spans,
            spans_arrived=writer.count_spans() if sent else 0,
        )


def _without(traced: Traced, kept: set[str | None] | None) -> Traced:
    """The trace without the assessments that are not to be written again."""
    if not kept:
        return traced
    left = [each for each in traced.info.assessments if each.assessment_id not in kept]
    return replace(traced, info=replace(traced.info, assessments=left))
