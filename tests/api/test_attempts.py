"""Trying until green shows: a gate is counted before it runs, and its verdict says which attempt it is."""

import json
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from tests.api.parts import SUITE, cases, edit, write_cases

from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, verify_suite
from plimsoll.api.reviewing import review_of
from plimsoll.config import Workspace
from plimsoll.errors import InterruptedRunError
from plimsoll.reports.jsonform import gate_form, run_form
from plimsoll.reports.markdown import render_comment
from plimsoll.runs.observer import Observer, Silent
from plimsoll.tracking import MlflowWriter
from plimsoll.types import Attempts, CellRecord, Decision, Usage

pytestmark = pytest.mark.mlflow
SIDES = SUITE.replace("target: v1\n", "target: v1\n  baseline: v2\n")


class GivenUp(Silent):
    """Ctrl-C at the first answer."""

    def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def writer(tracked: Workspace) -> Iterator[MlflowWriter]:
    (tracked.root / "suites" / "desk.yaml").write_text(SIDES, encoding="utf-8")
    write_cases(tracked.root, cases(24))
    with MlflowWriter(tracked) as started:
        yield started


def gate(
    workspace: Workspace,
    writer: MlflowWriter | None = None,
    observer: Observer | None = None,
    *,
    run_id: str | None = None,
    **options,
) -> GateRun:
    chosen = GateOptions(run=RunOptions(**options), run_id=run_id)
    return gate_suite(workspace, "desk", chosen, observer or Silent(), writer=writer)


@pytest.mark.long
def test_each_challenger_and_each_gate_is_counted_also_one_that_was_given_up(tracked: Workspace, writer: MlflowWriter):
    first = gate(tracked, writer)
    assert first.verdict.attempts == Attempts(number=1, gates=1)
    assert not [note for note in first.run.view.notes if "challenger on these cases" in note]
    edit(tracked.root, "prompts/v1.jinja2", "one {{", "one more {{")
    with pytest.raises(InterruptedRunError):
        gate(tracked, writer, GivenUp())
    edit(tracked.root, "prompts/v1.jinja2", "one more {{", "one again {{")
    third = gate(tracked, writer)
    assert third.verdict.attempts == Attempts(number=3, gates=3)
    assert gate(tracked, writer, run_id=third.run.report.run.id).verdict.attempts == Attempts(number=3, gates=3)
    assert gate(tracked, writer).verdict.attempts == Attempts(number=3, gates=4)
    drawn = gate(tracked, writer, fresh=True)
    assert drawn.verdict.attempts == Attempts(number=4, gates=5)
    told = (
        "the 4th challenger on these cases against this v2, in 5 gates: of 4 equal ones, one passes a rule on its line "
        "by chance up to 10% of the time"
    )
    assert told in drawn.run.view.notes
    assert "4th challenger" in render_comment([review_of(drawn, GateOptions())])
    form = gate_form(run_form(drawn.run.report, drawn.run.summary), drawn.verdict)
    assert json.loads(msgspec.json.encode(form))["attempts"] == {"number": 4, "gates": 5}
    assert drawn.verdict.outcome is Decision.PASS
    assert drawn.attestation is not None
    assert verify_suite(tracked, "desk", drawn.attestation).attestation.verdict.attempts == drawn.verdict.attempts


def test_what_is_not_tracked_is_not_counted_and_says_so(workspace: Workspace):
    (workspace.root / "suites" / "desk.yaml").write_text(SIDES, encoding="utf-8")
    found = gate(workspace, track=False)
    assert found.verdict.attempts is None
    assert "the attempts on this dataset were not counted: --no-track" in found.run.view.notes


def test_a_registry_that_the_gate_does_not_need_may_be_out_of_reach(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    (workspace.root / "suites" / "desk.yaml").write_text(SIDES, encoding="utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://nowhere.invalid")
    found = gate(workspace)
    assert found.verdict.attempts is None
    assert [note for note in found.run.view.notes if note.startswith("the attempts on this dataset were not counted: ")]
