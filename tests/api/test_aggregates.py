"""An aggregate from a function of the workspace, on its way through a run, a notebook and a gate's policy."""

from __future__ import annotations

import pytest
from tests.api.parts import Desk, edit

import plimsoll
from plimsoll.api import GateOptions, RunOptions, SuiteRun, gate_suite, run_suite
from plimsoll.api.reporting import stored_run
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode, UsageError
from plimsoll.runs.journal import ScoreLine, read_journal
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import JOURNAL_FILE
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


MOODY = SHORT.replace(
    "_over_all(scores):",
    """_over_all(scores):
    if not Path(__file__).with_name("fine").exists():
        raise RuntimeError("no figures today")""",
).replace("from plimsoll", "from pathlib import Path\n\nfrom plimsoll")


@pytest.fixture
def moody(workspace: Workspace) -> Workspace:
    """Its aggregate raises until there is a file of the name `fine`, which is no part of its identity."""
    (workspace.root / "evaluators" / "short.py").write_text(MOODY, encoding="utf-8")
    return workspace


GOING_ON = [RunOptions(track=False, resume=True), RunOptions(track=False, only_failed=True)]


@pytest.mark.parametrize("options", GOING_ON)
def test_an_aggregate_that_failed_is_no_success_of_a_run_and_is_made_alone_when_it_goes_on(
    moody: Workspace, desk: Desk, options: RunOptions
) -> None:
    ran = run(moody)
    assert ran.exit_code is ExitCode.INCONCLUSIVE
    assert ran.problem is not None
    assert ran.problem.message.startswith(
        "not one figure: the aggregate of short over v1, the aggregate of short over v2"
    )
    assert "plimsoll run desk --resume" in ran.problem.message
    assert stored_run(moody).problem == ran.problem
    (moody.root / "evaluators" / "fine").touch()
    again = run_suite(moody, "desk", options, Silent())
    assert (again.folder, again.exit_code, again.report.run.complete) == (ran.folder, ExitCode.PASS, True)
    assert again.report.aggregates["v2"]["short"].figures == {"words": 24.0}
    assert again.report.run.requests == desk.requests == 24
    scored = [line for line in read_journal(ran.folder / JOURNAL_FILE) if isinstance(line, ScoreLine)]
    assert len(scored) == 24 * 2, "nothing was scored again"


@pytest.mark.parametrize("options", GOING_ON)
def test_a_run_that_has_its_aggregates_has_nothing_to_go_on_with(aggregating: Workspace, options: RunOptions) -> None:
    run(aggregating)
    with pytest.raises(UsageError, match=r"is complete|has no failed cells"):
        run_suite(aggregating, "desk", options, Silent())


def test_a_gate_decides_over_a_failed_aggregate_by_its_rules(moody: Workspace) -> None:
    edit(moody.root, "suites/desk.yaml", "not_worse_than: baseline, margin: 0.4", "at_most: 1")
    decided = gate_suite(moody, "desk", GateOptions(run=RunOptions(track=False), first=True), Silent())
    assert decided.exit_code is ExitCode.PASS


def test_an_aggregate_over_a_target_that_it_does_not_apply_to_is_neither_failed_nor_owed(workspace: Workspace) -> None:
    text = SHORT.replace("output: str", "output: str, other: str")
    (workspace.root / "evaluators" / "short.py").write_text(text, encoding="utf-8")
    edit(workspace.root, "suites/desk.yaml", "  - short", "  - short: {fields: {other: target.v1}}")
    ran = run(workspace)
    assert ran.exit_code is ExitCode.PASS
    assert ran.report.aggregates["v1"]["short"] == Aggregate(unasked="it applies to no cell: 12 skipped", skipped=12)
    assert ran.report.aggregates["v2"]["short"].figures == {"words": 24.0}
    with pytest.raises(UsageError, match="is complete"):
        run_suite(workspace, "desk", RunOptions(track=False, resume=True), Silent())
