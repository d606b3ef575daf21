"""What people say of answers in MLflow is read as they meant it, and nothing that we logged is taken for theirs."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mlflow.entities import Assessment, AssessmentSource, Expectation, Feedback, TraceInfo
from mlflow.tracing.client import TracingClient

from plimsoll.config import ProjectSettings, TrackingPolicy, Workspace
from plimsoll.errors import UsageError
from plimsoll.stats.summary import summarise
from plimsoll.testing.mlflow_server import mlflow_server
from plimsoll.testing.mlflow_template import workspace_with_store
from plimsoll.testing.reports import example_report
from plimsoll.tracking import (
    Attachments,
    CellOfRun,
    LabelPage,
    LabelsRequest,
    TrackingStore,
    human_labels,
    log_run,
    open_store,
)
from plimsoll.types import EXPECTED, CellId, HumanLabel, Report

pytestmark = pytest.mark.mlflow
SUITE = "ferry-desk"
_DROPPED = ("assessment_id", "create_time", "last_update_time")
"""What MLflow's page leaves out where it makes a correction of an assessment."""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Path:
    """A database with a run in it, to be copied."""
    workspace = workspace_with_store(tmp_path_factory.mktemp("logged"), database, ProjectSettings(experiment="desk"))
    with open_store(None, workspace, dict(os.environ)) as opened:
        log(opened, example_report(cases=4, targets=("v1", "v2"), flawless=True, hostile=False))
    return workspace.state / "mlflow.db"


@pytest.fixture
def store(tmp_path: Path, logged: Path) -> Iterator[TrackingStore]:
    workspace = workspace_with_store(tmp_path / "workspace", logged, ProjectSettings(experiment="desk"))
    with open_store(None, workspace, dict(os.environ)) as opened:
        yield opened


def log(store: TrackingStore, report: Report) -> None:
    policy = TrackingPolicy(traces="all")
    assert log_run(store, report, summarise(report), Attachments({}, "name: x"), policy=policy).unsynced is None


def traces(store: TrackingStore) -> dict[str, TraceInfo]:
    """Case → its trace, of the target v1."""
    found = store.client.search_traces(locations=[store.experiment_id], max_results=500, include_spans=False)
    return {each.info.tags["plimsoll.case"]: each.info for each in found if each.info.tags["plimsoll.target"] == "v1"}


def assessments(store: TrackingStore) -> TracingClient:
    """What `mlflow.log_feedback` goes through, for a store that is not the process's own."""
    return store.client._tracing_client


def give(store: TrackingStore, trace: str, given: Assessment) -> str:
    """What MLflow's UI and `mlflow.log_feedback` send; the assessment's id."""
    done = assessments(store).log_assessment(trace, given)
    assert done.assessment_id is not None
    return str(done.assessment_id)


def by(who: str | None) -> AssessmentSource:
    return AssessmentSource(source_type="HUMAN", source_id=who)


def read(store: TrackingStore, **more: Any) -> LabelPage:
    page = human_labels(store, LabelsRequest(suite=SUITE, **more))
    assert page.next is None
    # As it comes through the writer's pipe.
    return msgspec.convert(msgspec.to_builtins(page), LabelPage)


def labels(store: TrackingStore) -> list[HumanLabel]:
    return [found.label for found in read(store).labels]


def test_what_we_logged_is_nobodys_word(store: TrackingStore) -> None:
    page = read(store)
    assert (page.labels, page.told, page.traces) == ((), (), 8)


def test_a_label_says_what_of_which_answer_who_when_and_why(store: TrackingStore) -> None:
    trace = traces(store)["ferry-002"].trace_id
    give(store, trace, Feedback(name="relevance", value=0.25, source=by("ada"), rationale="beside the point"))
    give(store, trace, Feedback(name="relevance", value=1.0, source=by("bob")))
    give(store, trace, Expectation(name="expected", value="At 7:15.", source=by("ada")))
    first, second, third = labels(store)
    assert first.at.endswith("Z")
    assert first == HumanLabel(
        run=example_report().run.id,
        cell=CellId("v1", "ferry-002"),
        name="relevance",
        value=0.25,
        who="ada",
        at=first.at,
        rationale="beside the point",
        source="mlflow",
    )
    assert (second.who, second.value) == ("bob", 1.0)
    assert (third.name, third.value, third.who) == (EXPECTED, "At 7:15.", "ada")


