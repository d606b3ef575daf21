"""Held-out cases: a gate decides on them alone, nobody else sees them, and what is shown of them is ids and figures."""

import json
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases

import plimsoll
from plimsoll.api import GateOptions, GateRun, RunOptions, check_workspace, compare_targets, gate_suite, run_suite
from plimsoll.api.caching import explain_suite
from plimsoll.api.reviewing import review_of
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, PlimsollError, UsageError
from plimsoll.reports.html import render_html
from plimsoll.reports.junit import render_tests
from plimsoll.reports.markdown import render_comment
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply
from plimsoll.types import Decision, Part

# v1 against v2, both of the suite: no registry is asked.
SIDES = SUITE.replace("target: v1\n", "target: v1\n  baseline: v2\n").replace(
    "evaluators:\n", "held_out: 0.5\nevaluators:\n"
)


@pytest.fixture
def held(workspace: Workspace) -> Workspace:
    (workspace.root / "suites" / "desk.yaml").write_text(SIDES, encoding="utf-8")
    write_cases(workspace.root, cases(60))
    return workspace


def run(workspace: Workspace, **options) -> set[str]:
    return set(run_suite(workspace, "desk", RunOptions(track=False, **options), Silent()).report.cases)


def gate(workspace: Workspace, **options) -> GateRun:
    of_gate = {name: options.pop(name) for name in ("run_id",) if name in options}
    return gate_suite(workspace, "desk", GateOptions(run=RunOptions(track=False, **options), **of_gate), Silent())


def test_a_run_and_a_gate_share_no_case_and_leave_none_out(held: Workspace):
    opened, closed = run(held), set((found := gate(held)).run.report.cases)
    assert opened.isdisjoint(closed)
    assert opened | closed == {f"c{n}" for n in range(60)}
    assert found.verdict.outcome is Decision.PASS
    assert {rule.n for rule in found.verdict.rules} == {len(closed)}
    assert found.run.report.run.part is Part.HELD_OUT
    whole = json.loads((found.run.folder / "plan.json").read_bytes())
    assert (whole["part"], whole["dataset_digest"]) == ("held out", found.run.report.run.dataset_digest)


def test_no_run_asks_a_model_about_a_held_out_case(held: Workspace, desk: Desk):
    run(held)
    closed = set(gate(held).run.report.cases)
    desk.asked.clear()
    run(held, reuse=False)
    explained = explain_suite(held, "desk")
    assert not {f"c{number}" for _, number in desk.asked} & closed
    assert explained.answers.cells == 2 * (60 - len(closed))


def test_sample_and_filter_are_within_the_part(held: Workspace):
    opened, closed = run(held), set(gate(held).run.report.cases)
    even = set(gate(held, filters=(("slice", "even"),)).run.report.cases)
    assert even == {f"c{n}" for n in range(0, 60, 2)} & closed
    assert run(held, sample=5) < opened
    assert len(set(gate(held, sample=12).run.report.cases) & closed) == 12
    hidden = min(closed)
    with pytest.raises(UsageError, match=f"no case of the open part has id={hidden}"):
        run(held, filters=(("id", hidden),))


@pytest.mark.parametrize("status", [400, 401])
def test_what_an_endpoint_says_when_it_refuses_is_not_shown(status: int, held: Workspace, desk: Desk):
    # It quotes what it was asked.
    desk.replies = {
        n: Reply(status=status, body={"error": {"message": f"no answer to question {n}"}}) for n in range(60)
    }
    found = gate(held)
    assert found.verdict.outcome is Decision.INCONCLUSIVE
    view = found.run.view
    review = review_of(found, GateOptions())
    told = [str(found.verdict), *view.notes, render_comment([review]), render_html(view), render_tests([review])]
    told += [path.read_text(encoding="utf-8") for path in (found.run.folder / "gate").rglob("*.json")]
    assert not [each for each in told if "to question" in each]


def test_a_slice_can_be_held_out(held: Workspace):
    edit(held.root, "suites/desk.yaml", "held_out: 0.5", "held_out: odd")
    assert run(held) == {f"c{n}" for n in range(0, 60, 2)}
    assert set(gate(held).run.report.cases) == {f"c{n}" for n in range(1, 60, 2)}


def test_a_rule_on_a_slice_of_which_nothing_is_held_out_is_refused_before_anything_runs(held: Workspace, desk: Desk):
    edit(held.root, "suites/desk.yaml", "held_out: 0.5", "held_out: odd")
    edit(held.root, "suites/desk.yaml", "at_least: 0.5}", "at_least: 0.5, slice: even}")
    with pytest.raises(PlimsollError, match="no held-out case is in the slice 'even'"):
        gate(held)
    with pytest.raises(ConfigError, match="no held-out case is in the slice 'even'"):
        check_workspace(held)
    assert not desk.requests


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("held_out: 1", "a share that is held out lies between 0 and 1"),
        ("held_out: 0", "a share that is held out lies between 0 and 1"),
        ("held_out: true", "write a share between 0 and 1, or a slice's name"),
        ("held_out: od", "desk.yaml:8: no case is in the slice 'od' (did you mean 'odd'?)"),
    ],
)
def test_what_can_not_be_held_out_is_a_mistake_at_its_line(held: Workspace, written: str, told: str):
    edit(held.root, "suites/desk.yaml", "held_out: 0.5", written)
    with pytest.raises(ConfigError) as caught:
        check_workspace(held)
    assert told in str(caught.value)


