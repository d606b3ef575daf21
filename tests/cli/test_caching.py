"""`plimsoll cache` shows, explains and prunes; nonsense is a usage error; stdout of --json is one object."""

from pathlib import Path

import pytest
from tests.api.parts import edit
from tests.cli.parts import plimsoll

from plimsoll.config import Workspace
from plimsoll.testing import ScriptedEndpoint


@pytest.fixture
def filled(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Workspace:
    """The workspace after a run."""
    assert plimsoll(capsys, "run", "--no-track").code == 0
    return workspace


def test_a_workspace_without_a_cache_says_so(workspace: Workspace, capsys: pytest.CaptureFixture[str]):
    shown = plimsoll(capsys, "cache")
    assert (shown.code, shown.out) == (0, "cell cache: .plimsoll/cache.db\nempty: a run fills it\n")
    assert not (workspace.state / "cache.db").exists()
    assert plimsoll(capsys, "cache", "--prune").code == 2


def test_what_it_holds_is_shown_by_suite(filled: Workspace, capsys: pytest.CaptureFixture[str]):
    shown = plimsoll(capsys, "cache")
    assert shown.code == 0
    assert ": 24 answers, " in shown.out
    assert "  desk: 24 answers, " in shown.out
    document = plimsoll(capsys, "cache", "--json").document
    assert document["exit_code"] == 0
    assert document["file"] == str(Path(".plimsoll", "cache.db"))
    assert document["contents"]["held"]["outputs"] == 24


def test_reasons_are_counted_with_examples_and_nothing_is_sent(
    filled: Workspace, endpoint: ScriptedEndpoint, capsys: pytest.CaptureFixture[str]
):
    edit(filled.root, "prompts/v2.jinja2", "two", "three")
    sent = len(endpoint.requests)
    shown = plimsoll(capsys, "cache", "--explain", "desk")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[:2] == ["suite desk, as its files are now:", "answers: 12 of 24 reused"]
    assert lines[2].startswith("  12  messages changed  (v2/")
    assert "  12  its answer is generated anew" in shown.out
    assert len(endpoint.requests) == sent


def test_one_case_is_shown_in_full(filled: Workspace, capsys: pytest.CaptureFixture[str]):
    edit(filled.root, "prompts/v2.jinja2", "two", "three")
    edit(filled.root, "suites/desk.yaml", "retries: 0", "retries: 0, temperature: 0.7")
    document = plimsoll(capsys, "cache", "--explain", "desk", "--json").document
    case = document["answers"]["reasons"][0]["examples"][0].partition("/")[2]
    shown = plimsoll(capsys, "cache", "--explain", "desk", "--target", "v2", "--case", case)
    assert shown.out.splitlines() == [
        f"v2/{case}: messages changed; model.parameters.temperature not set → 0.7",
        "      messages changed",
        "      model.parameters.temperature not set → 0.7",
        "  exact_match: its answer is generated anew",
        "  short: its answer is generated anew",
    ]


def test_pruning_says_what_was_freed(filled: Workspace, capsys: pytest.CaptureFixture[str]):
    kept = plimsoll(capsys, "cache", "--prune")
    assert kept.out.startswith("removed 0 answers, 0 sets of scores\nfreed ")
    shown = plimsoll(capsys, "cache", "--prune", "--older-than", "30d", "--max-size", "1 kB", "--json")
    assert shown.document["pruned"]["removed"]["outputs"] == 24
    assert shown.document["pruned"]["after"] < shown.document["pruned"]["before"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prune", "--older-than", "30"], "less than a day"),
        (["--prune", "--older-than", "soon"], "not a duration"),
        (["--prune", "--older-than", "-3d"], "not a duration"),
        (["--prune", "--older-than", "99999999999999d"], "too long"),
        (["--prune", "--max-size", "500"], "not a size"),
        (["--prune", "--max-size", "0 MB"], "a size is positive"),
        (["--max-size", "500MB"], "belong to --prune"),
        (["--case", "c1"], "belong to --explain"),
        (["--explain", "desk", "--prune"], "two questions"),
        (["--explain", "nowhere"], "nowhere"),
        (["--explain", "desk", "--case", "nowhere"], "no case 'nowhere'"),
    ],
)
def test_nonsense_is_refused(filled: Workspace, capsys: pytest.CaptureFixture[str], words: list[str], said: str):
    ended = plimsoll(capsys, "cache", *words)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())


def test_a_broken_cache_ends_a_run_with_what_to_do_before_anything_is_sent(
    workspace: Workspace, endpoint: ScriptedEndpoint, capsys: pytest.CaptureFixture[str]
):
    workspace.state.mkdir()
    (workspace.state / "cache.db").write_bytes(b"no database" * 100)
    ended = plimsoll(capsys, "run", "--no-track")
    assert ended.code == 4
    assert "file is not a database" in " ".join(ended.err.split())
    assert not endpoint.requests
    assert plimsoll(capsys, "cache").code == 4
