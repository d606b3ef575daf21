import pytest
from msgspec.structs import replace

from plimsoll.errors import FailureKind
from plimsoll.reports.flip_model import Way
from plimsoll.reports.flips import CHANGES_LISTED
from plimsoll.reports.model import Standing
from plimsoll.reports.phrases import failing_text, flip_groups, flip_text, who
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import example_report, example_verdict
from plimsoll.types import (
    Case,
    CellId,
    CellRecord,
    Decision,
    Direction,
    EvaluatorInfo,
    Failed,
    Failure,
    Flip,
    Metric,
    MetricKind,
    Output,
    Report,
    RunRecord,
    Scored,
    Skipped,
    TargetInfo,
)

TIMEOUT = Failure(kind=FailureKind.TIMEOUT, message="too slow", remedy="wait")
METRIC = Metric(name="right", kind=MetricKind.BOOL)


def of(cells, cases=3, targets=("a", "b"), metric=METRIC, **run):
    """A report with one metric; `cells` maps (target, case number) to a score's value, a failure or a score."""
    infos = {name: TargetInfo(name=name, kind="prompt", digest="sha256:00") for name in targets}
    records = []
    for (target, number), value in cells.items():
        outcome = value if isinstance(value, Failure) else Output(text=f"answer {number}")
        score = (
            value if isinstance(value, Failed | Skipped | Scored) else Scored(value=value) if outcome != value else None
        )
        scores = {} if score is None else {metric.name: score}
        records.append(CellRecord(cell=CellId(target, f"c{number}"), key="k", outcome=outcome, scores=scores))
    record = RunRecord(
        id="r",
        suite="s",
        started="2026-03-14T15:09:26Z",
        dataset="d",
        dataset_digest="sha256:11",
        targets=infos,
        evaluators={"e": EvaluatorInfo(name="e", digest="sha256:22", metrics=(metric,))},
        complete=True,
        **run,
    )
    planned = {f"c{n}": Case(id=f"c{n}", inputs={"question": f"q{n}"}) for n in range(cases)}
    return Report(run=record, cases=planned, cells=tuple(records))


def view_of(report, **options):
    return build_view(report, summarise(report), **options)


def test_a_case_stands_as_its_worst_answer():
    view = view_of(
        of({("a", 0): True, ("b", 0): TIMEOUT, ("a", 1): True, ("b", 1): False, ("a", 2): True, ("b", 2): True})
    )
    assert [(case.id, case.standing) for case in view.cases] == [
        ("c0", Standing.ERROR),
        ("c1", Standing.FAILED),
        ("c2", Standing.PASSED),
    ]


def test_a_cell_that_was_never_run_is_not_run_and_keeps_the_case_from_passing():
    view = view_of(of({("a", 0): True}, cases=1))
    assert view.cases[0].standing is Standing.NOT_RUN
    assert [answer.standing for answer in view.cases[0].answers] == [Standing.PASSED, Standing.NOT_RUN]
    assert view.header.not_run == 1


def test_a_score_that_failed_makes_an_error_of_an_answer_that_passes_otherwise():
    view = view_of(of({("a", 0): Failed(failure=TIMEOUT)}, cases=1, targets=("a",)))
    assert view.cases[0].standing is Standing.ERROR


@pytest.mark.parametrize("score", [Skipped(reason="not for this case"), Scored(value=0.9)])
def test_an_answer_without_any_condition_never_passes(score):
    view = view_of(of({("a", 0): score}, cases=1, targets=("a",), metric=Metric(name="right")))
    assert view.cases[0].standing is Standing.UNJUDGED


def test_worst_cases_come_first_and_equal_ones_in_the_datasets_order(view):
    order = list(Standing)
    places = [(order.index(case.standing)) for case in view.cases]
    assert places == sorted(places)
    passed = [case.place for case in view.cases if case.standing is Standing.PASSED]
    assert passed == sorted(passed)
    assert len(view.cases) == 24


def marks(view):
    return [figure.best for figure in view.metrics[0].figures]


def clear(cases=40):
    return {("a", n): True for n in range(cases)} | {("b", n): False for n in range(cases)}


def test_the_best_target_is_marked_where_intervals_lie_clear():
    assert marks(view_of(of(clear(), cases=40))) == [True, False]


def test_no_target_is_best_where_intervals_touch():
    cells = {("a", n): n % 2 == 0 for n in range(40)} | {("b", n): n % 3 != 0 for n in range(40)}
    assert marks(view_of(of(cells, cases=40))) == [False, False]


def test_a_target_with_something_missing_is_never_best():
    cells = clear()
    del cells["a", 7]
    assert marks(view_of(of(cells, cases=40))) == [False, False]


