from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from tests.reports.parts import junit

from plimsoll.errors import ExitCode, Mistake, Where
from plimsoll.reports.junit import render_tests
from plimsoll.reports.model import Standing
from plimsoll.reports.review import UNAFFECTED, Review
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report, example_verdict
from plimsoll.types import Decision


def made(report, *verdicts):
    return build_view(report, summarise(report), verdicts)


def parsed(view):
    return ET.fromstring(junit(view).encode())


METRICS = ("token_f1", "exact_match")
"""Those that have a condition."""


def results(root, suite):
    """Case → failure, error, skipped or passed."""
    cases = root.findall(f"testsuite[@name='{suite}']/testcase")
    return {
        case.attrib["name"]: next((child.tag for child in case if child.tag != "system-out"), "passed")
        for case in cases
    }


def test_a_small_run(snapshot):
    report = example_report(6, targets=("v1", "v2"))
    assert junit(made(report, example_verdict(report))) == snapshot


def test_every_case_of_the_challenger_is_there_in_the_datasets_order(view, report):
    [suite, *others] = parsed(view)
    assert [suite.attrib["name"] for suite in others] == ["ferry-desk.port.gate", "ferry-desk.run"]
    assert [case.attrib["name"] for case in suite] == list(report.cases)
    assert {case.attrib["classname"] for case in suite} == {suite.attrib["name"]} == {"ferry-desk.port"}


def test_names_do_not_depend_on_results():
    reports = [example_report(seed=seed) for seed in (1, 2)]
    good, bad = (parsed(made(report, example_verdict(report))) for report in reports)
    assert [case.attrib["name"] for case in good.iter("testcase")] == [
        case.attrib["name"] for case in bad.iter("testcase")
    ]


def found(element, tag):
    return len(element.findall(f".//{tag}"))


def test_counts_add_up(view):
    root = parsed(view)
    for element in (root, *root):
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            # Surefire's schema has no `skipped` at the root.
            assert element.get(name) == (None if (element, tag) == (root, "skipped") else str(found(element, tag)))
        assert int(element.attrib["tests"]) == len(element.findall(".//testcase"))


@pytest.mark.parametrize(
    ("outcome", "tag"), [(Decision.PASS, "passed"), (Decision.FAIL, "failure"), (Decision.INCONCLUSIVE, "error")]
)
def test_a_rule_is_a_test_and_inconclusive_is_no_pass(report, outcome, tag):
    found = results(parsed(made(report, example_verdict(report, outcome))), "ferry-desk.port.gate")
    assert found["token_f1 on fares, not worse than baseline by more than 0.05"] == tag


@pytest.mark.parametrize("rules", [(), None], ids=["no rules", "all pass"])
def test_a_verdict_that_no_rule_tells_is_told(report, rules):
    passing = example_verdict(report, Decision.PASS)
    verdict = replace(passing, outcome=Decision.INCONCLUSIVE, rules=passing.rules if rules is None else rules)
    assert results(parsed(made(report, verdict)), "ferry-desk.port.gate")["verdict"] == "error"


def test_repeats_are_one_case_that_passes_only_if_all_do():
    report = example_report(12, targets=("v1",), repeats=3, hostile=False)
    rule = ruled(report, Decision.PASS, slice=None, flipped=())
    view = made(report, replace(example_verdict(report), baseline=None, outcome=Decision.PASS, rules=(rule,)))
    found = results(parsed(view), "ferry-desk.v1")
    assert len(found) == 12
    assert "passed" in found.values()
    for case in view.cases:
        scores = [score for answer in case.answers for score in answer.scores if score.metric == "token_f1"]
        if not all(score.passed for score in scores):
            assert found[case.id] != "passed"


def test_xml_is_valid_for_any_text(report):
    bad = " ".join(HOSTILE_TEXTS)
    cases = {name: replace(case, inputs={bad: bad}, expected=bad) for name, case in report.cases.items()}
    cells = tuple(
        replace(c, outcome=replace(c.outcome, text=bad) if c.output else replace(c.outcome, message=bad))
        for c in report.cells
    )
    hostile = replace(report, cases=cases, cells=cells, run=replace(report.run, suite=bad))
    root = parsed(made(hostile, example_verdict(hostile)))
    assert "⟨U+001B⟩" in "".join(root.itertext())


def ruled(report, outcome, metric="token_f1", **changes):
    """The example's rule with flips of the first three cases (two of them for the worse)."""
    return replace(example_verdict(report).rules[1], outcome=outcome, metric=metric, **changes)


def gated(report, *rules):
    outcomes = {rule.outcome for rule in rules}
    outcome = next(outcome for outcome in (Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS) if outcome in outcomes)
    return parsed(made(report, replace(example_verdict(report), outcome=outcome, rules=rules)))


@pytest.fixture(scope="module")
def whole():
    return example_report(flawless=True, hostile=False)


def test_a_gate_that_passes_has_no_failed_test(whole):
    did_not_pass = [case.id for case in made(whole).cases if case.of("port")[0].standing is Standing.FAILED]
    assert did_not_pass
    # They lack exact_match, some of them token_f1 too; without either no rule asks for anything that a case could pass.
    for metric, tags in (
        ("exact_match", {"skipped"}),
        ("token_f1", {"passed", "skipped"}),
        ("latency_p95", {"skipped"}),
    ):
        root = gated(whole, ruled(whole, Decision.PASS, metric, slice=None))
        assert (root.attrib["failures"], root.attrib["errors"]) == ("0", "0")
        found = results(root, "ferry-desk.port")
        assert {found[name] for name in did_not_pass} == tags


