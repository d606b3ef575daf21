import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace
from tests.reports.parts import comment

from plimsoll.errors import ExitCode, Mistake, Where
from plimsoll.reports.diffs import Side, difference
from plimsoll.reports.markdown import SIZE_LIMIT, carries, marker, render_comment
from plimsoll.reports.markdown_text import escape
from plimsoll.reports.missing import missing_cells
from plimsoll.reports.review import UNAFFECTED, Review
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report, example_verdict
from plimsoll.types import Decision

GITHUB = MarkdownIt("gfm-like", {"linkify": False})


def made(report, *verdicts):
    return build_view(report, summarise(report), verdicts)


def test_a_verdict(view, snapshot):
    assert comment(view) == snapshot


@pytest.mark.parametrize("outcome", list(Decision))
def test_the_first_line_is_the_verdict_and_why(report, outcome):
    verdict = example_verdict(report, outcome)
    first = comment(made(report, verdict)).split("\n")[0]
    assert first.startswith(f"**{outcome.upper()}** ferry-desk: port ")
    decided = {
        "fail": "failed: token_f1 on fares, not worse",
        "inconclusive": "can't tell: token_f1 on fares, not worse",
    }
    assert escape(decided.get(outcome, verdict.reasons[0])) in first


def test_hostile_text_does_not_leave_its_place():
    bad = " ".join(HOSTILE_TEXTS)
    report = example_report(24)
    cases = {name: replace(case, inputs={"question": bad}, expected=bad) for name, case in report.cases.items()}
    cells = tuple(replace(c, outcome=replace(c.outcome, text=bad)) if c.output else c for c in report.cells)
    verdict = example_verdict(report)
    rules = tuple(replace(rule, reason=bad, slice=bad) for rule in verdict.rules)
    text = comment(made(replace(report, cases=cases, cells=cells), replace(verdict, rules=rules, reasons=(bad,))))
    html = GITHUB.render(text)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert html.count("<details>") == html.count("</details>") == 5
    # Tables of three lines and of six, and of four for each of three cases that changed.
    assert html.count("<tr>") == html.count("</tr>") == 3 + 6 + 3 * 4
    assert html.count("<table>") == html.count("</table>") == 2 + 3
    assert "@" not in html.replace("@<!-- -->", "")


def test_a_huge_verdict_fits_a_comment_and_says_what_it_left_out():
    report = example_report(200, targets=("v1", "v2"))
    long = "`word` | " * 300
    cells = tuple(replace(c, outcome=replace(c.outcome, text=long)) if c.output else c for c in report.cells)
    verdict = example_verdict(report)
    flip = verdict.rules[1].flipped[0]
    flips = tuple(replace(flip, case=case) for case in report.cases)
    rules = (replace(verdict.rules[1], flipped=flips),)
    text = comment(made(replace(report, cells=cells), replace(verdict, rules=rules)))
    assert len(text) <= SIZE_LIMIT
    assert "200 cases flipped for the worse, showing 20" in text
    endless = replace(verdict, rules=(replace(rules[0], reason="why " * 40_000),))
    assert len(comment(made(report, endless))) <= SIZE_LIMIT


def side(name, prompt, temperature=0.0):
    path = f"prompts/{name}.prompty"
    content = {
        "files": {path: f"digest of {prompt}"},
        "settings": {"prompt": path},
        "models": {"local": {"temperature": temperature}},
    }
    return Side(name, content, {path: prompt.encode()}, path)


def review(report, **more):
    return Review("ferry-desk", ExitCode.FAIL, made(report, example_verdict(report)), **more)


def test_the_comment_of_one_suite(report, snapshot):
    changed = difference(side("v1", "system:\nBe brief.\n"), side("port", "system:\nBe kind.\n", 0.7))
    command = "plimsoll gate ferry-desk --target port --base origin/main"
    assert render_comment([review(report, difference=changed, again=command)], "gate") == snapshot


def test_the_first_line_is_never_better_than_the_exit_code(report):
    passing = made(report, example_verdict(report, Decision.PASS))
    stopped = Review("desk", ExitCode.INFRASTRUCTURE, passing, (Mistake("gave up: the endpoint is down"),))
    text = render_comment([stopped])
    assert text.startswith("**ERROR** desk: gave up: the endpoint is down (exit code 4)\n")
    assert "By the rules alone it is **pass**" in text
    unknown = render_comment([Review("desk", ExitCode.INTERRUPTED)])
    assert unknown.startswith("**INTERRUPTED** desk: ")


def test_several_suites_begin_with_the_worst(report):
    told = [
        Review("good", ExitCode.PASS, made(report, example_verdict(report, Decision.PASS))),
        review(report),
        Review("bad", ExitCode.USAGE, problems=(Mistake("no such @file", Where("suites/bad.yaml", 3), "look"),)),
    ]
    lines = render_comment(told, "gate").split("\n")
    assert lines[0] == (
        "**ERROR** 3 suites, 1 could not be gated, 1 failed, 1 passed: bad: no such @<!-- -->file (exit code 2); "
        "and 1 more"
    )
    assert [line for line in lines if line.startswith("### ")] == ["### bad", "### ferry-desk", "### good"]
    assert "- `suites/bad.yaml:3`: no such @<!-- -->file (look)" in lines


def test_where_no_suite_is_affected_it_says_so():
    assert render_comment([], "gate") == f"**PASS** {UNAFFECTED}\n{marker('gate')}\n"


