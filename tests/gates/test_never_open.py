"""The gate never fails open: whatever is missing, failed, empty or unknown never passes."""

from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError
from tests.gates.parts import BROKEN, Value, make_report, policy, rule, truths

from plimsoll.config import GatePolicy
from plimsoll.errors import ExitCode, FailureKind, UsageError
from plimsoll.gates import PolicyError, decide, with_baseline
from plimsoll.types import Decision, Failed, Failure, Report, Scored, Skipped

GOOD: list[Value] = [*truths(98, 2)]
AT_LEAST = rule(metric="correct", at_least=0.8)
NOT_WORSE = rule(metric="correct", not_worse_than="baseline", margin=0.05)


def against_good(ours: list[Value], theirs: list[Value] | None = None, **settings: Any) -> Report:
    return make_report({"v2": {"correct": ours}, "champion": {"correct": theirs or GOOD}}, **settings)


def test_a_good_challenger_does_pass() -> None:
    assert decide(against_good(GOOD), "v2", "champion", AT_LEAST).outcome is Decision.PASS
    assert decide(against_good(GOOD), "v2", "champion", NOT_WORSE).outcome is Decision.PASS


def test_no_cases_at_all_is_inconclusive() -> None:
    empty = make_report({"v2": {"correct": []}, "champion": {"correct": []}})
    verdict = decide(empty, "v2", "champion", AT_LEAST)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "there is no case to measure it on" in verdict.reasons[0]


def test_an_evaluator_that_scored_nothing_is_inconclusive() -> None:
    report = make_report({"v2": {"f1": [0.9] * 60}, "champion": {"f1": [0.9] * 60}})
    verdict = decide(report, "v2", "champion", AT_LEAST)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "nothing was scored: 60 on v2: the cell was not scored" in verdict.reasons[0]


def test_a_metric_that_applies_to_no_case_is_inconclusive() -> None:
    left_out: list[Value] = [Skipped(reason="no expected answer")] * 60
    report = make_report({"v2": {"correct": left_out}, "champion": {"correct": left_out}})
    for wanted in (AT_LEAST, NOT_WORSE, rule(metric="correct", all_pass=True)):
        verdict = decide(report, "v2", "champion", wanted)
        assert verdict.outcome is Decision.INCONCLUSIVE
        assert "it does not apply to 60 cases" in verdict.reasons[0]


def test_a_metric_that_does_not_exist_is_an_error_with_the_near_match() -> None:
    with pytest.raises(
        UsageError, match=r"no evaluator of the suite gives the metric 'corect' \(did you mean 'correct'\?\)"
    ):
        decide(against_good(GOOD), "v2", "champion", rule(metric="corect", at_least=0.8))


def test_a_slice_that_does_not_exist_is_an_error_with_the_near_match() -> None:
    report = against_good(GOOD, slices={"critical": range(20)})
    with pytest.raises(UsageError, match=r"no case is in the slice 'critcal' \(did you mean 'critical'\?\)"):
        decide(report, "v2", "champion", rule(metric="correct", slice="critcal", all_pass=True))


@pytest.mark.parametrize(("challenger", "baseline"), [("v3", "champion"), ("v2", "champoin")])
def test_a_target_that_the_run_does_not_have_is_an_error(challenger: str, baseline: str) -> None:
    with pytest.raises(UsageError, match=r"the run has no target named"):
        decide(against_good(GOOD), challenger, baseline, NOT_WORSE)


def test_a_challenger_is_not_its_own_baseline() -> None:
    with pytest.raises(UsageError, match=r"'v2' can't be its own baseline"):
        decide(against_good(GOOD), "v2", "v2", NOT_WORSE)


def test_no_baseline_without_first_is_an_error() -> None:
    with pytest.raises(
        UsageError, match=r"there is no baseline: the policy names 'champion' \(gate the first with --first\)"
    ):
        decide(against_good(GOOD), "v2", None, AT_LEAST)


def test_first_needs_an_absolute_rule() -> None:
    with pytest.raises(UsageError, match=r"the first champion needs at least one absolute rule"):
        decide(against_good(GOOD), "v2", None, NOT_WORSE, first=True)


