"""What people said of answers: fetched from MLflow, and written as a labels file that `judge calibrate` reads.

Labels are kept as they were given, in the workspace's `LabelStore`; what they say in a metric's terms is read when they
are used. A run whose answers were labelled is brought here with them where it is not on this disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from plimsoll.api.fetching import FETCHED, named_run
from plimsoll.api.opened import load_suite, now_utc
from plimsoll.api.run_words import Word
from plimsoll.api.runs import RUNS
from plimsoll.canonical import write_atomic
from plimsoll.config import Workspace
from plimsoll.errors import PlimsollError, UsageError, near_match, unwritable
from plimsoll.labels import Joined, LabelStore, join, judged_rows, read_value
from plimsoll.runs.plan import PLAN_FILE, load_plan
from plimsoll.tracking import CellOfRun, FoundLabel, LabelPage, LabelsRequest, MlflowWriter
from plimsoll.types import EXPECTED, HumanLabel, Metric

MLFLOW = "mlflow"
"""The source of labels that were fetched."""
LABELS = "labels"
"""The workspace's folder for labels files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What came of fetching labels. What can't be used is counted in `left_out` alone."""

    new: int
    changed: int
    taken_back: int
    """Deleted or overridden in MLflow since."""
    traces: int
    """How many were looked at."""
    labels: Mapping[str, Mapping[str, int]]
    """Metric, or another name → person → labels that MLflow has now."""
    other_names: tuple[str, ...]
    """Those of the names that are no metric of the runs, nor `expected`: kept, and used for nothing."""
    brought: tuple[str, ...]
    """Runs that were brought here from the tracking server."""
    left_out: tuple[str, ...]
    """Labels that say nothing in their metric's terms, and why. They are kept as they were given, and used nowhere."""
    same: bool
    """All is as it was when labels were fetched before."""
    told: tuple[str, ...]
    """What else went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsFile:
    """A file that `judge calibrate --labels` reads."""

    file: str
    metric: str
    answers: int
    labels: int
    people: tuple[str, ...]
    """In the order of the labels in each row."""
    output_column: str
    label_column: str
    judged: bool
    """A judge gives the metric, so that the labels can calibrate it."""
    told: tuple[str, ...]
    """What was left out, and why."""


def pull_labels(
    workspace: Workspace,
    suites: Sequence[str] = (),
    *,
    run: str | None = None,
    writer: MlflowWriter | None = None,
) -> Pulled:
    """Fetch what people said in MLflow of the answers of suites. Again, it finds only what is new since.

    Args:
        workspace: Where the labels are kept.
        suites: Names or paths; none is every suite of the workspace.
        run: Only this run, by its id or a part of it.
        writer: Reads the tracking store; None is one for this call.

    Raises:
        UsageError: there is no such suite or run.
        ConfigError: a suite, or the file of labels, has mistakes.
        InfrastructureError: the store can't be reached, or the file can't be written.
    """
    asked = suites or [str(path) for path in workspace.suite_files()]
    names = list(dict.fromkeys(load_suite(workspace, each).name for each in asked))
    if not names:
        raise UsageError("the workspace has no suite", remedy="`plimsoll init` starts one")
    pulling = _Pulling(LabelStore(workspace.state))
    with nullcontext(writer) if writer is not None else MlflowWriter(workspace) as opened:
        missing: list[UsageError] = []
        for name in names:
            try:
                _pull_suite(opened, pulling, name, run)
            except UsageError as error:
                missing.append(error)
        if len(missing) == len(names):
            raise missing[0]
        brought = _bring(workspace, opened, pulling)
    return pulling.done(workspace, brought)


def _pull_suite(writer: MlflowWriter, pulling: _Pulling, suite: str, run: str | None) -> None:
    token = None
    pages: list[LabelPage] = []
    while not pages or token is not None:
        page = writer.labels(LabelsRequest(suite=suite, run=run, known=pulling.known, token=token))
        pages.append(page)
        token = page.next
    pulling.take(pages)


def _key(label: HumanLabel) -> tuple[object, ...]:
    return (label.run, label.cell, label.name, label.who)


@dataclass(slots=True)
class _Pulling:
    """Labels on their way into the store."""

    store: LabelStore
    kept: dict[tuple[object, ...], HumanLabel] = field(default_factory=dict)
    """Those in force that were fetched before."""
    found: list[FoundLabel] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    new: set[tuple[object, ...]] = field(default_factory=set)
    changed: set[tuple[object, ...]] = field(default_factory=set)
    taken_back: int = 0
    traces: int = 0

    def __post_init__(self) -> None:
        self.kept = {_key(label): label for label in self.store if label.source == MLFLOW}

    @property
    def known(self) -> tuple[CellOfRun, ...]:
        return tuple({CellOfRun(label.run, label.cell): None for label in self.kept.values()})

    def take(self, pages: Sequence[LabelPage]) -> None:
        """Keep what a suite's pages have that is not kept, and take back what they lack."""
        found = sorted((each for page in pages for each in page.labels), key=lambda each: each.label.at)
        there = {_key(each.label): each.label for each in found}
        seen = {(each.run, each.cell) for page in pages for each in page.seen}
        differing = [label for key, label in there.items() if _said(label) != _said(self.kept.get(key))]
        gone = {key: label for key, label in self.kept.items() if (label.run, label.cell) in seen and key not in there}
        self.new |= {_key(label) for label in differing} - self.kept.keys()
        self.changed |= {_key(label) for label in differing} & self.kept.keys()
        self.taken_back += len(gone)
        self.traces += sum(page.traces for page in pages)
        self.found += found
        self.told += [words for page in pages for words in page.told]
        if differing or gone:
            now = now_utc()
            withdrawn = (replace(label, value=None, rationale=None, at=now) for label in gone.values())
            self.store.append([*differing, *withdrawn])
        self.kept = {key: label for key, label in self.kept.items() if key not in gone} | there

    def done(self, workspace: Workspace, brought: Sequence[str]) -> Pulled:
        counts: dict[str, Counter[str]] = {}
        other: dict[str, None] = {}
        left_out: dict[tuple[object, ...], str] = {}
        metrics: dict[str, Mapping[str, Metric] | None] = {}
        for each in self.found:
            label = each.label
            if label.run not in metrics:
                metrics[label.run] = _metrics_of(workspace, label.run)
            known = metrics[label.run]
            if known is not None and label.name in known:
                try:
                    read_value(known[label.name], label.value)
                except ValueError as error:
                    left_out[_key(label)] = f"trace {each.trace}, {label.who}: {error}: left out"
                    continue
            elif known is not None and label.name != EXPECTED:
                other[label.name] = None
            counts.setdefault(label.name, Counter())[label.who] += 1
        return Pulled(
            new=len(self.new - left_out.keys()),
            changed=len(self.changed - left_out.keys()),
            taken_back=self.taken_back,
            traces=self.traces,
            labels={name: dict(sorted(counts[name].items())) for name in sorted(counts)},
            other_names=tuple(sorted(other)),
            brought=tuple(brought),
            left_out=tuple(left_out.values()),
            same=not (self.new or self.changed or self.taken_back or brought),
            told=tuple(self.told),
        )


