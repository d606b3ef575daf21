"""`plimsoll gate --sequential` as a command: its flags, what it prints, and what is left of one that is killed."""

from __future__ import annotations

import signal
import sys

import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases
from tests.cli.parts import plimsoll, wait_for
from tests.cli.sessions import Sessions

from plimsoll.config import Workspace
from plimsoll.gates import blocks_of
from plimsoll.runs.folders import run_folders
from plimsoll.runs.join import read_report

SIZE = 60
GATE = ("gate", "desk", "--sequential", "--no-track")


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    write_cases(workspace.root, cases(SIZE))
    gate = SUITE[SUITE.index("gate:") :]
    beside = gate.replace("target: v1\n", "target: v1\n  baseline: v2\n")
    edit(workspace.root, "suites/desk.yaml", gate, beside.replace("    - {metric: exact_match, at_least: 0.5}\n", ""))
    return workspace


def test_the_verdict_says_where_it_was_decided_and_what_was_saved(
    many: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = plimsoll(capsys, *GATE, "--json")
    [suite] = ended.document["suites"]
    assert (ended.code, suite["verdict"]) == (0, "pass")
    assert (suite["look"], suite["cells_saved"], suite["requests_saved"]) == ({"number": 2, "of": 5}, 72, 72)
    target = suite["targets"]["v1"]
    assert (target["cells"], target["ok"], target["skipped"]) == (24, 24, 0)
    assert 0.999 < suite["rules"][0]["confidence"] < 1
    assert "decided after any of 5 blocks" in ended.err
    assert "desk: look 1 of 5: not decided\ndesk: look 2 of 5: decided\n" in ended.err
    shown = plimsoll(capsys, *GATE, "--looks", "4")
    assert "99.7% intervals, which keeps 95% over 4 looks" in shown.out
    assert "decided at look 2 of 4, after 30 of 60 cases: 60 cells were not run" in " ".join(shown.out.split())
    plain = plimsoll(capsys, "gate", "desk", "--no-track", "--json").document["suites"][0]
    assert (plain["look"], plain["cells_saved"], plain["requests_saved"]) == (None, 0, None)


def test_looks_that_make_no_sense_are_refused(many: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (("gate", "desk", "--looks", "3"), "--looks belongs to --sequential"),
        ((*GATE, "--looks", "0"), "--looks 0 is not from 2 to 20"),
        ((*GATE, "--run", "x"), "nothing to stop early"),
    ):
        ended = plimsoll(capsys, *words)
        assert ended.code == 2
        assert told in ended.err
    assert desk.requests == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("sent", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_one_that_is_stopped_in_a_block_decides_nothing_and_its_cells_are_not_paid_for_again(
    sent: signal.Signals, sessions: Sessions, many: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.delay = 0.05
    sessions.start(*GATE, folder=many.root)
    wait_for(desk, 35)
    sessions.send(sent)
    assert sessions.code() == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    folder = next(run_folders(many.state / "runs"))
    report = read_report(folder)
    assert not report.run.complete
    assert 24 <= len(report.cells) < 48
    assert not list(folder.glob("gate/*/attestation.json"))
    over_it = plimsoll(capsys, "gate", "desk", "--no-track", "--run", folder.name, "--json")
    assert over_it.code != 0
    assert over_it.document["suites"][0]["verdict"] == "inconclusive"
    desk.delay = 0
    again = plimsoll(capsys, *GATE, "--json").document["suites"][0]
    assert (again["verdict"], again["look"]) == ("pass", {"number": 2, "of": 5})
    finished = {record.cell.case for record in report.cells}
    # A process that is killed loses the last batch of the cache, but no block that was finished.
    kept = finished if sent == signal.SIGINT else set(blocks_of(report.cases, 5, report.run.seed)[0])
    cells = [record.cell for record in report.cells if record.cell.case in kept]
    prompts = {"v1": "one", "v2": "two"}
    assert len(cells) >= 24
    assert {desk.asked[prompts[cell.target], int(cell.case.removeprefix("c"))] for cell in cells} == {1}