def test_a_gate_over_a_run_that_exists_takes_no_run_of_the_open_part(held: Workspace):
    run_suite(held, "desk", RunOptions(track=False), Silent())
    [opened] = [folder.name for folder in (held.state / "runs").iterdir()]
    with pytest.raises(UsageError, match="saw the open cases"):
        gate(held, run_id=opened)
    again = gate(held)
    assert gate(held, run_id=again.run.report.run.id).verdict.outcome is Decision.PASS
    edit(held.root, "suites/desk.yaml", "held_out: 0.5", "held_out: 0.4")
    with pytest.raises(UsageError, match="what is held out changed since run"):
        gate(held, run_id=again.run.report.run.id)


def test_a_gates_run_is_not_gone_on_with_nor_compared_unless_it_is_named(held: Workspace):
    edit(held.root, "suites/desk.yaml", "baseline: v2", "baseline: none")
    edit(held.root, "suites/desk.yaml", "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}\n", "")
    closed = gate(held).run.report.run.id
    with pytest.raises(UsageError, match="has no run yet"):
        run_suite(held, "desk", RunOptions(track=False, resume=True), Silent())
    run_suite(held, "desk", RunOptions(track=False), Silent())
    [found] = compare_targets(held, "v1", "v2")
    assert closed not in (found.before.run, found.after.run)


def test_a_gates_run_that_was_cut_short_is_gone_on_with_by_a_gate(held: Workspace):
    cut = gate(held).run
    journal = cut.folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(
        b"".join(line for line in lines if min(cut.report.cases).encode() not in line and b"end" not in line)
    )
    told = gate(held, run_id=cut.report.run.id).unsealed or ""
    assert "cells were not run: plimsoll gate desk again" in told
    assert "plimsoll run" not in told


def test_no_report_of_a_gate_shows_what_held_out_cases_and_answers_say(held: Workspace, desk: Desk):
    closed = {int(name[1:]) for name in gate(held).run.report.cases}
    wrong = min(closed)
    desk.wrong["one"] = {wrong}
    edit(held.root, "prompts/v1.jinja2", "one {{ question }}", "one, please: {{ question }}")
    desk.wrong["one,"] = {wrong}
    found = gate(held)
    view, review = found.run.view, review_of(found, GateOptions())
    documents = [render_comment([review]), render_tests([review]), render_html(view)]
    for text in documents:
        assert f"c{wrong}" in text
        assert "no idea" not in text
        assert not [n for n in closed if f"question {n}" in text or f"answer {n}" in text]
    assert any("the held-out ones" in note for note in view.notes)
    shown = run_suite(held, "desk", RunOptions(track=False), Silent()).view
    assert any("only `plimsoll gate` opens them" in note for note in shown.notes)


def test_evaluate_sees_the_open_part_that_the_suite_does(held: Workspace):
    opened = run(held)

    def answer(question: str) -> str:
        return question

    found = plimsoll.evaluate(held.root / "datasets" / "desk.jsonl", answer, ["exact_match"], held_out=0.5)
    assert set(found.report.cases) == opened
    with pytest.raises(UsageError, match="can't be held out"):
        plimsoll.evaluate([{"q": "a"}], answer, ["exact_match"], held_out=1.5)


def test_too_few_held_out_cases_are_warned_of(held: Workspace):
    write_cases(held.root, cases(9))
    [checked] = check_workspace(held)
    assert "fewer than 10 decide nothing" in checked.warnings[0]


def test_groups_stay_on_one_side(held: Workspace, tmp_path: Path):
    rows = [row | {"group": f"g{place // 4}"} for place, row in enumerate(cases(60))]
    write_cases(held.root, rows)
    group_of = {row["id"]: row["group"] for row in rows}
    opened, closed = run(held), set(gate(held).run.report.cases)
    assert {group_of[name] for name in opened}.isdisjoint(group_of[name] for name in closed)


def test_a_gate_tells_before_it_runs_what_its_cases_can_hardly_decide(held: Workspace, desk: Desk):
    edit(held.root, "suites/desk.yaml", "margin: 0.4", "margin: 0.01")
    told: list[tuple[str, int]] = []
    options = GateOptions(run=RunOptions(track=False))
    gate_suite(held, "desk", options, Silent(), tell=lambda words: told.append((words, desk.requests)))
    [(words, requests)] = told
    assert words.startswith("exact_match, not worse than baseline by more than 0.01: ")
    assert requests == 0
