"""What a reviewer is told of a gate: places, the prompt's difference, how to repeat it."""

import shlex
import subprocess

import pytest
from tests.api.parts import Desk, edit, write_workspace

from plimsoll.api.gating import gate_suite
from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.reviewing import review_of, review_of_error
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode, Mistake, Where
from plimsoll.reports.markdown import render_comment
from plimsoll.reports.review import Place
from plimsoll.runs.observer import Silent

OLD = "---\nname: v1\n---\nsystem:\nBe brief.\n\nuser:\none {{ question }}\n"
OFF = RunOptions(track=False)


@pytest.fixture
def inside(tmp_path, endpoint, monkeypatch) -> Workspace:
    """A workspace in a folder of a repository; v2 is held against v1, both promptys."""
    found = write_workspace(
        tmp_path / "repository" / "evals" / "desk",
        files={"prompts/v1.prompty": OLD, "prompts/v2.prompty": OLD.replace("brief", "kind").replace("one", "two")},
    )
    edit(found.root, "suites/desk.yaml", "gate:\n  target: v1\n", "gate:\n  target: v2\n  baseline: v1\n")
    for name in ("v1", "v2"):
        edit(found.root, "suites/desk.yaml", f"{name}.jinja2", f"{name}.prompty")
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "repository")], check=True)
    monkeypatch.chdir(found.root)
    return found


def reviewed(workspace: Workspace, options: GateOptions = GateOptions(run=OFF)):  # noqa: B008  # frozen
    return review_of(gate_suite(workspace, "desk", options, Silent()), options)


def test_places_are_relative_to_the_repository(inside: Workspace, desk: Desk):
    desk.wrong["two"] = set(range(1, 12))
    places = reviewed(inside).places
    assert places.suite == Place("evals/desk/suites/desk.yaml", 11)
    assert places.rules["exact_match", None, "at least 0.5"] == Place("evals/desk/suites/desk.yaml", 15)
    # The first line that is not the baseline's.
    assert places.prompt == Place("evals/desk/prompts/v2.prompty", 5)
    assert places.cases["c4"] == Place("evals/desk/datasets/desk.jsonl", 5)


def test_without_a_baseline_the_place_is_where_the_template_begins(inside: Workspace):
    edit(inside.root, "suites/desk.yaml", "  baseline: v1\n", "  baseline: none\n")
    edit(inside.root, "suites/desk.yaml", "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}\n", "")
    review = reviewed(inside)
    assert review.places.prompt == Place("evals/desk/prompts/v2.prompty", 4)
    assert review.difference is None


def test_a_secret_is_not_in_the_difference(inside: Workspace, monkeypatch):
    monkeypatch.setenv("SERVICE_PASSWORD", "ferrydesk")
    # As a part of a longer word it is taken for one by chance, and bundled.
    edit(inside.root, "prompts/v2.prompty", "Be kind.", "Be kind, ask ferrydesk-hotline.")
    review = reviewed(inside)
    text = render_comment([review])
    assert "+Be kind, ask [SERVICE_PASSWORD redacted]-hotline." in text
    assert "ferrydesk" not in text


def test_what_can_not_be_bundled_is_said_and_its_secret_is_not(inside: Workspace, monkeypatch):
    key = "sk-planted-0123456789abcdef"
    monkeypatch.setenv("OTHER_API_KEY", key)
    edit(inside.root, "prompts/v2.prompty", "Be kind.", f"Be {key}.")
    text = render_comment([reviewed(inside)])
    assert "What was changed of the target can't be shown: v2 can't be bundled" in text
    assert key not in text


def test_another_runs_baseline_is_compared_by_what_its_plan_says(inside: Workspace):
    first = gate_suite(inside, "desk", GateOptions(run=OFF, target="v1", baseline="v2"), Silent())
    options = GateOptions(run=OFF, baseline=f"run:{first.run.folder.name}:v1")
    found = reviewed(inside, options).difference
    assert found is not None
    [prompt] = found.parts
    assert (prompt.title, prompt.lines) == ("prompts/v1.prompty → prompts/v2.prompty", ())


def test_the_command_repeats_the_gate(inside: Workspace):
    options = GateOptions(
        run=RunOptions(track=False, sample=11, repeats=2, filters=(("slice", "odd one"),)), baseline="v1", looks=None
    )
    edit(inside.root, "datasets/desk.jsonl", '"odd"', '"odd one"')
    review = reviewed(inside, options)
    assert shlex.split(review.again.split("\n")[-1]) == [
        *["plimsoll", "gate", "desk", "--target", "v2", "--baseline", "v1"],
        *["--sample", "11", "--repeats", "2", "--filter", "slice=odd one"],
    ]


def test_an_error_has_its_places_and_its_code(inside: Workspace):
    error = ConfigError([Mistake("no such file", Where("prompts/x.prompty", 3), "look"), Mistake("worse")])
    review = review_of_error(inside, "suites/desk.yaml", error)
    assert (review.suite, review.code, review.view) == ("desk", ExitCode.USAGE, None)
    assert [problem.place for problem in review.problems] == [
        Place("evals/desk/prompts/x.prompty", 3),
        Place("evals/desk/suites/desk.yaml", 1),
    ]
    unknown = review_of_error(inside, "nosuch", error)
    assert unknown.problems[1].place is None
