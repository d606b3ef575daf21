"""What passes, fails, and is an error; and what a person reads of it."""

from __future__ import annotations

import pytest
from tests.api.parts import SUITE, Desk, edit
from tests.pytest_plugin.parts import NO_GATE, RELATIVE, Bed

from plimsoll.testing import Reply


def suite(bed: Bed, text: str) -> None:
    (bed.root / "suites" / "desk.yaml").write_text(text, encoding="utf-8")


def test_with_a_gate_the_policy_decides_and_a_condition_that_is_not_met_is_no_failure(bed: Bed, desk: Desk) -> None:
    desk.wrong = {"one": {3}}
    result = bed.outcomes("-rx", passed=24, xfailed=1)
    result.stdout.fnmatch_lines(
        ["XFAIL suites/desk.yaml::v1::c3 - exact_match is no (expected 'answer 3'); the suite's gate decides"]
    )
    assert desk.requests == 24


def test_without_a_gate_the_conditions_decide_and_the_text_says_why(bed: Bed, desk: Desk) -> None:
    suite(bed, NO_GATE)
    desk.wrong = {"one": {3}}
    result = bed.outcomes(passed=23, failed=1)
    result.stdout.fnmatch_lines(
        [
            "exact_match is no (expected 'answer 3')",
            "case       c3 (datasets/desk.jsonl:4), slices: odd",
            "input      question 3",
            "expected   answer 3",
            "answer     no idea",
            "score      exact_match: no, does not pass (passes if yes): expected 'answer 3'",
            "score      short: yes, passes (passes if yes)",
            "run        plimsoll report *-desk-*",
            "FAILED suites/desk.yaml::v1::c3 - Failed: exact_match is no *",
        ]
    )
    assert "pytest_plugin/items.py" not in result.stdout.str()


def test_cases_fail_beside_the_gate_where_they_are_asked_to(bed: Bed, desk: Desk) -> None:
    desk.wrong = {"one": {3}}
    bed.outcomes("--plimsoll-cases", passed=24, failed=1)


def test_the_condition_of_a_case_is_told(bed: Bed, desk: Desk) -> None:
    suite(bed, NO_GATE.replace("- short", "- token_f1: {pass_if: '>= 0.5'}"))
    desk.wrong = {"one": {7}}
    result = bed.outcomes("-k", "v1 and c7", failed=1)
    result.stdout.fnmatch_lines(["score      token_f1: 0, does not pass (pass_if: >= 0.5)*"])


def test_where_nothing_could_fail_nothing_passes(bed: Bed) -> None:
    suite(bed, NO_GATE.replace("  - exact_match\n  - short", "  - tokens"))
    bed.outcomes("-k", "c7", skipped=2)


