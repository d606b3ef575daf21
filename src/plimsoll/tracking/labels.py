"""What people said of answers in MLflow: their assessments on the traces of a suite's runs, read page by page.

An assessment of ours is never taken for a person's: `people` tells them apart.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from plimsoll.errors import UsageError
from plimsoll.tracking.people import is_logged, is_of_a_person
from plimsoll.tracking.records import RUN_TAG, TARGET_TAG
from plimsoll.tracking.store import TrackingStore
from plimsoll.tracking.trace_form import CASE_TAG
from plimsoll.types import EXPECTED, CellId, HumanLabel

if TYPE_CHECKING:
    from mlflow.entities import Assessment, Run, TraceInfo
    from mlflow.store.entities import PagedList

MLFLOW = "mlflow"
"""The source of these labels."""
UNNAMED = "unnamed"
"""Who gave a label on a server that nobody logs in to."""
_NO_NAMES = (None, "", "default")
"""MLflow's own words for somebody it does not know."""
_EXPECTATIONS = (EXPECTED, "expected_response")
"""Expectations that are the reference answer: ours, and the name that MLflow's own judges read."""
_RUNS = 10
_TRACES = 500
_CUT = "…"
_MOST_TOLD = 20


class FoundLabel(Struct, frozen=True, kw_only=True):
    """A label, and the trace that it was given on."""

    label: HumanLabel
    trace: str


class CellOfRun(Struct, frozen=True):
    """A cell of one of several runs."""

    run: str
    cell: CellId


class LabelsRequest(Struct, frozen=True, kw_only=True):
    """Read a page of what people said of a suite's answers."""

    suite: str
    run: str | None = None
    """Only this plimsoll run, by its id or a part of it."""
    known: tuple[CellOfRun, ...] = ()
    """Cells with labels that were read before: `LabelPage.seen` says of which the trace is still there, so that a label
    which isn't was taken back."""
    token: str | None = None
    """The `next` of the page before."""
    traces: int = 1000
    """After so many a page ends, with the MLflow run that it is in."""


class LabelPage(Struct, frozen=True, kw_only=True):
    """The labels on the traces of a few runs."""

    labels: tuple[FoundLabel, ...]
    """In force: neither deleted nor overridden. Of several of one person and name on one trace the last."""
    seen: tuple[CellOfRun, ...]
    """Those of the cells asked about whose trace is there, labelled or not."""
    traces: int
    """How many were looked at."""
    told: tuple[str, ...]
    """What people gave that is no label of an answer, in words."""
    next: str | None
    """Asks for the next page; None where this is the last."""


def human_labels(store: TrackingStore, request: LabelsRequest) -> LabelPage:
    """A page of what people said of a suite's answers: of a few MLflow runs, the newest first.

    Args:
        store: an open store.
        request: which page of which suite.

    Raises:
        UsageError: there is no such run.
        InfrastructureError: the store failed.
    """
    unknown = UsageError(f"MLflow has no run {request.run!r} of {request.suite}", remedy="`plimsoll list` shows ids")
    if "'" in (request.run or ""):
        raise unknown
    done, _, token = (request.token or "0:").partition(":")
    runs = _runs(store, request, token or None)
    if request.run is not None and request.token is None and not runs:
        raise unknown
    reader = _Reader(store, frozenset((each.run, each.cell) for each in request.known))
    following = f"0:{_text(runs.token)}" if runs.token else None
    for number, each in enumerate(runs[int(done) :], int(done) + 1):
        if TARGET_TAG in each.data.tags:
            reader.read(str(each.info.run_id))
        if reader.traces >= request.traces and number < len(runs):
            following = f"{number}:{token}"
            break
    return LabelPage(
        labels=tuple(reader.labels),
        seen=tuple(reader.seen),
        traces=reader.traces,
        told=tuple(reader.told),
        next=following,
    )


def _runs(store: TrackingStore, request: LabelsRequest, token: str | None) -> PagedList[Run]:
    wanted = [f"tags.`plimsoll.suite` = '{request.suite}'"]
    if request.run is not None:
        wanted.append(f"tags.`{RUN_TAG}` LIKE '%{request.run}%'")
    return store.call(
        "looking for the suite's runs in MLflow",
        store.client.search_runs,
        [store.experiment_id],
        filter_string=" AND ".join(wanted),
        max_results=_RUNS,
        order_by=["attributes.start_time DESC"],
        page_token=token,
    )