def test_a_lone_target_is_not_best():
    assert marks(view_of(of(clear(), cases=40, targets=("a",)))) == [False]


def test_a_judged_metric_has_no_best():
    judged = replace(METRIC, judged=True)
    view = view_of(of(clear(), cases=40, metric=judged))
    assert marks(view) == [False, False]
    assert view.metrics[0].judged


def test_lower_is_better_turns_the_best_round():
    lower = Metric(name="latency", direction=Direction.LOWER, low=0.0, unit="s")
    cells = {("a", n): 1.0 + n / 100 for n in range(40)} | {("b", n): 5.0 + n / 100 for n in range(40)}
    view = view_of(of(cells, cases=40, metric=lower))
    assert marks(view) == [True, False]


def test_failures_are_grouped_with_remedy_and_examples_of_different_messages():
    other = Failure(kind=FailureKind.TIMEOUT, message="60 s are over", remedy="wait")
    cells = {("a", n): TIMEOUT for n in range(4)} | {("a", 4): other, ("b", 0): Failed(failure=TIMEOUT)}
    answers, scores = view_of(of(cells, cases=5)).failures
    assert (answers.of, answers.kind, answers.count, answers.remedy) == ("answer", "timeout", 5, "wait")
    assert {message for _, message in answers.examples} == {"too slow", "60 s are over"}
    assert len(answers.examples) == 3
    assert answers.targets == (("a", 5),)
    assert (scores.of, scores.count) == ("right", 1)


def test_rules_keep_the_policys_order_and_flips_bring_both_answers(report):
    section = view_of(report, verdicts=[example_verdict(report)]).verdicts[0]
    assert [rule.outcome for rule in section.rules] == [Decision.PASS, Decision.FAIL]
    assert [flip.way for flip in section.flips] == [Way.WORSE, Way.WORSE, Way.BETTER]
    assert section.flips[0].before == "A single may cost about 5 crowns."
    assert section.flips[0].after == "A single costs 5 crowns."
    assert section.flips[2].after == "(no answer, rate_limit: 429: too many requests, limit 60 per minute)"
    assert section.baseline == "v1"


def test_a_flip_of_a_case_that_was_not_run_has_no_answer(report):
    verdict = example_verdict(report)
    flip = replace(verdict.rules[1].flipped[0], case="ferry-024")
    rules = (replace(verdict.rules[1], flipped=(flip,)),)
    row = view_of(report, verdicts=[replace(verdict, rules=rules)]).verdicts[0].flips[0]
    assert row.after is None
    assert row.before is not None


def test_lower_is_better_turns_flips_round(report):
    verdict = example_verdict(report)
    rule = replace(verdict.rules[1], metric="latency_p95")
    section = view_of(report, verdicts=[replace(verdict, rules=(rule,))]).verdicts[0]
    assert [(flip.case, flip.way) for flip in section.flips] == [("ferry-003", Way.CHANGED)]
    assert (section.rules[0].worse, section.rules[0].better, section.rules[0].unit) == (1, 2, "s")


def test_the_view_says_itself_what_limits_the_figures(view):
    told = " ".join(view.notes)
    for part in ("judges at chance", "not finished", "sample of 24", "7 answers reused", "cut by the token limit"):
        assert part in told


def test_a_flawless_run_has_no_notes_of_the_views_own_but_its_sample():
    report = example_report(flawless=True, hostile=False)
    whole = replace(report, run=replace(report.run, sample=None), cells=tuple(
        replace(cell, outcome=replace(cell.outcome, finish="stop")) for cell in report.cells
    ))  # fmt: skip
    assert view_of(whole).notes == ()


def test_commands_reproduce_the_run(view):
    assert view.commands == (
        "git checkout 0123456789abcdef0123456789abcdef01234567",
        "plimsoll run ferry-desk --sample 24",
        "plimsoll gate --run 20260314-150926-c0ffee --target port",
    )


def test_repeats_are_answers_of_their_own():
    view = view_of(example_report(4, targets=("a",), repeats=3, flawless=True))
    assert [answer.repeat for answer in view.cases[0].of("a")] == [0, 1, 2]
    assert view.header.planned == 12


def test_an_empty_report_is_a_view_of_nothing():
    view = view_of(of({}, cases=0))
    assert list(view.cases) == []
    assert view.metrics[0].figures[0].mean is None


def deciding(report, *flips, outcome=Decision.FAIL, metric="token_f1", **changes):
    """A rule over `metric` with flips as (case's place, before, after)."""
    names = list(report.cases)
    flipped = tuple(Flip(case=names[place], baseline=before, challenger=after) for place, before, after in flips)
    rule = example_verdict(report).rules[1]
    return replace(rule, metric=metric, outcome=outcome, flipped=flipped, **changes)


