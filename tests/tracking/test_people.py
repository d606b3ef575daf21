"""What people say in MLflow is still there after the run was logged again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from mlflow.entities import AssessmentSource, Expectation, Feedback
from msgspec.structs import replace
from tests.tracking.test_labels import assessments
from tests.tracking.test_traces import log, traces_of

from plimsoll.config import Workspace
from plimsoll.testing.reports import example_report
from plimsoll.tracking import TrackingStore, open_store
from plimsoll.types import Report

pytestmark = pytest.mark.mlflow


@pytest.fixture
def store(workspace: Workspace) -> Iterator[TrackingStore]:
    with open_store(None, workspace, dict(os.environ)) as opened:
        yield opened


def resumed(report: Report) -> Report:
    """The same run, logged when it was not complete yet: its content is another one."""
    return replace(report, run=replace(report.run, complete=False))


def test_a_label_a_correction_and_an_edit_survive_that_the_run_is_logged_again(store: TrackingStore) -> None:
    report = example_report(cases=2, targets=("v1",), flawless=True)
    run = log(store, resumed(report)).targets["v1"]
    before = traces_of(store, run)
    labelled, corrected = before.values()
    anna = AssessmentSource(source_type="HUMAN", source_id="anna")
    client = assessments(store)
    client.log_assessment(labelled.info.trace_id, Feedback(name="tone", value="rude", source=anna))
    judged = next(each for each in corrected.info.assessments if each.feedback is not None)
    client.log_assessment(
        corrected.info.trace_id,
        Feedback(name=judged.name, value=False, source=anna, overrides=judged.assessment_id),
    )
    reference = next(each for each in labelled.info.assessments if each.expectation is not None)
    client.update_assessment(labelled.info.trace_id, reference.assessment_id, Expectation(name="expected", value="Oh"))

    again = log(store, report)

    assert again.unsynced is None
    after = traces_of(store, run)
    said = {each.name: each for each in after[labelled.info.tags["plimsoll.case"]].info.assessments}
    assert said["tone"].feedback.value == "rude"
    assert said["expected"].expectation.value == "Oh"
    now = after[corrected.info.tags["plimsoll.case"]].info.assessments
    assert [each.valid for each in now if each.assessment_id == judged.assessment_id] == [False]
    assert [each.feedback.value for each in now if each.overrides] == [False]


def test_a_trace_that_somebody_labelled_is_not_removed_when_its_cell_passes_at_last(store: TrackingStore) -> None:
    report = example_report(cases=3, targets=("v1",), flawless=True)
    run = log(store, resumed(report)).targets["v1"]
    first = next(iter(traces_of(store, run).values()))
    ben = AssessmentSource(source_type="HUMAN", source_id="ben")
    assessments(store).log_assessment(first.info.trace_id, Feedback(name="tone", value="kind", source=ben))
    assert log(store, report, "none").unsynced is None
    assert list(traces_of(store, run)) == [first.info.tags["plimsoll.case"]]
