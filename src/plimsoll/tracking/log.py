"""Logging a run: one MLflow run for the suite's run, one below it for each target, and a true word on what arrived.

A run's verdict never waits for this. What goes wrong here is returned, not raised: `LoggedRun.unsynced` says what is
missing, and logging the same run again writes just that: runs are found by their tags, everything inside has the same
name each time.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.canonical import digest_lines
from plimsoll.config import TrackingPolicy
from plimsoll.errors import InfrastructureError, PlimsollError, UsageError
from plimsoll.stats.summary import Summary, TargetSummary
from plimsoll.tracking import tables, traces
from plimsoll.tracking.records import (
    RUN_TAG,
    STATE_TAG,
    TARGET_TAG,
    batches,
    metrics_of,
    run_params,
    run_tags,
    target_params,
)
from plimsoll.tracking.store import TrackingStore
from plimsoll.tracking.traces import TraceCount
from plimsoll.types import Report

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """Where a run is in MLflow."""

    parent: str | None = None
    """The suite run's MLflow run; None where not even that could be written."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """Target → its MLflow run."""
    urls: Mapping[str, str] = field(default_factory=dict)
    """Target → its page in the server's UI; empty for a database without a server."""
    traces: Mapping[str, TraceCount] = field(default_factory=dict)
    """Target → how many traces were wanted, sent and found. Empty where the run was logged before."""
    unsynced: str | None = None
    """What is missing in MLflow, and why; None where everything arrived. Log again to complete it."""


@dataclass(frozen=True, slots=True)
class Attachments:
    """What goes with a run beside its figures."""

    files: Mapping[str, Path]
    """Artifact path → local file: the report, the plan, the verdict and its attestation."""
    suite_text: str
    """The resolved suite."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """trigger, branch, pr, …: whatever should make the run findable."""


class _TimeUpError(InfrastructureError):
    """Logging has taken as long as it may."""


def log_run(
    store: TrackingStore,
    report: Report,
    summary: Summary,
    attached: Attachments,
    *,
    policy: TrackingPolicy | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> LoggedRun:
    """Log a run; one that was logged completely before is only found.

    Args:
        store: an open store.
        report: the run and its cells.
        summary: its figures.
        attached: files, the suite's text, tags.
        policy: which cells leave a trace, and the time after which what is not written yet is left for another.
        clock: for the budget.
    """
    logger = _Logger(store, report, attached, policy or TrackingPolicy(), clock)
    try:
        return logger.log(summary)
    except PlimsollError as error:
        return logger.so_far(error.message)


def attach(
    store: TrackingStore,
    run: str,
    files: Mapping[str, Path],
    *,
    target: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Add files and tags to a run that was logged before: a verdict and its attestation. Safe to repeat.

    Args:
        store: an open store.
        run: the plimsoll run's id.
        files: artifact path → local file.
        target: whose MLflow run; None is the suite run's.
        tags: for that MLflow run.

    Returns:
        The MLflow run's id.

    Raises:
        UsageError: the run, or this target of it, was never logged.
        InfrastructureError: the store failed, or a file can't be read.
    """
    from mlflow.entities import RunTag

    found = _runs_of(store, run).get(target)
    if found is None:
        raise UsageError(f"run {run} is not in MLflow ({store.location.shown})", remedy="log it first")
    run_id = str(found.info.run_id)
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        for name, path in files.items():
            unread = _copy(store, path, Path(folder, name))
            if unread is not None:
                raise InfrastructureError(unread)
        store.call("writing artifacts", store.client.log_artifacts, run_id, folder)
    shown = store.redactor.value(tags or {})
    entities = [RunTag(key, value) for key, value in shown.items()]
    store.call("tagging the MLflow run", store.client.log_batch, run_id, tags=entities)
    return run_id