def _said(label: HumanLabel | None) -> bytes | None:
    """What a person said, so that true and 1 differ."""
    return None if label is None else msgspec.json.encode((label.value, label.rationale))


def _metrics_of(workspace: Workspace, run: str) -> Mapping[str, Metric] | None:
    folder = run_folder(workspace, run)
    if folder is None:
        return None
    infos = load_plan(folder).evaluators.values()
    return {metric.name: metric for info in infos for metric in info.metrics}


def _bring(workspace: Workspace, writer: MlflowWriter, pulling: _Pulling) -> list[str]:
    """Bring the labelled runs here that are not; which."""
    counts = Counter(each.label.run for each in pulling.found)
    brought = []
    for run, amount in counts.items():
        if run_folder(workspace, run) is not None:
            continue
        try:
            named_run(workspace, Word("run", run), writer.stored_runs)
        except PlimsollError as error:
            pulling.told.append(f"run {run} could not be brought here (labels: {amount}): {error.message}")
        else:
            brought.append(run)
    return brought


def run_folder(workspace: Workspace, run: str) -> Path | None:
    """The folder of a run, one of the workspace's own or one that was brought here; None where there is none."""
    if Path(run).name != run:
        # A tag in MLflow says it, and anybody may change that.
        return None
    folders = (workspace.state / RUNS / run, workspace.state / FETCHED / run)
    return next((folder for folder in folders if (folder / PLAN_FILE).is_file()), None)


