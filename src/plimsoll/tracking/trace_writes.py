"""The writing, counting and removing of traces: MLflow's internals, which this file alone uses.

MLflow's own way (`mlflow.genai.evaluate`) writes one at a time from many threads and loses some in silence. Here a
header goes with its assessments, and spans go for a hundred traces at once. A database without a server takes a hundred
traces in one transaction, by the store's own code with its session shared: all of them or none. A server is asked for
several headers at the same time.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Self

from plimsoll.tracking.records import RUN_TAG, batches
from plimsoll.tracking.store import MissingError, TrackingStore
from plimsoll.tracking.trace_form import Traced

if TYPE_CHECKING:
    from mlflow.entities import TraceInfo

BATCH = 100
"""Traces at once: as many as MLflow links to a run in one call."""
_AT_ONCE = 8
"""Requests that a server gets at the same time."""
_PAGE = 500


class TraceWriter:
    """Writes traces into one MLflow run. A context manager: it holds threads where there is a server."""

    def __init__(self, store: TrackingStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._tracing = store.client._tracing_client  # noqa: SLF001  # see the module's docstring
        self.pool = ThreadPoolExecutor(max_workers=_AT_ONCE if store.location.remote else 1)
        """Runs requests to a server."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def write(self, traced: Sequence[Traced]) -> None:
        """Write at most `BATCH` traces with their assessments and spans, and link them to the run. Safe to repeat.

        Raises:
            InfrastructureError: the store failed.
        """
        if not self._store.location.remote:
            # Of two transactions that wait for each other, one is ended by the database: the store begins it anew.
            again = self._tracing.store._run_with_deadlock_retry  # noqa: SLF001  # see the module's docstring
            self._store.call("writing traces", again, self._in_one_transaction, traced)
            return
        start = self._tracing.start_trace
        infos = [item.info for item in traced]
        list(self.pool.map(lambda info: self._store.call("writing a trace", start, info), infos))
        self._rest(traced)

    def _rest(self, traced: Sequence[Traced]) -> None:
        spans = [span for item in traced for span in item.spans]
        ids = [item.info.trace_id for item in traced]
        self._store.call("writing spans", self._tracing.log_spans, self._store.experiment_id, spans)
        self._store.call("linking traces", self._store.client.link_traces_to_run, ids, self._run_id)

    def _in_one_transaction(self, traced: Sequence[Traced]) -> None:
        store = self._tracing.store
        experiment = store.get_experiment(self._store.experiment_id)
        with _sharing(store, experiment) as shared:
            known = shared.known([item.info.trace_id for item in traced])
            new = [item for item in traced if item.info.trace_id not in known]
            for item in new:
                shared.start_trace(item.info)
            shared.session.flush()
            shared.log_spans(self._store.experiment_id, [span for item in new for span in item.spans])
            shared.link_traces_to_run([item.info.trace_id for item in new], self._run_id)
        old = [item for item in traced if item.info.trace_id in known]
        for item in old:
            # What is there already is merged, which the store does one trace a transaction.
            self._tracing.start_trace(item.info)
        if old:
            self._rest(old)

    def found(self) -> Iterator[TraceInfo]:
        """The header of each trace of ours that the store has for the run, with its assessments."""
        token = None
        while True:
            page, token = self._store.call(
                "counting traces",
                self._tracing.store.search_traces,  # the headers only, without their spans
                locations=[self._store.experiment_id],
                filter_string=f"request_metadata.`mlflow.sourceRun` = '{self._run_id}'",
                max_results=_PAGE,
                page_token=token,
            )
            yield from (info for info in page if RUN_TAG in info.tags)
            if not token:
                return

    def count_spans(self) -> int:
        """How many spans the store has of these traces."""
        from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType

        points = self._store.call(
            "counting spans",
            self._tracing.store.query_trace_metrics,
            experiment_ids=[self._store.experiment_id],
            view_type=MetricViewType.SPANS,
            metric_name="span_count",
            aggregations=[MetricAggregation(aggregation_type=AggregationType.COUNT)],
            filters=[f"trace.metadata.`mlflow.sourceRun` = '{self._run_id}'"],
        )
        return sum(int(point.values.get("COUNT", 0)) for point in points)

    def untag(self, outdated: Mapping[str, Collection[str]]) -> None:
        """Take tags off traces: MLflow adds those of a trace that is written again to the ones that it has.

        Args:
            outdated: Trace → names of tags.

        Raises:
            InfrastructureError: the store failed.
        """
        pairs = [(trace, tag) for trace, tags in outdated.items() for tag in tags]
        if not pairs:
            return
        if self._store.location.remote:
            list(self.pool.map(self._untag, pairs))
            return
        again = self._tracing.store._run_with_deadlock_retry  # noqa: SLF001  # see the module's docstring
        self._store.call("removing tags", again, self._untag_at_once, pairs)

    def _untag(self, pair: tuple[str, str]) -> None:
        # A request that is sent again, since its answer was lost, finds no tag.
        with suppress(MissingError):
            self._store.call("removing a tag", self._tracing.delete_trace_tag, *pair)

    def _untag_at_once(self, pairs: Sequence[tuple[str, str]]) -> None:
        from mlflow.store.tracking.dbmodels.models import SqlTraceTag

        traces: dict[str, list[str]] = {}
        for trace, tag in pairs:
            traces.setdefault(tag, []).append(trace)
        with self._tracing.store.ManagedSessionMaker(read_only=False) as session:
            for tag, ids in traces.items():
                rows = session.query(SqlTraceTag).filter(SqlTraceTag.key == tag, SqlTraceTag.request_id.in_(ids))
                rows.delete(synchronize_session=False)

    def remove(self, ids: Sequence[str]) -> None:
        """Delete traces."""
        for some in batches(ids, BATCH):
            self._store.call("removing traces", self._tracing.delete_traces, self._store.experiment_id, trace_ids=some)


class _Deferred:
    """A session of SQLAlchemy whose `flush` waits: rows of many traces are then inserted together."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def flush(self) -> None:
        """Later, by whoever owns the session."""


class _Shared:
    """The store's own code over one session, which is committed once."""

    def __init__(self, store: Any, session: Any, experiment: Any) -> None:
        self.session = session
        self._inserting, self._writing = copy.copy(store), copy.copy(store)
        for part, given in ((self._inserting, _Deferred(session)), (self._writing, session)):
            part.ManagedSessionMaker = lambda given=given, **_: nullcontext(given)
            part.get_experiment = lambda _: experiment

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the traces that the store has."""
        found: set[str] = self._writing._get_existing_trace_ids(self.session, ids)  # noqa: SLF001  # see the docstring
        return found

    def start_trace(self, info: TraceInfo) -> None:
        """Add a trace that the store does not have."""
        with self.session.no_autoflush:
            self._inserting._start_trace_once(info)  # noqa: SLF001  # without its retries, which are ours

    def log_spans(self, experiment: str, spans: Sequence[Any]) -> None:
        """Write spans."""
        self._writing._log_spans_once(experiment, list(spans))  # noqa: SLF001  # the same

    def link_traces_to_run(self, ids: Sequence[str], run_id: str) -> None:
        """Link traces."""
        self._writing.link_traces_to_run(list(ids), run_id)


@contextmanager
def _sharing(store: Any, experiment: Any) -> Iterator[_Shared]:
    with store.ManagedSessionMaker(read_only=False) as session:
        yield _Shared(store, session, experiment)
