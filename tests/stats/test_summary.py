"""A run's figures: nothing is averaged over a hole in silence."""

import math

import msgspec
import pytest
from tests.gates.parts import BROKEN, Value, make_report, truths

from plimsoll.errors import FailureKind
from plimsoll.stats import Range, Summary, mean_interval, percentile_interval, summarise, wilson
from plimsoll.testing.reports import example_report
from plimsoll.types import Failed, Failure, MetricKind, Scored, Skipped, Usage
from plimsoll.types.record import Report

NO_SCORE = Failed(failure=Failure(kind=FailureKind.EVALUATOR, message="broke", remedy=""))


def test_a_rate_has_wilsons_interval() -> None:
    found = summarise(make_report({"v1": {"correct": truths(45, 5)}})).targets["v1"].metrics["correct"]
    assert (found.mean, found.low, found.high) == pytest.approx((0.9, *wilson(45, 50, 0.95)))
    assert (found.n, found.passed) == (50, 45)


def test_a_number_has_the_interval_of_its_mean_on_its_range() -> None:
    values: list[Value] = [0.4 + place / 100 for place in range(30)]
    found = summarise(make_report({"v1": {"f1": values}}), 0.9).targets["v1"].metrics["f1"]
    expected = mean_interval([0.4 + place / 100 for place in range(30)], 0.9, span=Range(0, 1))
    assert (found.mean, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_a_label_is_counted_most_frequent_first_and_has_no_mean() -> None:
    values: list[Value] = ["curt", "kind", "kind"]
    found = summarise(make_report({"v1": {"tone": values}})).targets["v1"].metrics["tone"]
    assert list(found.labels.items()) == [("kind", 2), ("curt", 1)]
    assert (found.mean, found.kind, found.passed) == (None, MetricKind.LABEL, 2)


def test_each_hole_is_counted_by_what_it_is() -> None:
    values: list[Value] = [0.5, 0.7, NO_SCORE, BROKEN, Skipped(reason="no reference"), None, Scored(value=math.nan)]
    target = summarise(make_report({"v1": {"f1": values}})).targets["v1"]
    found = target.metrics["f1"]
    assert found.mean == pytest.approx(0.6)
    assert (found.n, found.scored, found.failed, found.skipped, found.missing) == (2, 2, 3, 1, 1)
    assert (target.cells, target.ok, target.failed, target.missing) == (7, 5, 1, 1)


def test_where_nothing_was_scored_there_is_no_mean() -> None:
    found = summarise(make_report({"v1": {"correct": [BROKEN] * 12}})).targets["v1"].metrics["correct"]
    assert (found.mean, found.low, found.high, found.n, found.failed) == (None, None, None, 0, 12)


def test_repeats_are_averaged_within_the_case_and_counted_as_cells() -> None:
    values: list[Value] = [1.0, 0.0, 1.0, 1.0]
    found = summarise(make_report({"v1": {"f1": values}}, repeats=2)).targets["v1"].metrics["f1"]
    assert (found.mean, found.n, found.scored) == (0.75, 2, 4)


def test_a_slice_has_its_own_figures() -> None:
    summary = summarise(make_report({"v1": {"correct": truths(10, 10)}}, slices={"easy": range(10)}))
    assert summary.slices == {"easy": 10}
    easy = summary.targets["v1"].slices["easy"]["correct"]
    assert (easy.mean, easy.n) == (1.0, 10)


def test_latency_has_percentiles_beside_its_mean() -> None:
    values: list[Value] = [place / 10 for place in range(100)]
    metrics = summarise(make_report({"v1": {"latency": values}})).targets["v1"].metrics
    for name, share in (("latency_p50", 0.5), ("latency_p95", 0.95)):
        expected = percentile_interval([place / 10 for place in range(100)], share, 0.95)
        assert (metrics[name].mean, metrics[name].low, metrics[name].high) == (
            expected.value,
            expected.low,
            expected.high,
        )
    assert metrics["latency"].mean == pytest.approx(4.95)


def test_tokens_are_summed_only_where_every_output_tells_them() -> None:
    report = make_report({"v1": {"correct": truths(3, 0)}})
    assert summarise(report).targets["v1"].total_tokens is None
    usage = Usage(prompt_tokens=10, completion_tokens=5)

    def counted(cells: int) -> Report:
        told = [
            msgspec.structs.replace(record, outcome=msgspec.structs.replace(record.output, usage=usage))
            for record in report.cells[:cells]
            if record.output is not None
        ]
        return Report(run=report.run, cases=report.cases, cells=(*told, *report.cells[cells:]))

    assert summarise(counted(2)).targets["v1"].total_tokens is None
    assert summarise(counted(3)).targets["v1"].total_tokens == 45


def test_planned_cells_always_add_up() -> None:
    report = example_report(40, repeats=2)
    for target in summarise(report).targets.values():
        assert target.cells == target.ok + target.failed + target.missing == 80
        for metric in target.metrics.values():
            assert metric.scored + metric.failed + metric.skipped + metric.missing == 80


def test_an_empty_report_has_a_summary() -> None:
    target = summarise(make_report({"v1": {"correct": []}})).targets["v1"]
    assert (target.cells, target.metrics["correct"].mean) == (0, None)


def test_a_summary_can_be_written_and_read_back() -> None:
    summary = summarise(example_report(20))
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


def test_the_limits_of_a_mean_stay_where_the_metric_can_be() -> None:
    values: list[Value] = [0.3, 0.7, 1.0]
    wide = mean_interval([0.3, 0.7, 1.0], 0.95, span=Range(0, 1))
    found = summarise(make_report({"v1": {"f1": values}})).targets["v1"].metrics["f1"]
    assert wide.low is not None
    assert wide.high is not None
    assert wide.high > 1
    assert (found.low, found.high) == (max(wide.low, 0.0), 1.0)
