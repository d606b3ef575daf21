"""Which run of a branch or tag is a baseline: none that was refused, that anybody made, or that hides a regression."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.api.parts import SUITE, write_workspace
from tests.api.repository import commit
from tests.api.sealed_runs import LATER

from plimsoll.api import GateOptions, RunOptions, gate_suite, run_suite
from plimsoll.api.fetching import fetch_run
from plimsoll.api.prepare import prepare
from plimsoll.api.reporting import stored_run
from plimsoll.api.sides import Sides, challenger_of, choose_sides
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import Plan, load_plan
from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.stored_runs import FolderServer
from plimsoll.tracking.run_search import FoundRun
from plimsoll.types import Decision

GATE = SUITE.replace("target: v1", "target: v2")
HARD = "".join(line for line in GATE.splitlines(True) if "baseline" not in line).replace("0.5", "1.1")
PASS, FAIL, INCONCLUSIVE = Decision.PASS, Decision.FAIL, Decision.INCONCLUSIVE
OTHERS = "c0ffee" + "0" * 34


class Shelf:
    """Runs on a server, each a copy of one that was made once, with other facts in its plan; the newest last."""

    def __init__(self, server: FolderServer, made: Path) -> None:
        self.server, self.made = server, made

    def keep(
        self,
        run: str,
        *,
        outcomes: Mapping[str, Decision] | None = None,
        tags: Mapping[str, str] | None = None,
        v2: str | None = None,
        **facts: Any,
    ) -> FoundRun:
        """Keep a run of branch main; `v2` is another digest of that target."""
        folder = shutil.copytree(self.made, self.made.parent.parent / "copies" / run)
        plan = load_plan(folder)
        targets = plan.targets
        if v2 is not None:
            targets = {**targets, "v2": msgspec.structs.replace(targets["v2"], digest=f"sha256:{v2}")}
        told = {"git_branch": "main", "git_commit": OTHERS, "git_dirty": False, "started": f"2026-01-01T00:00:{run}"}
        plan = msgspec.structs.replace(plan, run=run, targets=targets, **{**told, **facts})
        (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
        return self.server.keep(folder, outcomes=outcomes, tags=tags)


@pytest.fixture
def here(tmp_path: Path, endpoint: ScriptedEndpoint) -> Workspace:
    """The machine that gates: a repository, in which one run was made."""
    found = write_workspace(tmp_path / "desk", GATE)
    commit(found.root)
    return found


@pytest.fixture
def shelf(tmp_path: Path, here: Workspace) -> Shelf:
    made = run_suite(here, "desk", RunOptions(track=False), Silent()).folder
    return Shelf(FolderServer(tmp_path / "server"), made)


def sides(here: Workspace, shelf: Shelf, baseline: str) -> Sides:
    prepared = prepare(here, "desk")
    assert prepared.suite.gate is not None
    policy = prepared.suite.gate.model_copy(update={"baseline": baseline})
    return choose_sides(prepared, policy, challenger_of(prepared, policy, GateOptions()), shelf.server, GateOptions())


def taken(here: Workspace, shelf: Shelf, baseline: str = "branch:main") -> str:
    stored = sides(here, shelf, baseline).stored
    assert stored is not None
    return Path(stored.folder).name


def notes(here: Workspace, shelf: Shelf, baseline: str = "branch:main") -> tuple[str, ...]:
    return sides(here, shelf, baseline).notes[1:]


@pytest.mark.parametrize("word", ["branch:main", "tag:release=1"])
def test_what_a_gate_refused_or_never_decided_is_passed_over(here: Workspace, shelf: Shelf, word: str):
    tags = {"release": "1"}
    shelf.keep("10", v2="old", tags=tags)
    refused = shelf.keep("11", v2="bad", outcomes={"v2": FAIL}, tags=tags)
    shelf.keep("12", v2="unsure", gate=True, outcomes={"v2": INCONCLUSIVE}, tags=tags)
    # Killed before it decided.
    killed = shelf.keep("13", v2="killed", gate=True, tags=tags)
    assert taken(here, shelf, word) == "10"
    assert notes(here, shelf, word) == ()
    # What was decided over another target of the run is no word on this one.
    shelf.keep("14", v2="newer", outcomes={"v1": FAIL}, tags=tags)
    assert taken(here, shelf, word) == "14"
    shelf.keep("15", v2="passed", gate=True, outcomes={"v2": PASS}, tags=tags)
    assert taken(here, shelf, word) == "15"
    # By its id any run may be meant, and what is to be known of it is told.
    assert notes(here, shelf, f"run:{refused.mlflow}") == ("run 11 did not pass its gate (v2: fail)",)
    undecided = ("run 13 was made by a gate, and what that decided is not known",)
    assert notes(here, shelf, f"run:{killed.mlflow}") == undecided


def test_where_none_is_left_each_is_told_with_why(here: Workspace, shelf: Shelf):
    shelf.keep("10", v2="bad", outcomes={"v2": FAIL})
    shelf.keep("11", pr="7")
    with pytest.raises(UsageError) as caught:
        sides(here, shelf, "branch:main")
    assert caught.value.message == (
        "no run for branch:main can be taken: 11 was made for pull request 7; 10 did not pass its gate (v2: fail)"
    )
    assert caught.value.remedy == "plimsoll run there, without options; or name one all the same: run:ID"


def test_what_a_gate_decided_here_counts_before_the_server_was_told(here: Workspace, shelf: Shelf):
    asked = GateOptions(run=RunOptions(track=False), baseline="none")
    path = here.root / "suites/desk.yaml"
    path.write_text(HARD, encoding="utf-8")
    decided = gate_suite(here, "desk", asked, Silent())
    assert decided.verdict.outcome is FAIL
    folder = decided.run.folder
    plan = load_plan(folder)
    assert (plan.git_branch, plan.gate) == ("main", True)
    # As one that was there when it was gated.
    plan = msgspec.structs.replace(plan, git_commit=OTHERS, git_dirty=False, gate=False)
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    shelf.server.keep(folder)
    shelf.keep("10", v2="old")
    assert taken(here, shelf) == "10"


def test_the_challenger_s_own_cells_give_way_to_any_other_s(here: Workspace, shelf: Shelf):
    head = load_plan(shelf.made).git_commit
    shelf.keep("11", git_commit=head)
    why = "ran the very v2 that is gated: against itself nothing gets worse"
    assert (taken(here, shelf), notes(here, shelf)) == ("11", (f"run 11 {why}",))
    shelf.keep("10", v2="old")
    assert (taken(here, shelf), notes(here, shelf)) == ("10", ())
    # Nobody knows of which commit the files of this one are.
    shelf.keep("12", git_dirty=True)
    assert taken(here, shelf) == "10"
    # A harmless change: the branch ran what the challenger still is.
    shelf.keep("13")
    assert (taken(here, shelf), notes(here, shelf)) == ("13", (f"run 13 {why}",))


def test_a_change_of_something_else_does_not_launder_what_was_refused(here: Workspace, shelf: Shelf):
    shelf.keep("10", v2="old")
    shelf.keep("11", gate=True, outcomes={"v2": FAIL})
    shelf.keep("12")
    assert taken(here, shelf) == "10"
    # What passed later is what it is to be.
    shelf.keep("13", gate=True, outcomes={"v2": PASS})
    assert taken(here, shelf) == "13"


def test_alone_what_was_refused_elsewhere_is_taken_and_noted(here: Workspace, shelf: Shelf):
    shelf.keep("11", gate=True, outcomes={"v2": FAIL})
    shelf.keep("12")
    assert taken(here, shelf) == "12"
    assert notes(here, shelf) == ("run 12 ran the very v2 that failed in run 11: against itself nothing gets worse",)


def test_no_pull_request_s_run_is_what_a_branch_means(here: Workspace, shelf: Shelf):
    ours = shelf.keep("10", v2="old", trigger="ci")
    shelf.keep("11", v2="theirs", pr="7", trigger="nightly")
    shelf.keep("12", v2="theirs", trigger="pr", tags={"release": "1"})
    assert taken(here, shelf) == "10"
    assert stored_run(here, "branch:main", server=shelf.server).report.run.id == ours.state.run
    # A tag is set by whoever means it.
    assert taken(here, shelf, "tag:release=1") == "12"


def test_a_plan_says_why_and_for_which_pull_request_it_was_made(here: Workspace, monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_HEAD_REF": "main",
        "GITHUB_REF": "refs/pull/7/merge",
    }.items():
        monkeypatch.setenv(name, value)
    options = RunOptions(track=False, filters=(("id", "c1"),))
    plan = load_plan(run_suite(here, "desk", options, Silent()).folder)
    assert (plan.git_branch, plan.pr, plan.trigger, plan.gate) == ("main", "7", "pr", False)


def test_a_run_of_before_there_were_such_words_is_read_back(here: Workspace, shelf: Shelf):
    path = shelf.made / "plan.json"
    older = {name: value for name, value in msgspec.json.decode(path.read_bytes()).items() if name not in LATER}
    path.write_bytes(msgspec.json.encode(older))
    assert load_plan(shelf.made) == msgspec.convert(older, Plan)
    found = shelf.server.keep(shelf.made)
    said = msgspec.structs.replace(found, state=msgspec.structs.replace(found.state, keys=()))
    assert (said.state.pr, said.state.trigger, said.state.gate) == (None, None, False)
    assert (fetch_run(here, shelf.server, said) / "plan.json").read_bytes() == path.read_bytes()
