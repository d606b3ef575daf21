"""Which cells leave a trace, what it holds, and that its times, links and counts are true."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.config import TrackingPolicy, Workspace
from plimsoll.errors import FailureKind
from plimsoll.stats.summary import summarise
from plimsoll.testing.reports import example_report
from plimsoll.tracking import Attachments, LoggedRun, TraceCount, TrackingStore, log_run, open_store
from plimsoll.tracking.measures import Measures
from plimsoll.tracking.trace_writes import BATCH
from plimsoll.tracking.traces import is_failure, wanted
from plimsoll.types import CellId, CellRecord, Failed, Failure, Output, Report, Scored, Usage

ASKED = Usage(prompt_tokens=7, completion_tokens=2, requests=1, cost=0.25)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[TrackingStore]:
    with open_store(None, workspace, dict(os.environ)) as opened:
        yield opened


def measured(report: Report) -> Measures:
    measures = Measures(report)
    for _ in measures.seeing(report.cells):
        pass
    return measures


def passes(record: CellRecord, *, passed: bool) -> CellRecord:
    return replace(record, scores={"exact_match": Scored(value=passed, passed=passed)})


def two_targets() -> Report:
    """Four cases: both targets pass the first, both fail the second, each passes one of the others."""
    report = example_report(cases=4, targets=("old", "new"), flawless=True, hostile=False)
    table = {"old": (True, False, True, False), "new": (True, False, False, True)}
    cells = [passes(record, passed=table[record.cell.target][place % 4]) for place, record in enumerate(report.cells)]
    return replace(report, cells=tuple(cells))


def log(store: TrackingStore, report: Report, which: str = "all", **attached: Any) -> LoggedRun:
    policy = TrackingPolicy.model_validate({"traces": which})
    return log_run(store, report, summarise(report), Attachments({}, "", **attached), policy=policy)


def traces_of(store: TrackingStore, run_id: str) -> dict[str, Any]:
    found = store.client.search_traces(locations=[store.experiment_id], run_id=run_id)
    return {trace.info.tags["plimsoll.case"]: trace for trace in found}


def test_of_a_case_that_flipped_both_sides_leave_a_trace() -> None:
    report = two_targets()
    measures, names = measured(report), list(report.cases)
    for target in ("old", "new"):
        places = [place for place, _ in wanted(report, target, "failures", measures)]
        assert places == [1, 2, 3], "the one that fails, or flipped; not the one that passes with both"
    flipped = {record.cell.case for record in report.cells if measures.flips(record)}
    assert flipped == {names[2], names[3]}
    assert [place for place, _ in wanted(report, "old", "all", measures)] == [0, 1, 2, 3]
    assert list(wanted(report, "old", "none", measures)) == []


def test_repeats_flip_each_by_itself_and_one_target_alone_never_does() -> None:
    report = example_report(cases=1, targets=("old", "new"), repeats=2, flawless=True, hostile=False)
    decided = (True, False, True, True)
    sides = [passes(record, passed=passed) for record, passed in zip(report.cells, decided, strict=True)]
    report = replace(report, cells=tuple(sides))
    measures = measured(report)
    assert [record.cell.repeat for record in report.cells if measures.flips(record)] == [1, 1]
    alone = example_report(cases=3, targets=("v1",), repeats=2)
    assert not any(measured(alone).flips(record) for record in alone.cells)


def test_a_cell_beyond_the_plan_and_a_score_without_a_condition_flip_nothing() -> None:
    report = two_targets()
    stray = replace(report.cells[2], cell=CellId("old", "gone"))
    undecided = replace(report.cells[2], scores={"token_f1": Scored(value=0.2)})
    measures = measured(replace(report, cells=(*report.cells, stray, undecided)))
    assert measures.flips(stray) == measures.flips(undecided) == ()


def test_latencies_are_those_of_answers_that_were_generated_and_unknown_tokens_are_left_out() -> None:
    report = example_report(cases=4, targets=("v1",), flawless=True, hostile=False)
    usage = Usage(prompt_tokens=10, completion_tokens=3)
    latencies = [4.0, 1.0, 2.0, 3.0]
    cells = [
        replace(record, outcome=Output(text="a", latency=latency, usage=usage))
        for record, latency in zip(report.cells, latencies, strict=True)
    ]
    figures = measured(replace(report, cells=tuple(cells))).targets["v1"].figures()
    assert figures == {
        "cut": 0,
        "prompt_tokens": 40,
        "completion_tokens": 12,
        "latency_p50": 2.0,
        "latency_p90": 4.0,
        "latency_p95": 4.0,
        "latency_p99": 4.0,
    }
    cells[0] = replace(cells[0], cached=True)
    cells[1] = replace(cells[1], outcome=Output(text="a", finish="length", usage=Usage(prompt_tokens=10)))
    figures = measured(replace(report, cells=tuple(cells))).targets["v1"].figures()
    assert figures["latency_p99"] == 3.0
    assert figures["cut"] == 1
    assert figures["prompt_tokens"] == 40
    assert "completion_tokens" not in figures
    nothing = measured(replace(report, cells=())).targets["v1"].figures()
    assert nothing == {}


@pytest.mark.mlflow
def test_a_trace_begins_when_its_cell_did_and_is_assessed_after_its_answer(store: TrackingStore) -> None:
    report = example_report(cases=3, targets=("v1",), flawless=True, hostile=False)
    begun = 1_790_000_000.5
    cells = [
        replace(record, outcome=Output(text="a", latency=2.0), started=begun + place if place else None)
        for place, record in enumerate(report.cells)
    ]
    logged = log(store, replace(report, cells=tuple(cells)))
    traces = list(traces_of(store, logged.targets["v1"]).values())
    times = {trace.info.tags["plimsoll.case"]: trace.info.request_time for trace in traces}
    run = store.client.get_run(logged.targets["v1"]).info.start_time
    assert [times[case] for case in report.cases] == [run, int(begun * 1000) + 1000, int(begun * 1000) + 2000]
    for trace in traces:
        assert trace.data.spans[0].start_time_ns == trace.info.request_time * 1_000_000
        assert {each.create_time_ms for each in trace.info.assessments} == {trace.info.request_time + 2000}


@pytest.mark.mlflow
def test_scores_name_who_gave_them_and_what_judging_took(store: TrackingStore) -> None:
    report = example_report(cases=1, targets=("v1",), flawless=True, hostile=False)
    (record,) = report.cells
    no_answer = Failed(failure=Failure(kind=FailureKind.BAD_SCORE, message="no number", remedy="ask again"))
    scores = {
        "exact_match": Scored(value=True, passed=True),
        "relevance": Scored(value=0.5, reason="half of it", usage=ASKED),
        "token_f1": no_answer,
    }
    outcome = Output(text="a", usage=ASKED, latency=1.0)
    report = replace(report, cells=(replace(record, outcome=outcome, scores=scores, cached=True),))
    logged = log(store, report, judges={"relevance": "gpt-x"})
    (trace,) = traces_of(store, logged.targets["v1"]).values()
    given = {each.name: each for each in trace.info.assessments}
    sources = {name: (each.source.source_type, each.source.source_id) for name, each in given.items()}
    assert sources == {
        "expected": ("HUMAN", report.run.dataset),
        "exact_match": ("CODE", "exact_match"),
        "token_f1": ("CODE", "token_f1"),
        "relevance": ("LLM_JUDGE", "gpt-x"),
    }
    assert given["relevance"].rationale == "half of it"
    assert given["relevance"].metadata["mlflow.assessment.judgeCost"] == "0.25"
    assert given["relevance"].metadata["mlflow.assessment.scorerDigest"] == report.run.evaluators["relevance"].digest
    assert given["exact_match"].metadata["plimsoll.passed"] == "true"
    assert given["token_f1"].error.error_message == given["token_f1"].rationale == "no number"
    metadata = trace.info.trace_metadata
    assert json.loads(metadata["mlflow.trace.cost"]) == {"total_cost": 0.25}
    assert json.loads(metadata["mlflow.trace.tokenUsage"])["total_tokens"] == 9
    assert trace.info.tags["plimsoll.fails.token_f1"] == trace.info.tags["plimsoll.cached"] == "true"
    assert "plimsoll.fails.exact_match" not in trace.info.tags


@pytest.mark.mlflow
def test_traces_are_found_by_slice_metric_flip_and_target(store: TrackingStore) -> None:
    report = two_targets()
    logged = log(store, report, "failures")

    def found(what: str) -> set[tuple[str, str]]:
        traces = store.client.search_traces(locations=[store.experiment_id], filter_string=what)
        return {(trace.info.tags["plimsoll.target"], trace.info.tags["plimsoll.case"]) for trace in traces}

    names = list(report.cases)
    assert found("tags.`plimsoll.flips.exact_match` = 'true'") == {
        (target, case) for target in ("old", "new") for case in names[2:]
    }
    assert found("tags.`plimsoll.fails.exact_match` = 'true' AND tags.`plimsoll.target` = 'new'") == {
        ("new", names[1]),
        ("new", names[2]),
    }
    times = [case.id for case in report.cases.values() if "times" in case.slices]
    assert found("tags.`plimsoll.slice.times` = 'true' AND tags.`plimsoll.target` = 'old'") == {
        ("old", case) for case in times
    }
    assert logged.traces["old"].lost is None
    assert logged.traces["old"].spans_arrived == 3


@pytest.mark.mlflow
def test_more_traces_than_go_at_once_arrive_whole(store: TrackingStore) -> None:
    report = example_report(cases=103, targets=("v1",), hostile=False)
    count = log(store, report).traces["v1"]
    assert count.wanted == count.sent == count.arrived == len(report.cells) > BATCH
    assert count.assessments_arrived == count.assessments_sent > count.sent
    assert count.spans_arrived == count.spans_sent == count.sent


@pytest.mark.mlflow
def test_traces_that_are_there_already_are_written_anew_beside_new_ones(store: TrackingStore) -> None:
    whole = example_report(cases=5, targets=("v1",), flawless=True, hostile=False)
    first, *rest = whole.cells
    before = replace(first, outcome=Output(text="before"))
    started = replace(whole, run=replace(whole.run, complete=False), cells=(before, rest[0]))
    assert log(store, started).traces["v1"].arrived == 2
    logged = log(store, whole)
    assert logged.unsynced is None
    traces = traces_of(store, logged.targets["v1"])
    assert list(whole.cases) == sorted(traces)
    for record in whole.cells:
        assert record.output is not None
        (root,) = traces[record.cell.case].data.spans
        assert root.outputs == record.output.text
        assert traces[record.cell.case].info.response_preview == record.output.text


def test_a_count_says_what_is_lost_in_words() -> None:
    whole = TraceCount(wanted=9, sent=3, arrived=3, assessments_sent=6, assessments_arrived=6)
    assert whole.lost is None
    spans = TraceCount(sent=3, arrived=3, assessments_sent=6, assessments_arrived=6, spans_sent=5, spans_arrived=4)
    assert spans.lost == "3 of 3 traces, 6 of 6 assessments and 4 of 5 spans arrived"


def test_a_failed_score_or_output_and_what_is_below_its_condition_are_failures() -> None:
    report = example_report(cases=40, targets=("v1",))
    seen = {
        (isinstance(record.outcome, Failure), any(isinstance(each, Failed) for each in record.scores.values()))
        for record in report.cells
        if is_failure(record)
    }
    assert {(True, False), (False, True), (False, False)} == seen
