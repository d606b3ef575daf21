from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from plimsoll.config import TrackingPolicy, Workspace
from plimsoll.errors import FailureKind, InfrastructureError, UsageError
from plimsoll.stats.summary import summarise
from plimsoll.testing.reports import example_report
from plimsoll.tracking import (
    Attachments,
    LoggedRun,
    TraceCount,
    TrackingStore,
    attach,
    log_run,
    open_store,
)
from plimsoll.tracking.tables import SHOWN_ROWS
from plimsoll.tracking.traces import is_failure
from plimsoll.types import Failure, Report
from plimsoll.version import __version__

pytestmark = pytest.mark.mlflow

KEY = "sk-planted-0123456789"


@pytest.fixture
def store(workspace: Workspace) -> Iterator[TrackingStore]:
    with open_store(None, workspace, {**os.environ, "OPENAI_API_KEY": KEY}) as opened:
        yield opened


def attachments(folder: Path) -> Attachments:
    (folder / "report.html").write_text(f"<p>a report, {KEY}</p>")
    return Attachments(
        {"report.html": folder / "report.html"}, f"name: ferry-desk\n# {KEY}\n", {"branch": "main", "trigger": "local"}
    )


def log(store: TrackingStore, report: Report, folder: Path, **options: Any) -> LoggedRun:
    return log_run(store, report, summarise(report), attachments(folder), **options)


def ours(store: TrackingStore) -> list[Any]:
    return list(store.client.search_runs([store.experiment_id]))


