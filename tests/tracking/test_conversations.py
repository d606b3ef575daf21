"""A conversation in the tracking store: a trace with a span for each turn, and every answer in the tables."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from plimsoll.config import TrackingPolicy, Workspace
from plimsoll.config.secrets import Redactor
from plimsoll.stats.summary import summarise
from plimsoll.targets.conversation import joined
from plimsoll.testing.reports import example_report
from plimsoll.tracking import Attachments, log_run, open_store
from plimsoll.tracking.tables import rows, write_parquet
from plimsoll.types import CellRecord, Output, Report, Turn, Usage

TURNS = (Turn(user="Open today?"), Turn(user="And tomorrow?", expected="no", inputs={"page": "p"}))
USAGE = Usage(prompt_tokens=3, completion_tokens=2, requests=1)
OUTPUT = joined(
    [
        Output(text="yes", latency=1.0, usage=USAGE, messages=({"role": "user", "content": "Open today?"},)),
        Output(text="no", latency=2.0),
    ]
)


def conversation() -> Report:
    """The first cell of the example as a conversation: its second turn asked no model that is known of."""
    report = example_report(cases=1, targets=("v1",), flawless=True, hostile=False)
    name, case = next(iter(report.cases.items()))
    record = next(iter(report.cells))
    cell = CellRecord(cell=record.cell, key=record.key, outcome=OUTPUT, scores=record.scores)
    case = msgspec.structs.replace(case, inputs={}, turns=TURNS)
    return msgspec.structs.replace(report, cases={**report.cases, name: case}, cells=(cell, *list(report.cells)[1:]))


@pytest.mark.mlflow
def test_a_trace_has_a_span_for_each_turn_and_what_went_on_in_it(workspace: Workspace, tmp_path: Path) -> None:
    report = conversation()
    with open_store(None, workspace, dict(os.environ)) as store:
        settings = TrackingPolicy(traces="all", traces_limit=1)
        logged = log_run(store, report, summarise(report), Attachments({}, "", {}), policy=settings)
        (trace,) = store.client.search_traces(locations=[store.experiment_id], run_id=logged.targets["v1"])
    assert trace.info.trace_metadata["mlflow.trace.session"] == f"{report.run.id}/{report.cells[0].cell}"
    root, *steps = trace.data.spans
    assert root.inputs["turns"] == [{"user": "Open today?"}, {"user": "And tomorrow?", "page": "p"}]
    assert root.outputs == ["yes", "no"]
    assert [(step.name, step.inputs, step.outputs) for step in steps if step.name.startswith("turn")] == [
        ("turn 1", "Open today?", "yes"),
        ("turn 2", "And tomorrow?", "no"),
    ]
    (call,) = (step for step in steps if step.name == "model")
    assert call.attributes["mlflow.chat.tokenUsage"]["total_tokens"] == 5
    began = [step.start_time_ns - root.start_time_ns for step in steps]
    assert began == [0, 0, 1_000_000_000]


def test_tables_hold_every_turn(tmp_path: Path) -> None:
    report = conversation()
    row = next(rows(report, "v1", Redactor({})))
    assert row["output"] == "[1] yes\n[2] no"
    assert json.loads(row["inputs"])["turns"][1] == {"user": "And tomorrow?", "expected": "no", "page": "p"}
    write_parquet(tmp_path / "x.parquet", [row], report.metrics)
    assert pq.read_table(tmp_path / "x.parquet").to_pylist()[0]["output"] == row["output"]