def test_a_provider_that_fails_is_an_error_and_a_target_that_does_is_a_failure(bed: Bed, desk: Desk) -> None:
    desk.replies = {5: Reply(status=500, body="boom"), 6: Reply(text="")}
    result = bed.outcomes("-k", "v1", passed=10, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at setup of desk: v1, case c5*", "server: * answered 500: boom"])
    result.stdout.fnmatch_lines(["FAILED suites/desk.yaml::v1::c6 - Failed: no answer: empty: *"])


def test_an_evaluator_that_fails_is_an_error(bed: Bed) -> None:
    edit(bed.root, "evaluators/short.py", "return len", "return 1 / 0 if '7' in output else len")
    result = bed.outcomes("-k", "v1 and (c7 or c8)", passed=1, errors=1)
    result.stdout.fnmatch_lines(["short: evaluator: *ZeroDivisionError: division by zero*"])


CAPPED = """\
max_cost: 0.5
models:
  judge: {provider: openai, model: judge, base_url: "${OPENAI_BASE_URL}", price: {input: 100000, output: 100000}}
"""


def test_a_score_that_a_spend_cap_left_out_is_an_error(bed: Bed, desk: Desk) -> None:
    judge = "- judge: {prompt: evaluators/good.prompty, name: good, model: judge}"
    text = NO_GATE.replace("models:\n", CAPPED).replace("- short", judge).replace("retries: 0", "price: 0, retries: 0")
    suite(bed, text)
    (bed.root / "evaluators" / "good.prompty").write_text(
        "---\ninputs: {output: {type: string}}\n---\nuser:\nHow good is this? {{output}}\n", encoding="utf-8"
    )
    result = bed.outcomes("suites/desk.yaml::v1::c3", errors=1)
    result.stdout.fnmatch_lines(["good: not scored: no room is left under the spend cap: *"])


def test_a_case_is_compared_with_the_answer_of_a_target_that_was_not_selected(bed: Bed, desk: Desk) -> None:
    suite(bed, NO_GATE.replace("- short", "- token_f1: {name: like_v1, expected: target.v1, pass_if: '>= 0.9'}"))
    desk.wrong = {"two": {7}}
    result = bed.outcomes("suites/desk.yaml::v1::c3", "suites/desk.yaml::v2::c7", passed=1, failed=1)
    result.stdout.fnmatch_lines(["score      like_v1: 0, does not pass (pass_if: >= 0.9)*"])
    assert dict(desk.asked) == {("one", 3): 1, ("one", 7): 1, ("two", 7): 1}


def test_what_is_expected_to_fail_fails_where_that_is_asked(bed: Bed, desk: Desk) -> None:
    desk.wrong = {"one": {3}}
    bed.outcomes("--runxfail", "suites/desk.yaml::v1::c3", failed=1)


def test_an_endpoint_that_is_down_passes_nothing(bed: Bed, desk: Desk) -> None:
    desk.replies = {number: Reply(status=401, body="no") for number in range(12)}
    result = bed.outcomes(errors=25)
    result.stdout.fnmatch_lines(
        ["note: to go on, run the tests again: *", "ERROR suites/desk.yaml::gate - Failed: nothing was decided: *"]
    )


def test_what_keeps_a_suite_from_running_is_an_error_of_each_item_and_told_once(bed: Bed, monkeypatch) -> None:
    # Its gate compares with the champion: no registry is asked before what is wrong with all of it is known.
    suite(bed, SUITE)
    monkeypatch.delenv("OPENAI_BASE_URL")
    result = bed.outcomes(errors=25)
    result.stdout.fnmatch_lines(["suites/desk.yaml:*needs the environment variable OPENAI_BASE_URL*"])
    assert referring(result) == 24
    result.stdout.no_fnmatch_line("*champion*")


def test_runs_that_cannot_be_written_are_told_once(bed: Bed, desk: Desk) -> None:
    (bed.root / ".plimsoll").write_text("", encoding="utf-8")
    result = bed.outcomes(errors=25)
    result.stdout.fnmatch_lines([".plimsoll/runs: * (check space and permissions there)"])
    assert referring(result) == 24
    assert desk.requests == 0


def test_what_several_cases_lack_for_one_reason_is_told_once(bed: Bed, desk: Desk) -> None:
    desk.replies = {number: Reply(status=500, body="boom") for number in (3, 5)}
    result = bed.outcomes("-k", "v1 and (c3 or c5 or c7)", passed=1, errors=2)
    result.stdout.fnmatch_lines(["server: * answered 500: boom", "case       c3 *", "as suites/desk.yaml::v1::c3: *"])
    assert referring(result) == 1


def referring(result: pytest.RunResult) -> int:
    """How many errors were told by naming another."""
    return sum(line.startswith("as suites/desk.yaml::v1::c") for line in result.outlines)


def test_a_gate_that_fails_names_the_cases_that_flipped(bed: Bed, desk: Desk) -> None:
    suite(bed, RELATIVE)
    desk.wrong = {"two": set(range(12))}
    result = bed.outcomes(passed=12, xfailed=12, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ desk: gate _*",
            "failed: v2 against v1: *",
            "flipped for the worse: 12",
            "  c0: exact_match yes to no",
            "    before  answer 0",
            "    after   no idea",
        ]
    )
    assert desk.requests == 24


