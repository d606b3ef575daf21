"""Logging a run: one MLflow run for the suite's run, one below it for each target, and a true word on what arrived.

A run's verdict never waits for this. What goes wrong here is returned, not raised: `LoggedRun.unsynced` says what is
missing, and logging the same run again writes just that: runs are found by their tags, everything inside has the same
name each time.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.canonical import digest_lines
from plimsoll.config import TrackingPolicy
from plimsoll.errors import InfrastructureError, PlimsollError
from plimsoll.stats.summary import Summary, TargetSummary
from plimsoll.tracking import tables, traces
from plimsoll.tracking.attaching import copy_file, runs_of, told_tags
from plimsoll.tracking.contract import PromptDraft
from plimsoll.tracking.kept_prompts import KeptPrompt
from plimsoll.tracking.measures import Measures
from plimsoll.tracking.prompt_links import KeptPrompts, keep_prompts, link_run
from plimsoll.tracking.records import (
    NOTE_TAG,
    STATE_TAG,
    TARGET_TAG,
    batches,
    metrics_of,
    run_metrics,
    run_note,
    run_params,
    run_tags,
    safe_name,
    target_params,
)
from plimsoll.tracking.store import TrackingStore
from plimsoll.tracking.stored_runs import has_stored, next_param, pack
from plimsoll.tracking.trace_form import milliseconds
from plimsoll.tracking.traces import Linked, TraceCount
from plimsoll.types import CellRecord, Report

if TYPE_CHECKING:
    from mlflow.entities import Run

_STARTED = "started"


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
    notes: tuple[str, ...] = ()
    """What a reader should know of what is there."""


@dataclass(frozen=True, slots=True)
class Attachments:
    """What goes with a run beside its figures."""

    files: Mapping[str, Path]
    """Artifact path → local file: the report, the plan, the verdict and its attestation."""
    suite_text: str
    """The resolved suite."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """trigger, branch, pr, …: whatever should make the run findable."""
    judges: Mapping[str, str] = field(default_factory=dict)
    """Metric → the model that judges it."""
    prompts: Mapping[str, PromptDraft] = field(default_factory=dict)
    """Target → what the version of its prompt has to be; none for what is no prompt."""
    cases: int | None = None
    """How many cases the run itself has, where the report has a baseline's beside them; None is all of them."""
    gate: bool = False
    """A gate made the run."""
    run: Path | None = None
    """The run's folder, or a copy of it with less: what makes it whole again on another machine; None keeps nothing."""


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