@pytest.mark.parametrize("key", ["gate", "a b", "--> <script>", "suites/é-->x"])
def test_a_marker_is_one_hidden_line_that_is_found_again(key):
    line = marker(key)
    assert GITHUB.render(f"x\n{line}\n\ny").count("<!--") == 1
    assert line.count("--") == 2
    assert carries(f"verdict\r\n{line}\r\nrest", key)
    # What a prompt quotes is no comment of ours.
    assert not carries(f"verdict\n{marker('other')}\n\n```\n{line}\n```", key)


def test_what_is_gone_quarantined_or_without_an_answer_is_named(report):
    verdict = replace(example_verdict(report), gone=("old-1", "old-2"))
    text = comment(made(report, verdict))
    amount = len(missing_cells(made(report, verdict)))
    assert f"What is missing: 2 cases gone, {amount} cells without an answer or a score" in text
    assert "gone since the baseline, and counted as missing: `old-1`, `old-2`" in text
    assert "- `ferry-024` on port: was planned and never run" in text


def test_a_difference_can_not_leave_its_fence(report):
    evil = "```\n</details>\n/merge\n<!-- plimsoll:gate -->\n````\n@everyone \u202e\x1b[31m"
    changed = difference(side("v1", "old"), side("port", evil))
    text = render_comment([review(report, difference=changed)], "gate")
    fence = next(token for token in GITHUB.parse(text) if token.type == "fence" and token.info == "diff")
    assert "+</details>\n+/merge\n+<!-- plimsoll:gate -->" in fence.content
    assert "⟨U+202E⟩⟨U+001B⟩" in fence.content
    assert not [line for line in text.split("\n") if line.startswith("/")]


def test_totals_over_unlike_numbers_of_answers_are_not_compared(report):
    whole = example_report(flawless=True, hostile=False)
    for given, compared in ((report, False), (whole, True)):
        lines = comment(made(given, example_verdict(given))).split("\n")
        [tokens] = [line for line in lines if line.startswith("| tokens |")]
        assert tokens.endswith("% |") is compared


def test_a_target_that_did_not_change_is_said_to_be_the_same(report):
    same = difference(side("v1", "x"), side("v1", "x"))
    assert "byte for byte" in render_comment([review(report, difference=same)])


def test_many_suites_fit_a_comment_and_what_is_left_out_is_said(report):
    mistakes = tuple(Mistake("wrong " * 50, remedy="mend it") for _ in range(50))
    told = [review(report), *(Review(f"suite-{n}", ExitCode.USAGE, problems=mistakes) for n in range(400))]
    text = render_comment(told, "gate")
    assert len(text) <= SIZE_LIMIT
    assert text.split("\n")[1] == marker("gate")
    assert "The rest is too long for a comment" in text
    html = GITHUB.render(text)
    assert html.count("<details>") == html.count("</details>")


def test_a_cost_that_nobody_knows_is_said_to_be_unknown(report):
    """Left out, it would read as one that is the same."""
    verdict = example_verdict(report)
    view = made(report, verdict)
    [section] = view.verdicts
    sides = tuple(replace(side, cost=None, judge_cost=0.0, tokens=None) for side in section.spent)
    text = comment(replace(view, verdicts=(replace(section, spent=sides),)))
    assert "| cost of the answers | unknown | unknown | – |" in text
    assert "cost of judging" not in text
    assert "| tokens |" not in text


def test_a_case_that_is_called_like_a_person_mentions_nobody_in_a_title(report):
    verdict = example_verdict(report)
    rules = tuple(
        replace(rule, flipped=tuple(replace(flip, case="@octocat #12") for flip in rule.flipped[:1]))
        for rule in verdict.rules
    )
    cases = {**report.cases, "@octocat #12": replace(next(iter(report.cases.values())), id="@octocat #12")}
    text = comment(made(replace(report, cases=cases), replace(verdict, rules=rules)))
    [title] = [line for line in text.splitlines() if line.startswith("<details><summary>1 case")]
    assert title.endswith(": @<!-- -->octocat #<!-- -->12</summary>")


def test_a_baseline_without_a_name_is_named_once(report):
    verdict = example_verdict(report)
    [section] = made(report, verdict).verdicts
    view = replace(made(report, verdict), verdicts=(replace(section, baseline="baseline", baseline_digest="5b31"),))
    assert "; baseline (5b31); 95% intervals" in comment(view)


def test_one_reason_is_told_once_with_the_cases_that_it_hit(report):
    text = comment(made(report, example_verdict(report)))
    assert text.count("the judge's answer holds no number") == 1
    assert "- `ferry-006`, `ferry-014`, `ferry-015` on v1, v2: relevance: bad_score: the judge" in text


def test_rules_keep_the_policys_order_and_those_that_decided_are_shown_first_of_many(report):
    verdict = example_verdict(report)
    good, bad = verdict.rules
    many = tuple(replace(good, slice=f"part {n}", rule="at least 0.4 " + "x" * 400) for n in range(300))
    text = comment(made(report, replace(verdict, rules=(*many, bad))))
    rows = [line for line in text.split("\n") if line.startswith(("| exact_match", "| token_f1"))]
    assert rows[-1].endswith("**fail** |")
    assert "further rules left out" in text


def test_an_interval_stands_where_it_decides(report):
    """A second one of the same metric, made in another way, would only be asked about."""
    rows = [line.split(" | ") for line in comment(made(report, example_verdict(report))).split("\n")]
    [own] = [row for row in rows if row[0] == "| exact_match"]
    [held] = [row for row in rows if row[0] == "| token_f1 on fares"]
    assert ["to" in cell for cell in own[1:4]] == [False, True, False]
    assert ["to" in cell for cell in held[1:4]] == [False, False, True]
