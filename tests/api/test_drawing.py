"""Another sample, seed or part than the baseline's evidence or the suite has: no evidence, and not promoted."""

from __future__ import annotations

import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases
from tests.api.repository import commit
from tests.api.test_champions import WITHOUT_BASELINE, _entry, gate

from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, promote_suite, verify_suite
from plimsoll.api.drawing import undrawn
from plimsoll.api.gone import measured_lines
from plimsoll.api.prepare import prepare
from plimsoll.api.runs import Ran
from plimsoll.api.sides import Sides
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.gates import VerificationError
from plimsoll.registry import keep_measured
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import load_plan
from plimsoll.testing.store import MemoryRegistryStore

SUITE_FILE = "suites/desk.yaml"
DRAWN = "sample: 12\nseed: 64\nevaluators:\n"


@pytest.fixture
def sampled(workspace: Workspace) -> Workspace:
    """Compares with nothing, and draws 12 of 20 cases."""
    (workspace.root / SUITE_FILE).write_text(WITHOUT_BASELINE.replace("evaluators:\n", DRAWN), encoding="utf-8")
    write_cases(workspace.root, cases(20))
    return workspace


def doubts(workspace: Workspace, champion: GateRun, challenger: GateRun) -> list[str]:
    """What speaks against a gate's draw, where the champion rests on another gate."""
    assert champion.attestation is not None
    store, prepared = MemoryRegistryStore(), prepare(workspace, "desk")
    entry = _entry(store, champion)
    keep_measured(store, "desk", entry.attestation, measured_lines(champion.attestation))
    folder = challenger.run.folder
    ran = Ran(folder, load_plan(folder), read_report(folder), {})
    sides = Sides(prepared.targets["v1"], entry=entry)
    return list(undrawn(prepared, sides, store, base=None, ran=ran, gone=()))


def test_a_sample_that_leaves_out_what_the_champion_was_measured_on_is_a_doubt(sampled: Workspace):
    drawn = gate(sampled)
    assert doubts(sampled, drawn, gate(sampled)) == []
    edit(sampled.root, SUITE_FILE, "seed: 64", "seed: 65")
    assert len(doubts(sampled, drawn, gate(sampled))) == 1
    edit(sampled.root, SUITE_FILE, "sample: 12\n", "")
    whole = gate(sampled)
    assert doubts(sampled, drawn, whole) == []
    edit(sampled.root, SUITE_FILE, "seed: 65", "seed: 65\nsample: 12")
    [told] = doubts(sampled, whole, gate(sampled))
    assert told.startswith("the champion was measured on 20 cases, and the 12 that this run drew leave 8 of them out")


def test_a_baseline_out_of_git_is_asked_for_the_cases_that_its_suite_drew(workspace: Workspace, desk: Desk):
    (workspace.root / SUITE_FILE).write_text(SUITE.replace("target: v1\n", "target: v1\n  baseline: git:main\n"))
    write_cases(workspace.root, cases(20))
    commit(workspace.root)
    edit(workspace.root, SUITE_FILE, "evaluators:\n", DRAWN)
    options = GateOptions(run=RunOptions(track=False))
    hidden = gate_suite(workspace, "desk", options, Silent())
    assert (hidden.attestation, len(hidden.run.report.cases)) == (None, 12)
    assert "the suite at main" in (hidden.unsealed or "")
    assert "leave 8 of them out" in (hidden.unsealed or "")
    commit(workspace.root, "so it is now")
    assert gate_suite(workspace, "desk", options, Silent()).attestation is not None


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("sample: 12", "sample: 13", "sample"),
        ("sample: 12\n", "", "sample"),
        ("seed: 64", "seed: 65", "seed"),
        ("seed: 64", "seed: 64\nrepeats: 2", "repeats"),
        ("seed: 64", "seed: 64\nheld_out: odd", "held_out"),
    ],
)
def test_what_a_run_drew_is_held_against_the_suite_of_today_when_it_is_promoted(
    sampled: Workspace, old: str, new: str, name: str
):
    made = gate(sampled)
    edit(sampled.root, SUITE_FILE, old, new)
    with pytest.raises(
        VerificationError, match=f"another {name} than the suite asks for now .*plimsoll gate desk again"
    ):
        promote_suite(sampled, "desk", who="somebody")
    # As evidence of what it was, it is whole.
    assert verify_suite(sampled, "desk").attestation.verdict == made.verdict


@pytest.mark.parametrize(
    ("old", "new", "name"), [("seed: 64", "seed: 65", "seed"), ("sample: 12", "sample: 11", "sample")]
)
def test_a_gate_over_a_run_that_exists_takes_none_of_another_draw(sampled: Workspace, old: str, new: str, name: str):
    made = gate(sampled).run.report.run.id
    assert gate(sampled, run_id=made).attestation is not None
    edit(sampled.root, SUITE_FILE, old, new)
    with pytest.raises(UsageError, match=f"the {name} changed since run"):
        gate(sampled, run_id=made)


def test_a_sample_of_a_whole_part_is_none(sampled: Workspace):
    edit(sampled.root, SUITE_FILE, DRAWN, "held_out: odd\nevaluators:\n")
    for size, sample in ((15, None), (10, None), (9, 9)):
        found = gate_suite(sampled, "desk", GateOptions(run=RunOptions(track=False, sample=size)), Silent())
        assert found.run.report.run.sample == sample
        assert (found.unsealed is None) is (sample is None)
