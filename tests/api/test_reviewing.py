"""What a reviewer is told of a gate: places, the prompt's difference, how to repeat it."""

import json
import re
import shlex
import subprocess

import pytest
from tests.api.parts import Desk, cases, edit, write_cases, write_workspace
from tests.api.repository import commit

from plimsoll.api.gating import gate_suite
from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.reviewing import review_of, review_of_error
from plimsoll.config import Workspace
from plimsoll.config.ci_system import CiSystem
from plimsoll.errors import ConfigError, ExitCode, Mistake, UsageError, Where
from plimsoll.reports.annotations import render_annotations
from plimsoll.reports.junit import render_tests
from plimsoll.reports.markdown import render_comment
from plimsoll.reports.sarif import render_sarif
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply

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
    assert places.suite == Where("evals/desk/suites/desk.yaml", 11)
    assert places.rules["exact_match, at least 0.5"] == Where("evals/desk/suites/desk.yaml", 15)
    # The first line that is not the baseline's.
    assert places.prompt == Where("evals/desk/prompts/v2.prompty", 5)
    assert places.cases["c4"] == Where("evals/desk/datasets/desk.jsonl", 5)


def test_a_case_whose_id_can_not_be_shown_as_it_is_has_its_place(inside: Workspace, desk: Desk):
    desk.wrong["two"] = set(range(1, 12))
    write_cases(inside.root, [{**row, "id": f"\u200b{row['id']}"} for row in cases()])
    assert reviewed(inside).places.cases["⟨U+200B⟩c4"] == Where("evals/desk/datasets/desk.jsonl", 5)


def test_without_a_baseline_the_place_is_where_the_template_begins(inside: Workspace):
    edit(inside.root, "suites/desk.yaml", "  baseline: v1\n", "  baseline: none\n")
    edit(inside.root, "suites/desk.yaml", "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}\n", "")
    review = reviewed(inside)
    assert review.places.prompt == Where("evals/desk/prompts/v2.prompty", 4)
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
        *["--sample", "11", "--repeats", "2", "--filter", "slice=odd one", "--no-track"],
    ]


def test_a_suite_whose_name_finds_another_is_told_by_its_file(inside: Workspace):
    text = (inside.root / "suites/desk.yaml").read_text(encoding="utf-8")
    (inside.root / "suites/other.yaml").write_text(text, encoding="utf-8")
    options = GateOptions(run=OFF)
    review = review_of(gate_suite(inside, "other", options, Silent()), options)
    assert review.again.split("\n")[-1].startswith("plimsoll gate suites/other.yaml --target v2")


def test_a_merge_that_the_job_made_is_told_by_the_commit_that_can_be_fetched(inside: Workspace, monkeypatch):
    commit(inside.root)
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_SHA": "5" * 40,
        "GITHUB_EVENT_PATH": str(inside.root / "event.json"),
    }.items():
        monkeypatch.setenv(name, value)
    event = {"pull_request": {"number": 12, "head": {"sha": "a1" * 20, "ref": "fares"}, "base": {}}}
    (inside.root / "event.json").write_text(json.dumps(event), encoding="utf-8")
    assert reviewed(inside).again.split("\n")[0] == "# at commit a1a1a1a1a1, merged into its target branch"


PRIVATE = ("Ann O'Lee", "ann.lee@example.com", "O&#x27;Lee", "Lee/c3")


@pytest.fixture
def private(inside: Workspace, desk: Desk) -> Workspace:
    """Cases of a customer, in the ids, the questions, what the model says, and what it refuses."""
    (inside.root / "pyproject.toml").write_text(
        '[tool.plimsoll.privacy]\nredact = ["customer", "expected"]\npatterns = {email = \'[\\w.]+@[\\w.]+\'}\n',
        encoding="utf-8",
    )
    rows = cases(customer="Ann O'Lee", note="of ann.lee@example.com")
    write_cases(inside.root, [{**row, "id": f"Ann O'Lee/{row['id']}"} for row in rows])
    for name in ("v1", "v2"):
        edit(inside.root, f"prompts/{name}.prompty", "{{ question }}", "{{ customer }} {{ note }} {{ question }}")
    edit(inside.root, "prompts/v2.prompty", "Be kind.", "Be kind, or write to ann.lee@example.com.")
    desk.wrong["two"] = set(range(3, 12))
    desk.replies[1] = Reply(status=400, body={"error": {"message": "refused: Ann O'Lee <ann.lee@example.com>"}})
    return Workspace.find(inside.root)


def test_what_is_redacted_for_the_server_is_not_told_on_a_forge_either(private: Workspace):
    options = GateOptions(run=RunOptions(track=False, filters=(("customer", "Ann O'Lee"),)))
    found = gate_suite(private, "desk", options, Silent())
    assert "Ann O'Lee" in found.run.html.read_text(encoding="utf-8").replace("&#39;", "'")
    review = review_of(found, options)
    documents = [
        render_comment([review], "gate"),
        render_tests([review]),
        render_sarif([review]),
        *(render_annotations([review], system) for system in (CiSystem.GITHUB, CiSystem.AZURE)),
    ]
    for text in documents:
        assert not [each for each in (*PRIVATE, "answer 3") if each in text]
        assert "[customer redacted]" in text.replace("\\", "")
    # Figures, flips and places stay.
    assert "cases flipped for the worse" in documents[0]
    assert review.places.cases
    assert "--filter 'customer=[customer redacted]'" in review.again


def test_a_field_that_is_misspelt_keeps_the_comment_back(private: Workspace):
    edit(private.root, "pyproject.toml", '"customer"', '"custmer"')
    options = GateOptions(run=OFF)
    found = gate_suite(Workspace.find(private.root), "desk", options, Silent())
    with pytest.raises(ConfigError, match="custmer") as refused:
        review_of(found, options)
    assert f"plimsoll gate desk --run {found.run.folder.name}" in str(refused.value.mistakes[0].remedy)


def test_an_error_quotes_nothing_that_a_pattern_finds(private: Workspace):
    error = ConfigError([Mistake("no model for ann.lee@example.com", None, "ask ann.lee@example.com")])
    [problem] = review_of_error(private, "desk", error).problems
    assert (problem.message, problem.remedy) == ("no model for [email redacted]", "ask [email redacted]")


def test_an_error_has_its_places_and_its_code(inside: Workspace):
    error = ConfigError([Mistake("no such file", Where("prompts/x.prompty", 3), "look"), Mistake("worse")])
    review = review_of_error(inside, "suites/desk.yaml", error)
    assert (review.suite, review.code, review.view) == ("desk", ExitCode.USAGE, None)
    assert [problem.where for problem in review.problems] == [
        Where("evals/desk/prompts/x.prompty", 3),
        Where("evals/desk/suites/desk.yaml", 1),
    ]
    unknown = review_of_error(inside, "nosuch", error, GateOptions())
    # Nothing to be typed would gate it.
    assert unknown.again == ""
    assert unknown.problems[1].where is None


def test_a_suite_that_could_not_be_gated_has_its_command_without_what_is_private(private: Workspace):
    options = GateOptions(run=RunOptions(track=False, filters=(("customer", "Ann O'Lee"),)), base="main")
    review = review_of_error(private, "desk", UsageError("no such ref"), options)
    assert review.again == "plimsoll gate desk --base main --filter 'customer=[customer redacted]' --no-track"
    assert review.again in render_comment([review])
    commit(private.root)
    again = review_of_error(private, "suites/desk.yaml", UsageError("no such ref"), GateOptions()).again
    assert re.fullmatch(r"# at commit [0-9a-f]{10}\nplimsoll gate suites/desk.yaml", again)
