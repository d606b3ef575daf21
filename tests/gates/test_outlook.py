"""What is told of a rule before anything runs, and that doing what it asks for does decide."""

import math
import random
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.gates.parts import make_report, rule

from plimsoll.config import GatePolicy
from plimsoll.gates import decide
from plimsoll.gates.check import Claim, claims_of
from plimsoll.gates.outlook import Seen, Size, outlook
from plimsoll.stats import margin_power
from plimsoll.types import Decision

SEEN = Seen("between v1 and v2 in run 1", mean=0.6, deviation=0.2, discordant=0.04)


def claim(**settings: Any) -> Claim:
    relative = {"not_worse_than", "better_than"} & settings.keys() or "baseline" in str(settings)
    report = make_report({"v1": {"f1": []}, "v2": {"f1": []}}, cases=0, repeats=1)
    policy: GatePolicy = rule(**settings)
    if not relative:
        policy = policy.model_copy(update={"baseline": "none"})
    [found], _ = claims_of(report, "v2", "v1" if relative else None, policy, first=False)
    return found


def told(cases: int, *, units: int = 0, seen: Seen | None = None, repeats: int = 1, **settings: Any) -> str | None:
    return outlook(claim(**settings), Size(cases, units or cases, repeats), 0.95, seen)


def test_what_is_told_reads_as_a_sentence(snapshot: SnapshotAssertion) -> None:
    margin: dict[str, Any] = {"not_worse_than": "baseline", "margin": 0.02}
    assert {
        "truth": told(60, metric="correct", **margin),
        "truth, groups": told(60, units=12, metric="correct", **margin),
        "truth, measured": told(60, seen=SEEN, metric="correct", **margin),
        "truth, repeats": told(60, repeats=3, metric="correct", **margin),
        "truth, default margin": told(60, metric="correct", not_worse_than="baseline"),
        "label": told(60, metric="tone", **margin),
        "number": told(60, metric="f1", **margin),
        "number, measured": told(60, seen=SEEN, metric="f1", **margin),
        "better": told(60, metric="correct", better_than="baseline"),
        "better, number": told(20, metric="f1", better_than="baseline"),
        "ratio": told(30, seen=SEEN, metric="f1", at_least="0.9 × baseline"),
        "ratio of one": told(30, seen=SEEN, metric="f1", at_least="1.0 × baseline"),
        "impossible share": told(60, metric="correct", at_least=0.95),
        "share": told(72, metric="correct", at_least=0.95),
        "whole": told(500, metric="correct", at_least=1.0),
        "bound": told(20, seen=SEEN, metric="f1", at_least=0.55),
        "percentile": told(24, metric="latency_p95", at_most="2 s"),
        "percentiles": told(72, metric="latency_p95", at_most="1.1 × baseline"),
        "few": told(9, metric="correct", at_least=0.5),
        "few groups": told(90, units=9, metric="correct", at_least=0.5),
    } == snapshot


@pytest.mark.parametrize(
    ("cases", "settings"),
    [
        (340, {"metric": "correct", "not_worse_than": "baseline"}),
        (24, {"metric": "correct", "not_worse_than": "baseline", "margin": 0.25}),
        (40, {"metric": "f1", "not_worse_than": "baseline"}),
        (400, {"metric": "correct", "better_than": "baseline"}),
        (24, {"metric": "correct", "at_least": 0.5}),
        (72, {"metric": "latency_p95", "at_most": "2 s"}),
        (5, {"metric": "correct", "all_pass": True}),
        (30, {"metric": "latency", "not_worse_than": "baseline", "margin": 0.1}),
        (30, {"metric": "f1", "at_least": 0.5}),
    ],
)
def test_nothing_is_told_where_the_cases_do_or_nothing_is_known(cases: int, settings: dict[str, Any]) -> None:
    assert told(cases, **settings) is None


def test_as_many_cases_as_the_share_needs_pass_when_all_are_true() -> None:
    for cases, outcome in ((71, Decision.INCONCLUSIVE), (72, Decision.PASS)):
        report = make_report({"v2": {"correct": [True] * cases}})
        assert decide(report, "v2", None, rule(metric="correct", at_least=0.95), first=True).outcome is outcome
    assert "71 cases can't pass it even where all are true; 72 can" in str(told(71, metric="correct", at_least=0.95))


@pytest.mark.long
def test_the_chance_that_is_told_is_the_gates_own() -> None:
    draw, rounds, left = random.Random(7), 400, 0
    policy = rule(metric="correct", not_worse_than="baseline", margin=0.1)
    for _ in range(rounds):
        changes = [draw.random() for _ in range(60)]
        ours = [change >= 0.05 for change in changes]
        theirs = [not 0.05 <= change < 0.10 for change in changes]
        report = make_report({"v2": {"correct": ours}, "v1": {"correct": theirs}})
        left += decide(report, "v2", "v1", policy).outcome is Decision.INCONCLUSIVE
    chance = 1 - margin_power(60, 0.1, discordant=0.1, confidence=0.95).passes
    assert abs(left / rounds - chance) < 4 * math.sqrt(chance * (1 - chance) / rounds)


def repeated(repeats: int, seed: int, *, between: float = 0.02, answers: int = 60) -> Decision | str:
    """What the gate says of a challenger that is 0.003 worse, its answers varying by 0.2 from one to the next."""
    draw = random.Random(seed)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(answers):
        change = -0.003 + draw.gauss(0, between)
        for _ in range(repeats):
            ours.append(min(1.0, max(0.0, 0.5 + change + draw.gauss(0, 0.14))))
            theirs.append(min(1.0, max(0.0, 0.5 + draw.gauss(0, 0.14))))
    report = make_report({"v2": {"f1": ours}, "v1": {"f1": theirs}}, repeats=repeats)
    verdict = decide(report, "v2", "v1", rule(metric="f1", not_worse_than="baseline", margin=0.03))
    return verdict.outcome if verdict.outcome is Decision.PASS else verdict.rules[0].reason


def test_the_promised_number_of_repeats_does_decide() -> None:
    assert "about 130 more cases or 7 repeats of each case (now 2) would decide (80% power" in repeated(2, 5)
    passed = sum(repeated(7, seed) is Decision.PASS for seed in range(60))
    assert passed >= 0.7 * 60
    assert sum(repeated(2, seed) is Decision.PASS for seed in range(60)) < 0.5 * 60


def test_where_the_cases_differ_too_much_repeats_are_no_advice() -> None:
    said = str(repeated(2, 0, between=0.3))
    assert "more cases would decide" in said
    assert "more repeats of these cases would hardly" in said


def test_one_answer_each_tells_nothing_of_repeats() -> None:
    said = str(repeated(1, 1))
    assert "repeats of each case (now" not in said
    assert "whether repeats would too, one answer to each case can't tell" in said
