"""Two runs of one suite held against each other, cell by cell."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from plimsoll.errors import FailureKind
from plimsoll.reports.changes import KEPT, Ended, RunChanges, TargetChange, build_changes
from plimsoll.reports.flip_model import Way
from plimsoll.reports.terminal import render_changes
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report
from plimsoll.types import CellRecord, Failure, Output, Report, Scored

FAILURE = Failure(kind=FailureKind.TIMEOUT, message="no answer", remedy="wait")


def report(**more: int) -> Report:
    return example_report(targets=("v1", "v2"), flawless=True, hostile=False, **more)


def edited(before: Report, edit: Callable[[CellRecord], CellRecord], target: str = "v2", run: str = "b-2") -> Report:
    cells = [edit(record) if record.cell.target == target else record for record in before.cells]
    return replace(before, cells=tuple(cells), run=replace(before.run, id=run))


def ended(found: Report) -> Ended:
    return Ended(found, summarise(found))


def changes(before: Report, after: Report) -> RunChanges:
    return build_changes(ended(before), ended(after))


def of(found: RunChanges, target: str = "v2") -> TargetChange:
    return next(change for change in found.targets if change.target == target)


def turned(record: CellRecord, text: str = "I have no idea.") -> CellRecord:
    """Another answer, and the other way round by exact_match."""
    score, output = record.scores["exact_match"], record.output
    assert output is not None
    if not isinstance(score, Scored):
        return record
    scores = {**record.scores, "exact_match": Scored(value=not score.value, passed=not score.value)}
    return replace(record, outcome=replace(output, text=text), scores=scores)


def passes(record: CellRecord) -> bool:
    score = record.scores["exact_match"]
    return isinstance(score, Scored) and score.passed is True


def test_the_same_run_again_flips_nothing():
    found = changes(report(), report())
    for change in found.targets:
        assert (change.worse, change.better, change.answers, change.flips) == (0, 0, 0, ())


def test_a_flip_is_told_with_both_answers_and_only_at_its_target():
    before = report()
    case = next(record.cell.case for record in before.of_target("v2") if passes(record))
    found = changes(before, edited(before, lambda record: turned(record) if record.cell.case == case else record))
    assert (of(found).worse, of(found).better, of(found).answers) == (1, 0, 1)
    [flip] = of(found).flips
    [metric] = flip.metrics
    assert (flip.case, flip.way, flip.after) == (case, Way.WORSE, "I have no idea.")
    assert flip.before == flip.expected
    assert (metric.metric, metric.baseline, metric.challenger) == ("exact_match", 1, 0)
    [mean] = [metric for metric in of(found).metrics if metric.metric == "exact_match"]
    assert mean.before is not None
    assert mean.after is not None
    assert mean.before > mean.after
    assert (of(found, "v1").worse, of(found, "v1").answers) == (0, 0)


def test_flips_are_counted_each_way_and_only_so_many_told():
    before = report(cases=200)
    passing = sum(passes(record) for record in before.of_target("v2"))
    asked = sum(isinstance(record.scores["exact_match"], Scored) for record in before.of_target("v2"))
    found = of(changes(before, edited(before, turned)))
    assert (found.worse, found.better) == (passing, asked - passing)
    assert [flip.way for flip in found.flips] == [Way.WORSE] * KEPT + [Way.BETTER] * KEPT


def test_repeats_are_held_against_each_other_one_by_one():
    before = report(repeats=2)
    cell = next(record.cell for record in before.of_target("v2") if passes(record) and record.cell.repeat == 1)
    after = edited(before, lambda record: turned(record) if record.cell == cell else record)
    assert [flip.case for flip in of(changes(before, after)).flips] == [f"{cell.case} #2"]


def test_an_answer_that_failed_is_lost_and_no_flip():
    before = report()
    after = edited(before, lambda record: replace(record, outcome=FAILURE, scores={}))
    lost, won = of(changes(before, after)), of(changes(after, before))
    assert (lost.lost, lost.won, lost.worse, lost.flips) == (24, 0, 0, ())
    assert (won.lost, won.won, won.better, won.flips) == (0, 24, 0, ())


def test_a_metric_or_a_target_that_is_new_flips_nothing():
    before = report()
    evaluators = {name: info for name, info in before.run.evaluators.items() if name != "exact_match"}
    without = replace(before, run=replace(before.run, evaluators=evaluators))
    assert of(changes(without, edited(before, turned))).worse == 0
    single = example_report(targets=("v1",), flawless=True, hostile=False)
    assert (of(changes(single, before)).new, of(changes(single, before)).worse) == (True, 0)


def test_a_label_that_no_longer_passes_is_told_by_yes_and_no():
    before = report()

    def toned(tone: str, *, passed: bool) -> Callable[[CellRecord], CellRecord]:
        return lambda record: replace(record, scores={"tone": Scored(value=tone, passed=passed)})

    found = changes(edited(before, toned("formal", passed=True)), edited(before, toned("curt", passed=False)))
    assert "tone yes to no" in shown(found)


def shown(found: RunChanges, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    render_changes(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_what_flipped_with_the_answers_below_each_other():
    before = report()
    record = next(record for record in before.of_target("v2") if passes(record))
    text = shown(changes(before, edited(before, lambda each: turned(each) if each.cell == record.cell else each)))
    assert "v1: nothing flipped" in text
    assert "v2: 1 cell flipped for the worse, 1 answer changed" in text
    assert isinstance(record.outcome, Output)
    [line] = [place for place, line in enumerate(text.splitlines()) if line.startswith(record.cell.case)]
    below = [" ".join(each.split()) for each in text.splitlines()[line : line + 5]]
    assert below[0] == f"{record.cell.case} exact_match yes to no"
    assert below[-2:] == [f"before {record.outcome.text}", "after I have no idea."]


def test_an_edited_evaluator_shows_the_answer_once():
    before = report()
    after = edited(before, lambda record: turned(record, record.output.text if record.output else ""))
    text = shown(changes(before, after))
    assert "(the same)" in text
    assert "  before " not in text
    assert "answers changed" not in text
    assert "more flipped cells: plimsoll compare c0ffee:v2 2:v2 --json" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_nothing_is_wider_than_the_terminal_and_no_text_acts(width: int):
    before = example_report(targets=("v1", "v2"))
    hostile = iter(HOSTILE_TEXTS * 10)
    after = edited(before, lambda record: turned(record, next(hostile)) if record.output else record)
    text = shown(changes(before, after), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "\x1b" not in text