def test_an_inconclusive_gate_fails_with_that_word(bed: Bed, desk: Desk) -> None:
    desk.wrong = {"one": {1, 2, 3, 4, 5}}
    result = bed.outcomes("suites/desk.yaml::gate", failed=1)
    result.stdout.fnmatch_lines(["inconclusive: v1: exact_match, at least 0.5: *", "FAILED *::gate - *inconclusive: *"])


def test_a_gate_by_itself_asks_what_it_compares_and_nothing_else(bed: Bed, desk: Desk) -> None:
    bed.outcomes("-k", "gate", passed=1, deselected=24)
    assert {prompt for prompt, _ in desk.asked} == {"one"}
    assert desk.requests == 12


def test_a_gate_asks_for_the_cases_of_what_it_compares_that_were_deselected(bed: Bed, desk: Desk) -> None:
    bed.outcomes("-k", "not c3", passed=23, deselected=2)
    assert (desk.asked["one", 3], desk.asked["two", 3]) == (1, 0)


def test_a_gate_that_fails_also_fails_beside_a_part_of_its_cases(bed: Bed, desk: Desk) -> None:
    # As --lf selects, or a part of the tests that another machine runs the rest of.
    suite(bed, RELATIVE)
    desk.wrong = {"two": set(range(12))}
    bed.outcomes("suites/desk.yaml::v2::c3", "suites/desk.yaml::gate", failed=1, xfailed=1)
    assert desk.requests == 24


def test_a_baseline_that_is_missing_is_the_gate_s_error_alone(bed: Bed) -> None:
    suite(bed, RELATIVE.replace("baseline: v1", "baseline: git:nowhere"))
    result = bed.outcomes(passed=24, errors=1)
    result.stdout.fnmatch_lines(
        ["*; or compare with a target or a commit: --plimsoll-baseline NAME, *", "ERROR suites/desk.yaml::gate - *"]
    )
    assert "another exception" not in result.stdout.str()
    bed.outcomes("--plimsoll-baseline", "v1", passed=25)


def test_a_gate_without_a_challenger_says_where_to_name_it(bed: Bed) -> None:
    edit(bed.root, "suites/desk.yaml", "  target: v1\n", "")
    result = bed.outcomes("-k", "gate", errors=1, deselected=24)
    result.stdout.fnmatch_lines(
        ["suites/desk.yaml:11: which target of desk is the challenger? (`target` under `gate`, *"]
    )


def test_a_gate_of_tests_seals_nothing(bed: Bed) -> None:
    bed.outcomes("-k", "gate", passed=1, deselected=24)
    assert not list((bed.root / ".plimsoll" / "runs").glob("*/gate"))
    (report,) = bed.reports()
    assert "no evidence for a promotion" in report.read_text(encoding="utf-8")


def test_the_first_failure_ends_a_run_that_asks_for_that(bed: Bed, desk: Desk) -> None:
    suite(bed, NO_GATE)
    desk.wrong = {"one": {1}}
    bed.outcomes("-x", passed=1, failed=1)


def test_junit_has_the_metrics_and_the_rules_as_properties(bed: Bed) -> None:
    found = bed.junit("suites/desk.yaml::v1", "suites/desk.yaml::gate")
    of_case, of_gate = (
        {each.attrib["name"]: each.attrib["value"] for each in found[name].iter("property")} for name in ("c7", "gate")
    )
    assert of_case["exact_match"] == "yes"
    assert of_case["plimsoll.run"] == of_gate["plimsoll.run"]
    assert of_gate["exact_match, at least 0.5"] == "pass"


def test_scores_are_shown_of_what_passed_where_that_is_asked(bed: Bed) -> None:
    result = bed.outcomes("-rP", "-k", "v1 and c7", passed=1)
    result.stdout.fnmatch_lines(["*Captured plimsoll call*", "score      exact_match: yes, passes (passes if yes)"])


def test_the_summary_names_the_run(bed: Bed) -> None:
    bed.outcomes("-k", "c7", passed=2).stdout.fnmatch_lines(["suites/desk.yaml: plimsoll report *-desk-*"])
