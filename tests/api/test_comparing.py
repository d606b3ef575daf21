"""Which runs and targets a comparison is of, and what it leaves out, in words."""

from typing import Any

import pytest
from tests.api.parts import Desk, cases, edit, write_cases

from plimsoll.api import RunOptions, run_suite
from plimsoll.api.comparing import CompareOptions, compare_targets
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.reports.compare_model import Signal
from plimsoll.runs.observer import Silent


def ran(workspace: Workspace, **options: Any) -> str:
    return run_suite(workspace, "desk", RunOptions(track=False, **options), Silent()).report.run.id


def short(run_id: str) -> str:
    return run_id.rpartition("-")[2]


def test_two_targets_are_those_of_the_newest_run_that_has_both(workspace: Workspace, desk: Desk):
    ran(workspace)
    desk.wrong["two"] = set(range(12))
    newest = ran(workspace, reuse=False)
    ran(workspace, targets=("v1",))
    [found] = compare_targets(workspace, "v1", "v2")
    assert (found.before.run, found.after.run) == (newest, newest)
    row = next(row for row in found.rows if row.metric == "exact_match")
    assert (row.before, row.after, row.signal, row.missing) == (1.0, 0.0, Signal.WORSE, 0)
    assert found.answers.same == 0


def test_two_runs_are_compared_by_every_target_that_both_have(workspace: Workspace, desk: Desk):
    first = ran(workspace, targets=("v1",))
    desk.wrong = {"one": {1}, "two": {2}}
    second = ran(workspace, reuse=False)
    [found] = compare_targets(workspace, first, short(second))
    assert (found.before.name, found.after.name) == (f"{short(first)}:v1", f"{short(second)}:v1")
    assert [case.row.case for case in found.flips] == ["c1"]
    assert found.notes == (f"{second} alone has v2: not compared",)
    third = ran(workspace)
    both = compare_targets(workspace, second, third)
    assert [each.after.target for each in both] == ["v1", "v2"]
    [one] = compare_targets(workspace, f"{short(first)}:v1", f"{short(second)}:v2")
    assert (one.before.target, one.after.target) == ("v1", "v2")


def test_what_is_not_the_same_in_both_runs_is_said_and_not_compared(workspace: Workspace):
    first = ran(workspace)
    rows = cases(14)
    rows[0]["expected"] = "another"
    write_cases(workspace.root, rows[:1] + rows[2:])
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 4")
    second = ran(workspace, repeats=2)
    [found] = compare_targets(workspace, f"{first}:v1", f"{second}:v1")
    assert found.notes == (
        f"1 case only in {first}: without a pair",
        f"2 cases only in {second}: without a pair",
        f"1 case with other contents in {first} than in {second}: not compared",
        f"short: another version of the evaluator scored in {first}, so nothing is compared",
        f"{first} has 1 repeat, {second} has 2: the first is compared",
    )
    exact, length = (next(row for row in found.rows if row.metric == name) for name in ("exact_match", "short"))
    assert (exact.pairs, exact.missing) == (10, 4)
    assert (length.pairs, length.missing, length.why) == (0, 14, "no case has a value on both sides")
    assert found.cases == 14


@pytest.mark.parametrize(
    ("first", "second", "options", "told"),
    [
        ("v1", "v3", {}, "no run has a target 'v3', and no run is called so (known: v1, v2)"),
        ("v1", "v1", {}, "v1 is compared with itself"),
        ("desk", "v1", {}, "'desk' is a run, 'v1' is a target (name two runs, two targets, or the run's target"),
        ("desk", "desk", {}, "is compared with itself"),
        ("desk:v1", "desk:v3", {}, "has no target 'v3'"),
        ("v1", "v2", {"metrics": ("exact_mach",)}, "no metric 'exact_mach' (did you mean 'exact_match'?)"),
        ("v1", "v2", {"slice": "evn"}, "no case is in the slice 'evn' (did you mean 'even'?)"),
        ("v1", "v2", {"margin": 0.0}, "a margin of 0 holds nothing equivalent"),
        ("v1", "v2", {"margin": float("nan")}, "a margin of nan holds nothing equivalent"),
    ],
)
def test_what_is_not_there_is_refused(
    workspace: Workspace, first: str, second: str, options: dict[str, Any], told: str
):
    ran(workspace)
    with pytest.raises(UsageError) as caught:
        compare_targets(workspace, first, second, CompareOptions(**options))
    assert told in f"{caught.value.message} ({caught.value.remedy})"


def test_runs_without_a_common_target_are_refused(workspace: Workspace):
    one, two = ran(workspace, targets=("v1",)), ran(workspace, targets=("v2",))
    with pytest.raises(UsageError, match="no target in common: v1; v2"):
        compare_targets(workspace, one, two)
    with pytest.raises(UsageError, match="no run has both v1 and v2"):
        compare_targets(workspace, "v1", "v2")


def test_equivalence_that_nothing_can_be_asked_of_is_refused(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "  - exact_match\n  - short", "  - latency")
    edit(workspace.root, "suites/desk.yaml", "{metric: exact_match, at_least: 0.5}", "{metric: latency, at_most: 9}")
    edit(
        workspace.root,
        "suites/desk.yaml",
        "{metric: exact_match, not_worse_than: baseline, margin: 0.4}",
        "{metric: latency, not_worse_than: baseline, margin: 4}",
    )
    ran(workspace)
    with pytest.raises(UsageError, match="no metric on a scale from 0 to 1"):
        compare_targets(workspace, "v1", "v2", CompareOptions(margin=0.1))
    [found] = compare_targets(workspace, "v1", "v2", CompareOptions(margin=5.0, metrics=("latency",)))
    assert [row.metric for row in found.rows if row.equivalence is not None] == ["latency"]


PORT = """
import json, os, urllib.request

def answer(question):
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": "one " + question}]}).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]
"""


def test_a_port_that_asks_the_suites_model_is_equivalent_to_what_it_replaces(workspace: Workspace, desk: Desk):
    (workspace.root / "flows").mkdir()
    (workspace.root / "flows" / "port.py").write_text(PORT, encoding="utf-8")
    edit(
        workspace.root,
        "suites/desk.yaml",
        "  v2: {prompt: prompts/v2.jinja2, model: main}",
        '  port: {function: "flows/port.py:answer", model: main}',
    )
    made = run_suite(workspace, "desk", RunOptions(track=False, reuse=False), Silent()).report
    assert made.run.requests == 24
    assert desk.asked == {("one", number): 2 for number in range(12)}
    [found] = compare_targets(workspace, "v1", "port", CompareOptions(margin=0.25))
    assert (found.answers.same, found.answers.cells) == (12, 12)
    assert {row.equivalence.outcome for row in found.rows if row.equivalence is not None} == {"equivalent"}
    # Its model is part of what it is: another one answers anew.
    edit(workspace.root, "suites/desk.yaml", "model: scripted", "model: other")
    again = run_suite(workspace, "desk", RunOptions(track=False), Silent()).report
    assert again.run.requests == 24
    assert again.run.targets["port"].digest != made.run.targets["port"].digest