def _runs_of(store: TrackingStore, run: str) -> dict[str | None, Run]:
    """The MLflow runs of a plimsoll run: target → run, and None → the parent."""
    found = store.call(
        "looking for the run in MLflow",
        store.client.search_runs,
        [store.experiment_id],
        filter_string=f"tags.`{RUN_TAG}` = '{run}'",
        max_results=1000,
        order_by=["attributes.start_time ASC"],
    )
    return {known.data.tags.get(TARGET_TAG): known for known in reversed(found)}


def _copy(store: TrackingStore, source: Path, target: Path) -> str | None:
    """Copy a file without secrets; in words what went wrong, None if nothing did."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        store.redactor.copy(source, target)
    except OSError as error:
        return f"{source.name} can't be read: {error.strerror}"
    return None


class _Logger:
    """One run on its way into MLflow."""

    def __init__(
        self,
        store: TrackingStore,
        report: Report,
        attached: Attachments,
        policy: TrackingPolicy,
        clock: Callable[[], float],
    ) -> None:
        self.store, self.report, self.attached = store, report, attached
        self.policy, self.deadline, self.clock = policy, clock() + policy.wait, clock
        self.parent: str | None = None
        self.targets: dict[str, str] = {}
        self.counts: dict[str, TraceCount] = {}
        self.missing: list[str] = []
        self.content = _content(report)
        self.when = _milliseconds(report.run.started) + int(report.run.seconds * 1000)
        """The moment that metrics are logged at: the run's end, so that logged again they stay one point."""

    def log(self, summary: Summary) -> LoggedRun:
        """Everything, in an order in which nothing is called complete before it is."""
        known = _runs_of(self.store, self.report.run.id)
        parent = known.get(None) or self._create(self.report.run.id, {})
        self.parent = parent.info.run_id
        if parent.data.tags.get(STATE_TAG) == self.content:
            self.targets = {name: run.info.run_id for name, run in known.items() if name is not None}
            return self.so_far(None)
        ends = [run.info.end_time for run in known.values() if run.info.end_time]
        # A run that was logged, then resumed: its new figures have to come after the old ones.
        self.when = max(self.when, *(end + 1 for end in ends)) if ends else self.when
        for name, figures in summary.targets.items():
            self._target(name, figures, known.get(name))
        self._write(self.parent, run_params(self.report), {})
        self._dataset(self.parent)
        self._attach(self.parent, self._files())
        if not self.missing:
            self._finish(self.parent)
        return self.so_far(None)

    def so_far(self, problem: str | None) -> LoggedRun:
        """What was written, and what is missing."""
        problems = [*self.missing, *([problem] if problem else [])]
        pages = {name: self.store.location.page(self.store.experiment_id, run) for name, run in self.targets.items()}
        return LoggedRun(
            self.parent,
            self.targets,
            {name: page for name, page in pages.items() if page},
            self.counts,
            "; ".join(problems) or None,
        )

    def _create(self, name: str, tags: Mapping[str, str]) -> Run:
        every = {**run_tags(self.report, self.attached.tags), **tags, STATE_TAG: "started"}
        run: Run = self._call(
            "making an MLflow run",
            self.store.client.create_run,
            self.store.experiment_id,
            start_time=_milliseconds(self.report.run.started),
            tags=self.store.redactor.value(every),
            run_name=name,
        )
        return run

    def _target(self, name: str, figures: TargetSummary, known: Run | None) -> None:
        if known is not None and known.data.tags.get(STATE_TAG) == self.content:
            self.targets[name] = known.info.run_id
            return
        tags = {
            TARGET_TAG: name,
            "mlflow.parentRunId": self.parent or "",
            "mlflow.runType": "genai_evaluate",
            "mlflow.loggedArtifacts": json.dumps([{"path": tables.TABLE, "type": "table"}]),
        }
        if figures.cells > tables.SHOWN_ROWS:
            tags["mlflow.note.content"] = (
                f"{tables.TABLE} shows the first {tables.SHOWN_ROWS} of {figures.cells} cells; {tables.CELLS} has all."
            )
        run = known or self._create(f"{self.report.run.suite}/{name}", tags)
        self.targets[name] = run_id = run.info.run_id
        before = len(self.missing)
        self._write(run_id, target_params(self.report, self.report.run.targets[name]), metrics_of(figures))
        self._dataset(run_id)
        self._attach(run_id, self._cells(name))
        self.counts[name] = count = traces.send(
            self.store, self.report, name, run_id, policy=self.policy, check_time=self._check_time
        )
        if count.lost:
            self.missing.append(f"{name}: {count.lost}")
        if len(self.missing) == before:
            self._finish(run_id)

    def _write(self, run_id: str, params: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """Params and metrics, read back: a name that is not there was lost."""
        from mlflow.entities import Metric, Param

        shown = self.store.redactor.value(params)
        batch: Any
        for batch in batches((Param(key, value) for key, value in shown.items()), 100):
            self._call("writing params", self.store.client.log_batch, run_id, params=batch)
        for batch in batches((Metric(key, value, self.when, 0) for key, value in metrics.items()), 1000):
            self._call("writing metrics", self.store.client.log_batch, run_id, metrics=batch)
        data = self._call("reading the run back", self.store.client.get_run, run_id).data
        lost = [*(shown.keys() - data.params.keys()), *(metrics.keys() - data.metrics.keys())]
        if lost:
            self.missing.append(f"of params and metrics these did not arrive: {', '.join(sorted(lost))}")

    @cached_property
    def slices(self) -> list[str]:
        """Every slice of the dataset."""
        return sorted({name for case in self.report.cases.values() for name in case.slices})

    def _dataset(self, run_id: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        run = self.report.run
        profile = {"cases": len(self.report.cases), "slices": self.slices}
        dataset = Dataset(
            name=run.dataset,
            # MLflow takes 36 characters; the whole digest is in the tags and params.
            digest=run.dataset_digest.removeprefix("sha256:")[:36] or "unknown",
            source_type="code",
            source=json.dumps({"tags": {"plimsoll.dataset_digest": run.dataset_digest}}),
            profile=json.dumps(profile),
        )
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])]
        self._call("writing the dataset", self.store.client.log_inputs, run_id, datasets=inputs)

    def _cells(self, target: str) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            tables.write_tables(folder, self.report, target, self.store.redactor)

        return write

    def _files(self) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            (folder / "suite.yaml").write_text(self.store.redactor.text(self.attached.suite_text), encoding="utf-8")
            for name, path in self.attached.files.items():
                unread = _copy(self.store, path, folder / name)
                if unread is not None:
                    self.missing.append(unread)

        return write

    def _attach(self, run_id: str, write: Callable[[Path], None]) -> None:
        with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
            write(Path(folder))
            self._call("writing artifacts", self.store.client.log_artifacts, run_id, folder)

    def _finish(self, run_id: str) -> None:
        from mlflow.entities import RunTag

        status = "FINISHED" if self.report.run.complete else "KILLED"
        self._call("ending the MLflow run", self.store.client.set_terminated, run_id, status, self.when)
        tags = self.store.redactor.value({**run_tags(self.report, self.attached.tags), STATE_TAG: self.content})
        self._call(
            "ending the MLflow run",
            self.store.client.log_batch,
            run_id,
            tags=[RunTag(key, value) for key, value in tags.items()],
        )

    def _call(self, doing: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._check_time()
        return self.store.call(doing, function, *args, **kwargs)

    def _check_time(self) -> None:
        if self.clock() > self.deadline:
            raise _TimeUpError("the time for logging is used up; the rest is still on disk")


def _content(report: Report) -> str:
    """The digest of what is logged of a run: its cells, its cases, whether it is complete, its aggregates."""
    cells = (msgspec.to_builtins(record) for record in report.cells)
    aggregates = [msgspec.to_builtins(report.aggregates)] if report.aggregates else []
    return digest_lines(chain(cells, report.cases, [report.run.complete], aggregates))


def _milliseconds(when: str) -> int:
    return int(datetime.fromisoformat(when).timestamp() * 1000)