def _text(token: str | bytes) -> str:
    """A page's token: of a server it is text, of a database bytes."""
    return token.decode() if isinstance(token, bytes) else token


class _Reader:
    """Reads the traces of MLflow runs, and keeps what people gave."""

    def __init__(self, store: TrackingStore, known: frozenset[tuple[str, CellId]]) -> None:
        self._store, self._known = store, known
        self.labels: list[FoundLabel] = []
        self.seen: list[CellOfRun] = []
        self.told: list[str] = []
        self.traces = 0

    def read(self, run_id: str) -> None:
        token = None
        while True:
            page = self._store.call(
                "reading people's assessments",
                self._store.client.search_traces,
                locations=[self._store.experiment_id],
                filter_string=f"request_metadata.`mlflow.sourceRun` = '{run_id}'",
                max_results=_TRACES,
                page_token=token,
                include_spans=False,
            )
            for trace in page:
                self._trace(trace.info)
            token = page.token
            if not token:
                return

    def _trace(self, info: TraceInfo) -> None:
        place = _place(info)
        if place is None:
            return
        self.traces += 1
        if (place.run, place.cell) in self._known:
            self.seen.append(place)
        given = [each for each in info.assessments if is_of_a_person(each, info)]
        if not given:
            return
        if place.cell.case.endswith(_CUT):
            self._tell(f"trace {info.trace_id}: MLflow keeps only the start of its case's long id")
            return
        last: dict[tuple[str, str], FoundLabel] = {}
        for each in sorted(given, key=lambda each: each.last_update_time_ms or 0):
            if each.span_id and not self._is_root(info.trace_id, each.span_id):
                self._tell(f"trace {info.trace_id}: {each.name!r} is about a step inside, not about the answer")
                continue
            label = _label(each, info, place)
            replaced = last.pop((label.name, label.who), None)
            if replaced is not None and label.who == UNNAMED:
                self._tell(f"trace {info.trace_id}: several {label.name!r} without a name; the last is taken")
            last[label.name, label.who] = FoundLabel(label=label, trace=info.trace_id)
        self.labels += last.values()

    def _is_root(self, trace: str, span: str) -> bool:
        """Whether a span is the whole answer. Seldom asked: the UI gives a span only where one is open."""
        found = self._store.call("reading a trace", self._store.client.get_trace, trace)
        return any(each.span_id == span and each.parent_id is None for each in found.data.spans)

    def _tell(self, words: str) -> None:
        if len(self.told) < _MOST_TOLD:
            self.told.append(words)


def _place(info: TraceInfo) -> CellOfRun | None:
    """The cell that a trace is of; None where it is none of ours."""
    tags = info.tags
    repeat = tags.get("plimsoll.repeat", "0")
    if not {RUN_TAG, TARGET_TAG, CASE_TAG} <= tags.keys() or not repeat.isdecimal():
        return None
    return CellOfRun(tags[RUN_TAG], CellId(tags[TARGET_TAG], tags[CASE_TAG], int(repeat)))


def _label(each: Assessment, info: TraceInfo, place: CellOfRun) -> HumanLabel:
    # Who changed an expectation of ours MLflow does not say.
    hidden = each.expectation is not None and is_logged(each, info)
    who = None if hidden else each.source.source_id
    given = each.feedback or each.expectation
    assert given is not None, "an issue is no label"
    overridden = next((known for known in info.assessments if known.assessment_id == each.overrides), None)
    when = datetime.fromtimestamp((each.last_update_time_ms or 0) / 1000, UTC)
    # MLflow's UI copies what stood there, also the judge's reason.
    copied = overridden is not None and overridden.rationale == each.rationale
    return HumanLabel(
        run=place.run,
        cell=place.cell,
        name=_name(each, each if overridden is None else overridden),
        value=given.value,
        who=UNNAMED if who in _NO_NAMES else str(who),
        at=when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        rationale=None if copied else each.rationale or None,
        source=MLFLOW,
    )


def _name(each: Assessment, about: Assessment) -> str:
    """What a label is about: a metric, `expected`, or whatever the person called it.

    A feedback is never the reference answer, and an expectation is never about a metric, whatever they are called.

    Args:
        each: The assessment.
        about: The one that it corrects, or itself.
    """
    if each.expectation is not None:
        return EXPECTED if each.name in _EXPECTATIONS else f"expectation {each.name}"
    return f"feedback {EXPECTED}" if about.name == EXPECTED else about.name
