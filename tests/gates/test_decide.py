"""What each rule decides, and how it says so."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from syrupy.assertion import SnapshotAssertion
from tests.gates.parts import BROKEN, Value, make_report, policy, rule, truths

from plimsoll.config import GatePolicy
from plimsoll.errors import FailureKind, UsageError
from plimsoll.gates import decide, infrastructure_failure
from plimsoll.stats import clopper_pearson, mean_interval
from plimsoll.types import Decision, EvaluatorInfo, Failed, Failure, Metric, MetricKind, Report, Verdict

PASS, FAIL, OPEN = Decision.PASS, Decision.FAIL, Decision.INCONCLUSIVE


def numbers(mean: float, count: int = 60, spread: float = 0.1) -> list[Value]:
    """Values around a mean, the same ones each time."""
    return [round(mean + spread * math.sin(place), 6) for place in range(count)]


def compare(metric: str, ours: list[Value], theirs: list[Value], wanted: GatePolicy) -> Verdict:
    return decide(make_report({"v2": {metric: ours}, "v1": {metric: theirs}}), "v2", "v1", wanted)


@pytest.mark.parametrize(("good", "outcome"), [(98, PASS), (85, OPEN), (60, FAIL)])
def test_at_least_holds_the_exact_interval_of_a_share_against_the_bound(good: int, outcome: Decision) -> None:
    verdict = compare("correct", truths(good, 100 - good), truths(90, 10), rule(metric="correct", at_least=0.8))
    assert verdict.outcome is outcome
    found = verdict.rules[0]
    assert (found.low, found.high) == pytest.approx(clopper_pearson(good, 100, 0.95), abs=1e-5)
    assert found.estimate == good / 100


@pytest.mark.parametrize(("mean", "outcome"), [(0.3, PASS), (0.5, OPEN), (0.7, FAIL)])
def test_at_most_holds_the_upper_limit_against_the_bound(mean: float, outcome: Decision) -> None:
    verdict = compare("length", numbers(mean), numbers(0.5), rule(metric="length", at_most=0.5))
    assert verdict.outcome is outcome


@pytest.mark.parametrize(("change", "outcome"), [(0.0, PASS), (-0.05, OPEN), (-0.2, FAIL)])
def test_not_worse_than_allows_the_margin_where_higher_is_better(change: float, outcome: Decision) -> None:
    draw = random.Random(1)
    theirs: list[Value] = [draw.uniform(0.4, 0.8) for _ in range(100)]
    ours: list[Value] = [float(value) + change + draw.gauss(0, 0.05) for value in theirs if isinstance(value, float)]
    verdict = compare("f1", ours, theirs, rule(metric="f1", not_worse_than="baseline", margin=0.05))
    assert verdict.outcome is outcome


@pytest.mark.parametrize(("change", "outcome"), [(0.0, PASS), (0.05, OPEN), (0.2, FAIL)])
def test_not_worse_than_allows_the_margin_where_lower_is_better(change: float, outcome: Decision) -> None:
    draw = random.Random(1)
    theirs: list[Value] = [draw.uniform(0.2, 0.6) for _ in range(100)]
    ours: list[Value] = [float(value) + change + draw.gauss(0, 0.05) for value in theirs if isinstance(value, float)]
    verdict = compare("length", ours, theirs, rule(metric="length", not_worse_than="baseline", margin=0.05))
    assert verdict.outcome is outcome


@pytest.mark.parametrize(("metric", "sign"), [("f1", 1), ("length", -1)])
def test_better_than_needs_an_improvement_in_the_metrics_own_direction(metric: str, sign: int) -> None:
    wanted = rule(metric=metric, better_than="baseline")
    base = numbers(0.5)
    better, worse = (numbers(0.5 + step * sign, spread=0.2) for step in (0.1, -0.1))
    assert compare(metric, better, base, wanted).outcome is PASS
    assert compare(metric, worse, base, wanted).outcome is FAIL
    assert compare(metric, numbers(0.5, spread=0.2), base, wanted).outcome is OPEN


def test_claims_of_improvement_are_corrected_for_each_other() -> None:
    # t(39) of the first claim is 2.3: p = 0.027 alone, 0.054 beside a second one that shows nothing.
    wave = [math.sin(place) for place in range(40)]
    mean = sum(wave) / 40
    error = math.sqrt(sum((value - mean) ** 2 for value in wave) / 39 / 40)
    base: list[Value] = [0.5] * 40
    slight: list[Value] = [0.5 + 0.1 * (value - mean + 2.3 * error) for value in wave]
    report = make_report({"v2": {"length": base, "f1": slight}, "v1": {"length": slight[::-1], "f1": base}})
    claim = {"metric": "f1", "better_than": "baseline"}
    none = {"metric": "latency_p50", "better_than": "baseline"}
    assert decide(report, "v2", "v1", policy([claim])).rules[0].outcome is PASS
    beside = decide(report, "v2", "v1", policy([claim, none])).rules[0]
    assert beside.outcome is OPEN
    assert "not enough beside the policy's other claims of improvement (corrected p = 0.05" in beside.reason


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, PASS), (1.1, OPEN), (1.3, FAIL)])
def test_a_ratio_is_held_against_the_baselines_own_values(factor: float, outcome: Decision) -> None:
    draw = random.Random(2)
    theirs = [draw.uniform(1.0, 3.0) for _ in range(80)]
    ours: list[Value] = [value * factor * draw.uniform(0.95, 1.05) for value in theirs]
    verdict = compare("latency", ours, list(theirs), rule(metric="latency", at_most="1.10 × baseline"))
    assert verdict.outcome is outcome


@pytest.mark.parametrize(("shift", "outcome"), [(0.0, PASS), (1.5, OPEN), (3.0, FAIL)])
def test_a_percentile_is_held_with_its_order_statistics(shift: float, outcome: Decision) -> None:
    values: list[Value] = [shift + place / 100 for place in range(100)]
    verdict = compare("latency", values, values, rule(metric="latency_p95", at_most="2.45 s"))
    assert verdict.outcome is outcome
    assert verdict.rules[0].estimate == pytest.approx(shift + 0.94)


def test_a_percentile_is_compared_with_the_baselines() -> None:
    draw = random.Random(3)
    slow: list[Value] = [2 + draw.random() for _ in range(200)]
    quick: list[Value] = [1 + draw.random() for _ in range(200)]
    wanted = rule(metric="latency_p50", at_most="1.10 × baseline")
    assert compare("latency", quick, slow, wanted).outcome is PASS
    assert compare("latency", slow, quick, wanted).outcome is FAIL


def test_all_pass_asks_every_case_of_the_slice_and_of_no_other() -> None:
    report = make_report({"v2": {"correct": truths(20, 80)}}, slices={"critical": range(5)})
    wanted = policy([{"metric": "correct", "slice": "critical", "all_pass": True}], baseline="none")
    verdict = decide(report, "v2", None, wanted)
    assert (verdict.outcome, verdict.rules[0].n) == (PASS, 5)


def test_a_rule_on_a_slice_takes_its_cases_only() -> None:
    report = make_report({"v2": {"correct": truths(40, 60)}}, slices={"easy": range(40)})
    wanted = policy([{"metric": "correct", "slice": "easy", "at_least": 0.9}], baseline="none")
    assert decide(report, "v2", None, wanted).rules[0].n == 40


def test_a_label_counts_by_whether_it_passes() -> None:
    kind: list[Value] = ["kind" if place < 58 else "curt" for place in range(60)]
    verdict = compare("tone", kind, kind, rule(metric="tone", at_least=0.8))
    assert verdict.outcome is PASS
    assert verdict.rules[0].estimate == pytest.approx(58 / 60, abs=1e-5)


def test_all_pass_of_a_truth_value_of_which_less_is_better_needs_a_condition() -> None:
    report = make_report({"v2": {"correct": truths(60, 0)}})
    toxic = Metric(name="correct", kind=MetricKind.BOOL, direction="lower")  # type: ignore[arg-type]  # as from JSON
    info = EvaluatorInfo(name="correct", digest="sha256:t", metrics=(toxic,))
    changed = Report(run=replace(report.run, evaluators={"correct": info}), cases=report.cases, cells=report.cells)
    with pytest.raises(UsageError, match=r"nothing says which values of 'correct' pass"):
        decide(changed, "v2", None, policy([{"metric": "correct", "all_pass": True}], baseline="none"))


def test_repeats_are_averaged_within_the_case_first() -> None:
    steady: list[Value] = [value for place in range(50) for value in (place % 2 == 0,) * 4]
    report = make_report({"v2": {"correct": steady}}, repeats=4)
    found = decide(report, "v2", None, policy([{"metric": "correct", "at_least": 0.1}], baseline="none")).rules[0]
    assert found.n == 50
    assert (found.low, found.high) == pytest.approx(clopper_pearson(25, 50, 0.95), abs=1e-5)


def test_grouped_cases_give_the_cluster_robust_interval() -> None:
    draw = random.Random(9)
    level = [draw.uniform(-0.2, 0.2) for _ in range(20)]
    theirs: list[Value] = [0.5] * 80
    ours = [0.5 + level[place // 4] + draw.gauss(0, 0.02) for place in range(80)]
    report = make_report({"v2": {"f1": list(ours)}, "v1": {"f1": theirs}}, groups=4)
    found = decide(report, "v2", "v1", rule(metric="f1", not_worse_than="baseline", margin=0.05)).rules[0]
    expected = mean_interval([v - 0.5 for v in ours], 0.95, groups=[f"g{place // 4}" for place in range(80)])
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert "80 pairs in 20 groups" in found.reason


def test_flips_come_worst_first() -> None:
    theirs: list[Value] = [0.9, 0.7, 0.1, 0.65, *[0.8] * 20]
    ours: list[Value] = [0.2, 0.5, 0.9, 0.62, *[0.8] * 20]
    found = compare("f1", ours, theirs, rule(metric="f1", not_worse_than="baseline", margin=0.05)).rules[0]
    assert [(flip.case, flip.baseline, flip.challenger) for flip in found.flipped] == [
        ("c000", 0.9, 0.2),
        ("c001", 0.7, 0.5),
        ("c002", 0.1, 0.9),
    ]


def test_without_a_condition_every_changed_case_is_shown_worst_first() -> None:
    theirs: list[Value] = [0.5, 0.5, 0.5, *[0.5] * 20]
    ours: list[Value] = [0.6, 0.9, 0.1, *[0.5] * 20]
    found = compare("length", ours, theirs, rule(metric="length", not_worse_than="baseline", margin=0.05)).rules[0]
    assert [(flip.case, round(flip.change, 6)) for flip in found.flipped] == [
        ("c001", 0.4),
        ("c000", 0.1),
        ("c002", -0.4),
    ]


def test_inconclusive_says_how_many_more_cases_would_decide() -> None:
    verdict = compare("correct", truths(85, 15), truths(85, 15), rule(metric="correct", at_least=0.8))
    assert verdict.outcome is OPEN
    assert "about 350 more cases would decide (80% power" in verdict.reasons[0]


def test_the_promised_number_of_cases_does_decide() -> None:
    verdict = compare("correct", truths(383, 67), truths(383, 67), rule(metric="correct", at_least=0.8))
    assert verdict.outcome is PASS


def test_reasons_read_as_sentences(snapshot: SnapshotAssertion) -> None:
    wanted = policy(
        [
            {"metric": "f1", "not_worse_than": "baseline", "margin": 0.05},
            {"metric": "f1", "better_than": "baseline"},
            {"metric": "correct", "at_least": 0.8},
            {"metric": "correct", "slice": "critical", "all_pass": True},
            {"metric": "latency", "at_most": "1.10 × baseline"},
            {"metric": "latency_p95", "at_most": "2.5 s"},
            {"metric": "length", "not_worse_than": "baseline", "margin": 0.1},
        ]
    )
    ours = {"f1": numbers(0.6), "correct": truths(50, 10), "latency": numbers(1.5), "length": numbers(0.9)}
    theirs = {
        "f1": numbers(0.62, spread=0.2),
        "correct": truths(48, 12),
        "latency": numbers(1.5, spread=0.3),
        "length": numbers(0.5, spread=0.2),
    }
    report = make_report({"v2": ours, "v1": theirs}, slices={"critical": range(48, 56)})
    verdict = decide(report, "v2", "v1", wanted)
    assert verdict.outcome is FAIL
    assert [f"{found.outcome}: {found.metric}, {found.rule}: {found.reason}" for found in verdict.rules] == snapshot
    assert list(verdict.reasons) == snapshot


VALUE = st.sampled_from([0.0, 0.25, 0.5, 0.5, 0.75, 1.0])
RULES = st.sampled_from(
    [
        {"at_least": 0.5},
        {"at_most": 0.9},
        {"not_worse_than": "baseline", "margin": 0.1},
        {"better_than": "baseline"},
        {"at_least": "0.9 × baseline"},
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(VALUE, VALUE), min_size=10, max_size=30),
    lower=st.booleans(),
    wanted=st.lists(RULES, min_size=1, max_size=3),
    place=st.integers(0, 9),
    groups=st.sampled_from([0, 2]),
)
def test_a_worse_score_never_turns_a_fail_into_a_pass(
    pairs: list[tuple[float, float]], lower: bool, wanted: list[dict[str, object]], place: int, groups: int
) -> None:
    metric = "length" if lower else "f1"
    # A bound on the wrong side of the metric would ask for bad scores.
    unfit = "at_least" if lower else "at_most"
    fitting = [{"metric": metric, **chosen} for chosen in wanted if unfit not in chosen]
    rules = policy(fitting or [{"metric": metric, "better_than": "baseline"}])
    ours: list[Value] = [mine for mine, _ in pairs]
    theirs: list[Value] = [other for _, other in pairs]
    worse = list(ours)
    worse[place] = 1.0 if lower else 0.0
    before, after = (
        decide(make_report({"v2": {metric: side}, "v1": {metric: theirs}}, groups=groups), "v2", "v1", rules)
        for side in (ours, worse)
    )
    if before.outcome is FAIL:
        assert after.outcome is not PASS


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_the_cells_does_not_matter(seed: int) -> None:
    draw = random.Random(seed)
    report = make_report({name: {"f1": [draw.random() for _ in range(24)]} for name in ("v2", "v1")}, repeats=2)
    cells = list(report.cells)
    draw.shuffle(cells)
    wanted = policy([{"metric": "f1", "not_worse_than": "baseline", "margin": 0.1}, {"metric": "f1", "at_least": 0.5}])
    shuffled = Report(run=report.run, cases=report.cases, cells=tuple(cells))
    assert decide(shuffled, "v2", "v1", wanted) == decide(report, "v2", "v1", wanted)


def test_so_many_failed_cells_are_the_infrastructures() -> None:
    ours: list[Value] = [*truths(94, 0), *[BROKEN] * 6]
    report = make_report({"v2": {"correct": ours}, "v1": {"correct": truths(100, 0)}})
    reason = infrastructure_failure(report, ["v2", "v1"], 0.05)
    assert reason == ("6 of 100 cells of v2 failed, more than 5%; most often timeout: no answer within 60 s (wait)")
    assert infrastructure_failure(report, ["v1"], 0.05) is None
    assert infrastructure_failure(report, ["v2"], 0.06) is None


def test_a_judge_whose_provider_is_down_is_infrastructure_and_a_broken_evaluator_is_not() -> None:
    def failed(kind: FailureKind) -> list[Value]:
        return [Failed(failure=Failure(kind=kind, message="no", remedy="mend"))] * 20

    down = make_report({"v2": {"relevance": failed(FailureKind.CONNECTION)}})
    broken = make_report({"v2": {"relevance": failed(FailureKind.EVALUATOR)}})
    assert infrastructure_failure(down, ["v2"], 0.05) is not None
    assert infrastructure_failure(broken, ["v2"], 0.05) is None
