"""A workspace with a run that is logged, and people who label its answers in MLflow."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Assessment, AssessmentSource, Expectation, Feedback
from tests.api.parts import Desk, write_workspace
from tests.calibration.parts import PROMPTY

from plimsoll.api import RunOptions, run_suite
from plimsoll.config import Workspace
from plimsoll.runs.observer import Silent
from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import TrackingStore, open_store

SUITE = """\
name: desk
dataset: datasets/desk.jsonl
models:
  main: {provider: openai, model: scripted, base_url: "${OPENAI_BASE_URL}", retries: 0, concurrency: 4}
targets:
  v1: {prompt: prompts/v1.jinja2, model: main}
evaluators:
  - exact_match
  - judge: {prompt: evaluators/kind.prompty, name: kind, model: main, pass_if: ">= 4"}
"""
PROJECT = '[tool.plimsoll]\nexperiment = "desk"\n\n[tool.plimsoll.tracking]\ntraces = "all"\n'
FILES = {"evaluators/kind.prompty": PROMPTY, "pyproject.toml": PROJECT}
CASES = 6


def lay(root: Path, database: Path, *, suite: str = SUITE) -> Workspace:
    """A workspace with a run of six cases, of which it got the third one wrong, in its own tracking store."""
    desk = Desk(wrong={"one": {2}})
    workspace = write_workspace(root, suite, FILES, CASES)
    workspace.state.mkdir()
    shutil.copy(database, workspace.state / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch, ScriptedEndpoint(desk) as server:
        for name in ("OPENAI_API_KEY", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        with thread_writer(workspace) as writer:
            done = run_suite(workspace, "desk", RunOptions(), Silent(), writer=writer)
    assert done.logged is not None
    assert done.logged.unsynced is None
    return workspace


class Ui:
    """What MLflow's UI does for a person who labels answers."""

    def __init__(self, store: TrackingStore) -> None:
        self._client = store.client._tracing_client
        found = store.client.search_traces(locations=[store.experiment_id], max_results=100, include_spans=False)
        self.traces = {each.info.tags["plimsoll.case"]: each.info for each in found}
        """Case → its trace."""

    def feedback(self, case: str, name: str, value: Any, who: str, why: str | None = None) -> str:
        """Give feedback on the answer to a case; the assessment's id."""
        source = AssessmentSource(source_type="HUMAN", source_id=who)
        return self._give(case, Feedback(name=name, value=value, source=source, rationale=why))

    def expectation(self, case: str, value: Any, who: str) -> str:
        """Say what the answer should have been."""
        source = AssessmentSource(source_type="HUMAN", source_id=who)
        return self._give(case, Expectation(name="expected", value=value, source=source))

    def edit(self, case: str, given: str, value: Any) -> None:
        """Change one's own feedback."""
        trace = self.traces[case].trace_id
        name = self._client.get_assessment(trace, given).name
        self._client.update_assessment(trace, given, Feedback(name=name, value=value))

    def delete(self, case: str, given: str) -> None:
        """Take it back."""
        self._client.delete_assessment(self.traces[case].trace_id, given)

    def _give(self, case: str, given: Assessment) -> str:
        done = self._client.log_assessment(self.traces[case].trace_id, given)
        assert done.assessment_id is not None
        return str(done.assessment_id)


def ui_of(workspace: Workspace) -> Ui:
    """The UI over the workspace's store."""
    return Ui(open_store(None, workspace, dict(os.environ)))