def section_of(report, *rules, **changes):
    verdict = replace(example_verdict(report), rules=rules, **changes)
    return view_of(report, verdicts=[verdict]).verdicts[0]


def test_a_case_that_flips_by_several_rules_is_told_once_with_all_its_metrics(report):
    section = section_of(
        report,
        deciding(report, (0, 0.9, 0.1), (1, 0.9, 0.2)),
        deciding(report, (0, 0.9, 0.1), metric="token_f1", slice=None),
        deciding(report, (0, 1.0, 0.0), (1, 0.0, 1.0), (2, 0.0, 1.0), metric="exact_match"),
    )
    worse, better = flip_groups(section.flips)
    assert [(row.case, flip_text(row)) for row in worse.rows] == [
        ("ferry-001", "token_f1 0.90 to 0.10, exact_match yes to no"),
        ("ferry-002", "token_f1 0.90 to 0.20; better: exact_match no to yes"),
    ]
    assert [(row.case, flip_text(row)) for row in better.rows] == [("ferry-003", "exact_match no to yes")]


def test_without_a_condition_only_the_worst_changes_of_a_rule_that_did_not_pass_are_listed(report):
    changes = [(place, 0.9, 0.8 - place / 100) for place in range(9)] + [(10, 0.1, 0.9)]
    failed = section_of(report, deciding(report, *changes, metric="relevance"))
    assert [row.case for row in failed.flips] == [f"ferry-{place:03d}" for place in (9, 8, 7, 6, 5)]
    assert len(failed.flips) == CHANGES_LISTED
    assert {row.way for row in failed.flips} == {Way.CHANGED}
    assert (failed.rules[0].worse, failed.rules[0].better, failed.rules[0].conditional) == (9, 1, False)
    passed = section_of(report, deciding(report, *changes, metric="relevance", outcome=Decision.PASS))
    assert passed.flips == ()


def test_a_flip_for_the_better_outweighs_a_change_without_a_condition(report):
    section = section_of(
        report,
        deciding(report, (0, 0.9, 0.1), metric="relevance"),
        deciding(report, (0, 0.0, 1.0), metric="exact_match", outcome=Decision.PASS),
    )
    (row,) = section.flips
    assert row.way is Way.BETTER
    assert flip_text(row) == "exact_match no to yes; worse: relevance 0.90 to 0.10"


def test_a_condition_of_the_cases_own_makes_flips_of_changes():
    numeric = Metric(name="right")
    cells = {("a", 0): Scored(value=0.9, passed=True), ("b", 0): Scored(value=0.2, passed=False)}
    report = of(cells, cases=1, metric=numeric)
    rule = replace(example_verdict(report).rules[1], metric="right", outcome=Decision.PASS)
    rule = replace(rule, flipped=(Flip(case="c0", baseline=0.9, challenger=0.2),))
    section = section_of(report, rule, target="b", baseline="a")
    assert [row.way for row in section.flips] == [Way.WORSE]


def test_the_head_of_a_verdict_names_the_rules_and_leaves_their_figures_to_them(report):
    failed, open_ = deciding(report, slice=None), deciding(report, outcome=Decision.INCONCLUSIVE, metric="relevance")
    reasons = (f"token_f1, some rule: {failed.reason}", "the policy was edited in this change")
    assert section_of(report, failed, open_, reasons=reasons).reasons == (
        "failed: token_f1, not worse than baseline by more than 0.05",
        "can't tell: relevance on fares, not worse than baseline by more than 0.05",
        "the policy was edited in this change",
    )


def test_a_score_that_lacks_its_answer_is_told_by_the_answers_failure_alone():
    report = of({("a", 0): TIMEOUT, ("b", 0): True}, cases=1)
    cells = tuple(replace(cell, scores={"right": Failed(failure=TIMEOUT)}) for cell in report.cells[:1])
    groups = view_of(replace(report, cells=(*cells, report.cells[1]))).failures
    assert [(group.of, group.count) for group in groups] == [("answer", 1)]


def test_cases_that_a_reason_names_are_not_named_again(report):
    rule = deciding(report, failing=("ferry-001",), reason="1 of 24 cases did not pass: ferry-001")
    told, untold = section_of(report, rule, replace(rule, reason="one did not pass")).rules
    assert (failing_text(told), failing_text(untold)) == ("", "does not pass: ferry-001")


def test_targets_that_failed_at_the_same_are_told_together():
    view = view_of(of({("a", 0): False, ("b", 0): False}, cases=1))
    assert who(view.cases[0]) == "did not pass: a, b (right)"
