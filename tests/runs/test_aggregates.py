"""Aggregates of a run: once per target when it is scored whole, kept in the journal, computed again when outdated."""

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.runs.test_engine import CASES, Exact, Target, job_of

from plimsoll.errors import FailureKind
from plimsoll.runs.aggregates import aggregate_scores
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.engine import Tally, execute
from plimsoll.runs.index import JournalIndex
from plimsoll.runs.join import StoredCells, held, read_report
from plimsoll.runs.journal import AggregateLine, read_journal, whole_lines
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, load_plan
from plimsoll.types import Aggregate, Failure, Output


@dataclass
class Aggregating(Exact):
    """Counts what it was given."""

    asked: list[list[tuple[str, int, str | None, bool]]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=lambda: {"right": 1.0})

    def aggregate(self, scores):
        self.asked.append([(each.case.id, each.repeat, each.output and each.output.text, each.ok) for each in scores])
        assert len(scores) == len(self.asked[-1])
        assert scores[0] == next(iter(scores)) == scores[:1][0]
        return self.figures


def run(folder, targets, evaluators, **options):
    with job_of(folder, targets, evaluators, **options) as job:
        asyncio.run(execute(job, Tally()))
        asyncio.run(aggregate_scores(job, StoredCases(folder / "r1" / CASES_FILE)))
    return read_report(folder / "r1")


def lines(folder):
    return [line for line in read_journal(folder / "r1" / JOURNAL_FILE) if isinstance(line, AggregateLine)]


def test_each_target_is_aggregated_once_over_all_its_cells_in_order(tmp_path):
    evaluator = Aggregating()
    report = run(tmp_path, [Target("a"), Target("b")], [evaluator, Exact(name="plain")], repeats=2)
    whole = Aggregate(figures={"right": 1.0}, ok=24)
    assert report.aggregates == {"a": {"exact": whole}, "b": {"exact": whole}}
    assert evaluator.asked[0] == [(case.id, repeat, case.expected, True) for case in CASES for repeat in range(2)]
    assert held(report).aggregates == report.aggregates


def test_a_failed_cell_is_among_what_is_aggregated_and_counted(tmp_path):
    evaluator = Aggregating()
    report = run(tmp_path, [Target(fails={3: FailureKind.SERVER})], [evaluator])
    found = report.aggregates["t"]["exact"]
    assert (found.ok, found.failed, found.skipped) == (11, 1, 0)
    assert ("c3", 0, None, False) in evaluator.asked[0]


def test_the_output_is_the_one_that_was_scored(tmp_path):
    evaluator = Aggregating()
    run(tmp_path, [Target()], [evaluator], transforms={"t": lambda output: Output(text=f"<{output.text}>")})
    assert evaluator.asked[0][0][2] == "<0>"


def test_a_target_with_cells_owed_has_no_aggregate_until_they_are_done(tmp_path):
    report = run(tmp_path, [Target("a"), Target("b")], [Aggregating()], owed=lambda place: place < 20)
    assert set(report.aggregates) == {"a"}
    report = run(tmp_path, [Target("a"), Target("b")], [Aggregating()])
    assert set(report.aggregates) == {"a", "b"}
    assert [line.target for line in lines(tmp_path)] == ["a", "b"]


def test_new_scores_outdate_an_aggregate_and_it_is_computed_again(tmp_path):
    run(tmp_path, [Target(fails={1: FailureKind.SERVER})], [Aggregating()])
    again = Aggregating()
    with job_of(tmp_path, [Target()], [again]) as job:
        asyncio.run(execute(job, Tally()))
    assert read_report(tmp_path / "r1").aggregates == {}
    assert run(tmp_path, [Target()], [again]).aggregates["t"]["exact"].ok == 12
    assert len(lines(tmp_path)) == 2


def test_an_aggregate_that_still_holds_is_not_computed_again_and_one_that_failed_is(tmp_path):
    run(tmp_path, [Target("a")], [Aggregating()])
    again = Aggregating()
    run(tmp_path, [Target("a")], [again])
    assert again.asked == []
    other = tmp_path / "other"
    assert isinstance(run(other, [Target()], [Aggregating(figures={})]).aggregates["t"]["exact"].failure, Failure)
    assert run(other, [Target()], [Aggregating()]).aggregates["t"]["exact"].figures == {"right": 1.0}


class Counting(JournalIndex):
    """Counts how often it is asked whether a cell has an outcome."""

    asked = 0

    def has_outcome(self, place):
        self.asked += 1
        return super().has_outcome(place)


@pytest.mark.parametrize("owed", [None, lambda place: place % 5 != 2])
def test_a_cell_is_had_by_its_place_without_going_through_the_others(tmp_path, owed):
    report = run(tmp_path, [Target("a"), Target("b")], [Exact()], repeats=2, owed=owed)
    folder = tmp_path / "r1"
    index = Counting(load_plan(folder), StoredCases(folder / CASES_FILE), folder / JOURNAL_FILE)
    for _, position, raw in whole_lines(folder / JOURNAL_FILE):
        index.note(raw, position)
    cells = StoredCells(index, "b")
    finished = list(report.of_target("b"))
    assert len(cells) == len(finished) == sum(1 for place in range(24, 48) if owed is None or owed(place))
    index.asked = 0
    assert [cells[place] for place in range(len(cells))] == finished
    assert [cells[-1], cells[2:4], list(reversed(cells))] == [finished[-1], tuple(finished[2:4]), finished[::-1]]
    with pytest.raises(IndexError):
        cells[len(cells)]
    assert index.asked == 0


def test_the_scores_of_a_target_are_had_by_place_and_backwards_too(tmp_path):
    seen = []

    @dataclass
    class Looking(Exact):
        def aggregate(self, scores):
            seen.append(([scores[place] for place in range(len(scores))], list(scores), list(reversed(scores))))
            return {"n": len(scores)}

    run(tmp_path, [Target("a"), Target("b")], [Looking()])
    for by_place, in_order, backwards in seen:
        assert by_place == in_order == backwards[::-1]
        assert [each.case.id for each in in_order] == [case.id for case in CASES]


@dataclass
class Nothing(Aggregating):
    """Applies to no cell."""

    def evaluate(self, case, output):
        return None


def test_an_aggregate_over_nothing_but_skipped_cells_is_not_asked_for_and_not_owed(tmp_path):
    evaluator = Nothing()
    for _ in range(2):
        found = run(tmp_path, [Target()], [evaluator]).aggregates["t"]["exact"]
        assert (found.unasked, found.failure, found.skipped) == ("it applies to no cell: 12 skipped", None, 12)
    assert evaluator.asked == []
    assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize("cut", [1, 40])
def test_an_aggregate_whose_line_was_torn_is_owed_again(tmp_path, cut):
    whole = run(tmp_path, [Target()], [Aggregating()]).aggregates
    journal = tmp_path / "r1" / JOURNAL_FILE
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert read_report(tmp_path / "r1").aggregates == {}
    assert run(tmp_path, [Target()], [Aggregating()]).aggregates == whole


def test_an_aggregate_that_raises_ends_no_run(tmp_path):
    @dataclass
    class Broken(Exact):
        def aggregate(self, scores):
            raise RuntimeError("no figures today")

    found = run(tmp_path, [Target()], [Broken()]).aggregates["t"]["exact"]
    assert "no figures today" in found.failure.message
    assert found.ok == 12
