"""Findings as SARIF and as annotations."""

import json
import re

import pytest
from msgspec.structs import replace

from plimsoll.config.ci_system import CiSystem, ci_system
from plimsoll.errors import ExitCode, Mistake, Where
from plimsoll.reports.annotations import SHOWN, render_annotations
from plimsoll.reports.findings import Kind, findings, named_cases
from plimsoll.reports.review import Places, Review
from plimsoll.reports.sarif import RESULT_LIMIT, render_sarif
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report, example_verdict
from plimsoll.types import Decision

PLACES = Places(
    suite=Where("suites/ferry.yaml", 20),
    rules={"token_f1 on fares, not worse than baseline by more than 0.05": Where("suites/ferry.yaml", 23)},
    prompt=Where("prompts/ferry 2.prompty", 9),
    cases={"ferry-001": Where("datasets/ferry.jsonl", 1), "ferry-024": Where("datasets/ferry.jsonl", 24)},
)

ELSEWHERE = (
    "not shown here: the job's summary and the comment name them, all is in the run's report.html (.plimsoll/runs/RUN/)"
)


def of(report, outcome=Decision.FAIL, verdict=None):
    verdict = verdict or example_verdict(report, outcome)
    view = build_view(report, summarise(report), [verdict])
    return Review("ferry-desk", outcome.exit_code, view, places=PLACES)


@pytest.fixture(scope="module")
def failing(report):
    return of(report)


@pytest.fixture(scope="module")
def whole():
    return example_report(flawless=True, hostile=False)


def test_the_worst_comes_first_and_each_has_its_place(failing):
    broken = Review("bad", ExitCode.USAGE, problems=(Mistake("no such file", Where("suites/bad.yaml", 4)),))
    found = findings([failing, broken])
    kinds = [one.kind for one in found]
    assert kinds == sorted(kinds, key=list(Kind).index)
    assert [one.place for one in found[:3]] == [
        Where("suites/bad.yaml", 4),
        Where("suites/ferry.yaml", 23),
        Where("prompts/ferry 2.prompty", 9),
    ]
    assert (found[2].title, found[2].related) == ("ferry-desk: case ferry-001", Where("datasets/ferry.jsonl", 1))
    assert found[2].text.startswith("token_f1 0.91 to 0.12; named by token_f1 on fares, not worse")
    never_run = next(one for one in found if one.title.startswith("ferry-desk: case ferry-024 on port"))
    assert (never_run.kind, never_run.place) == (Kind.MISSING, Where("datasets/ferry.jsonl", 24))


def test_what_passed_is_no_finding(whole):
    assert findings([of(whole, Decision.PASS)]) == []
    assert named_cases(of(whole, Decision.PASS).view) == set()


def test_a_rule_that_can_not_tell_is_one_and_names_no_case(whole):
    [found] = findings([of(whole, Decision.INCONCLUSIVE)])
    assert (found.kind, found.kind.blocks) == (Kind.INCONCLUSIVE, True)


def test_a_pass_that_did_not_end_as_one_is_one(whole):
    view = of(whole, Decision.PASS).view
    stopped = Review("desk", ExitCode.INCONCLUSIVE, view, (Mistake("the spend cap was reached"),), places=PLACES)
    [found] = findings([stopped])
    assert (found.kind, found.place) == (Kind.UNGATED, PLACES.suite)


# SARIF.