def test_a_correction_of_a_judge_is_about_its_metric_though_the_ui_copies_our_metadata(store: TrackingStore) -> None:
    info = traces(store)["ferry-001"]
    judged = next(each for each in info.assessments if each.name == "relevance")
    corrected = Feedback(
        name="another name", value=0.0, source=by("ada"), metadata=judged.metadata, overrides=judged.assessment_id
    )
    given = give(store, info.trace_id, corrected)
    assert [(each.name, each.value, each.who) for each in labels(store)] == [("relevance", 0.0, "ada")]
    again = Feedback(name="relevance", value=0.5, source=by("bob"), overrides=given)
    give(store, info.trace_id, again)
    assert [(each.name, each.value, each.who) for each in labels(store)][-1:] == [("another name", 0.5, "bob")]


def test_of_an_edit_the_last_value_counts_and_a_deleted_one_is_gone_while_its_trace_is_seen(
    store: TrackingStore,
) -> None:
    trace = traces(store)["ferry-001"].trace_id
    given = give(store, trace, Feedback(name="exact_match", value=True, source=by("ada")))
    before = labels(store)[0]
    assessments(store).update_assessment(trace, given, Feedback(name="exact_match", value=False, rationale="no"))
    (after,) = labels(store)
    assert (after.value, after.rationale) == (False, "no")
    assert after.at >= before.at
    assessments(store).delete_assessment(trace, given)
    place = CellOfRun(after.run, after.cell)
    page = read(store, known=(place, CellOfRun("another-run", after.cell)))
    assert (page.labels, page.seen) == ((), (place,))
    store.client.delete_traces(store.experiment_id, trace_ids=[trace])
    assert read(store, known=(place,)).seen == ()


def test_our_reference_answer_that_somebody_changed_in_place_is_theirs(store: TrackingStore) -> None:
    info = traces(store)["ferry-001"]
    ours = next(each for each in info.assessments if each.name == "expected")
    assert ours.assessment_id is not None
    assessments(store).update_assessment(
        info.trace_id, ours.assessment_id, Expectation(name="expected", value={"fare": 9}, source=ours.source)
    )
    (label,) = labels(store)
    assert (label.name, label.value, label.who) == (EXPECTED, {"fare": 9}, "unnamed")


def test_names_of_feedback_and_expectations_are_kept_apart(store: TrackingStore) -> None:
    trace = traces(store)["ferry-001"].trace_id
    give(store, trace, Expectation(name="expected_response", value="9 crowns", source=by("ada")))
    give(store, trace, Expectation(name="relevance", value=True, source=by("ada")))
    give(store, trace, Feedback(name="expected", value=True, source=by("ada")))
    give(store, trace, Feedback(name="mlflow.notes", value="look again", source=by("ada")))
    assert [(each.name, each.value) for each in labels(store)] == [
        ("expected", "9 crowns"),
        ("expectation relevance", True),
        ("feedback expected", True),
        ("mlflow.notes", "look again"),
    ]


def test_who_did_not_log_in_is_unnamed_and_two_of_them_are_told(store: TrackingStore) -> None:
    trace = traces(store)["ferry-001"].trace_id
    for who, value in (("default", True), ("", False)):
        give(store, trace, Feedback(name="exact_match", value=value, source=by(who)))
    page = read(store)
    assert [(each.label.who, each.label.value) for each in page.labels] == [("unnamed", False)]
    assert page.told == (f"trace {trace}: several 'exact_match' without a name; the last is taken",)


def test_a_judge_an_error_and_an_empty_value_are_no_label(store: TrackingStore) -> None:
    trace = traces(store)["ferry-001"].trace_id
    give(store, trace, Feedback(name="tone", value="curt", source=AssessmentSource("LLM_JUDGE", "another")))
    give(store, trace, Feedback(name="tone", error=ValueError("no"), source=by("ada")))
    assert labels(store) == []


def test_a_label_of_the_root_span_is_of_the_answer_and_one_of_a_step_is_told(store: TrackingStore) -> None:
    trace = traces(store)["ferry-001"].trace_id
    root = next(span.span_id for span in store.client.get_trace(trace).data.spans if span.parent_id is None)
    give(store, trace, Feedback(name="exact_match", value=True, source=by("ada"), span_id=root))
    give(store, trace, Feedback(name="tone", value="curt", source=by("ada"), span_id="0123456789abcdef"))
    page = read(store)
    assert [each.label.name for each in page.labels] == ["exact_match"]
    assert page.told == (f"trace {trace}: 'tone' is about a step inside, not about the answer",)