def test_a_gates_tests_are_the_challengers_cases_and_the_rules(whole):
    root = gated(whole, ruled(whole, Decision.PASS))
    assert [suite.attrib["name"] for suite in root] == [
        "ferry-desk.port",
        "ferry-desk.port.gate",
        "ferry-desk.run",
    ]
    assert list(results(root, "ferry-desk.port")) == list(whole.cases)


def test_a_case_fails_where_a_rule_that_failed_names_it(whole):
    root = gated(
        whole,
        ruled(whole, Decision.FAIL),
        ruled(whole, Decision.FAIL, "exact_match", flipped=(), failing=("ferry-007",)),
        ruled(whole, Decision.INCONCLUSIVE, "relevance", flipped=(), failing=("ferry-008",)),
    )
    found = results(root, "ferry-desk.port")
    assert [name for name, tag in found.items() if tag == "failure"] == ["ferry-001", "ferry-002", "ferry-007"]
    assert Counter(results(root, "ferry-desk.port.gate").values()) == {"failure": 2, "error": 1}


def test_what_does_not_pass_by_a_metric_that_no_rule_asks_for_is_told_and_decides_nothing(whole):
    """The rules decide: its test passes, and its output says it."""
    root = gated(whole, ruled(whole, Decision.PASS, "token_f1", slice=None, flipped=()))
    told = {case.attrib["name"]: case.findtext("system-out") or "" for case in root.iter("testcase")}
    found = results(root, "ferry-desk.port")
    apart = [name for name, tag in found.items() if tag == "passed" and told[name]]
    assert apart
    assert all(told[name].startswith("no rule asks for it, and it does not pass: exact_match is no") for name in apart)
    both = gated(whole, *(ruled(whole, Decision.PASS, metric, slice=None, flipped=()) for metric in METRICS))
    assert not list(both.iter("system-out"))


def test_in_a_gate_a_failed_cell_and_a_value_that_a_rule_lacks_are_errors(report):
    found = results(gated(report, ruled(report, Decision.PASS)), "ferry-desk.port")
    assert (found["ferry-013"], found["ferry-024"]) == ("error", "error")  # no answer, never run
    unscored = [case.id for case in made(report).cases if case.of("v2")[0].standing is Standing.ERROR]
    assert unscored
    for metric, slice_, wanted in (
        ("relevance", None, "error"),
        ("token_f1", None, "passed"),
        ("relevance", "unanswerable", "skipped"),
    ):
        rule = ruled(report, Decision.PASS, metric, slice=slice_, flipped=())
        root = parsed(made(report, replace(example_verdict(report), target="v2", baseline="v1", rules=(rule,))))
        tags = {results(root, "ferry-desk.v2")[name] for name in unscored}
        assert wanted in tags
        assert ("error" in tags) is (wanted == "error")


SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        {"properties", "testcase"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "time", "classname"}, {"skipped", "error", "failure", "system-out"}),
    "system-out": (set(), set()),
    "skipped": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "failure": ({"message", "type"}, set()),
}
"""Element → the attributes and the elements in it that Jenkins' strict reader (xunit-plugin, junit-10.xsd) takes, of
those that we write."""


def reviews(report):
    verdict = example_verdict(report)
    problem = Mistake("unknown key 'evaluator'", Where("suites/router.yaml", 7), "did you mean 'evaluators'?")
    return [
        Review("ferry-desk", ExitCode.FAIL, made(report, verdict)),
        Review("down", ExitCode.INFRASTRUCTURE, made(report, example_verdict(report, Decision.PASS)), (problem,)),
        Review("router", ExitCode.USAGE, problems=(problem,)),
    ]


def test_several_suites_are_one_document_that_strict_readers_take(report):
    root = ET.fromstring(render_tests(reviews(report)).encode())
    for element in root.iter():
        attributes, inside = SCHEMA[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= inside
    for suite in root:
        assert {"name", "tests", "failures", "errors"} <= set(suite.attrib)
    assert results(root, "ferry-desk.run") == {"run": "passed"}
    # The rules passed; how it ended says otherwise.
    assert results(root, "down.run") == results(root, "router.run") == {"run": "error"}


def test_what_went_wrong_stands_in_the_content_too_where_gitlab_looks(report):
    root = ET.fromstring(render_tests(reviews(report)).encode())
    for problem in (one for tag in ("failure", "error", "skipped") for one in root.iter(tag)):
        assert (problem.text or "").startswith(problem.attrib["message"].rstrip())
    assert "suites/router.yaml:7" in (root.findtext("testsuite[@name='router.run']/testcase/error") or "")


def test_names_are_unique_for_readers_that_take_the_first_of_equal_ones(report):
    found = [
        (one.attrib["classname"], one.attrib["name"])
        for one in parsed(made(report, example_verdict(report))).iter("testcase")
    ]
    assert len(found) == len(set(found))


def test_no_suite_at_all_is_one_skipped_test():
    root = ET.fromstring(render_tests([]).encode())
    assert results(root, "plimsoll") == {"affected": "skipped"}
    assert [one.attrib["message"] for one in root.iter("skipped")] == [UNAFFECTED]


@pytest.mark.parametrize("started", ["2026-03-14T15:09:26Z", "2026-03-14T15:09:26+00:00"])
def test_the_time_of_a_run_has_no_offset_which_strict_readers_refuse(started):
    report = example_report(2)
    report = replace(report, run=replace(report.run, started=started))
    suites = parsed(made(report, example_verdict(report))).iter("testsuite")
    assert {suite.get("timestamp") for suite in suites if suite.get("name") != "ferry-desk.run"} == {
        "2026-03-14T15:09:26"
    }