def test_sarif_has_what_the_standard_and_github_ask_for(failing):
    document = json.loads(render_sarif([failing]))
    assert (document["version"], document["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    [run] = document["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "plimsoll"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
    assert run["results"]
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in ("error", "warning", "note", "none")
        assert ids[result["ruleIndex"]] == result["ruleId"]
        [location] = result["locations"]
        physical = location["physicalLocation"]
        assert physical["region"]["startLine"] >= 1
        assert re.fullmatch(r"[A-Za-z0-9._/%-]+", physical["artifactLocation"]["uri"])
        assert physical["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    assert run["invocations"][0]["executionSuccessful"] is True
    assert run["invocations"][0]["exitCode"] == 1


def test_fingerprints_tell_findings_apart_and_stay(failing, report):
    def prints(review):
        results = json.loads(render_sarif([review]))["runs"][0]["results"]
        return [one["partialFingerprints"]["plimsoll/v1"] for one in results]

    assert len(set(prints(failing))) == len(prints(failing))
    rule = replace(example_verdict(report).rules[1], reason="worse by 0.2", estimate=-0.2)
    other = of(report, verdict=replace(example_verdict(report), rules=(rule,)))
    assert set(prints(other)) <= set(prints(failing))


def test_sarif_leaves_out_what_is_not_shown_and_says_so():
    broken = Review("bad", ExitCode.USAGE, problems=tuple(Mistake(f"mistake {n}") for n in range(RESULT_LIMIT + 7)))
    [run] = json.loads(render_sarif([broken]))["runs"]
    assert len(run["results"]) == RESULT_LIMIT
    [told] = run["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"] == "7 further findings left out"
    assert run["invocations"][0]["executionSuccessful"] is False


def test_every_result_has_a_place_since_github_refuses_a_file_with_one_that_has_none():
    unknown = Review("nosuch", ExitCode.USAGE, problems=(Mistake("no suite named 'nosuch'"),))
    [result] = json.loads(render_sarif([unknown]))["runs"][0]["results"]
    [location] = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "suites/nosuch.yaml"


# Annotations.


def test_githubs_commands(failing):
    lines = render_annotations([failing], CiSystem.GITHUB).splitlines()
    assert lines[1] == (
        "::error file=prompts/ferry 2.prompty,line=9,title=ferry-desk%3A case ferry-001::"
        "token_f1 0.91 to 0.12; named by token_f1 on fares, not worse than baseline by more than 0.05"
        "%0Adatasets/ferry.jsonl:1"
    )
    found = findings([failing])
    reasons = {one.text for one in found if one.kind is Kind.MISSING}
    errors = [one for one in found if one.kind is not Kind.MISSING]
    assert [line.split(" ")[0] for line in lines] == ["::error"] * len(errors) + ["::warning"] * len(reasons)


def test_one_reason_is_told_once_with_its_cases_and_stands_at_the_first(failing):
    """A provider that is down is one thing to look at, and not one for each case."""
    lines = render_annotations([failing], CiSystem.GITHUB).splitlines()
    [told] = [line for line in lines if "holds no number" in line]
    assert told.startswith("::warning file=suites/ferry.yaml,line=20,title=ferry-desk%3A 3 cases%3A ferry-006%2C ")
    assert len([one for one in findings([failing]) if "holds no number" in one.text]) == 3


def test_more_than_is_shown_is_counted():
    for amount, last in ((SHOWN, "mistake 9"), (SHOWN + 5, f"6 further findings {ELSEWHERE}")):
        broken = Review("bad", ExitCode.USAGE, problems=tuple(Mistake(f"mistake {n}") for n in range(amount)))
        lines = render_annotations([broken], CiSystem.GITHUB).splitlines()
        assert (len(lines), lines[-1].split("::")[-1]) == (SHOWN, last)


def test_how_many_more_there_are_points_at_none_of_them(failing):
    [section], named = failing.view.verdicts, tuple(f"c{n}" for n in range(SHOWN + 5))
    rules = tuple(replace(rule, listed=named) for rule in section.rules)
    view = replace(failing.view, verdicts=(replace(section, rules=rules),))
    cases = {case: Where("datasets/ferry.jsonl", line) for line, case in enumerate(named, 1)}
    places = Places(prompt=PLACES.prompt, cases=cases)
    many = Review("ferry-desk", ExitCode.FAIL, view, places=places)
    last = [line for line in render_annotations([many], CiSystem.GITHUB).splitlines() if line.startswith("::error")][-1]
    assert last.startswith("::error title=more::")
    assert last.endswith(ELSEWHERE)


def test_azures_commands(failing):
    lines = render_annotations([failing], CiSystem.AZURE).splitlines()
    assert lines[1].startswith(
        "##vso[task.logissue type=error;sourcepath=prompts/ferry 2.prompty;linenumber=9;code=case-failed;]"
        "ferry-desk: case ferry-001: token_f1 0.91 to 0.12; "
    )


@pytest.mark.parametrize("forge", [CiSystem.GITHUB, CiSystem.AZURE])
def test_no_text_ends_its_command_or_begins_another(forge):
    bad = "".join(["100%\r\n::error::x\n##vso[task.setvariable variable=PATH;issecret=false]x", *HOSTILE_TEXTS])
    hostile = Review(bad, ExitCode.USAGE, problems=(Mistake(bad, Where("a,b;c]:d\n.yaml", 1), bad),))
    [line] = render_annotations([hostile], forge).split("\n")[:-1]
    assert "\r" not in line
    pattern, between, names = {
        # A property holds neither a colon nor a comma, or a semicolon nor a bracket.
        CiSystem.GITHUB: (r"::error ([^:]*)::.*", ",", ["file", "line", "title"]),
        CiSystem.AZURE: (r"##vso\[task\.logissue ([^]]*);\].*", ";", ["type", "sourcepath", "linenumber", "code"]),
    }[forge]
    command = re.fullmatch(pattern, line)
    assert command is not None
    assert [part.split("=")[0] for part in command[1].split(between)] == names


def test_where_nothing_stands_in_the_way_nothing_is_printed(whole):
    assert render_annotations([of(whole, Decision.PASS)], CiSystem.GITHUB) == ""


@pytest.mark.parametrize(
    ("environ", "lines"),
    [({"GITHUB_ACTIONS": "true"}, True), ({"TF_BUILD": "True"}, True), ({"GITLAB_CI": "true"}, False), ({}, False)],
)
def test_only_a_system_that_shows_annotations_gets_them(whole, environ, lines):
    assert bool(render_annotations([of(whole, Decision.FAIL)], ci_system(environ))) is lines