def is_logged(store: TrackingStore, run: str, targets: Iterable[str]) -> bool:
    """Whether a run that was logged still stands in a store, called complete: its MLflow run, and each target's.

    Args:
        store: an open store.
        run: the plimsoll run's id.
        targets: those that it ran.

    Raises:
        InfrastructureError: the store failed.
    """
    known = runs_of(store, run)
    states = [known[name].data.tags.get(STATE_TAG) if name in known else None for name in (None, *targets)]
    return not {None, _STARTED} & {*states}


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
        store.keep(_names(report))
        self.store, self.report, self.attached = store, report, attached
        self.policy, self.deadline, self.clock = policy, clock() + policy.wait, clock
        self.parent: str | None = None
        self.targets: dict[str, str] = {}
        self.counts: dict[str, TraceCount] = {}
        self.missing: list[str] = []
        self.changed: list[str] = []
        """Params that have another value in MLflow, which can't be changed there; in words."""
        self.cases = len(report.cases) if attached.cases is None else attached.cases
        self.prompts = KeptPrompts()
        self.measures = Measures(report)
        self.content = _content(report, self.measures.seeing(report.cells))
        self.when = milliseconds(report.run.started) + int(report.run.seconds * 1000)
        """The moment that metrics are logged at: the run's end, so that logged again they stay one point."""

    def log(self, summary: Summary) -> LoggedRun:
        """Everything, in an order in which nothing is called complete before it is."""
        known = runs_of(self.store, self.report.run.id)
        parent = known.get(None) or self._create(self.report.run.id, {})
        self.parent = parent.info.run_id
        whole = all(
            name in known and known[name].data.tags.get(STATE_TAG) == self.content for name in (None, *summary.targets)
        )
        if whole and self._is_stored(parent):
            self.targets = {name: run.info.run_id for name, run in known.items() if name is not None}
            return self.so_far(None)
        ends = [run.info.end_time for run in known.values() if run.info.end_time]
        # A run that was logged, then resumed: its new figures have to come after the old ones.
        self.when = max(self.when, *(end + 1 for end in ends)) if ends else self.when
        if self.policy.prompts:
            self.prompts = keep_prompts(self.store, self.attached.prompts, self._check_time)
        for name, figures in summary.targets.items():
            self._target(name, figures, known.get(name))
        self._write(parent, run_params(self.report, self.cases), run_metrics(self.report, summary))
        self._dataset(self.parent)
        self._attach(self.parent, self._files())
        self._store(self.parent, parent.data.params)
        if not self.missing:
            self._finish(self.parent, run_note(summary))
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
            (*self.prompts.notes, *self.changed, *_kept(self.store)),
        )

    def _create(self, name: str, tags: Mapping[str, str]) -> Run:
        every = {**run_tags(self.report, self.attached.tags, gate=self.attached.gate), **tags, STATE_TAG: _STARTED}
        run: Run = self._call(
            "making an MLflow run",
            self.store.client.create_run,
            self.store.experiment_id,
            start_time=milliseconds(self.report.run.started),
            tags=told_tags(self.store, every),
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
        run = known or self._create(f"{self.report.run.suite}/{name}", tags)
        self.targets[name] = run_id = run.info.run_id
        before = len(self.missing)
        measured = self.measures.targets[name].figures()
        params = target_params(self.report, self.report.run.targets[name], self.cases)
        changed = self._write(run, params, metrics_of(figures, measured))
        self._dataset(run_id)
        self._attach(run_id, self._cells(name))
        prompt = self._link_prompt(name, run_id)
        self.counts[name] = count = traces.send(
            self.store,
            self.report,
            name,
            run_id,
            measures=self.measures,
            policy=self.policy,
            check_time=self._check_time,
            linked=Linked(prompt, self.attached.judges),
        )
        if count.lost:
            self.missing.append(f"{name}: {count.lost}")
        if len(self.missing) == before:
            self._finish(run_id, "\n\n".join(filter(None, (tables.note(figures.cells), changed))))

    def _link_prompt(self, target: str, run_id: str) -> KeptPrompt | None:
        """The version of the target's prompt, linked to its MLflow run; None where there is none."""
        if target in self.prompts.problems:
            self.missing.append(self.prompts.problems[target])
        prompt = self.prompts.targets.get(target)
        if prompt is not None:
            self._check_time()
            link_run(self.store, run_id, self.attached.prompts[target], prompt)
        return prompt

    def _write(self, run: Run, params: Mapping[str, str], metrics: Mapping[str, float]) -> str | None:
        """Params and metrics, read back: a name that is not there was lost.

        Returns:
            In words, which params were logged before with a value that they don't have any more; None where none was.
        """
        from mlflow.entities import Metric, Param

        run_id, there = run.info.run_id, run.data.params
        shown = _told_params(self.store, params)
        batch: Any
        for batch in batches((Param(key, value) for key, value in shown.items() if key not in there), 100):
            self._call("writing params", self.store.client.log_batch, run_id, params=batch)
        for batch in batches((Metric(key, value, self.when, 0) for key, value in metrics.items()), 1000):
            self._call("writing metrics", self.store.client.log_batch, run_id, metrics=batch)
        data = self._call("reading the run back", self.store.client.get_run, run_id).data
        lost = [*(shown.keys() - data.params.keys()), *(metrics.keys() - data.metrics.keys())]
        if lost:
            self.missing.append(f"of params and metrics these did not arrive: {', '.join(sorted(lost))}")
        changed = sorted(key for key, value in there.items() if shown.get(key, value) != value)
        if not changed:
            return None
        told = f"params keep what was logged first, and are otherwise now: {', '.join(changed)}"
        self.changed.append(f"{run.info.run_name} in MLflow: {told}")
        return told

    @cached_property
    def slices(self) -> list[str]:
        """Every slice of the dataset."""
        return sorted({name for case in self.report.cases.values() for name in case.slices})

    def _dataset(self, run_id: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        run = self.report.run
        profile = {"cases": self.cases, "slices": self.slices}
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
                unread = copy_file(self.store, path, folder / name)
                if unread is not None:
                    self.missing.append(unread)

        return write

    def _is_stored(self, parent: Run) -> bool:
        """Whether the run's files are there too: an earlier version kept none."""
        return self.attached.run is None or has_stored(parent.data.params)

    def _store(self, run_id: str, params: Mapping[str, str]) -> None:
        """Keep what makes the run whole again; the param last, so that what it names is there."""
        if self.attached.run is None:
            return
        with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
            try:
                stored = pack(self.attached.run, Path(folder), self.store.redactor)
                param = next_param(stored, params)
            except (OSError, ValueError, PlimsollError) as error:
                self.missing.append(f"the run itself can't be stored: {error}")
                return
            if param is not None:
                self._call("writing the run", self.store.client.log_artifacts, run_id, folder, stored.place)
                self._call("writing params", self.store.client.log_param, run_id, *param)

    def _attach(self, run_id: str, write: Callable[[Path], None]) -> None:
        with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
            write(Path(folder))
            self._call("writing artifacts", self.store.client.log_artifacts, run_id, folder)

    def _finish(self, run_id: str, note: str) -> None:
        """Call it complete, with a note for whoever opens it; the last thing that is written."""
        from mlflow.entities import RunTag

        status = "FINISHED" if self.report.run.complete else "KILLED"
        self._call("ending the MLflow run", self.store.client.set_terminated, run_id, status, self.when)
        every = {
            **run_tags(self.report, self.attached.tags, gate=self.attached.gate),
            **({NOTE_TAG: note} if note else {}),
        }
        tags = told_tags(self.store, {**every, STATE_TAG: self.content})
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


def _names(report: Report) -> Iterator[str]:
    """What a run and its parts are called, by us or in the suite."""
    run = report.run
    yield from (run.id, run.suite, run.dataset, *run.targets, *run.evaluators, *report.metrics)


def _told_params(store: TrackingStore, params: Mapping[str, str]) -> dict[str, str]:
    """Params without secrets; their names are the suite's too, and MLflow does not take every character."""
    text = store.redactor.text
    return {key if (told := text(key)) == key else safe_name(told): text(value) for key, value in params.items()}


def _kept(store: TrackingStore) -> Iterator[str]:
    for mark in store.redactor.kept:
        yield f"the secret of {mark} is a part of a name (the program's, the suite's, a target's), and stays in that"


def _content(report: Report, records: Iterable[CellRecord]) -> str:
    """The digest of what is logged of a run: its cells, its cases, whether it is complete, its aggregates."""
    cells = (msgspec.to_builtins(record) for record in records)
    aggregates = [msgspec.to_builtins(report.aggregates)] if report.aggregates else []
    return digest_lines(chain(cells, report.cases, [report.run.complete], aggregates))