def test_first_names_the_rules_that_it_left_out() -> None:
    both = policy([{"metric": "correct", "at_least": 0.8}, {"metric": "correct", "better_than": "baseline"}])
    verdict = decide(against_good(GOOD), "v2", None, both, first=True)
    assert verdict.outcome is Decision.PASS
    assert verdict.first
    assert verdict.baseline is None
    assert verdict.not_applied == ("correct, better than baseline",)


def test_first_takes_no_baseline() -> None:
    with pytest.raises(UsageError, match=r"the first champion is compared with nothing"):
        decide(against_good(GOOD), "v2", "champion", AT_LEAST, first=True)


def test_an_empty_policy_is_refused_when_written_and_when_decided() -> None:
    with pytest.raises(ValidationError, match=r"at least 1 item"):
        GatePolicy.model_validate({"rules": []})
    with pytest.raises(UsageError, match=r"the policy has no rules"):
        decide(against_good(GOOD), "v2", "champion", GatePolicy.model_construct(rules=[]))


def test_a_policy_without_baseline_has_no_relative_rule() -> None:
    with pytest.raises(ValidationError, match=r"needs a baseline, which is none"):
        policy([{"metric": "correct", "better_than": "baseline"}], baseline="none")
    absolute = policy([{"metric": "correct", "at_least": 0.8}], baseline="none")
    assert decide(against_good(GOOD), "v2", None, absolute).outcome is Decision.PASS


def test_every_mistake_of_a_policy_is_told_at_once() -> None:
    wrong = policy(
        [
            {"metric": "corect", "at_least": 0.8},
            {"metric": "relevance", "at_least": 0.8},
            {"metric": "mood", "at_least": 0.8},
            {"metric": "length", "all_pass": True},
            {"metric": "latency_p95", "all_pass": True},
        ]
    )
    with pytest.raises(PolicyError) as error:
        decide(against_good(GOOD), "v3", "champion", wrong)
    assert str(error.value).splitlines() == [
        "the run has no target named 'v3' (known: champion, v2)",
        "no evaluator of the suite gives the metric 'corect' (did you mean 'correct'?)",
        (
            "the metric 'relevance' is a model's judgement, and the policy takes none "
            "(decide on another metric, or calibrate the judge and write judges: certified)"
        ),
        "nothing says which values of 'mood' pass (give its evaluator a pass_if)",
        "nothing says which values of 'length' pass (give its evaluator a pass_if)",
        "'latency_p95' is no case's value: all_pass can't be asked of it (write at_most)",
    ]
    assert error.value.exit_code is ExitCode.USAGE


def test_a_judged_metric_counts_only_where_the_policy_takes_judges() -> None:
    values: list[Value] = [0.9, 0.8] * 30
    report = make_report({"v2": {"relevance": values}})
    taken = policy([{"metric": "relevance", "at_least": 0.7}], judges="any", baseline="none")
    assert decide(report, "v2", None, taken).outcome is Decision.PASS


def test_dropping_the_twelve_regressed_cases_does_not_turn_fail_into_pass() -> None:
    base = truths(100, 0)
    honest = truths(88, 12)
    dropped: list[Value] = [*truths(88, 0), *[None] * 12]
    assert decide(against_good(honest, base), "v2", "champion", NOT_WORSE).outcome is Decision.FAIL
    verdict = decide(against_good(dropped, base), "v2", "champion", NOT_WORSE)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert (verdict.rules[0].n, verdict.rules[0].missing) == (88, 12)
    assert "12 cases without a value, 88% of the planned cells scored and 100% needed" in verdict.reasons[0]


def test_dropping_them_from_the_dataset_does_not_either() -> None:
    # The baseline's run still holds the twelve cases that the challenger's dataset no longer has.
    ours = make_report({"v2": {"correct": truths(88, 0)}})
    theirs = make_report({"v1": {"correct": truths(100, 0)}})
    verdict = decide(with_baseline(ours, theirs, "v1"), "v2", "baseline", NOT_WORSE)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert verdict.rules[0].missing == 12