def test_traces_of_another_suite_or_of_other_programs_are_not_read(store: TrackingStore) -> None:
    trace = traces(store)["ferry-001"].trace_id
    give(store, trace, Feedback(name="tone", value="curt", source=by("ada")))
    assert human_labels(store, LabelsRequest(suite="another")).labels == ()
    for unknown in ("nowhere", "it's"):
        with pytest.raises(UsageError, match="MLflow has no run"):
            read(store, run=unknown)
    assert len(read(store, run="c0ffee").labels) == 1


def test_runs_are_read_a_page_at_a_time(store: TrackingStore) -> None:
    pages: list[int] = []
    token = None
    while not pages or token:
        page = human_labels(store, LabelsRequest(suite=SUITE, token=token, traces=1))
        pages.append(page.traces)
        token = page.next
    assert [amount for amount in pages if amount] == [4, 4]
    assert read(store).traces == 8
    for number in range(10):
        store.client.create_run(store.experiment_id, tags={"plimsoll.suite": SUITE, "plimsoll.run": f"later-{number}"})
    first = human_labels(store, LabelsRequest(suite=SUITE))
    assert (first.traces, first.next is None) == (0, False)
    assert human_labels(store, LabelsRequest(suite=SUITE, token=first.next)).traces == 8


def test_a_trace_whose_case_has_an_id_too_long_for_mlflow_is_told(store: TrackingStore) -> None:
    report = example_report(cases=1, targets=("v1",), flawless=True, hostile=False)
    (case,) = report.cases.values()
    long = msgspec.structs.replace(case, id="x" * 300)
    cells = [msgspec.structs.replace(each, cell=CellId("v1", long.id)) for each in report.cells]
    run = msgspec.structs.replace(report.run, id="long")
    log(store, msgspec.structs.replace(report, run=run, cases={long.id: long}, cells=cells))
    trace = traces(store)["x" * 249 + "…"].trace_id
    give(store, trace, Feedback(name="tone", value="curt", source=by("ada")))
    page = read(store)
    assert (page.labels, len(page.told)) == ((), 1)
    assert "only the start" in page.told[0]


def page(server: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """A request as MLflow's pages make it."""
    request = urllib.request.Request(
        f"{server}/ajax-api/3.0/mlflow/traces/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


@pytest.mark.long
def test_what_the_pages_of_a_real_server_send_is_read(tmp_path: Path) -> None:
    with mlflow_server() as server:
        workspace = Workspace(tmp_path, ProjectSettings(experiment="desk", tracking_uri=server.address))
        with open_store(server.address, workspace, dict(os.environ)) as store:
            log(store, example_report(cases=4, targets=("v1", "v2"), flawless=True, hostile=False))
            assert labels(store) == []
            infos = traces(store)
            trace = infos["ferry-001"].trace_id
            nobody = {"source_type": "HUMAN", "source_id": ""}
            made = page(
                server.address,
                "POST",
                f"{trace}/assessments",
                {
                    "assessment": {
                        "assessment_name": "exact_match",
                        "trace_id": trace,
                        "source": nobody,
                        "rationale": "",
                        "feedback": {"value": True},
                    }
                },
            )["assessment"]
            changed = {
                "assessment": {"feedback": {"value": False}, "rationale": "no"},
                "update_mask": "feedback,rationale",
            }
            page(server.address, "PATCH", f"{trace}/assessments/{made['assessment_id']}", changed)
            shown = page(server.address, "GET", trace)["trace"]["trace_info"]["assessments"]
            judged = next(each for each in shown if each["assessment_name"] == "relevance")
            # An edit of a judge's score: everything of it, by somebody else.
            corrected = {name: each for name, each in judged.items() if name not in _DROPPED}
            corrected |= {"feedback": {"value": 0.5}, "source": nobody, "overrides": judged["assessment_id"]}
            page(server.address, "POST", f"{trace}/assessments", {"assessment": corrected})
            ours = next(each for each in shown if each["assessment_name"] == "expected")
            text = {"serialized_value": {"value": '{"fare": 9}', "serialization_format": "JSON_FORMAT"}}
            better = {"assessment": {"expectation": text}, "update_mask": "expectation"}
            page(server.address, "PATCH", f"{trace}/assessments/{ours['assessment_id']}", better)
            assert sorted((each.name, each.value, each.who, each.rationale) for each in labels(store)) == [
                ("exact_match", False, "unnamed", "no"),
                ("expected", {"fare": 9}, "unnamed", None),
                ("relevance", 0.5, "unnamed", None),
            ]
            page(server.address, "DELETE", f"{trace}/assessments/{made['assessment_id']}")
            assert sorted(each.name for each in labels(store)) == ["expected", "relevance"]
