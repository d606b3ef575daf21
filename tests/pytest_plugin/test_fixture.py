"""The fixture, for people who write their evaluations as ordinary tests."""

from __future__ import annotations

import pytest
from tests.api.parts import Desk, edit
from tests.pytest_plugin.parts import Bed

from plimsoll.testing import Reply

KEY = ', base_url: "${env:OPENAI_BASE_URL}", api_key: "${env:KEY}"'
PROMPTY = """\
---
name: own
model:
  api: chat
  configuration: {type: openai, model: scripted, base_url: "${env:OPENAI_BASE_URL}", api_key: "${env:KEY}"}
inputs:
  question: {type: string}
---
user:
one {{question}}
"""


def test_a_test_asks_a_target_of_a_suite_and_scores_its_answer(bed: Bed, desk: Desk) -> None:
    bed.pytester.makepyfile(
        test_refund="""
        def test_refund(plimsoll):
            answer = plimsoll.ask("desk:v1", question="question 3")
            assert answer.text == "answer 3"
            score = plimsoll.score("contains", answer, expected="answer 3")
            assert score.passed
            assert plimsoll.score("desk:short", answer).value is True
            assert plimsoll.score({"token_f1": {"pass_if": ">= 0.9"}}, "answer 4", expected="answer 3").passed is False
            assert [*plimsoll.scores("exact_match", answer, expected="other")] == ["exact_match"]
        """
    )
    bed.outcomes("test_refund.py", passed=1)
    # Once more it comes from the cache, and so it does in the suite.
    bed.run("--plimsoll", "-k", "refund or (v1 and c3)").assert_outcomes(passed=2, deselected=24)
    assert desk.requests == 1