def test_cells_of_a_case_that_the_report_does_not_plan_are_missing_on_both_sides() -> None:
    whole = against_good(truths(100, 0), truths(100, 0))
    report = Report(run=whole.run, cases=dict(list(whole.cases.items())[:88]), cells=whole.cells)
    for wanted in (NOT_WORSE, AT_LEAST):
        verdict = decide(report, "v2", "champion", wanted)
        assert verdict.outcome is Decision.INCONCLUSIVE
        assert verdict.rules[0].missing == 12


@pytest.mark.parametrize(
    "hole",
    [
        None,
        BROKEN,
        Failed(failure=Failure(kind=FailureKind.EVALUATOR, message="it broke", remedy="")),
        Skipped(reason="the answer is not JSON"),
        Scored(value=float("nan")),
        Scored(value=float("inf")),
        Scored(value="yes"),
    ],
)
@pytest.mark.parametrize("wanted", [AT_LEAST, NOT_WORSE, rule(metric="correct", all_pass=True)])
def test_a_single_hole_on_the_challengers_side_does_not_pass(hole: Value, wanted: GatePolicy) -> None:
    verdict = decide(against_good([*truths(99, 0), hole], truths(100, 0)), "v2", "champion", wanted)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert verdict.rules[0].missing == 1


@pytest.mark.parametrize("hole", [None, BROKEN, Skipped(reason="reused"), Scored(value=float("nan"))])
def test_a_single_hole_on_the_baselines_side_does_not_pass(hole: Value) -> None:
    verdict = decide(against_good(truths(100, 0), [*truths(99, 0), hole]), "v2", "champion", NOT_WORSE)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "champion" in verdict.reasons[0]


def test_one_missing_repeat_is_a_hole() -> None:
    ours: list[Value] = [*truths(199, 0), None]
    verdict = decide(against_good(ours, truths(200, 0), repeats=2), "v2", "champion", NOT_WORSE)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "99.5% of the planned cells" in verdict.reasons[0]


def test_a_lower_coverage_lets_so_many_holes_be() -> None:
    lenient = policy([{"metric": "correct", "at_least": 0.8}], coverage=0.98)
    for holes, outcome in ((2, Decision.PASS), (3, Decision.INCONCLUSIVE)):
        ours: list[Value] = [*truths(100 - holes, 0), *[None] * holes]
        assert decide(against_good(ours), "v2", "champion", lenient).outcome is outcome


def test_all_pass_needs_every_case_whatever_the_coverage() -> None:
    lenient = policy([{"metric": "correct", "all_pass": True}], coverage=0.5)
    ours: list[Value] = [*truths(99, 0), None]
    assert decide(against_good(ours), "v2", "champion", lenient).outcome is Decision.INCONCLUSIVE


def test_all_pass_fails_on_a_failing_case_though_others_are_missing() -> None:
    ours: list[Value] = [*truths(50, 1), *[None] * 49]
    verdict = decide(against_good(ours), "v2", "champion", rule(metric="correct", all_pass=True))
    assert verdict.outcome is Decision.FAIL
    assert verdict.rules[0].failing == ("c050",)


def test_a_run_that_is_not_complete_does_not_pass() -> None:
    verdict = decide(against_good(GOOD, complete=False), "v2", "champion", AT_LEAST)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "the run is not complete; run it again: what is finished is taken from the cache" in verdict.reasons[0]


def test_fewer_than_ten_pairs_or_groups_tell_nothing() -> None:
    few = make_report({"v2": {"correct": truths(9, 0)}, "champion": {"correct": truths(9, 0)}})
    assert "9 pairs, and fewer than 10 tell nothing" in decide(few, "v2", "champion", NOT_WORSE).reasons[0]
    grouped = against_good(truths(100, 0), truths(100, 0), groups=20)
    verdict = decide(grouped, "v2", "champion", NOT_WORSE)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "5 groups, and fewer than 10 tell nothing" in verdict.reasons[0]