def test_a_run_is_a_parent_with_a_child_for_each_target_that_tells_everything(
    store: TrackingStore, tmp_path: Path
) -> None:
    report = example_report(cases=12, targets=("v1", "v2"), flawless=True)
    logged = log(store, report, tmp_path)
    assert logged.unsynced is None
    assert logged.parent is not None
    assert set(logged.targets) == {"v1", "v2"}
    parent, child = store.client.get_run(logged.parent), store.client.get_run(logged.targets["v2"])
    assert parent.data.tags["plimsoll.run"] == child.data.tags["plimsoll.run"] == report.run.id
    assert child.data.tags["mlflow.parentRunId"] == logged.parent
    assert child.data.tags["mlflow.runType"] == "genai_evaluate"
    assert child.data.tags["plimsoll.branch"] == "main"
    assert (child.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert child.data.params["target_digest"] == report.run.targets["v2"].digest
    assert child.data.params["dataset_digest"] == report.run.dataset_digest
    assert child.data.metrics["token_f1/mean"] == summarise(report).targets["v2"].metrics["token_f1"].mean
    assert child.inputs is not None
    dataset = child.inputs.dataset_inputs[0]
    assert report.run.dataset_digest.removeprefix("sha256:").startswith(dataset.dataset.digest)
    assert [(tag.key, tag.value) for tag in dataset.tags] == [("mlflow.data.context", "evaluation")]
    folder = store.client.download_artifacts(logged.targets["v2"], "", str(tmp_path))
    assert pq.read_table(Path(folder, "cells.parquet")).num_rows == 12
    assert len(json.loads(Path(folder, "eval_results_table.json").read_bytes())["data"]) == 12
    assert child.data.tags["mlflow.loggedArtifacts"] == '[{"path": "eval_results_table.json", "type": "table"}]'
    assert {file.path for file in store.client.list_artifacts(logged.parent)} == {"report.html", "suite.yaml"}


def test_a_run_cut_short_is_not_shown_as_finished(store: TrackingStore, tmp_path: Path) -> None:
    logged = log(store, example_report(cases=4, targets=("v1",)), tmp_path)
    assert store.client.get_run(logged.targets["v1"]).info.status == "KILLED"
    assert store.client.get_run(logged.targets["v1"]).data.tags["plimsoll.complete"] == "false"


def test_failures_leave_a_trace_with_scores_as_assessments_and_the_row_first(
    store: TrackingStore, tmp_path: Path
) -> None:
    report = example_report(cases=16, targets=("v1",))
    logged = log(store, report, tmp_path)
    failures = {record.cell.case: record for record in report.of_target("v1") if is_failure(record)}
    assert 0 < len(failures) < len(list(report.of_target("v1")))
    traces = {
        trace.info.tags["plimsoll.case"]: trace
        for trace in store.client.search_traces(locations=[store.experiment_id], run_id=logged.targets["v1"])
    }
    assert traces.keys() == failures.keys()
    for case, record in failures.items():
        trace = traces[case]
        root = trace.data.spans[0]
        assert next(iter(root.inputs.items())) == ("id", case)
        assert trace.info.request_preview.startswith('{"id": ')
        assert (trace.info.state.value == "ERROR") == isinstance(record.outcome, Failure)
        given = {a.name: a for a in trace.info.assessments if a.feedback is not None}
        scored = {name: score for name, score in record.scores.items() if hasattr(score, "value")}
        assert {name: given[name].value for name in scored} == {name: score.value for name, score in scored.items()}
        assert all(a.metadata["mlflow.assessment.sourceRunId"] == logged.targets["v1"] for a in given.values())
    judged = [a for trace in traces.values() for a in trace.info.assessments if a.name == "relevance"]
    assert {a.source.source_type for a in judged} == {"LLM_JUDGE"}
    expected = [a for trace in traces.values() for a in trace.info.assessments if a.expectation is not None]
    assert expected
    assert logged.traces["v1"].arrived == len(failures)
    assert logged.traces["v1"].lost is None


def test_how_many_traces_is_a_setting(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=10, targets=("v1", "v2"))
    counts = log(store, report, tmp_path, policy=TrackingPolicy(traces="all", traces_limit=3)).traces
    assert counts["v1"].wanted == len(list(report.of_target("v1")))
    assert (counts["v1"].sent, counts["v1"].arrived) == (3, 3)
    other = msgspec.structs.replace(report, run=msgspec.structs.replace(report.run, id="another"))
    assert log(store, other, tmp_path, policy=TrackingPolicy(traces="none")).traces["v1"] == TraceCount()


def test_logging_a_run_twice_gives_no_duplicate(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=6, targets=("v1", "v2"))
    first = log(store, report, tmp_path)
    again = log(store, report, tmp_path)
    assert (again.parent, again.targets, again.unsynced) == (first.parent, first.targets, None)
    assert len(ours(store)) == 3


def test_a_param_that_is_another_one_now_stays_is_told_and_nothing_is_owed(
    store: TrackingStore, tmp_path: Path
) -> None:
    report = example_report(cases=6, targets=("v1", "v2"))
    small = TrackingPolicy(traces="none")

    def again(cases: int | None, *, complete: bool) -> LoggedRun:
        now = msgspec.structs.replace(report, run=msgspec.structs.replace(report.run, complete=complete))
        attached = replace(attachments(tmp_path), cases=cases)
        return log_run(store, now, summarise(now), attached, policy=small)

    first = again(None, complete=False)
    assert (first.unsynced, first.notes) == (None, ())
    child = first.targets["v1"]
    # As an earlier version logged it, which had its own number among the params.
    store.client.log_param(child, "plimsoll_version", "0.0.1")
    later = again(5, complete=True)
    assert (later.unsynced, later.parent, later.targets) == (None, first.parent, first.targets)
    told = [note.partition(" in MLflow: ")[2] for note in later.notes]
    assert told == ["params keep what was logged first, and are otherwise now: cases"] * 3
    data = store.client.get_run(child).data
    assert (data.params["cases"], data.params["plimsoll_version"]) == ("6", "0.0.1")
    assert "otherwise now: cases" in data.tags["mlflow.note.content"]
    assert (data.tags["plimsoll.version"], data.tags["plimsoll.complete"]) == (__version__, "true")
    # As it was at first, nothing is told any more.
    assert again(None, complete=False).notes == ()


def test_what_was_cut_short_is_completed_by_logging_again(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=6, targets=("v1", "v2"))
    ticks = iter(range(10_000))
    cut = log(store, report, tmp_path, policy=TrackingPolicy(wait=17.0), clock=lambda: float(next(ticks)))
    assert cut.unsynced is not None
    assert "the time for logging is used up" in cut.unsynced
    whole = log(store, report, tmp_path)
    assert whole.unsynced is None
    assert whole.parent == cut.parent
    runs = ours(store)
    assert len(runs) == 3
    assert all(run.data.tags["plimsoll.logged"].startswith("sha256:") for run in runs)
    child = store.client.get_run(whole.targets["v1"])
    assert child.inputs is not None
    assert len(child.inputs.dataset_inputs) == 1
    assert len(store.client.get_metric_history(child.info.run_id, "run/ok")) == 1


def test_a_resumed_run_replaces_its_figures_and_outdated_traces(store: TrackingStore, tmp_path: Path) -> None:
    whole = example_report(cases=8, targets=("v1",), flawless=True)
    broken = Failure(kind=FailureKind.SERVER, message="down", remedy="wait")
    half = msgspec.structs.replace(
        whole,
        run=msgspec.structs.replace(whole.run, complete=False),
        cells=tuple(msgspec.structs.replace(cell, outcome=broken, scores={}) for cell in whole.cells),
    )
    before = log(store, half, tmp_path)
    assert before.traces["v1"].arrived == 8
    after = log(store, whole, tmp_path)
    assert after.targets == before.targets
    run = store.client.get_run(after.targets["v1"])
    assert (run.data.metrics["run/ok"], run.data.metrics["run/failed"]) == (8.0, 0.0)
    assert run.data.tags["plimsoll.complete"] == "true"
    wanted = sum(is_failure(record) for record in whole.cells)
    left = store.client.search_traces(locations=[store.experiment_id], run_id=after.targets["v1"])
    assert len(left) == after.traces["v1"].arrived == wanted


class LosingStore(TrackingStore):
    """Loses the first trace on its way, as MLflow's own evaluate does."""

    lost = False

    def call(self, doing: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if doing == "writing traces" and not self.lost:
            self.lost = True
            write, traced = args
            args = (write, traced[1:])
        return super().call(doing, function, *args, **kwargs)


def test_a_lost_trace_is_counted_told_and_written_the_next_time(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=5, targets=("v1",), hostile=False)
    losing = LosingStore(store.location, store.experiment, store.redactor)
    first = log(losing, report, tmp_path, policy=TrackingPolicy(traces="all"))
    assert first.unsynced is not None
    assert re.search(r"v1: 3 of 4 traces, \d+ of \d+ assessments and 3 of 4 spans arrived", first.unsynced)
    again = log(store, report, tmp_path, policy=TrackingPolicy(traces="all"))
    assert again.unsynced is None
    assert again.traces["v1"].lost is None


def test_a_missing_file_and_a_broken_store_are_told_and_raise_nothing(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=2, targets=("v1",))
    attached = replace(attachments(tmp_path), files={"verdict.json": tmp_path / "nowhere.json"})
    logged = log_run(store, report, summarise(report), attached)
    assert logged.unsynced == "nowhere.json can't be read: No such file or directory"

    class Down(TrackingStore):
        def call(self, doing: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            return (
                super().call(doing, self.fail)
                if doing == "making an MLflow run"
                else super().call(doing, function, *args, **kwargs)
            )

        def fail(self) -> None:
            raise ConnectionResetError("the server went away")

    down = Down(store.location, store.experiment, store.redactor)
    other = msgspec.structs.replace(report, run=msgspec.structs.replace(report.run, id="another"))
    nothing = log(down, other, tmp_path)
    assert nothing.parent is None
    assert nothing.unsynced is not None
    assert "making an MLflow run" in nothing.unsynced
    assert "the server went away" in nothing.unsynced


def test_a_verdict_is_attached_to_the_run_that_it_is_about(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=2, targets=("v1",))
    logged = log(store, report, tmp_path)
    verdict = tmp_path / "v.json"
    verdict.write_text(f"{{}} {KEY}")
    files = {"gate/verdict.json": verdict}
    run = attach(store, report.run.id, files, target="v1", tags={"plimsoll.verdict": "pass"})
    assert run == logged.targets["v1"]
    assert store.client.get_run(run).data.tags["plimsoll.verdict"] == "pass"
    assert [file.path for file in store.client.list_artifacts(run, "gate")] == ["gate/verdict.json"]
    there = store.client.download_artifacts(run, "gate/verdict.json", str(tmp_path))
    assert Path(there).read_text() == "{} [OPENAI_API_KEY redacted]"
    with pytest.raises(InfrastructureError, match=r"gone\.json can't be read: No such file"):
        attach(store, report.run.id, {"verdict.json": tmp_path / "gone.json"})
    with pytest.raises(UsageError, match=r"run unknown is not in MLflow .*log it first"):
        attach(store, "unknown", {})


def test_an_api_key_is_in_nothing_that_is_written(store: TrackingStore, workspace: Workspace, tmp_path: Path) -> None:
    report = example_report(cases=4, targets=("v1",), hostile=False)
    quoted = Failure(kind=FailureKind.AUTH, message=f"Incorrect API key provided: {KEY}", remedy="check it")
    first, *rest = report.cells
    whole = msgspec.structs.replace(report, cells=(msgspec.structs.replace(first, outcome=quoted, scores={}), *rest))
    logged = log(store, whole, tmp_path, policy=TrackingPolicy(traces="all"))
    assert logged.unsynced is None
    store.close()
    written = [path for path in workspace.state.rglob("*") if path.is_file()]
    assert any(path.suffix == ".html" for path in written)
    assert any(path.suffix == ".db" for path in written)
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert KEY not in str(pq.read_table(path).to_pylist())
    database = (workspace.state / "mlflow.db").read_bytes()
    assert b"Incorrect API key provided: [OPENAI_API_KEY redacted]" in database


def test_a_table_that_is_not_whole_says_so(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=SHOWN_ROWS + 1, targets=("v1",), flawless=True)
    run = store.client.get_run(log(store, report, tmp_path, policy=TrackingPolicy(traces="none")).targets["v1"])
    assert run.data.tags["mlflow.note.content"] == (
        "eval_results_table.json shows the first 1000 of 1001 cells; cells.parquet has all."
    )
    small = example_report(cases=4, targets=("v2",))
    other = msgspec.structs.replace(small, run=msgspec.structs.replace(small.run, id="another"))
    assert "mlflow.note.content" not in store.client.get_run(log(store, other, tmp_path).targets["v2"]).data.tags
