"""`compare` on the command line: its exit codes, its JSON, and what it says when it can't."""

import jsonschema
import pytest
from tests.api.parts import Desk
from tests.cli.parts import plimsoll

from plimsoll.api.schemas import schemas
from plimsoll.config import Workspace


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_equivalence_ends_with_what_it_found(workspace: Workspace, desk: Desk, capsys, narrow: None):
    plimsoll(capsys, "run", "desk", "--no-track")
    # None of 12 differs: at most 1 − 0.05^(1/12) = 0.22 may.
    same = plimsoll(capsys, "compare", "v1", "v2", "--equivalent", "0.25")
    assert (same.code, same.err) == (0, "")
    assert "exact_match  equivalent  −0.221 to +0.221  0.032" in same.out
    unsure = plimsoll(capsys, "compare", "v1", "v2", "--equivalent", "0.1", "--metric", "exact_match")
    assert unsure.code == 3
    assert "the interval holds the margin; about 17 more cases" in " ".join(unsure.out.split())
    assert "short" not in unsure.out.split()
    desk.wrong["two"] = set(range(12))
    plimsoll(capsys, "run", "desk", "--no-track", "--no-cache")
    other = plimsoll(capsys, "compare", "v1", "v2", "--equivalent", "0.25", "--json")
    assert (other.code, other.document["exit_code"], other.document["equivalence"]) == (1, 1, "different")
    plain = plimsoll(capsys, "compare", "v1", "v2")
    assert (plain.code, "worse" in plain.out) == (0, True)


def test_what_json_prints_fits_the_published_schema(workspace: Workspace, desk: Desk, capsys):
    desk.wrong["two"] = {1, 2, 3}
    plimsoll(capsys, "run", "desk", "--no-track")
    found = plimsoll(capsys, "compare", "v1", "v2", "--slice", "odd", "--json").document
    jsonschema.validate(found, schemas()["compare"])
    [entry] = found["comparisons"]
    assert [case["case"] for case in entry["flips"]] == ["c1", "c3"]
    assert {row["slice"] for row in entry["slices"]} == {"odd"}
    assert found["equivalence"] is None


def test_two_runs_are_shown_target_by_target(workspace: Workspace, capsys, narrow: None):
    for _ in range(2):
        plimsoll(capsys, "run", "desk", "--no-track")
    runs = sorted(path.name for path in (workspace.state / "runs").iterdir())
    ended = plimsoll(capsys, "compare", *runs)
    short = [run.rpartition("-")[2] for run in runs]
    assert [line for line in ended.out.splitlines() if " against " in line] == [
        f"{short[1]}:v1 against {short[0]}:v1",
        f"{short[1]}:v2 against {short[0]}:v2",
    ]
    assert max(map(len, ended.out.splitlines())) <= 80


def test_a_mistake_is_told_with_its_remedy(workspace: Workspace, capsys):
    plimsoll(capsys, "run", "desk", "--no-track")
    wrong = plimsoll(capsys, "compare", "v1", "v2", "--metric", "exact", "--json")
    assert wrong.code == 2
    assert "error: the run has no metric 'exact'\n  help: did you mean 'exact_match'?" in wrong.err
    jsonschema.validate(wrong.document, schemas()["compare"])
