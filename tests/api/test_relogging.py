"""A run that is logged again with other words: what MLflow then shows is the later word, and nothing is owed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.api.parts import cases, edit, write_cases
from tests.api.test_gating import without_registry

from plimsoll.api import GateOptions, RunOptions, gate_suite, run_suite
from plimsoll.api.owed import marked
from plimsoll.api.results import SuiteRun
from plimsoll.config import Workspace
from plimsoll.runs.observer import Silent
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import MlflowWriter, open_store

pytestmark = pytest.mark.mlflow


@pytest.fixture
def writer(tracked: Workspace) -> Iterator[MlflowWriter]:
    with thread_writer(tracked) as opened:
        yield opened


def run(workspace: Workspace, writer: MlflowWriter) -> SuiteRun:
    return run_suite(workspace, "desk", RunOptions(), Silent(), writer=writer)


def test_a_later_gate_against_more_cases_that_is_no_evidence_takes_the_older_pass_and_its_attestation_away(
    tracked: Workspace, writer: MlflowWriter
):
    write_cases(tracked.root, cases(16))
    longer = run(tracked, writer).folder.name
    without_registry(tracked)
    write_cases(tracked.root, cases(12))
    mine = run(tracked, writer).folder.name
    first = gate_suite(tracked, "desk", GateOptions(run_id=mine), Silent(), writer=writer)
    assert first.run.logged is not None
    parent, child = str(first.run.logged.parent), first.run.logged.targets["v1"]

    def shown() -> tuple[set[str], list[str | None], list[str]]:
        with open_store(None, tracked, dict(os.environ)) as store:
            files = {file.path for at in (None, "gate/v1") for file in store.client.list_artifacts(parent, at)}
            runs = [store.client.get_run(each).data for each in (parent, child)]
        named = {path for path in files if path.endswith(("attestation.json", "verdict.json"))}
        return named, [each.tags.get("plimsoll.verdict") for each in runs], [each.params["cases"] for each in runs]

    verdicts = {"verdict.json", "gate/v1/verdict.json"}
    assert shown() == (verdicts | {"attestation.json", "gate/v1/attestation.json"}, ["pass", "pass"], ["12", "12"])
    edit(tracked.root, "suites/desk.yaml", "at_least: 0.5", "at_least: 0.6")
    options = GateOptions(run_id=mine, baseline=f"run:{longer}:v2")
    later = gate_suite(tracked, "desk", options, Silent(), writer=writer)
    assert later.attestation is None
    assert later.run.logged is not None
    assert (later.run.logged.unsynced, marked(tracked.state)) == (None, frozenset())
    assert shown() == (verdicts, [None, None], ["12", "12"])


def test_an_evaluator_may_have_the_name_of_the_expected_answer(tracked: Workspace, writer: MlflowWriter, desk):
    desk.wrong["one"] = {1}
    write_cases(tracked.root, cases(2))
    code = 'def expected(output: str) -> bool:\n    """Short."""\n    return len(output) < 9\n'
    (tracked.root / "evaluators" / "expected.py").write_text(code, encoding="utf-8")
    edit(tracked.root, "suites/desk.yaml", "  - short\n", "  - short\n  - expected\n")
    logged = run(tracked, writer).logged
    assert logged is not None
    assert logged.unsynced is None
    with open_store(None, tracked, dict(os.environ)) as store:
        (trace,) = store.client.search_traces(locations=[store.experiment_id], run_id=logged.targets["v1"])
    given = [each for each in trace.info.assessments if each.name == "expected"]
    assert {each.source.source_type: (each.feedback or each.expectation).value for each in given} == {
        "HUMAN": "answer 1",
        "CODE": True,
    }
