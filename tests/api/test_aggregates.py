"""An aggregate from a function of the workspace, on its way through a run, a notebook and a gate's policy."""

from __future__ import annotations

import pytest
from tests.api.parts import Desk, edit

import plimsoll
from plimsoll.api import RunOptions, SuiteRun, run_suite
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError
from plimsoll.runs.observer import Silent
from plimsoll.types import Aggregate

SHORT = '''\
from plimsoll.evaluators import aggregate


def _over_all(scores):
    return {"words": sum(len(each.output.text.split()) for each in scores if each.ok)}


@aggregate(_over_all)
def short(output: str) -> bool:
    """At most three words."""
    return len(output.split()) <= 3
'''


@pytest.fixture
def aggregating(workspace: Workspace) -> Workspace:
    (workspace.root / "evaluators" / "short.py").write_text(SHORT, encoding="utf-8")
    return workspace


def run(workspace: Workspace) -> SuiteRun:
    return run_suite(workspace, "desk", RunOptions(track=False), Silent())


def test_a_run_aggregates_each_target_and_one_from_the_cache_the_same(aggregating: Workspace, desk: Desk) -> None:
    first = run(aggregating)
    whole = {"short": Aggregate(figures={"words": 24.0}, ok=12)}
    assert first.report.aggregates == {"v1": whole, "v2": whole}
    assert first.summary.targets["v1"].aggregates == whole
    assert "short.words" in first.html.read_text(encoding="utf-8")
    assert run(aggregating).report.aggregates == first.report.aggregates
    assert desk.requests == 24


def test_a_rule_over_it_is_a_mistake_before_anything_is_asked(aggregating: Workspace, desk: Desk) -> None:
    edit(aggregating.root, "suites/desk.yaml", "metric: exact_match, at_least: 0.5", "metric: short.words, at_least: 1")
    with pytest.raises(ConfigError, match="an aggregate has no value for each case"):
        run(aggregating)
    assert desk.requests == 0


def test_a_notebook_gets_it_too(aggregating: Workspace) -> None:
    found = plimsoll.evaluate([{"question": "a"}, {"question": "b b"}], lambda question: question, ["short"])
    (aggregates,) = found.report.aggregates.values()
    assert aggregates == {"short": Aggregate(figures={"words": 3.0}, ok=2)}
