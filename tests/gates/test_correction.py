"""A certified judge's figures are corrected for its errors; the calibration's own uncertainty is in the interval."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from tests.calibration.parts import NOON, certificate, figure, figures
from tests.gates.parts import make_report, policy, truths

from plimsoll.calibration import Certificate, Certificates
from plimsoll.calibration.comparison import Task
from plimsoll.calibration.figures import Agreement, Figure
from plimsoll.canonical import digest
from plimsoll.config import GatePolicy
from plimsoll.gates import Grounds, PolicyError, decide
from plimsoll.stats import clopper_pearson
from plimsoll.types import Decision, Direction, Metric, Report, RuleResult


def share(right: int, of: int) -> Figure:
    low, high = clopper_pearson(right, of, 0.95)
    return Figure(value=right / of, low=low, high=high, n=of, units=of, method="exact")


def verdicts(sensitivity: Figure, specificity: Figure) -> Agreement:
    """What a calibration found of a judge that says good or not."""
    return replace(
        figures().agreement,
        compared=sensitivity.n + specificity.n,
        sensitivity=sensitivity,
        specificity=specificity,
    )


def held(metric: str, agreement: Agreement, **changed: object) -> Certificate:
    made: dict[str, object] = {"threshold": "== true", **changed}
    return certificate(metric, digest(metric), figures=figures(agreement=agreement), **made)


def judged(report: Report, name: str, **changed: object) -> Report:
    """The report with a metric that a model gave."""
    info = report.run.evaluators[name]
    metric: Metric = replace(info.metrics[0], judged=True, **changed)
    evaluators = {**report.run.evaluators, name: replace(info, metrics=(metric,))}
    return replace(report, run=replace(report.run, evaluators=evaluators))


def rule_of(report: Report, rules: GatePolicy, found: Certificate, baseline: str | None = None) -> RuleResult:
    verdict = decide(report, "v2", baseline, rules, grounds=Grounds(Certificates({found.metric: found}, NOON)))
    return verdict.rules[0]


def certified(**rule: object) -> GatePolicy:
    compares = any("baseline" in str(value) for value in rule.values())
    return policy([rule], baseline="champion" if compares else "none", judges="certified")


def test_a_share_is_what_people_would_have_passed() -> None:
    report = judged(make_report({"v2": {"correct": truths(78, 22)}}), "correct")
    found = rule_of(
        report, certified(metric="correct", at_least=0.6), held("correct", verdicts(share(90, 100), share(85, 100)))
    )
    # (0.78 + 0.85 − 1) / (0.90 + 0.85 − 1), by hand.
    assert found.estimate == pytest.approx(0.84, abs=1e-6)
    assert found.measured == pytest.approx(0.78)
    low, high = clopper_pearson(78, 100, 0.95)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > (high - low) / 0.75
    assert "corrected for the judge's sensitivity 0.90 and specificity 0.85 on 200 labelled answers" in found.reason


def test_where_less_is_better_the_correction_is_turned() -> None:
    calibration = held("correct", verdicts(share(90, 100), share(85, 100)), threshold="== false")
    report = judged(make_report({"v2": {"correct": truths(22, 78)}}), "correct", direction=Direction.LOWER)
    found = rule_of(report, certified(metric="correct", at_most=0.5), calibration)
    # Of 78 that were passed, 84 are good: 16 are not.
    assert found.estimate == pytest.approx(0.16, abs=1e-6)


def test_a_difference_is_divided_by_how_much_the_judge_can_tell() -> None:
    sides = {"v2": {"correct": truths(80, 20)}, "champion": {"correct": truths(95, 5)}}
    report = judged(make_report(sides), "correct")
    rules = certified(metric="correct", not_worse_than="baseline", margin=0.5)
    found = rule_of(report, rules, held("correct", verdicts(share(90, 100), share(85, 100))), "champion")
    assert found.measured == pytest.approx(-0.15)
    assert found.estimate == pytest.approx(-0.2, abs=1e-6)


def test_more_labels_make_the_interval_narrower() -> None:
    report = judged(make_report({"v2": {"correct": truths(150, 50)}}), "correct")
    widths = []
    for labels in (60, 200, 2000):
        agreement = verdicts(share(round(labels * 0.9), labels), share(round(labels * 0.85), labels))
        found = rule_of(report, certified(metric="correct", at_least=0.5), held("correct", agreement))
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


def scale(bias: Figure | None) -> Agreement:
    return Agreement(
        task=Task.SCALE,
        compared=150,
        classes={},
        kappa=figure(0.8, 0.72, 0.87),
        accuracy=figure(0.9, 0.85, 0.94),
        spearman=figure(0.8, 0.7, 0.9),
        bias=bias,
    )


def test_a_mean_is_shifted_by_the_mean_error() -> None:
    values: Sequence[float] = [0.9, 0.8, 0.95, 0.85, 0.7] * 20
    report = make_report({"v2": {"relevance": values}})
    found = rule_of(
        report, certified(metric="relevance", at_least=0.5), held("relevance", scale(figure(-0.1, -0.13, -0.07)))
    )
    assert found.measured == pytest.approx(0.84)
    assert found.estimate == pytest.approx(0.74)
    assert found.low is not None
    assert found.low < 0.74 - 0.03
    assert "mean error, -0.1 on 150 labelled answers" in found.reason


def test_what_a_certificate_can_not_correct_is_said() -> None:
    report = make_report({"v2": {"relevance": [0.9, 0.8, 0.95, 0.85] * 10}})
    found = rule_of(report, certified(metric="relevance", at_least=0.5), held("relevance", scale(None)))
    assert found.measured is None
    assert "as the judge gave it: its certificate was measured on another scale" in found.reason


def test_a_ratio_of_a_judged_metric_is_refused() -> None:
    report = judged(make_report({"v2": {"correct": truths(30, 0)}, "champion": {"correct": truths(30, 0)}}), "correct")
    rules = certified(metric="correct", at_least="0.9 × baseline")
    with pytest.raises(PolicyError, match="can't be corrected"):
        rule_of(report, rules, held("correct", verdicts(share(90, 100), share(85, 100))), "champion")


def test_a_label_passes_by_what_it_was_certified_for() -> None:
    report = judged(make_report({"v2": {"tone": ["kind", "curt"] * 20}}), "tone")
    rules = certified(metric="tone", at_least=0.1)
    agreement = verdicts(share(90, 100), share(85, 100))
    assert rule_of(report, rules, held("tone", agreement, threshold="== kind")).outcome is Decision.PASS
    with pytest.raises(PolicyError, match="is certified for == curt, and passes by == kind"):
        rule_of(report, rules, held("tone", agreement, threshold="== curt"))


def test_a_certificate_for_the_other_value_is_refused() -> None:
    report = judged(make_report({"v2": {"correct": truths(60, 40)}}), "correct")
    agreement = verdicts(share(90, 100), share(85, 100))
    with pytest.raises(PolicyError, match="is certified for == false, and passes by == true"):
        rule_of(report, certified(metric="correct", at_least=0.5), held("correct", agreement, threshold="== false"))
    # What passes is said by the condition, whatever the metric's own direction: both then mean the same.
    turned = judged(report, "correct", pass_if="false")
    found = rule_of(turned, certified(metric="correct", at_most=0.5), held("correct", agreement, threshold="== false"))
    assert found.estimate == pytest.approx(1 - (0.4 + 0.85 - 1) / 0.75, abs=1e-6)


def test_a_certificate_without_bad_answers_corrects_nothing_and_is_refused() -> None:
    report = judged(make_report({"v2": {"correct": truths(60, 40)}}), "correct")
    agreement = replace(verdicts(share(90, 100), share(85, 100)), specificity=None)
    with pytest.raises(PolicyError, match="tells no sensitivity and specificity"):
        rule_of(report, certified(metric="correct", at_least=0.5), held("correct", agreement))


def test_every_case_passes_by_what_the_judge_was_certified_for() -> None:
    report = judged(make_report({"v2": {"f1": [0.9] * 20}}), "f1")
    agreement = verdicts(share(90, 100), share(85, 100))
    with pytest.raises(PolicyError, match=r"certified for >= 0\.9, and passes by >= 0\.6"):
        rule_of(report, certified(metric="f1", all_pass=True), held("f1", agreement, threshold=">= 0.9"))


@pytest.mark.long
def test_a_target_on_the_line_passes_no_more_often_than_nominal() -> None:
    """A judge that passes 90% of the good and 40% of the bad answers, half of which are good: 0.65 of them by it."""
    draw, passed, uncorrected = random.Random(1), 0, 0
    rules = certified(metric="correct", at_least=0.5)
    rounds, labels = 60, 100
    for _ in range(rounds):
        good = [draw.random() < 0.5 for _ in range(200)]
        said = [draw.random() < (0.9 if one else 0.4) for one in good]
        counts = [sum(draw.random() < rate for _ in range(labels)) for rate in (0.9, 0.6)]
        report = judged(make_report({"v2": {"correct": said}}), "correct")
        agreement = verdicts(share(counts[0], labels), share(counts[1], labels))
        passed += rule_of(report, rules, held("correct", agreement)).outcome is Decision.PASS
        plain = decide(
            report, "v2", None, policy([{"metric": "correct", "at_least": 0.5}], baseline="none", judges="any")
        )
        uncorrected += plain.outcome is Decision.PASS
    # Three standard errors of so many rounds above the nominal 2.5%.
    assert passed / rounds <= 0.025 + 3 * (0.025 * 0.975 / rounds) ** 0.5
    assert uncorrected / rounds > 0.9
