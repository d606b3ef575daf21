"""Scores that compare targets: they wait for the other's answer, and know when there will be none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.runs.test_engine import CASES, Exact, Target, job_of, run

from plimsoll.errors import CellError, FailureKind
from plimsoll.runs.engine import Tally, execute
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import JOURNAL_FILE
from plimsoll.types import CellId, Failed, Metric, MetricKind, Output, Scored, Skipped, Usage


@dataclass
class Same:
    """Whether the answer is the same as another target's."""

    other: str = "a"
    name: str = "same"
    reusable: bool = True
    calls: int = 0
    metrics = (Metric(name="same", kind=MetricKind.BOOL),)

    @property
    def requires(self):
        return frozenset({f"target.{self.other}"})

    def identity(self):
        return {"name": self.name}

    def evaluate(self, case, output):
        self.calls += 1
        return Scored(value=output.text == case.inputs[f"target.{self.other}"], reason=output.text)


@dataclass
class Late(Target):
    """Answers only when it is let."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, case):
        await self.gate.wait()
        return await super().run(case)


@dataclass
class Wordy(Target):
    """Answers differently."""

    word: str = "so "

    def generation(self, case):
        return {"target": self.name, "n": case.inputs["n"], "word": self.word}

    async def run(self, case):
        self.calls[case.inputs["n"]] += 1
        return Output(text=f"{self.word}{case.inputs['n']}", usage=Usage(requests=1))


def scores_of(report, target):
    return [record.scores["same"] for record in report.of_target(target)]


def test_the_other_targets_answer_is_read_like_a_field_of_the_case(tmp_path):
    _, report = run(tmp_path, [Target("a"), Target("b"), Wordy("c")], [Same(), Exact()], repeats=2)
    assert {score.value for score in scores_of(report, "b")} == {True}
    assert {score.value for score in scores_of(report, "c")} == {False}
    assert scores_of(report, "a") == [Skipped(reason="a is what the others are compared with")] * 24


@pytest.mark.parametrize("first", ["a", "b"])
def test_answers_wait_for_the_slower_target_and_hold_nothing_else_up(tmp_path, first):
    async def scenario():
        slow, quick = Late("a", lane="slow"), Target("b", lane="quick")
        named = [slow, quick] if first == "a" else [quick, slow]
        with job_of(tmp_path, named, [Same()], scored_at_once=1) as job:
            going = asyncio.create_task(execute(job, Tally()))
            while quick.calls.total() < len(CASES):
                await asyncio.sleep(0)
            slow.gate.set()
            await going

    asyncio.run(asyncio.wait_for(scenario(), 60))
    report = read_report(tmp_path / "r1")
    assert {score.value for score in scores_of(report, "b")} == {True}


def test_without_the_others_answer_there_is_no_score_and_it_counts_as_missing(tmp_path):
    _, report = run(tmp_path, [Target("a", fails={3: FailureKind.SERVER}), Target("b")], [Same()])
    failed = report.finder()(CellId("b", "c3")).scores["same"]
    assert isinstance(failed, Failed)
    assert failed.failure.kind is FailureKind.SERVER
    assert failed.failure.message == "no answer of a to compare with: no 3"


def test_a_target_that_is_not_part_of_the_run_is_told(tmp_path):
    _, report = run(tmp_path, [Target("b")], [Same()])
    assert set(scores_of(report, "b")) == {Skipped(reason="the target a is not part of this run")}


def test_a_new_answer_of_the_other_is_a_new_comparison(tmp_path):
    run(tmp_path, [Target("a"), Target("b")], [Same()])
    (tmp_path / "r1" / JOURNAL_FILE).unlink()
    again = Same()
    _, report = run(tmp_path, [Target("a"), Target("b")], [again])
    assert (again.calls, {score.value for score in scores_of(report, "b")}) == (0, {True})
    (tmp_path / "r1" / JOURNAL_FILE).unlink()
    _, report = run(tmp_path, [Wordy("a"), Target("b")], [again])
    assert (again.calls, {score.value for score in scores_of(report, "b")}) == (12, {False})


def test_what_the_other_still_owes_is_compared_when_the_run_goes_on(tmp_path):
    @dataclass
    class Down(Target):
        async def run(self, case):
            error = CellError(FailureKind.CONNECTION, "nobody there", requests=1)
            error.down = True
            raise error

    tally, report = run(tmp_path, [Down("a", lane="down", concurrency=1), Target("b", lane="up")], [Same()])
    assert list(tally.given_up) == ["down"]
    unscored = [record.cell.case for record in report.of_target("b") if not record.scores]
    assert len(unscored) == len(CASES) - 1
    target = Target("b", lane="up")
    _, report = run(tmp_path, [Target("a", lane="down"), target], [Same()])
    assert target.calls.total() == 0
    assert {score.value for score in scores_of(report, "b")} == {True}
    assert report.run.complete
