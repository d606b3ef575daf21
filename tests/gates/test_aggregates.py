"""A gate decides on values of cases: an aggregate is refused, and a stored baseline's stays only where it holds."""

import pytest
from msgspec.structs import replace

from plimsoll.config import GatePolicy
from plimsoll.gates import PolicyError, decide
from plimsoll.gates.baseline import with_baseline
from plimsoll.testing.reports import example_report
from plimsoll.types import Aggregate, Report

WHOLE = {"relevance": Aggregate(figures={"f1": 0.7}, ok=24)}


def aggregating(report: Report, target: str) -> Report:
    info = report.run.evaluators["relevance"]
    evaluators = {**report.run.evaluators, "relevance": replace(info, aggregates=True)}
    return replace(report, run=replace(report.run, evaluators=evaluators), aggregates={target: WHOLE})


def policy(metric: str) -> GatePolicy:
    return GatePolicy.model_validate({"baseline": "none", "rules": [{"metric": metric, "at_least": 0.5}]})


def test_a_rule_over_an_aggregate_is_refused_and_says_what_to_name_instead():
    report = aggregating(example_report(flawless=True), "v1")
    with pytest.raises(PolicyError) as caught:
        decide(report, "v1", None, policy("relevance.f1"))
    (mistake,) = caught.value.mistakes
    assert "no interval of it can be stated" in mistake.message
    assert mistake.remedy == "name what relevance gives for each case: relevance"


def test_a_name_that_is_nothing_at_all_is_told_as_before():
    with pytest.raises(PolicyError, match="no evaluator of the suite gives the metric 'relevanse'"):
        decide(aggregating(example_report(flawless=True), "v1"), "v1", None, policy("relevanse"))


def test_a_stored_baseline_brings_its_aggregates_where_cases_and_evaluators_are_the_same():
    mine = aggregating(example_report(flawless=True), "v1")
    other = replace(aggregating(example_report(flawless=True), "v2"), run=replace(mine.run, id="before"))
    assert with_baseline(mine, other, "v2").aggregates == {"v1": WHOLE, "baseline": WHOLE}


def test_a_stored_baselines_aggregates_over_other_cases_or_by_another_evaluator_are_left_out():
    mine = aggregating(example_report(flawless=True), "v1")
    more = aggregating(example_report(cases=25, flawless=True), "v2")
    edited = replace(
        mine.run, evaluators={**mine.run.evaluators, "relevance": replace(mine.run.evaluators["relevance"], digest="x")}
    )
    for other in (more, replace(aggregating(example_report(flawless=True), "v2"), run=edited)):
        assert with_baseline(mine, other, "v2").aggregates == {"v1": WHOLE}