def joined_labels(workspace: Workspace, suites: Iterable[str] | None) -> Joined:
    """The workspace's labels beside their answers.

    Args:
        workspace: Where they are kept.
        suites: Only of these suites' runs; None is any.

    Raises:
        ConfigError: the file of labels is damaged.
    """
    names = None if suites is None else frozenset(suites)
    return join(LabelStore(workspace.state), lambda run: run_folder(workspace, run), names)


def absent_told(joined: Joined) -> tuple[str, ...]:
    """The labels whose runs are not here, in words."""
    return tuple(
        f"run {run} is not on this disk (labels: {amount}); `plimsoll labels pull` brings it, where the tracking "
        "server has it"
        for run, amount in joined.absent.items()
    )


def export_labels(
    workspace: Workspace, metric: str, *, suite: str | None = None, out: Path | None = None, force: bool = False
) -> LabelsFile:
    """Write the labels about a metric as a file that `judge calibrate` reads.

    Args:
        workspace: Where they are kept.
        metric: Its name, as people gave it.
        suite: Only this suite's runs.
        out: The file; None is `labels/METRIC.jsonl`.
        force: Write over a file that is there and holds something else.

    Raises:
        UsageError: nobody gave such labels, none of them can be used, the file is there, or it is asked for `expected`.
        ConfigError: the file of labels is damaged.
        InfrastructureError: the file can't be written.
    """
    if metric == EXPECTED:
        raise UsageError(
            f"{EXPECTED} is no metric: people say by it what an answer should have been",
            remedy="`plimsoll labels cases` writes cases from it",
        )
    names = None if suite is None else [load_suite(workspace, suite).name]
    joined = joined_labels(workspace, names)
    found = judged_rows(metric, joined.answers)
    left_out = (*found.told, *joined.told, *absent_told(joined))
    if not found.rows:
        known = sorted({each.label.name for each in joined.answers} - {EXPECTED})
        if metric in known or left_out:
            raise UsageError(f"no label about {metric} can be used", remedy="; ".join(left_out[:3]))
        raise UsageError(
            f"nobody gave a label named {metric!r}", remedy=near_match(metric, known) or "plimsoll labels pull"
        )
    path = out.resolve() if out is not None else workspace.root / LABELS / f"{metric}.jsonl"
    write_rows(workspace, path, found.rows, force=force)
    return LabelsFile(
        file=workspace.shown(path).as_posix(),
        metric=metric,
        answers=len(found.rows),
        labels=found.labels,
        people=found.people,
        output_column=found.output_column,
        label_column=found.label_column,
        judged=any(each.metrics[metric].judged for each in joined.answers if metric in each.metrics),
        told=left_out,
    )


def write_rows(workspace: Workspace, path: Path, rows: Iterable[Mapping[str, Any]], *, force: bool) -> None:
    """Write a *.jsonl file, the whole of it or nothing.

    Raises:
        UsageError: it is no *.jsonl file, or it is there and holds something else.
        InfrastructureError: it can't be written.
    """
    shown = workspace.shown(path)
    if path.suffix.lower() != ".jsonl":
        raise UsageError(f"{shown} is no *.jsonl file", remedy=f"--out {shown.with_suffix('.jsonl')}")
    data = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    try:
        if path.exists() and not force and path.read_bytes() != data:
            raise UsageError(
                f"{shown} is there and holds something else", remedy="--force writes over it; or --out FILE"
            )
        write_atomic(path, data)
    except OSError as error:
        raise unwritable(error, shown) from error
