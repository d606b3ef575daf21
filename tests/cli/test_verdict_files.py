"""What `gate` leaves for a reviewer and a CI system, of one suite and of several."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.api.parts import Desk, edit
from tests.cli.parts import plimsoll

from plimsoll.cli.verdict_files import UNFINISHED, Files
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.reports.markdown import COMMENT_KEY, marker

FILES = ("--no-track", "--markdown", "out/v.md", "--junit", "out/v.xml", "--sarif", "out/v.sarif")
GATE = "gate:\n  target: v1\n"


@pytest.fixture
def beside(workspace: Workspace) -> Workspace:
    """v2 is held against v1, which needs no store."""
    edit(workspace.root, "suites/desk.yaml", GATE, "gate:\n  target: v2\n  baseline: v1\n")
    return workspace


def written(workspace: Workspace) -> tuple[list[str], ET.Element, dict[str, Any]]:
    out = workspace.root / "out"
    markdown = (out / "v.md").read_text(encoding="utf-8").splitlines()
    tests = ET.fromstring((out / "v.xml").read_bytes())
    return markdown, tests, json.loads((out / "v.sarif").read_bytes())["runs"][0]


def results(tests: ET.Element) -> dict[str, str]:
    cases = tests.iter("testcase")
    return {
        f"{one.attrib['classname']}: {one.attrib['name']}": next((tag.tag for tag in one), "passed") for one in cases
    }


def test_of_several_suites_one_file_of_each_kind_tells_all(beside: Workspace, desk: Desk, capsys):
    text = (beside.root / "suites" / "desk.yaml").read_text(encoding="utf-8")
    for name, old, new in (("broken", "exact_match\n", "exact_mach\n"), ("strict", "at_least: 0.5", "at_least: 0.95")):
        suite = text.replace("name: desk", f"name: {name}").replace(old, new)
        (beside.root / "suites" / f"{name}.yaml").write_text(suite, encoding="utf-8")
    desk.wrong["two"] = {3, 4, 5, 6, 7, 8, 9}
    ended = plimsoll(capsys, "gate", *FILES, "--annotations", "github")
    assert ended.code == 2
    markdown, tests, run = written(beside)
    assert markdown[0].startswith(
        "**ERROR** 3 suites, 1 could not be gated, 1 failed, 1 inconclusive: broken: no evaluator named"
    )
    assert markdown[1] == marker(COMMENT_KEY)
    assert [line for line in markdown if line.startswith("### ")] == ["### broken", "### strict", "### desk"]
    assert "`c3`: exact_match yes to no" in "\n".join(markdown)

    told = results(tests)
    assert (told["broken.run: run"], told["desk.run: run"], told["strict.run: run"]) == ("error", "passed", "passed")
    assert (told["strict.v2: c3"], told["desk.v2: c3"]) == ("failure", "skipped")

    assert run["invocations"][0]["exitCode"] == 2
    [ungated] = [one for one in run["results"] if one["ruleId"] == "plimsoll/not-gated"]
    place = ungated["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("suites/broken.yaml", 9)
    case = next(one for one in run["results"] if one["ruleId"] == "plimsoll/case-failed")
    assert case["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "prompts/v2.jinja2"
    assert case["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 4
    rule = next(one for one in run["results"] if one["ruleId"] == "plimsoll/rule-failed")
    assert rule["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "suites/strict.yaml"

    lines = [line for line in ended.out.splitlines() if line.startswith("::")]
    assert lines[0].startswith("::error file=suites/broken.yaml,line=9,title=broken%3A not gated (exit code 2)::")
    assert len(lines) == 10
    assert "further findings not shown here" in lines[-1]


def test_the_prompts_difference_and_the_way_back_are_told(beside: Workspace, desk: Desk, capsys):
    ended = plimsoll(capsys, "gate", "desk", *FILES, "--annotations", "auto")
    assert ended.code == 0
    markdown, tests, run = written(beside)
    assert markdown[0].startswith("**PASS** desk: v2 may be promoted")
    assert {"-one {{ question }}", "+two {{ question }}"} <= set(markdown)
    assert "plimsoll gate desk --target v2 --no-track" in markdown
    assert (tests.attrib["failures"], tests.attrib["errors"], run["results"]) == ("0", "0", [])


def test_a_suite_that_can_not_be_gated_leaves_files_too(beside: Workspace, capsys):
    edit(beside.root, "suites/desk.yaml", "v1.jinja2", "gone.jinja2")
    assert plimsoll(capsys, "gate", "desk", *FILES, "--json").code == 2
    markdown, tests, run = written(beside)
    assert markdown[0].startswith("**ERROR** desk: ")
    assert "`suites/desk.yaml:6`" in "\n".join(markdown)
    assert results(tests) == {"desk.run: run": "error"}
    assert [one["ruleId"] for one in run["results"]] == ["plimsoll/not-gated"]


@pytest.mark.long
def test_a_provider_that_is_down_is_no_verdict(beside: Workspace, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert plimsoll(capsys, "gate", "desk", *FILES).code == 4
    markdown, tests, run = written(beside)
    assert markdown[0].startswith("**ERROR** desk: ")
    assert "(exit code 4)" in markdown[0]
    assert results(tests)["desk.run: run"] == "error"
    assert run["invocations"][0]["executionSuccessful"] is False


def test_annotations_leave_json_alone_on_stdout(beside: Workspace, desk: Desk, capsys):
    desk.wrong["two"] = set(range(12))
    ended = plimsoll(capsys, "gate", "desk", "--no-track", "--json", "--annotations", "azure")
    assert (ended.code, ended.document["exit_code"]) == (1, 1)
    assert "##vso[task.logissue type=error;sourcepath=suites/desk.yaml;" in ended.err


def test_files_say_that_nothing_was_decided_until_it_is(tmp_path):
    places = [tmp_path / name for name in ("v.md", "v.xml", "v.sarif")]
    Files(*places).begin(["desk", "other"])
    for place in places:
        assert UNFINISHED in place.read_text(encoding="utf-8")
    assert places[0].read_text(encoding="utf-8").startswith("**INTERRUPTED** 2 suites")


def test_a_file_that_can_not_be_one_is_refused_before_anything_runs(beside: Workspace, desk: Desk, capsys):
    ended = plimsoll(capsys, "gate", "--no-track", "--sarif", "suites")
    assert (ended.code, "is a folder" in ended.err, desk.requests) == (2, True, 0)


def test_an_unknown_forge_is_refused():
    with pytest.raises(UsageError, match="no annotations for 'githb'") as refused:
        Files.of(None, None, None, "githb")
    assert refused.value.remedy == "did you mean 'github'?"
