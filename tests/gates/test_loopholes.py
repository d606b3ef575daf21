"""Ways in which a worse challenger once passed, each closed."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from tests.gates.parts import make_report, policy, rule, truths

from plimsoll.canonical import digest
from plimsoll.gates import Grounds, PolicyError, VerificationError, decide, seal, with_baseline
from plimsoll.stats import Range, mean_interval, p_value_above, rate_interval
from plimsoll.stats.means import p_above
from plimsoll.types import Decision, Direction, Metric, Quarantined, Report

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def with_metric(report: Report, name: str, **changed: object) -> Report:
    info = report.run.evaluators[name]
    metric: Metric = replace(info.metrics[0], **changed)
    return replace(
        report,
        run=replace(report.run, evaluators={**report.run.evaluators, name: replace(info, metrics=(metric,))}),
    )


@pytest.mark.parametrize("kind", ["not_worse_than", "better_than"])
def test_a_truth_value_is_better_the_way_its_condition_says(kind: str) -> None:
    # Less of it is better by default (a refusal), but here refusing is right.
    sides = {"v2": {"correct": truths(50, 50)}, "v1": {"correct": truths(100, 0)}}
    report = with_metric(make_report(sides), "correct", direction=Direction.LOWER, pass_if="true")
    found = decide(report, "v2", "v1", rule(metric="correct", **{kind: "baseline"})).rules[0]
    assert found.outcome is Decision.FAIL
    assert "0.5 worse than v1" in found.reason


def test_an_anchor_that_the_policy_names_can_not_be_left_out() -> None:
    report = make_report({"v2": {"correct": truths(99, 1)}, "v1": {"correct": truths(99, 1)}})
    anchored = policy([{"metric": "correct", "not_worse_than": "baseline", "margin": 0.2}], anchor="v3")
    with pytest.raises(PolicyError, match="there is no anchor: the policy names 'v3'"):
        decide(report, "v2", "v1", anchored)


def test_an_attestation_is_about_the_bundle_that_was_measured() -> None:
    report = make_report({"v2": {"correct": truths(99, 1)}})
    wanted = policy([{"metric": "correct", "at_least": 0.8}], baseline="none")
    verdict = decide(report, "v2", None, wanted)
    with pytest.raises(VerificationError, match="is not what was measured"):
        seal(verdict, report, wanted, digest("another bundle"), now=NOON)


def test_a_quarantine_may_leave_out_no_more_of_a_slice_than_of_all() -> None:
    report = make_report({"v2": {"correct": truths(399, 1)}}, slices={"critical": range(380, 400)})
    entries = tuple(
        Quarantined(case=f"c{place:03d}", reason="flaky", owner="Ada", expires="2026-12-31")
        for place in range(381, 400)
    )
    wanted = policy(
        [{"metric": "correct", "slice": "critical", "all_pass": True}], baseline="none", max_quarantined=0.05
    )
    found = decide(report, "v2", None, wanted, grounds=Grounds(quarantine=entries)).rules[0]
    assert found.outcome is Decision.INCONCLUSIVE
    assert "19 of its 20 cases are quarantined, and 5% is the most" in found.reason


def test_a_cost_by_another_name_is_a_cost_of_today() -> None:
    report = make_report({"v2": {"latency": [1.0] * 40}, "v1": {"latency": [2.0] * 40}})
    report = replace(report, cells=tuple(replace(record, cached=True) for record in report.cells))
    report = with_metric(report, "latency", of_today=True)
    found = decide(report, "v2", "v1", rule(metric="latency", not_worse_than="baseline", margin=0.5)).rules[0]
    assert found.outcome is Decision.INCONCLUSIVE
    assert "says nothing of today" in found.reason


def test_a_stored_baselines_scores_by_another_condition_do_not_count() -> None:
    mine = make_report({"v2": {"tone": ["kind"] * 30 + ["curt"] * 10}})
    theirs = with_metric(make_report({"v1": {"tone": ["kind"] * 40}}), "tone", pass_if="curt")
    joined = with_baseline(mine, theirs, "v1", "old")
    found = decide(joined, "v2", "old", rule(metric="tone", not_worse_than="baseline")).rules[0]
    assert found.outcome is Decision.INCONCLUSIVE
    assert found.missing == 40


def test_groups_that_are_lost_whole_are_seldom_missed() -> None:
    # 6% of 20 groups lose all their cases: a regression just as large as the margin.
    draw, rounds, passed = random.Random(3), 300, 0
    for _ in range(rounds):
        lost = [draw.random() < 0.06 for _ in range(20)]
        noise = [draw.choice((-1.0, 1.0)) if draw.random() < 0.06 else 0.0 for _ in range(200)]
        values = [-1.0 if lost[place // 10] else noise[place] for place in range(200)]
        found = mean_interval(
            values, 0.95, span=Range(-1, 1), truth=True, groups=[f"g{place // 10}" for place in range(200)], guard="low"
        )
        assert found.low is not None
        passed += found.low >= -0.06
    assert passed / rounds <= 0.025 + 3 * (0.025 / rounds) ** 0.5


def test_equal_values_of_unequal_weight_are_not_many() -> None:
    weights = [1000.0] * 14 + [1.0] * 17
    found = rate_interval([1.0] * 31, 0.95, exact=True, weights=weights)
    assert found.low is not None
    assert found.low < 0.8
    steady = mean_interval([0.0] * 14 + [0.3, -0.3] * 8 + [0.1], 0.95, span=Range(-1, 1), weights=weights)
    assert steady.low is not None
    assert steady.low < -0.2


def test_the_direct_p_value_is_that_of_the_interval() -> None:
    draw = random.Random(8)
    for groups in (None, [f"g{place // 3}" for place in range(60)]):
        values = [draw.choice((-1.0, 0.0, 0.0, 1.0, 1.0)) for _ in range(60)]

        def interval(confidence: float, values: list[float] = values, groups: list[str] | None = groups):
            return mean_interval(values, confidence, span=Range(-1, 1), truth=True, groups=groups, guard="low")

        direct = 2 * p_above(values, 0.0, span=Range(-1, 1), truth=True, groups=groups, guarded=True)
        assert direct == pytest.approx(p_value_above(interval, 0.0), rel=1e-4)