def test_a_test_asks_a_prompt_by_its_path_with_a_model_of_its_own(
    bed: Bed, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k")
    (bed.root / "prompts" / "own.prompty").write_text(PROMPTY, encoding="utf-8")
    bed.pytester.makepyfile(
        """
        def test_own(plimsoll):
            assert plimsoll.ask("prompts/own.prompty", {"question": "question 1"}).text == "answer 1"

        def test_named(plimsoll):
            answer = plimsoll.ask("prompts/v2.jinja2", question="question 2", model="other")
            assert answer.text == "answer 2"
        """
    )
    bed.run("--plimsoll", "-k", "own or named").assert_outcomes(passed=2, deselected=25)
    assert dict(desk.models) == {"scripted": 1, "other": 1}


def test_an_answer_that_is_missing_fails_the_test_and_points_at_its_line(bed: Bed, desk: Desk) -> None:
    desk.replies = {1: Reply(status=500, body="boom")}
    bed.pytester.makepyfile(
        test_it="""
        def test_down(plimsoll):
            plimsoll.ask("desk:v1", question="question 1")

        def test_none(plimsoll):
            plimsoll.ask("desk:v9", question="question 1")

        def test_unscored(plimsoll):
            assert plimsoll.score("contains", "text").passed

        def test_unknown(plimsoll):
            assert plimsoll.score("containz", "text").passed
        """
    )
    result = bed.outcomes("test_it.py", failed=4)
    result.stdout.fnmatch_lines(
        [
            "E * desk:v1 gives no answer: server: * answered 500: boom *",
            "test_it.py:2: Failed",
            "E * desk:v9 can't be asked: suite desk has no target 'v9' *",
            "E * contains has no value: *which the case lacks (give it: score(…, expected=…))",
            "E * containz can't score: *did you mean 'contains'*",
        ]
    )
    assert "asking.py" not in result.stdout.str()


def test_an_assertion_that_fails_tells_metric_condition_reason_and_answer(bed: Bed) -> None:
    bed.pytester.makepyfile(
        test_it="""
        def test_one(plimsoll):
            assert plimsoll.score({"token_f1": {"pass_if": ">= 0.2"}}, "long " * 200, expected="other").passed
        """
    )
    result = bed.outcomes("test_it.py", failed=1)
    short = "<token_f1: 0, does not pass (pass_if: >= 0.2); expected 'other'; answer: long long *…>"
    result.stdout.fnmatch_lines([f"E * where False = {short}.passed", "E * where score = plimsoll.score"])


def test_tests_beside_the_workspace_name_it(bed: Bed, desk: Desk) -> None:
    (bed.root / "evals").mkdir()
    for name in ("suites", "prompts", "datasets", "evaluators"):
        (bed.root / name).rename(bed.root / "evals" / name)
    test = "def test_it(plimsoll): assert plimsoll.ask('desk:v1', question='question 3').text == 'answer 3'"
    bed.pytester.makepyfile(test_it=test)
    named = "E * no workspace* (name the workspace: --plimsoll-workspace FOLDER, *)"
    for words in ([], ["--plimsoll-workspace", "elsewhere"]):
        bed.outcomes(*words, "test_it.py", failed=1).stdout.fnmatch_lines([named])
    bed.outcomes("--plimsoll-workspace", "evals", "test_it.py", passed=1)
    bed.pytester.makeini("[pytest]\nplimsoll_workspace = evals\ntestpaths = .")
    # Where pytest goes by testpaths, its suites are among them, once.
    bed.run("--plimsoll", "-k", "test_it or c3").assert_outcomes(passed=3, deselected=23)
    assert desk.requests == 2


def test_a_prompt_that_cannot_be_asked_says_how_it_could(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    (bed.root / "prompts" / "own.prompty").write_text(PROMPTY.replace(KEY, ""), encoding="utf-8")
    bed.pytester.makepyfile(
        test_it="""
        def test_key(plimsoll):
            plimsoll.ask("prompts/own.prompty", question="question 1")

        def test_model(plimsoll):
            plimsoll.ask("prompts/v1.jinja2", question="question 1")

        def test_field(plimsoll):
            plimsoll.ask("prompts/own.prompty", qestion="question 1", model="m", base_url="http://127.0.0.1:9/v1")
        """
    )
    result = bed.outcomes("test_it.py", failed=3)
    result.stdout.fnmatch_lines(
        [
            "E * needs an API key (set OPENAI_API_KEY, *; or ask another model: `model=` and `base_url=`, *)",
            "E * the prompt names no model (ask another model: `model=` and `base_url=`, *)",
            "E * no value for the input 'question' (the case has 'qestion')",
        ]
    )


def test_a_score_is_no_truth_value_so_that_none_passes_by_being_there(bed: Bed) -> None:
    bed.pytester.makepyfile(
        test_it="""
        def test_one(plimsoll):
            assert plimsoll.score("contains", "text", expected="other")

        def test_many(plimsoll):
            assert plimsoll.scores("contains", "text", expected="other")
        """
    )
    result = bed.outcomes("test_it.py", failed=2)
    result.stdout.fnmatch_lines(["E * a score is neither true nor false: *", "test_it.py:2: TypeError"])


def test_what_is_no_text_is_no_answer(bed: Bed) -> None:
    bed.pytester.makepyfile(test_it="def test_it(plimsoll): plimsoll.score('contains', {'a': 1}, expected='a')")
    result = bed.outcomes("test_it.py", failed=1)
    result.stdout.fnmatch_lines(["E * an answer is what `ask` gave, or a text, and this is of type dict: *"])


def test_the_event_loop_of_a_test_is_left_alone(bed: Bed) -> None:
    bed.pytester.makepyfile(
        test_it="""
        import asyncio

        def test_it(plimsoll):
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            try:
                assert plimsoll.score("contains", "text", expected="text").passed
                assert asyncio.get_event_loop() is loop
            finally:
                asyncio.set_event_loop(None)
                loop.close()
        """
    )
    bed.outcomes("test_it.py", passed=1)


def test_without_the_flag_such_a_test_is_skipped(bed: Bed, desk: Desk) -> None:
    bed.pytester.makepyfile(
        test_it="""
        def test_asks(plimsoll):
            plimsoll.ask("desk:v1", question="question 1")
        """
    )
    result = bed.run("-rs", "test_it.py")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * asks models: pytest --plimsoll"])
    assert desk.requests == 0


def test_it_is_among_what_the_marker_selects(bed: Bed) -> None:
    bed.pytester.makepyfile(test_it="def test_a(plimsoll): pass\ndef test_b(): pass")
    bed.run("--plimsoll", "-m", "plimsoll", "test_it.py").assert_outcomes(passed=1, deselected=1)


def test_a_judge_of_a_suite_asks_the_suite_s_model(bed: Bed, desk: Desk) -> None:
    judge = "- judge: {prompt: evaluators/good.prompty, name: good, model: main}"
    edit(bed.root, "suites/desk.yaml", "- short", f"- short\n  {judge}")
    (bed.root / "evaluators" / "good.prompty").write_text(
        "---\ninputs: {output: {type: string}}\n---\nuser:\nHow good is this? {{output}}\n", encoding="utf-8"
    )
    bed.pytester.makepyfile(
        test_it="def test_good(plimsoll):\n    assert plimsoll.score('desk:good', 'text').value == 4"
    )
    bed.outcomes("test_it.py", passed=1)
