"""Cases of the baseline's evidence that are gone, or were changed, count as missing: never as if they had not been."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.gates.parts import make_report, policy, rule

from plimsoll.gates import Grounds, decide
from plimsoll.types import Decision, Look, Quarantined, Verdict

GOOD = [True] * 200
REPORT = make_report({"v2": {"correct": GOOD}, "champion": {"correct": GOOD}}, slices={"critical": range(100)})
NOT_WORSE = rule(metric="correct", not_worse_than="baseline", margin=0.1)


def decided(*gone: str, by=NOT_WORSE, quarantine: tuple[str, ...] = (), look: Look | None = None) -> Verdict:
    entries = tuple(Quarantined(case=case, reason="x", owner="a", expires="9999-12-31") for case in quarantine)
    report = REPORT if look is None else replace(REPORT, run=replace(REPORT.run, looks=look.of))
    return decide(report, "v2", "champion", by, grounds=Grounds(quarantine=entries, gone=gone, look=look))


def test_nothing_gone_is_a_pass():
    assert decided().outcome is Decision.PASS


@pytest.mark.parametrize("case", ["x1", "c005"], ids=["not in the dataset", "changed"])
@pytest.mark.parametrize(
    "by",
    [
        NOT_WORSE,
        rule(metric="correct", at_least=0.5),
        rule(metric="correct", all_pass=True),
        rule(metric="correct", slice="critical", at_least=0.5),
    ],
    ids=["relative", "absolute", "all pass", "on a slice"],
)
def test_one_case_gone_makes_each_rule_inconclusive_and_stands_in_the_verdict(case: str, by):
    verdict = decided(case, by=by)
    assert (verdict.outcome, verdict.gone) == (Decision.INCONCLUSIVE, (case,))
    assert verdict.rules[0].missing == 1
    told = "1 on v2: the case is gone from the dataset, or was changed, since the baseline was measured"
    assert told in verdict.reasons[0]


def test_a_coverage_below_one_has_room_for_a_few():
    some = policy([{"metric": "correct", "not_worse_than": "baseline", "margin": 0.1}], coverage=0.9)
    assert decided(*(f"x{number}" for number in range(22)), by=some).outcome is Decision.PASS
    assert decided(*(f"x{number}" for number in range(23)), by=some).outcome is Decision.INCONCLUSIVE


def test_a_case_that_the_baselines_side_had_quarantined_may_go():
    assert decided("x1", quarantine=("x1",)).outcome is Decision.PASS


def test_an_early_look_of_a_sequential_run_asks_for_them_too():
    verdict = decided("x1", "c150", look=Look(number=1, of=2))
    assert verdict.rules[0].missing == 2
    assert verdict.outcome is Decision.INCONCLUSIVE