def test_identical_answers_on_few_cases_do_not_pass_a_small_margin() -> None:
    report = make_report({"v2": {"correct": truths(60, 0)}, "champion": {"correct": truths(60, 0)}})
    verdict = decide(report, "v2", "champion", rule(metric="correct", not_worse_than="baseline", margin=0.02))
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert verdict.rules[0].low is not None
    assert verdict.rules[0].low < -0.05


def test_constant_values_without_a_range_do_not_pass() -> None:
    zeros: list[Value] = [0.0] * 60
    report = make_report({"v2": {"latency": zeros}, "champion": {"latency": zeros}})
    verdict = decide(report, "v2", "champion", rule(metric="latency", at_most="1.10 × baseline"))
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "no limit can be stated" in verdict.reasons[0]


def test_too_few_values_for_a_percentiles_limit_do_not_pass() -> None:
    quick: list[Value] = [0.1 + place / 1000 for place in range(60)]
    report = make_report({"v2": {"latency": quick}, "champion": {"latency": quick}})
    verdict = decide(report, "v2", "champion", rule(metric="latency_p95", at_most="2.5 s"))
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert "a limit needs 72 cases that don't depend on each other; about 12 more" in verdict.reasons[0]


def test_a_cell_that_the_report_holds_twice_is_an_error() -> None:
    report = against_good(GOOD)
    twice = Report(run=report.run, cases=report.cases, cells=(*report.cells, report.cells[0]))
    with pytest.raises(UsageError, match=r"the report holds the cell v2/c000 twice"):
        decide(twice, "v2", "champion", AT_LEAST)


def test_a_case_whose_content_changed_counts_as_missing() -> None:
    ours = make_report({"v2": {"correct": truths(100, 0)}})
    theirs = make_report({"v1": {"correct": truths(100, 0)}})
    changed = dict(ours.cases)
    changed["c007"] = replace(changed["c007"], digest="sha256:other")
    joined = with_baseline(Report(run=ours.run, cases=changed, cells=ours.cells), theirs, "v1")
    verdict = decide(joined, "v2", "baseline", NOT_WORSE)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert verdict.rules[0].missing == 1


def test_a_baseline_scored_by_another_version_of_the_evaluator_is_missing() -> None:
    ours = make_report({"v2": {"correct": truths(100, 0)}})
    theirs = make_report({"v1": {"correct": truths(100, 0)}})
    older = {name: replace(info, digest="sha256:old") for name, info in theirs.run.evaluators.items()}
    past = Report(run=replace(theirs.run, evaluators=older), cases=theirs.cases, cells=theirs.cells)
    verdict = decide(with_baseline(ours, past, "v1"), "v2", "baseline", NOT_WORSE)
    assert verdict.outcome is Decision.INCONCLUSIVE
    assert verdict.rules[0].n == 0


def test_a_baseline_run_cut_short_makes_the_whole_incomplete() -> None:
    ours = make_report({"v2": {"correct": truths(100, 0)}})
    theirs = make_report({"v1": {"correct": truths(100, 0)}}, complete=False)
    assert not with_baseline(ours, theirs, "v1").run.complete


def test_a_baseline_that_the_other_run_does_not_have_is_an_error() -> None:
    ours, theirs = (make_report({name: {"correct": GOOD}}) for name in ("v2", "v1"))
    with pytest.raises(UsageError, match=r"has no target named 'v9' \(known: v1\)"):
        with_baseline(ours, theirs, "v9")
    with pytest.raises(UsageError, match=r"has a target named 'v2' already"):
        with_baseline(ours, theirs, "v1", name="v2")


def test_a_fail_outweighs_what_can_not_be_told() -> None:
    both = policy([{"metric": "f1", "at_least": 0.5}, {"metric": "correct", "at_least": 0.99}])
    verdict = decide(against_good(truths(50, 50)), "v2", "champion", both)
    assert verdict.outcome is Decision.FAIL
    assert [reason.split(",")[0] for reason in verdict.reasons] == ["correct", "f1"]


def test_a_margin_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"greater than 0"):
        rule(metric="correct", not_worse_than="baseline", margin=0)
