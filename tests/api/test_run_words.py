"""Which run a word means, where it may lie on this disk or on the server, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.api.parts import SUITE, Desk, edit, write_workspace
from tests.registry.parts import NOW, bundle, evidence

from plimsoll.api import GateOptions, RunOptions, run_suite
from plimsoll.api.comparing import compare_targets
from plimsoll.api.fetching import fetch_run
from plimsoll.api.prepare import prepare
from plimsoll.api.reporting import stored_run
from plimsoll.api.run_words import Word, run_word
from plimsoll.api.sides import Sides, challenger_of, choose_sides
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.registry import TamperedError, promote
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import load_plan
from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.stored_runs import FolderServer

GATE = SUITE.replace("target: v1", "target: v2")


@pytest.fixture
def server(tmp_path: Path) -> FolderServer:
    return FolderServer(tmp_path / "server")


@pytest.fixture
def there(tmp_path: Path, endpoint: ScriptedEndpoint) -> Workspace:
    """The machine that runs."""
    return write_workspace(tmp_path / "a" / "desk", GATE)


@pytest.fixture
def here(tmp_path: Path, there: Workspace) -> Workspace:
    """The machine that asks, on which nothing has run."""
    return write_workspace(tmp_path / "b" / "desk", GATE)


def ran(workspace: Workspace, facts: dict[str, Any] | None = None, **options: Any) -> Path:
    """A run, made on branch main at a commit, or by other facts."""
    folder = run_suite(workspace, "desk", RunOptions(track=False, **options), Silent()).folder
    told = {"git_branch": "main", "git_commit": "c0ffee" + "0" * 34, "git_dirty": False} | (facts or {})
    plan = msgspec.structs.replace(load_plan(folder), **told)
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    return folder


def sides(workspace: Workspace, server: FolderServer, baseline: str, **options: Any) -> Sides:
    prepared = prepare(workspace, "desk")
    assert prepared.suite.gate is not None
    policy = prepared.suite.gate.model_copy(update={"baseline": baseline})
    asked = GateOptions(run=RunOptions(**options))
    return choose_sides(prepared, policy, challenger_of(prepared, policy, asked), server, asked)


def taken(workspace: Workspace, server: FolderServer, baseline: str, **options: Any) -> str:
    stored = sides(workspace, server, baseline, **options).stored
    assert stored is not None
    return f"{Path(stored.folder).parent.name}/{Path(stored.folder).name}:{stored.target}"


def test_of_a_branch_the_newest_whole_run_is_taken_and_a_clean_one_before_others(
    there: Workspace, here: Workspace, server: FolderServer
):
    whole = ran(there)
    server.keep(whole)
    server.keep(ran(there, targets=("v1",)))
    sampled = server.keep(ran(there, sample=5))
    server.keep(ran(there, filters=(("slice", "odd"),)))
    half = ran(there)
    journal = half / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"complete":true', b'"complete":false'))
    server.keep(half)
    server.keep(ran(there, {"git_branch": "other"}))
    dirty = server.keep(ran(there, {"git_dirty": True}), tags={"release": "1.4"})
    # A run of one target is taken for whichever challenger.
    assert taken(here, server, "branch:main:v2") == f"fetched/{whole.name}:v2"
    assert taken(here, server, "branch:main", sample=5) == f"fetched/{sampled.state.run}:v2"
    assert taken(here, server, "tag:release=1.4") == f"fetched/{dirty.state.run}:v2"
    started = load_plan(whole).started[:16].replace("T", " ")
    where = f"of {started} UTC, commit c0ffee00, branch main, from MLflow run {1:032x}"
    note, same = sides(here, server, "branch:main:v2").notes
    assert note == f"the baseline is v2 of branch:main, which is run {whole.name} {where}"
    assert same == f"run {whole.name} ran the very v2 that is gated: against itself nothing gets worse"
    with pytest.raises(UsageError, match=r"no run for branch:main can be taken: .* is not complete; .* was filtered"):
        sides(here, server, "branch:main", repeats=2)


def test_an_id_is_looked_for_on_this_disk_first(there: Workspace, here: Workspace, server: FolderServer):
    other, own = ran(there), ran(here)
    found = server.keep(other)
    assert taken(here, server, f"run:{own.name[-4:]}") == f"runs/{own.name}:v2"
    assert taken(here, server, own.name) == f"runs/{own.name}:v2"
    for word in (other.name, other.name[-4:], f"run:{other.name}:v2", f"run:{found.mlflow}"):
        assert taken(here, server, word) == f"fetched/{other.name}:v2"
    # Again with nothing to ask; and brought anew where somebody changed it.
    shutil.rmtree(server.root)
    assert taken(here, server, other.name) == f"fetched/{other.name}:v2"
    cases = here.state / "fetched" / other.name / "cases.jsonl"
    cases.write_bytes(cases.read_bytes().replace(b"question 3", b"question 4"))
    with pytest.raises(TamperedError, match=r"plan\.json is missing; cases\.jsonl is missing"):
        sides(here, server, other.name)


def test_what_does_not_say_what_its_param_says_is_refused(there: Workspace, here: Workspace, server: FolderServer):
    found = server.keep(ran(there))
    [journal] = server.root.rglob("journal.jsonl.gz")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])
    with pytest.raises(TamperedError, match=r"was altered: journal\.jsonl is not what was logged"):
        sides(here, server, "branch:main")
    assert [path.suffix for path in (here.state / "fetched").iterdir()] == [".lock"]
    journal.write_bytes(whole)
    for state, message in (
        (msgspec.structs.replace(found.state, branch="release"), "its plan and journal say something else"),
        (msgspec.structs.replace(found.state, run="../../up"), "which is no run's id"),
    ):
        with pytest.raises(TamperedError, match=message):
            fetch_run(here, server, msgspec.structs.replace(found, state=state))


def test_two_that_say_that_they_are_one_run_are_refused(there: Workspace, here: Workspace, server: FolderServer):
    run = ran(there)
    server.keep(run)
    (run / "journal.jsonl").write_bytes((run / "journal.jsonl").read_bytes().replace(b"answer 3", b"answer 4"))
    second = server.keep(run)
    for word in ("branch:main", run.name):
        with pytest.raises(UsageError, match=f"several MLflow runs say that they are run {run.name}"):
            sides(here, server, word)
    assert taken(here, server, f"run:{second.mlflow}") == f"fetched/{run.name}:v2"


def test_what_is_not_there_is_told_with_what_there_is(there: Workspace, here: Workspace, server: FolderServer):
    server.keep(ran(there))
    for baseline, message in (
        ("branch:mian", "the tracking server has no run of desk for branch:mian (did you mean 'branch:main'?)"),
        ("tag:release=2", "the tracking server has no run of desk for tag:release=2"),
        ("run:v3", "no run 'v3', here or on the tracking server"),
        ("run:desk:v3", "has no target named 'v3': v1, v2"),
        ("tag:release", "'tag:release' names no run (write run:ID, branch:NAME or tag:KEY=VALUE)"),
        ("alias:prod", "no alias named 'prod'"),
        ("alias:champion", "desk has no champion yet"),
        ("v3", "neither an alias, none, a target of the suite, a run, nor git:REF"),
    ):
        with pytest.raises(UsageError) as caught:
            sides(here, server, baseline)
        assert message in f"{caught.value.message} ({caught.value.remedy})"


def test_runs_of_the_server_are_compared_and_reported(
    there: Workspace, here: Workspace, server: FolderServer, desk: Desk
):
    one = ran(there)
    desk.wrong["two"] = {2}
    edit(there.root, "evaluators/short.py", "<= 3", "<= 4")
    two = ran(there, {"git_branch": "next"}, reuse=False)
    server.keep(one)
    server.keep(two, experiment="laptop", tags={"team": "blue"})
    found = compare_targets(here, "branch:main", "branch:next", server=server)
    assert [(each.before.run, each.after.run, each.after.target) for each in found] == [
        (one.name, two.name, "v1"),
        (one.name, two.name, "v2"),
    ]
    assert [flip.row.case for flip in found[1].flips] == ["c2"]
    assert found[0].notes[0].startswith(f"branch:main, which is run {one.name} of ")
    assert found[0].notes[1].endswith(", of the experiment laptop")
    assert found[0].notes[2] == (
        f"short: another version of the evaluator scored in {one.name}, so nothing is compared"
    )
    [again] = compare_targets(here, f"run:{one.name[-4:]}:v2", f"{two.name}:v2", server=server)
    assert again.answers.same == 11
    shown = stored_run(here, "tag:team=blue", server=server)
    assert (shown.report.run.id, shown.html) == (two.name, here.state / "fetched" / two.name / "report.html")
    assert shown.view.notes[0].startswith(f"tag:team=blue, which is run {two.name} of ")
    with pytest.raises(UsageError, match="'branch:main' is a run, 'branch:next:v2' is a target"):
        compare_targets(here, "branch:main", "branch:next:v2", server=server)


def test_an_alias_is_compared_as_the_target_that_it_names(there: Workspace, server: FolderServer):
    first, second = ran(there), ran(there, reuse=False)
    new = bundle("one")
    shown = evidence(new, None)
    told = dataclasses.replace(shown, run=first.name, target="v1")
    promote(server.registry(), "desk", new, told, who="ann", now=NOW, expected_champion=None)
    for written in (second.name, f"{second.name[-4:]}:v1"):
        [found] = compare_targets(there, "alias:champion", written, server=server)
        assert (found.before.run, found.before.target, found.after.run, found.after.target) == (
            *(first.name, "v1"),
            *(second.name, "v1"),
        )
    [found] = compare_targets(there, f"{second.name}:v1", "alias:champion:v2", server=server)
    assert (found.after.run, found.after.target) == (first.name, "v2")
    with pytest.raises(UsageError, match=r"run .* has no target 'v9'"):
        compare_targets(there, second.name + ":v1", "alias:champion:v9", server=server)
    with pytest.raises(UsageError, match="no alias named 'champoin'") as caught:
        compare_targets(there, "alias:champoin", second.name, server=server)
    assert (caught.value.remedy or "").startswith("did you mean 'champion'? or add it to environments in")
    with pytest.raises(UsageError, match="desk has no challenger yet") as caught:
        compare_targets(there, "alias:challenger:v1", second.name, server=server)
    assert caught.value.remedy == "plimsoll promote desk --alias challenger"
    edit(there.root, "suites/desk.yaml", "  v1: {", "  v3: {")
    other = ran(there).name
    with pytest.raises(UsageError, match=f"'{other}' is a run, 'alias:champion' is v1 of run {first.name}") as caught:
        compare_targets(there, other, "alias:champion", server=server)
    assert f"the run's target (v3, v2): {other}:TARGET" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("run:a79b", Word("run", "a79b")),
        ("run:a79b:v2", Word("run", "a79b", "v2")),
        ("branch:feature/x:v2@big", Word("branch", "feature/x", "v2@big")),
        ("tag:time=12:30", Word("tag", "time=12:30")),
        ("a79b:v2", None),
        ("v1", None),
    ],
)
def test_words(written: str, word: Word | None):
    assert run_word(written) == word
